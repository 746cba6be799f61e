package account

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"stentor/control/webinar"
)

// What a sign-in by OIDC is refused with, beside what a command is refused with.
var (
	ErrNoOIDC     = &webinar.Denial{Code: "oidc_off", Detail: "Nobody signs in by a provider here."}
	ErrProvider   = &webinar.Denial{Code: "oidc_unavailable", Detail: "The sign-in provider cannot be reached now. Try again in a moment."}
	ErrFlow       = &webinar.Denial{Code: "oidc_expired", Detail: "This sign-in took too long, or was begun in another browser. Begin again."}
	ErrAnswer     = &webinar.Denial{Code: "oidc_failed", Detail: "The sign-in provider did not confirm who you are. Begin again."}
	ErrNotInvited = &webinar.Denial{Code: "oidc_no_account", Detail: "There is no account for you here. Ask an administrator for one."}
	ErrDisabled   = &webinar.Denial{Code: "account_disabled", Detail: "Your account is disabled. Ask an administrator."}
)

// exchangeFor bounds what a callback waits for: two answers of the provider and a command.
const exchangeFor = 20 * time.Second

// refuse answers r with why somebody is not signed in: a browser is sent to the page that
// says it in its language, with where it wanted to go; others get a sentence. The code is in
// Stentor-Error.
func (a *Accounts) refuse(w http.ResponseWriter, r *http.Request, status int, d *webinar.Denial, next string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Stentor-Error", d.Code)
	if a.RefusedBy(w, r, d.Code, next) {
		return
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(d.Detail + "\n")) // a browser that is gone does not want it
}

// RefusedBy sends a browser to the page of refusals, and reports whether r is one's and there
// is such a page. next is the path where the browser wanted to be, or empty.
func (a *Accounts) RefusedBy(w http.ResponseWriter, r *http.Request, code, next string) bool {
	if a.Refusals == "" || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return false
	}
	q := url.Values{"problem": {code}}
	if next != "" {
		q.Set("next", next)
	}
	http.Redirect(w, r, a.Refusals+"?"+q.Encode(), http.StatusSeeOther)
	return true
}

// StartHandler sends the browser to the provider. The query's next is the path to land on
// afterwards; whatever is no path of this site becomes the start page.
func (a *Accounts) StartHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next := ""
		if asked := r.URL.Query().Get("next"); asked != "" {
			next = localPath(asked)
		}
		if a.oidc == nil {
			a.refuse(w, r, http.StatusNotFound, ErrNoOIDC, next)
			return
		}
		ctx, done := context.WithTimeout(r.Context(), exchangeFor)
		defer done()
		provider, err := a.oidc.found(ctx)
		if err != nil {
			a.Logger.Warn("the OIDC provider cannot be used", "err", err)
			a.refuse(w, r, http.StatusBadGateway, ErrProvider, next)
			return
		}
		f, err := newFlow(a.oidc.rand, cmp.Or(next, a.oidc.Home), a.Now())
		if err != nil {
			a.Logger.Error("a sign-in failed", "err", err)
			a.refuse(w, r, http.StatusInternalServerError, ErrProvider, next)
			return
		}
		http.SetCookie(w, a.newCookie(a.flowCookie(f.State), a.oidc.flows.seal(f), flowFor))
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		http.Redirect(w, r, a.oidc.oauth(provider).AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), http.StatusSeeOther)
	})
}

// CallbackHandler takes the browser back from the provider, signs it in, and sends it to
// where it wanted. What went wrong is a sentence, with its code in Stentor-Error.
func (a *Accounts) CallbackHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.oidc == nil {
			a.refuse(w, r, http.StatusNotFound, ErrNoOIDC, "")
			return
		}
		f, ok := a.flowOf(r)
		if !ok {
			a.metrics.signIn("oidc", "failed")
			a.refuse(w, r, http.StatusBadRequest, ErrFlow, "")
			return
		}
		http.SetCookie(w, a.newCookie(a.flowCookie(f.State), "", 0)) // once
		ctx, done := context.WithTimeout(r.Context(), exchangeFor)
		defer done()
		found, err := a.callback(ctx, r, f)
		if err != nil {
			a.failed(w, r, err, f.Next)
			return
		}
		a.metrics.signIn("oidc", "ok")
		http.SetCookie(w, a.Cookie(found))
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		http.Redirect(w, r, f.Next, http.StatusSeeOther)
	})
}

// failed says to the browser what it may know of err, and the rest to the log.
func (a *Accounts) failed(w http.ResponseWriter, r *http.Request, err error, next string) {
	a.metrics.signIn("oidc", "failed")
	var denial *webinar.Denial
	if errors.As(err, &denial) {
		a.refuse(w, r, http.StatusForbidden, denial, next)
		return
	}
	a.Logger.Warn("a sign-in by OIDC failed", "err", err)
	a.refuse(w, r, http.StatusBadGateway, ErrAnswer, next)
}

func (a *Accounts) flowCookie(state string) string { return a.cookieName() + "-oidc-" + short(state) }

// flowOf returns the sign-in that r is the answer to.
func (a *Accounts) flowOf(r *http.Request) (flow, bool) {
	state := r.URL.Query().Get("state")
	if r.Method != http.MethodGet || state == "" || len(state) > 128 {
		return flow{}, false
	}
	c, err := r.Cookie(a.flowCookie(state))
	if err != nil {
		return flow{}, false
	}
	f, ok := a.oidc.flows.open(c.Value, a.Now())
	return f, ok && subtle.ConstantTimeCompare([]byte(f.State), []byte(state)) == 1
}
