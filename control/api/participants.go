package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func (a *API) participants() {
	add(a, "list-participants", a.listParticipants)
	add(a, "edit-participant", a.editParticipant)
	add(a, "raise-hand", a.raiseHand)
}

type listParticipantsAnswer struct{ Body client.Participants }

func (a *API) listParticipants(ctx context.Context, in *InWebinar) (*listParticipantsAnswer, error) {
	inside, unreachable, err := a.present(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &listParticipantsAnswer{client.Participants{Items: inside, Unreachable: unreachable}}, nil
}

// present is who is inside, with what hosts decided about them, in the order in which
// they came.
func (a *API) present(ctx context.Context, id string) (inside []client.Participant, unreachable []string, err error) {
	w, err := a.find(a.Store.State(), principal(ctx), id)
	if err != nil {
		return nil, nil, err
	}
	all, unreachable, err := a.Roster.Participants(ctx, w.ID)
	if err != nil {
		return nil, nil, fmt.Errorf("api: roster: %w", err)
	}
	a.seen.keep(w.ID, all, a.Now())
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(x, y Present) int {
		return cmp.Or(x.Since.Compare(y.Since), cmp.Compare(x.ID, y.ID), cmp.Compare(x.Node, y.Node))
	})
	inside = make([]client.Participant, len(all))
	for i, v := range all {
		inside[i] = viewParticipant(w, v)
	}
	return inside, notNil(unreachable), nil
}

func viewParticipant(w *webinar.Webinar, v Present) client.Participant {
	d, _ := w.Participant(v.ID)
	return client.Participant{
		ID: v.ID, Name: v.Name, Role: string(v.Role), Guest: v.Guest, Node: v.Node, Since: v.Since, Uses: notNil(v.Uses),
		Waiting: v.Waiting, Stage: d.Stage, Hand: happened(d.Hand), StopAudio: d.StopAudio, StopVideo: d.StopVideo,
		StopMessages: d.StopMessages, Invite: v.Invite, Registration: v.Registration, Account: v.Account,
	}
}

// notNil makes an empty list [] and not null.
func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

type editParticipantInput struct {
	InParticipant
	Keyed
	Body client.EditParticipant
}

type editParticipantAnswer struct{ Body client.EditedParticipant }

// editParticipant changes what holds for somebody, whether they are inside or not: what
// is received of them (S70-S72), whether they are on the stage, what they are.
func (a *API) editParticipant(ctx context.Context, in *editParticipantInput) (*editParticipantAnswer, error) {
	p := principal(ctx)
	w, err := a.find(a.Store.State(), p, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Body.Role != nil {
		if err := p.may("edit-participant", partRole, w); err != nil {
			return nil, err
		}
	}
	if in.Body == (client.EditParticipant{}) {
		return nil, refuse(codeEmptyEdit, "")
	}
	r, err := a.newRequest(p, "edit-participant", in.IdempotencyKey, in.ID, in.Participant, in.Body)
	if err != nil {
		return nil, err
	}
	out, err := a.setParticipant(ctx, r, &controlpb.SetParticipant{
		Webinar: in.ID, Participant: in.Participant, Name: a.nameOf(ctx, w, in.Participant),
		StopAudio: in.Body.StopAudio, StopVideo: in.Body.StopVideo, StopMessages: in.Body.StopMessages,
		Stage: in.Body.Stage, Hand: in.Body.Hand, Role: in.Body.Role,
	})
	if err != nil {
		return nil, err
	}
	return &editParticipantAnswer{out}, nil
}

// nameOf is what a participant is called: as is known, or as the node says that has them
// inside. A roster that cannot be asked does not keep a host from acting.
func (a *API) nameOf(ctx context.Context, w *webinar.Webinar, participant string) string {
	if d, ok := w.Participant(participant); ok && d.Name != "" {
		return d.Name
	}
	ctx, done := context.WithTimeout(ctx, rosterGrace)
	defer done()
	inside, _, err := a.Roster.Participants(ctx, w.ID)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		a.Logger.Warn("a participant's name is not known", "webinar", w.ID, "err", err)
	}
	for _, v := range inside {
		if v.ID == participant {
			return v.Name
		}
	}
	return ""
}

// setParticipant proposes a change of one participant, and returns what holds then.
func (a *API) setParticipant(ctx context.Context, r *request, c *controlpb.SetParticipant) (client.EditedParticipant, error) {
	result, state, err := a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_SetParticipant{SetParticipant: c}})
	if err != nil {
		return client.EditedParticipant{}, err
	}
	w, err := a.find(state, principal(ctx), c.GetWebinar())
	if err != nil {
		return client.EditedParticipant{}, err
	}
	d, _ := w.Participant(c.GetParticipant())
	d.ID = c.GetParticipant()
	if d.Name == "" {
		d.Name = c.GetName()
	}
	return viewEdited(d, result.Index), nil
}

func viewEdited(d webinar.Participant, index uint64) client.EditedParticipant {
	return client.EditedParticipant{
		ID: d.ID, Name: d.Name, StopAudio: d.StopAudio, StopVideo: d.StopVideo, StopMessages: d.StopMessages,
		Stage: d.Stage, Hand: happened(d.Hand), Role: string(d.Role), Index: index,
	}
}

type raiseHandInput struct {
	InWebinar
	Keyed
	Body client.RaiseHand
}

// handEvery is how often one participant may raise or lower their hand. Each time is a
// command for the whole mesh, and everybody inside may ask for it.
const handEvery = 2 * time.Second

// raiseHand is what participants may ask for themselves. Whoever waits in the lobby is
// not inside yet.
func (a *API) raiseHand(ctx context.Context, in *raiseHandInput) (*editParticipantAnswer, error) {
	p := principal(ctx)
	w, err := a.find(a.Store.State(), p, in.ID)
	if err != nil {
		return nil, err
	}
	if w.InLobby(p.Bearer.Standing) {
		return nil, refuse(codeNotAllowed, webinar.ErrInLobby.Detail)
	}
	r, err := a.newRequest(p, "raise-hand", in.IdempotencyKey, in.ID, in.Body)
	if err != nil {
		return nil, err
	}
	if !answered(a.Store.State(), r) {
		if wait, ok := a.hands.take(string(p.Way)+":"+in.ID+":"+p.ID, a.Now()); !ok {
			return nil, tooManyRequests(wait)
		}
	}
	out, err := a.setParticipant(ctx, r, &controlpb.SetParticipant{
		Webinar: in.ID, Participant: p.ID, Name: p.Name, Hand: &in.Body.Raised,
	})
	if err != nil {
		return nil, err
	}
	return &editParticipantAnswer{out}, nil
}
