package api

import (
	"context"
	"slices"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func (a *API) bans() {
	add(a, "list-bans", a.listBans)
	add(a, "lift-ban", a.liftBan)
}

// viewBan shows a ban with the kinds of its keys: their values are nobody's
// business, and a device's is as good as a secret.
func viewBan(b webinar.Ban) client.Ban {
	v := client.Ban{
		ID: b.ID, Participant: b.Participant, Name: b.Name, Strength: string(b.Strength), Keys: []string{}, By: b.By, At: b.At,
	}
	for _, k := range b.Keys {
		if !slices.Contains(v.Keys, string(k.Kind)) {
			v.Keys = append(v.Keys, string(k.Kind))
		}
	}
	if !b.Until.IsZero() {
		v.Until = &b.Until
	}
	return v
}

type listBansAnswer struct{ Body client.Bans }

func (a *API) listBans(ctx context.Context, in *listInput) (*listBansAnswer, error) {
	w, err := a.find(a.Store.State(), principal(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	page, next, err := cut(in.Paged, "bans", slices.Collect(w.Bans()), func(b webinar.Ban) string { return b.ID })
	if err != nil {
		return nil, err
	}
	items := make([]client.Ban, len(page))
	for i, b := range page {
		items[i] = viewBan(b)
	}
	return &listBansAnswer{client.Bans{Items: items, Next: next}}, nil
}

type liftBanInput struct {
	InWebinar
	Keyed
	Ban string `path:"ban" maxLength:"64" doc:"Id of the ban."`
}

func (a *API) liftBan(ctx context.Context, in *liftBanInput) (*emptyAnswer, error) {
	p := principal(ctx)
	if _, err := a.find(a.Store.State(), p, in.ID); err != nil {
		return nil, err
	}
	r, err := a.newRequest(p, "lift-ban", in.IdempotencyKey, in.ID, in.Ban)
	if err != nil {
		return nil, err
	}
	_, _, err = a.propose(ctx, r, 0, &controlpb.Command{
		Kind: &controlpb.Command_LiftBan{LiftBan: &controlpb.LiftBan{Webinar: in.ID, Id: in.Ban}},
	})
	return &emptyAnswer{}, err
}
