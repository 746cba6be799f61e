package api

import (
	"context"
	"fmt"
	"net/mail"
	"slices"
	"strings"

	"stentor/control"
	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/personal"
	"stentor/control/webinar"
)

func (a *API) invites() {
	add(a, "create-invite", a.createInvite)
	add(a, "create-invites", a.createInvites)
	add(a, "list-invites", a.listInvites)
	add(a, "revoke-invite", a.revokeInvite)
}

func (a *API) viewInvite(w *webinar.Webinar, i webinar.Invite) client.Invite {
	v := client.Invite{
		ID: i.ID, Name: i.Name, Role: string(i.Role), Account: i.Account, CreatedAt: i.Created, WHIPPath: "/whip/" + w.Link + "/main",
	}
	var sent personal.Invited
	if len(i.Sealed) > 0 && a.Keeper.Open(w.ID, i.ID, i.Sealed, &sent) == nil {
		v.Email = sent.Email
	}
	return v
}

type createInviteInput struct {
	InWebinar
	Keyed
	Body client.CreateInvite
}

type createInviteAnswer struct{ Body client.Invite }

func (a *API) createInvite(ctx context.Context, in *createInviteInput) (*createInviteAnswer, error) {
	r, err := a.newRequest(principal(ctx), "create-invite", in.IdempotencyKey, in.ID, in.Body)
	if err != nil {
		return nil, err
	}
	c, secret, err := a.newInvite(r, in.ID, "body", in.Body)
	if err != nil {
		return nil, err
	}
	_, state, err := a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_CreateInvite{CreateInvite: c}})
	if err != nil {
		return nil, err
	}
	items, err := a.made(state, principal(ctx), in.ID, []*controlpb.CreateInvite{c}, []string{secret})
	if err != nil {
		return nil, err
	}
	return &createInviteAnswer{items[0]}, nil
}

type createInvitesInput struct {
	InWebinar
	Keyed
	Body client.CreateInvites
}

type createInvitesAnswer struct{ Body client.CreatedInvites }

func (a *API) createInvites(ctx context.Context, in *createInvitesInput) (*createInvitesAnswer, error) {
	r, err := a.newRequest(principal(ctx), "create-invites", in.IdempotencyKey, in.ID, in.Body)
	if err != nil {
		return nil, err
	}
	c := &controlpb.CreateInvites{Webinar: in.ID}
	secrets := make([]string, len(in.Body.Invites))
	for i, one := range in.Body.Invites {
		made, secret, err := a.newInvite(r, in.ID, fmt.Sprintf("body.invites[%d]", i), one)
		if err != nil {
			return nil, err
		}
		c.Invites, secrets[i] = append(c.Invites, made), secret
	}
	_, state, err := a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_CreateInvites{CreateInvites: c}})
	if err != nil {
		return nil, err
	}
	items, err := a.made(state, principal(ctx), in.ID, c.Invites, secrets)
	return &createInvitesAnswer{client.CreatedInvites{Items: items}}, err
}

// newInvite is the command that makes an invite, and its secret. at is where it stands in
// the request.
func (a *API) newInvite(r *request, id, at string, in client.CreateInvite) (*controlpb.CreateInvite, string, error) {
	invite, err := NewID(r.rand, inviteID)
	if err != nil {
		return nil, "", err
	}
	secret, err := newSecret(r.rand, invitePrefix)
	if err != nil {
		return nil, "", err
	}
	hash := Hash(secret)
	c := &controlpb.CreateInvite{
		Webinar: id, Id: invite, Name: strings.TrimSpace(in.Name), Role: in.Role, Hash: hash[:], Account: in.Account,
		Mail: in.Mail && a.Mail,
	}
	if c.Role == "" {
		c.Role = string(webinar.Attendee)
	}
	if in.Account != "" && a.Store.State().Account(in.Account) == nil {
		return nil, "", refuse(codeAccountNotFound, "", client.FieldError{Location: at + ".account", Message: "is not the id of an account"})
	}
	if in.Email == "" && !in.Mail {
		return c, secret, nil
	}
	if !isEmail(in.Email) {
		return nil, "", refuse(codeInvalidEmail, "", client.FieldError{Location: at + ".email", Message: "is not an e-mail address"})
	}
	c.Sealed, err = a.Keeper.Seal(id, invite, personal.Invited{Email: in.Email, Secret: secret})
	return c, secret, err
}

// isEmail reports whether s is a bare e-mail address (RFC 5322, section 3.4.1).
func isEmail(s string) bool {
	address, err := mail.ParseAddress(s)
	return err == nil && address.Address == s && address.Name == ""
}

// made shows invites that were made now, with their secrets.
func (a *API) made(s *control.State, p Principal, id string, made []*controlpb.CreateInvite, secrets []string) ([]client.Invite, error) {
	w, err := a.find(s, p, id)
	if err != nil {
		return nil, err
	}
	items := make([]client.Invite, len(made))
	for i, c := range made {
		one, ok := w.Invite(c.GetId())
		if !ok { // revoked already
			return nil, refuse(codeInviteNotFound, "")
		}
		items[i] = a.viewInvite(w, one)
		items[i].Secret, items[i].LinkPath = secrets[i], joinPath(w)+"#invite="+secrets[i]
	}
	return items, nil
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
		items[i] = a.viewInvite(w, v)
	}
	return &listInvitesAnswer{client.Invites{Items: items, Next: next}}, nil
}

type revokeInviteInput struct {
	InWebinar
	Keyed
	Invite string `path:"invite" maxLength:"64" doc:"Id of the invite."`
}

func (a *API) revokeInvite(ctx context.Context, in *revokeInviteInput) (*emptyAnswer, error) {
	change := &changeWebinarInput{InWebinar: in.InWebinar, Keyed: in.Keyed}
	_, err := a.change(ctx, "revoke-invite", change, func(*request) (*controlpb.Command, error) {
		return &controlpb.Command{Kind: &controlpb.Command_RevokeInvite{RevokeInvite: &controlpb.RevokeInvite{Webinar: in.ID, Id: in.Invite}}}, nil
	}, in.Invite)
	return &emptyAnswer{}, err
}
