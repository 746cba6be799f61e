package api

import (
	"context"
	"slices"
	"strings"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func (a *API) invites() {
	add(a, "create-invite", a.createInvite)
	add(a, "list-invites", a.listInvites)
}

func viewInvite(w *webinar.Webinar, i webinar.Invite) client.Invite {
	return client.Invite{ID: i.ID, Name: i.Name, Role: string(i.Role), WHIPPath: "/whip/" + w.Link + "/main"}
}

type createInviteInput struct {
	InWebinar
	Keyed
	Body client.CreateInvite
}

type createInviteAnswer struct{ Body client.Invite }

func (a *API) createInvite(ctx context.Context, in *createInviteInput) (*createInviteAnswer, error) {
	p := principal(ctx)
	if _, err := a.find(a.Store.State(), p, in.ID); err != nil {
		return nil, err
	}
	r, err := a.newRequest(p, "create-invite", in.IdempotencyKey, in.ID, in.Body)
	if err != nil {
		return nil, err
	}
	id, err := NewID(r.rand, inviteID)
	if err != nil {
		return nil, err
	}
	secret, err := newSecret(r.rand, invitePrefix)
	if err != nil {
		return nil, err
	}
	hash := Hash(secret)
	role := in.Body.Role
	if role == "" {
		role = string(webinar.Attendee)
	}
	_, state, err := a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_CreateInvite{CreateInvite: &controlpb.CreateInvite{
		Webinar: in.ID, Id: id, Name: strings.TrimSpace(in.Body.Name), Role: role, Hash: hash[:],
	}}})
	if err != nil {
		return nil, err
	}
	w, err := a.find(state, p, in.ID)
	if err != nil {
		return nil, err
	}
	made, _ := w.Invite(id)
	v := viewInvite(w, made)
	v.Secret, v.LinkPath = secret, "/w/"+w.Link+"#invite="+secret
	return &createInviteAnswer{v}, nil
}

type listInput struct {
	InWebinar
	Paged
}

type listInvitesAnswer struct{ Body client.Invites }

func (a *API) listInvites(ctx context.Context, in *listInput) (*listInvitesAnswer, error) {
	w, err := a.find(a.Store.State(), principal(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	page, next, err := cut(in.Paged, "invites", slices.Collect(w.Invites()), func(i webinar.Invite) string { return i.ID })
	if err != nil {
		return nil, err
	}
	items := make([]client.Invite, len(page))
	for i, v := range page {
		items[i] = viewInvite(w, v)
	}
	return &listInvitesAnswer{client.Invites{Items: items, Next: next}}, nil
}
