package api

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func (a *API) bans() {
	add(a, "list-bans", a.listBans)
	add(a, "lift-ban", a.liftBan)
	add(a, "list-unconnected", a.listUnconnected)
	add(a, "reinvite", a.reinvite)
}

// viewBan shows a ban with the kinds of its keys: their values are nobody's
// business, and a device's is as good as a secret.
func viewBan(b webinar.Ban) client.Ban {
	v := client.Ban{
		ID: b.ID, Participant: b.Participant, Name: b.Name, Strength: string(b.Strength), Keys: []string{}, By: b.By, At: b.At,
		Until: happened(b.Until),
	}
	for _, k := range b.Keys {
		if !slices.Contains(v.Keys, string(k.Kind)) {
			v.Keys = append(v.Keys, string(k.Kind))
		}
	}
	return v
}

type listBansAnswer struct{ Body client.Bans }

func (a *API) listBans(ctx context.Context, in *listInput) (*listBansAnswer, error) {
	w, err := a.find(a.Store.State(), principal(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	page, next, err := cutSeq(in.Paged, "bans", w.Bans(), func(b webinar.Ban) string { return b.ID })
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
	change := &changeWebinarInput{InWebinar: in.InWebinar, Keyed: in.Keyed}
	_, err := a.change(ctx, "lift-ban", change, func(*request) (*controlpb.Command, error) {
		return &controlpb.Command{Kind: &controlpb.Command_LiftBan{LiftBan: &controlpb.LiftBan{Webinar: in.ID, Id: in.Ban}}}, nil
	}, in.Ban)
	return &emptyAnswer{}, err
}

type listUnconnectedAnswer struct{ Body client.UnconnectedList }

// listUnconnected lists who was disconnected and has not been asked back (S66). Who was
// only disconnected may have come back by themselves since.
func (a *API) listUnconnected(ctx context.Context, in *listInput) (*listUnconnectedAnswer, error) {
	w, err := a.find(a.Store.State(), principal(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	all := slices.Collect(w.Removals())
	latest := func(m webinar.Removal) string { return fmt.Sprintf("%020d", uint64(math.MaxInt64)-m.Index) }
	slices.SortFunc(all, func(x, y webinar.Removal) int { return cmp.Compare(y.Index, x.Index) })
	page, next, err := cut(in.Paged, "unconnected", all, latest)
	if err != nil {
		return nil, err
	}
	bans := bansOf(w)
	items := make([]client.Unconnected, len(page))
	for i, m := range page {
		items[i] = viewUnconnected(m, bans[m.Participant])
	}
	return &listUnconnectedAnswer{client.UnconnectedList{Items: items, Next: next}}, nil
}

// bansOf are the ids of the bans of each participant.
func bansOf(w *webinar.Webinar) map[string][]string {
	by := map[string][]string{}
	for b := range w.Bans() {
		by[b.Participant] = append(by[b.Participant], b.ID)
	}
	return by
}

func viewUnconnected(m webinar.Removal, bans []string) client.Unconnected {
	return client.Unconnected{Participant: m.Participant, Name: m.Name, By: m.By, At: m.At, Banned: len(bans) > 0, Bans: notNil(bans)}
}

// InParticipant is the participant that a request is about.
type InParticipant struct {
	InWebinar
	Participant string `path:"participant" maxLength:"64" pattern:"^[A-Za-z0-9_.:-]+$" doc:"Id of the participant."`
}

type reinviteInput struct {
	InParticipant
	Keyed
}

type reinviteAnswer struct{ Body client.Reinvited }

// reinvite lets somebody in again, whether they were disconnected or banned (S67-S69).
func (a *API) reinvite(ctx context.Context, in *reinviteInput) (*reinviteAnswer, error) {
	r, err := a.newRequest(principal(ctx), "reinvite", in.IdempotencyKey, in.ID, in.Participant)
	if err != nil {
		return nil, err
	}
	result, _, err := a.propose(ctx, r, 0, reinvitation(in.ID, in.Participant))
	if err != nil {
		return nil, err
	}
	return &reinviteAnswer{client.Reinvited{Participant: in.Participant, Index: result.Index}}, nil
}

func reinvitation(id, participant string) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_Reinvite{Reinvite: &controlpb.Reinvite{Webinar: id, Participant: participant}}}
}
