package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// Way is how somebody shows who they are.
type Way string

// The ways.
const (
	ByToken   Way = "token"   // an API token, "sta_..."
	ByAccount Way = "account" // the cookie of a sign-in
	BySession Way = "session" // the session token of a participant, "sts1....", that a voter signed
	// ByEdge is a session token that somebody else signed. An edge stands where others may
	// get at its key, so that such a token gives what a guest inside may do, whatever it says.
	ByEdge   Way = "edge"
	ByInvite Way = "invite" // the secret of a personal link, "sti_..."
)

// bearer reports whether that way is a bearer token (RFC 6750), which no browser sends
// unasked.
func (w Way) bearer() bool { return w == ByToken || w.inside() }

// inside reports whether who comes that way is a participant of one webinar.
func (w Way) inside() bool { return w == BySession || w == ByEdge || w == ByInvite }

// Principal is who makes a request.
type Principal struct {
	Way    Way
	ID     string // of the token, the account or the participant; what commands name as their author
	Name   string
	Role   string   // of an account
	Login  string   // of an account
	Scopes []string // what a token says, and what the role of an account comes to
	Bearer Bearer   // of a session token or an invite

	remote     netip.Addr
	generation uint64   // of the account when it was looked at
	hash       [32]byte // of the token
}

// Bearer is who holds a session token.
type Bearer struct {
	Webinar  string
	Standing webinar.Standing
	Name     string
	// Trusted is that a voter signed the token. Otherwise what Standing says of account,
	// invite and participant gives no right (see [ByEdge]).
	Trusted bool
}

// admin reports whether p reaches every webinar.
func (p Principal) admin() bool { return slices.Contains(p.Scopes, string(Admin)) }

// actor is what p is where no webinar is meant.
func (p Principal) actor() webinar.Actor {
	switch {
	case p.Way == "":
		return webinar.ActorNobody
	case p.Way.inside():
		return ActorParticipant
	case p.admin():
		return webinar.ActorAdministrator
	case slices.Contains(p.Scopes, string(Host)):
		return ActorHost
	}
	return webinar.ActorAccount
}

// actorIn is what p is to w. Who holds the session token of another webinar is
// nobody here.
func (p Principal) actorIn(w *webinar.Webinar) webinar.Actor {
	switch {
	case p.Way == "":
		return webinar.ActorNobody
	case !p.Way.inside():
		return w.ActorOf(p.ID, nil, p.admin())
	case p.Bearer.Webinar != w.ID:
		return webinar.ActorNobody
	case p.Way == ByEdge:
		return webinar.ActorGuest
	}
	return w.ActorOf(p.Bearer.Standing.Account, &p.Bearer.Standing, false)
}

// inside reports whether p is somebody to w, who may know that there is such a
// webinar.
func (p Principal) inside(w *webinar.Webinar) bool {
	switch p.actorIn(w) {
	case webinar.ActorNobody:
		return false
	case webinar.ActorAccount:
		return p.Way.inside()
	}
	return true
}

type principalKey struct{}

// principal returns who makes the request of ctx.
func principal(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}

// authenticate returns who sends r; the zero Principal if it does not say. What it
// says and is not so is a refusal.
func (a *API) authenticate(r *http.Request) (Principal, error) {
	s := a.Store.State()
	token, found := bearerToken(r.Header.Get("Authorization"))
	switch {
	case !found && a.Accounts != nil:
		if account, ok := a.Accounts.Read(r); ok {
			return ofAccount(account), nil
		}
		return Principal{}, nil
	case !found:
		return Principal{}, nil
	case strings.HasPrefix(token, sessionPrefix) && a.Participant != nil:
		return a.ofSession(r.Context(), s, token, a.Remote(r))
	case wellFormed(token, invitePrefix):
		return a.ofInvite(s, Hash(token), r)
	case !wellFormed(token, tokenPrefix):
		return Principal{}, refuse(codeTokenUnknown, "")
	}
	t, ok := s.APIToken(Hash(token))
	if !ok || !t.Valid(a.Now()) {
		return Principal{}, refuse(codeTokenUnknown, "")
	}
	return Principal{Way: ByToken, ID: t.ID, Name: t.Name, Scopes: t.Scopes, hash: t.Hash}, nil
}

func ofAccount(r *controlpb.AccountRecord) Principal {
	p := Principal{
		Way: ByAccount, ID: r.GetId(), Name: r.GetName(), Login: r.GetLogin(), Role: r.GetRole(), generation: r.GetGeneration(),
	}
	switch r.GetRole() {
	case control.AccountAdministrator:
		p.Scopes = []string{string(Admin), string(Host)}
	case control.AccountHost:
		p.Scopes = []string{string(Host)}
	}
	return p
}

// ofSession reads a session token. One whose holder may not be inside any more is
// refused with the reason.
func (a *API) ofSession(ctx context.Context, s *control.State, token string, remote netip.Addr) (Principal, error) {
	b, err := a.Participant(ctx, token, remote)
	if err != nil {
		return Principal{}, notInside(err)
	}
	way := BySession
	if !b.Trusted {
		way = ByEdge
	}
	// What is no participant's ID could be the author of an account's or a token's commands.
	if !strings.HasPrefix(b.Standing.Participant, participantID) {
		return Principal{}, refuse(codeTokenUnknown, "")
	}
	return a.ofBearer(s, way, b)
}

// ofInvite returns who holds the secret with that SHA-256, who is to the control API what
// they are inside. So whoever came in by an edge with a moderator's link keeps live control
// (S21). The secret is looked for in the webinar that the request is about, or in all.
func (a *API) ofInvite(s *control.State, hash [32]byte, r *http.Request) (Principal, error) {
	if id := r.PathValue("id"); id != "" && strings.HasPrefix(r.URL.Path, "/api/v1/webinars/") {
		return a.ofInviteTo(s, s.Webinar(id), hash, a.Remote(r))
	}
	if wait, ok := a.public.take(network(a.Remote(r)), a.Now()); !ok { // it is the dearest look-up there is
		return Principal{}, tooManyRequests(wait)
	}
	for w := range s.Webinars() {
		if _, ok := w.InviteBySecret(hash); ok {
			return a.ofInviteTo(s, w, hash, a.Remote(r))
		}
	}
	return Principal{}, refuse(codeTokenUnknown, "")
}

func (a *API) ofInviteTo(s *control.State, w *webinar.Webinar, hash [32]byte, remote netip.Addr) (Principal, error) {
	if w == nil {
		return Principal{}, refuse(codeTokenUnknown, "")
	}
	i, ok := w.InviteBySecret(hash)
	if !ok {
		return Principal{}, refuse(codeTokenUnknown, "")
	}
	return a.ofBearer(s, ByInvite, Bearer{Webinar: w.ID, Name: i.Name, Trusted: true, Standing: webinar.Standing{
		Participant: participantID + i.ID, InviteID: i.ID, Role: i.Role, Waiting: true, Since: s.Index(),
		Keys: w.Keys(webinar.Visitor{Invite: hash, Prefix: webinar.Prefix(remote)}),
	}})
}

// ofBearer is who b names, if they may be inside now.
func (a *API) ofBearer(s *control.State, way Way, b Bearer) (Principal, error) {
	w := s.Webinar(b.Webinar)
	if w == nil {
		return Principal{}, refuse(codeTokenUnknown, "")
	}
	if err := w.Allowed(b.Standing, a.Now()); err != nil {
		return Principal{}, notInside(err)
	}
	return Principal{Way: way, ID: b.Standing.Participant, Name: b.Name, Bearer: b}, nil
}

// notInside is the refusal of somebody who may not be inside.
func notInside(err error) error {
	var denial *webinar.Denial
	switch {
	case errors.Is(err, webinar.ErrEnded):
		return refuse(codeEnded, "")
	case errors.As(err, &denial):
		return refuse(codeTokenUnknown, denial.Detail)
	}
	return refuse(codeTokenUnknown, "")
}

// still reports whether p is what it was when its request came: for answers that
// take hours.
func (a *API) still(p Principal) bool {
	s := a.Store.State()
	switch p.Way {
	case ByToken:
		t, ok := s.APIToken(p.hash)
		return ok && t.Valid(a.Now())
	case ByAccount:
		r := s.Account(p.ID)
		return r != nil && !r.GetDisabled() && r.GetGeneration() == p.generation && r.GetRole() == p.Role
	case BySession, ByEdge, ByInvite:
		w := s.Webinar(p.Bearer.Webinar)
		return w != nil && w.Allowed(p.Bearer.Standing, a.Now()) == nil
	}
	return false
}
