package web

import (
	"html/template"
	"net/http"
	"regexp"
)

// landingShape are the paths of this site on which somebody can land who has signed in.
var landingShape = regexp.MustCompile(`^/(host|operator|w/[A-Za-z0-9_-]{1,64})?$`)

// notSignedIn are the reasons for which a provider has signed nobody in, with the status of the
// page that says so. The codes are those of package account; of others it says the last.
var notSignedIn = map[string]struct {
	status int
	text   string
}{
	"oidc_off":          {http.StatusNotFound, "signin.oidc_off"},
	"oidc_unavailable":  {http.StatusBadGateway, "signin.oidc_unavailable"},
	"oidc_expired":      {http.StatusBadRequest, "signin.oidc_expired"},
	"oidc_no_account":   {http.StatusForbidden, "signin.oidc_no_account"},
	"account_disabled":  {http.StatusForbidden, "signin.account_disabled"},
	"too_many_requests": {http.StatusTooManyRequests, "denial.too_many_requests"},
	"oidc_failed":       {http.StatusForbidden, "signin.oidc_failed"},
}

// signIn is where people sign in who come from elsewhere than a console, and where a sign-in by
// a provider ends that came to nothing: the sentence stands there without script too.
func (s *site) signIn(w http.ResponseWriter, r *http.Request) {
	q, status := r.URL.Query(), http.StatusOK
	v := view{Version: s.guestVersion(), Next: "/host"}
	if next := q.Get("next"); landingShape.MatchString(next) {
		v.Next = next
	}
	if code := q.Get("problem"); code != "" {
		why, ok := notSignedIn[code]
		if !ok {
			why = notSignedIn["oidc_failed"]
		}
		status, v.Sentence = why.status, s.texts.say(s.texts.choose(r), why.text)
	}
	s.render(w, r, status, func(p *pages) *template.Template { return p.signin }, v)
}
