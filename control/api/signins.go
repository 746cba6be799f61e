package api

import (
	"context"
	"errors"
	"net/http"

	"stentor/control/api/account"
	"stentor/control/client"
	"stentor/control/webinar"
)

func (a *API) signIns() {
	add(a, "list-sign-ins", a.listSignIns)
	add(a, "sign-in", a.signIn)
	add(a, "sign-out", a.signOut)
	add(a, "get-me", a.getMe)
	add(a, "make-pass", a.makePass)
	if a.Accounts != nil { // what browsers are sent to, and so no part of the document
		a.mux.Handle("GET /api/v1/oidc/start", a.counted(a.Accounts.StartHandler()))
		a.mux.Handle("GET /api/v1/oidc/callback", a.counted(a.Accounts.CallbackHandler()))
	}
}

// counted is h for those who do not ask too often.
func (a *API) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wait, ok := a.public.take(network(a.Remote(r)), a.Now()); !ok {
			if a.Accounts.RefusedBy(w, r, codeTooManyRequests, "") {
				return
			}
			var l limited
			errors.As(tooManyRequests(wait), &l)
			w.Header().Set("Retry-After", l.seconds())
			writeProblem(w, a.problemOf(l))
			return
		}
		h.ServeHTTP(w, r)
	})
}

type signInsAnswer struct{ Body client.SignIns }

// listSignIns says what a page for signing in has to offer.
func (a *API) listSignIns(context.Context, *struct{}) (*signInsAnswer, error) {
	return &signInsAnswer{client.SignIns{Password: a.Accounts != nil, OIDC: a.Accounts != nil && a.Accounts.OIDC != nil}}, nil
}

type signInInput struct{ Body client.SignIn }

type signInAnswer struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      client.Me
}

func (a *API) signIn(ctx context.Context, in *signInInput) (*signInAnswer, error) {
	if a.Accounts == nil {
		return nil, refuse(codeAccountsOff, "")
	}
	r, err := a.Accounts.SignIn(ctx, in.Body.Login, in.Body.Password, principal(ctx).remote)
	var many *account.TooMany
	if errors.As(err, &many) {
		return nil, limited{refuse(codeTooManyAttempts, many.Error()), many.After}
	}
	if err != nil {
		return nil, err
	}
	return &signInAnswer{*a.Accounts.Cookie(r), viewMe(ofAccount(r), webinar.Attendee)}, nil
}

type signOutAnswer struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
}

func (a *API) signOut(context.Context, *struct{}) (*signOutAnswer, error) {
	if a.Accounts == nil {
		return &signOutAnswer{}, nil
	}
	return &signOutAnswer{[]http.Cookie{*a.Accounts.Clear()}}, nil
}

type meAnswer struct{ Body client.Me }

func (a *API) getMe(ctx context.Context, _ *struct{}) (*meAnswer, error) {
	p := principal(ctx)
	role := webinar.Role("")
	if w := a.Store.State().Webinar(p.Bearer.Webinar); w != nil && p.Way.inside() {
		role = webinar.Attendee
		if p.Way != ByEdge {
			role = w.RoleOf(p.Bearer.Standing)
		}
	}
	return &meAnswer{viewMe(p, role)}, nil
}

// viewMe shows somebody themselves; role is that of a participant.
func viewMe(p Principal, role webinar.Role) client.Me {
	me := client.Me{Kind: string(p.Way), ID: p.ID, Name: p.Name, Role: p.Role, Scopes: notNil(p.Scopes), Login: p.Login}
	if p.Way.inside() {
		me.Kind, me.Role, me.Webinar, me.Participant = "participant", string(role), p.Bearer.Webinar, p.ID
	}
	return me
}

type passAnswer struct{ Body client.Pass }

// makePass proves an account to the door of nodes that do not know accounts.
func (a *API) makePass(ctx context.Context, _ *struct{}) (*passAnswer, error) {
	if a.Pass == nil {
		return nil, refuse(codeAccountsOff, "")
	}
	p := principal(ctx)
	pass, err := a.Pass(p.ID, p.Name)
	if err != nil {
		return nil, err
	}
	return &passAnswer{client.Pass{Pass: pass}}, nil
}
