package api

import (
	"errors"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"stentor/control/client"
	"stentor/control/webinar"
)

// authorize is the middleware of one route: it lets a request on only if the table says
// so, before anything of the body is read.
func (a *API) authorize(r Route) func(huma.Context, func(huma.Context)) {
	row := rowOf(r.Name, "")
	return func(ctx huma.Context, next func(huma.Context)) {
		request, _ := humago.Unwrap(ctx)
		p, err := a.authenticate(request)
		if row.Right.open() && err != nil { // who they say they are does not matter
			p, err = Principal{}, nil
		}
		// Browsers add a cookie by themselves, and even Basic credentials; only a bearer is
		// surely meant by whoever wrote the request.
		if err == nil && !p.Way.bearer() && a.sameOrigin.Check(request) != nil {
			err = refuse(codeCrossOrigin, "")
		}
		if err == nil {
			err = a.within(r, p, request)
		}
		if err == nil && !row.Right.open() {
			err = a.judge(row, p, ctx)
		}
		if err != nil {
			var l limited
			if errors.As(err, &l) {
				ctx.SetHeader("Retry-After", l.seconds())
			}
			a.write(ctx, challenge(ctx, a.problemOf(err)))
			return
		}
		p.remote = a.Remote(request)
		next(huma.WithValue(ctx, principalKey{}, p))
	}
}

// judge asks the table. A request with an Idempotency-Key may be the repetition of one
// that was made before the webinar ended, so that the state decides on it, which refuses
// what is new with the same code.
func (a *API) judge(row Row, p Principal, ctx huma.Context) error {
	if p.Way == ByToken && !known(p.Scopes) {
		return refuse(codeScopeMissing, "")
	}
	code := ""
	if row.Route.inWebinar() && p.Way != "" {
		w := a.Store.State().Webinar(ctx.Param("id"))
		if w == nil {
			return refuse(codeWebinarNotFound, "")
		}
		code = row.Verdict(p.actorIn(w), p.Way, w.State)
		if code == codeEnded && ctx.Header("Idempotency-Key") != "" {
			code = row.Verdict(p.actorIn(w), p.Way, webinar.Live)
		}
	} else {
		code = row.Verdict(p.actor(), p.Way, "")
	}
	switch code {
	case "":
		return nil
	case codeScopeMissing:
		return refuse(code, "This is for "+row.Right.needs()+".")
	}
	return refuse(code, "")
}

// may reports whether p may ask for one part of a request about w: nil or a refusal.
func (p Principal) may(route, part string, w *webinar.Webinar) error {
	if code := rowOf(route, part).Verdict(p.actorIn(w), p.Way, webinar.Live); code != "" {
		return refuse(code, "")
	}
	return nil
}

// known reports whether one of scopes is of ours.
func known(scopes []string) bool {
	for _, s := range scopes {
		if s == string(Admin) || s == string(Host) {
			return true
		}
	}
	return false
}

// needs says in words whom a right without a webinar is for.
func (r Right) needs() string {
	switch r.Name {
	case rightAdministrators().Name:
		return "API tokens with the scope admin, and for administrators"
	case rightMakers().Name:
		return "API tokens with the scope host or admin, and for hosts and administrators"
	case rightAccounts().Name:
		return "people who are signed in with an account"
	}
	return "those who are signed in"
}

// challenge tells who is refused how to sign in (RFC 9110, section 11.6.1).
func challenge(ctx huma.Context, p *client.Problem) *client.Problem {
	switch p.Status {
	case 401:
		ctx.SetHeader("WWW-Authenticate", `Bearer realm="stentor"`)
	case 403:
		ctx.SetHeader("WWW-Authenticate", `Bearer realm="stentor", error="insufficient_scope"`)
	}
	return p
}
