package api

import (
	"context"
	"errors"
	"fmt"

	"stentor/control/client"
	"stentor/control/controlpb"
)

func (a *API) edits() { add(a, "edit-webinar", a.editWebinar) }

type editWebinarInput struct {
	InWebinar
	Expected
	Keyed
	Body client.EditWebinar
}

// editTries is how often a part of a setting is merged again with what another host made
// of the rest meanwhile.
const editTries = 5

// editWebinar changes what was given. What is only a part of a setting, such as one of
// the guests' permissions, is merged with the rest of it, and so counts only for the
// version that it was merged with; without If-Match it is merged again with a newer one.
func (a *API) editWebinar(ctx context.Context, in *editWebinarInput) (*oneWebinarAnswer, error) {
	p := principal(ctx)
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		w, err := a.find(a.Store.State(), p, in.ID)
		if err != nil {
			return nil, err
		}
		plan, err := edited(w, in.Body, a.Now())
		if err != nil {
			return nil, err
		}
		if plan.plans() {
			if err := p.may("edit-webinar", partPlan, w); err != nil {
				return nil, err
			}
		}
		expected := version
		if expected == 0 && in.Body.Guests != nil {
			expected = w.Version
		}
		r, err := a.newRequest(p, fmt.Sprintf("edit-webinar/%d", try), in.IdempotencyKey, in.ID, version, in.Body)
		if err != nil {
			return nil, err
		}
		_, state, err := a.propose(ctx, r, expected, &controlpb.Command{Kind: &controlpb.Command_EditWebinar{EditWebinar: &controlpb.EditWebinar{
			Webinar: in.ID, Settings: plan.settings, Mask: plan.mask,
		}}})
		var refused *client.Problem
		if errors.As(err, &refused) && refused.Code == codeVersionMismatch && version == 0 && try < editTries {
			continue
		}
		if err != nil {
			return nil, err
		}
		if w, err = a.find(state, p, in.ID); err != nil {
			return nil, err
		}
		return a.answerWebinar(200, w, ""), nil
	}
}
