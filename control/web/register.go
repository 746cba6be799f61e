package web

import (
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
	"time"

	"stentor/control/client"
)

// maxAnswers bounds what a registration form may send: the 12 KiB that the answers may
// have, each byte of them escaped.
const maxAnswers = 64 << 10

// calendar is how a browser takes the calendar file of a confirmation.
const calendar = "data:text/calendar;charset=utf-8;base64,"

// confirmation is what those who have just registered see, this once.
type confirmation struct {
	Status string       // "approved", "pending" or "waitlisted"
	Link   string       // the personal one, with the address of this site
	Path   string       // the same without it
	Email  string       // where the link goes, if this mesh sends e-mail
	ICS    template.URL // the calendar file; empty where the webinar has no time
}

// register shows the page on which people sign up for a webinar.
func (s *site) register(w http.ResponseWriter, r *http.Request) {
	lang := s.texts.choose(r)
	if public, ok := s.openRegistration(w, r); ok {
		s.registerPage(w, r, http.StatusOK, public, newForm(s.texts, lang, public.Fields))
	}
}

// registerSent signs somebody up. It needs no script, no cookie and no session, so a form
// that another site sends here does no more than that site could do itself.
func (s *site) registerSent(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxAnswers)
	lang := s.texts.choose(r)
	public, ok := s.openRegistration(w, r)
	if !ok {
		return
	}
	f := newForm(s.texts, lang, public.Fields)
	if err := r.ParseForm(); err != nil {
		f.Problem = s.texts.say(lang, "register.too_long")
		s.registerPage(w, r, http.StatusRequestEntityTooLarge, public, f)
		return
	}
	in := f.fill(r.PostForm)
	if !f.check(in) {
		s.registerPage(w, r, http.StatusUnprocessableEntity, public, f)
		return
	}
	made, refusal, err := s.api.register(r, r.PathValue("link"), r.PostForm.Get("key"), in)
	switch {
	case err != nil:
		f.Problem = s.texts.denial(lang, refusalOf(err))
		s.registerPage(w, r, http.StatusServiceUnavailable, public, f)
	case refusal != nil:
		f.refused(refusal)
		s.registerPage(w, r, refusal.Status, public, f)
	default:
		s.confirm(w, r, public, in.Email, made)
	}
}

// openRegistration returns what the page is about. Where nobody can sign up now, it has
// answered with the sentence that says so.
func (s *site) openRegistration(w http.ResponseWriter, r *http.Request) (client.Public, bool) {
	link := r.PathValue("link")
	if s.api == nil || !linkShape.MatchString(link) {
		s.lost(w, r)
		return client.Public{}, false
	}
	if webinar, err := s.config.Door(link); err == nil {
		mayBeFramed(w.Header(), webinar.EmbedOrigins)
	}
	public, refusal, err := s.api.public(r, link)
	switch {
	case err != nil:
		s.refuse(w, r, refusalOf(err))
	case refusal != nil:
		s.closed(w, r, refusal.Status, view{Link: link, Sentence: s.texts.denial(s.texts.choose(r), &Refusal{refusal.Code, refusal.Detail})})
	case !public.Open:
		s.closed(w, r, http.StatusOK, view{
			Link: link, Webinar: aboutPublic(public), Opens: opensLater(public),
			Sentence: s.texts.denial(s.texts.choose(r), &Refusal{public.Reason, public.Detail}),
		})
	default:
		return public, true
	}
	return client.Public{}, false
}

// opensLater is when a registration opens that is not open yet, zero for others.
func opensLater(p client.Public) time.Time {
	if p.Reason != "registration_not_open" || p.OpensAt == nil {
		return time.Time{}
	}
	return *p.OpensAt
}

func (s *site) closed(w http.ResponseWriter, r *http.Request, status int, v view) {
	v.Version = s.guestVersion()
	s.render(w, r, status, func(p *pages) *template.Template { return p.closed }, v)
}

func (s *site) registerPage(w http.ResponseWriter, r *http.Request, status int, public client.Public, f *form) {
	w.Header().Set("Cache-Control", "no-store")
	v := view{
		Version: s.guestVersion(), Link: r.PathValue("link"), Webinar: aboutPublic(public), Form: f,
		Approval: public.Approval, Waiting: public.Waiting,
	}
	if public.ClosesAt != nil {
		v.Closes = *public.ClosesAt
	}
	s.render(w, r, status, func(p *pages) *template.Template { return p.register }, v)
}

func (s *site) confirm(w http.ResponseWriter, r *http.Request, public client.Public, email string, made client.Registered) {
	w.Header().Set("Cache-Control", "no-store") // the personal link is a secret
	done := &confirmation{Status: made.Status, Path: made.LinkPath, Link: origin(r) + made.LinkPath, Email: email}
	if made.ICS != "" {
		done.ICS = template.URL(calendar + base64.StdEncoding.EncodeToString([]byte(made.ICS))) // #nosec G203 -- base64 behind a fixed type
	}
	v := view{Version: s.guestVersion(), Link: r.PathValue("link"), Webinar: aboutPublic(public), Done: done}
	s.render(w, r, http.StatusOK, func(p *pages) *template.Template { return p.registered }, v)
}

// origin is the address of this site as the visitor's own browser has it. It is shown to
// nobody else.
func origin(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// aboutPublic is what a registration page says of its webinar.
func aboutPublic(p client.Public) Webinar {
	w := Webinar{Title: p.Title, Mode: p.Mode, Description: p.Description}
	if p.Schedule == nil {
		return w
	}
	w.Zone = p.Schedule.Zone
	w.Start = p.Schedule.Start
	if len(p.Schedule.Next) > 0 {
		w.Start = p.Schedule.Next[0]
	}
	return w
}

// controlAPI asks the control API what the pages without script need, as the visitor who
// asks for the page: its limits are by address.
type controlAPI struct{ handler http.Handler }

func (a *controlAPI) public(r *http.Request, link string) (out client.Public, refusal *client.Problem, err error) {
	refusal, err = a.ask(r, http.MethodGet, "/api/v1/public/"+link, "", nil, &out)
	return out, refusal, err
}

// register signs somebody up. Under the same key the same form gets the same answer, so
// that a double click or a reload is no second registration.
func (a *controlAPI) register(r *http.Request, link, key string, in client.Register) (out client.Registered, refusal *client.Problem, err error) {
	refusal, err = a.ask(r, http.MethodPost, "/api/v1/public/"+link+"/registrants", key, in, &out)
	return out, refusal, err
}

// ask makes a request without any credential of the visitor's. refusal is the answer
// where it is none of success.
func (a *controlAPI) ask(from *http.Request, method, path, key string, in, out any) (refusal *client.Problem, err error) {
	body := ""
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = string(b)
	}
	r, err := http.NewRequestWithContext(from.Context(), method, "http://"+from.Host+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.RequestURI, r.RemoteAddr, r.Host = path, from.RemoteAddr, from.Host
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if keyShape.MatchString(key) {
		r.Header.Set("Idempotency-Key", key)
	}
	answer := &answer{header: http.Header{}, status: http.StatusOK}
	a.handler.ServeHTTP(answer, r)
	if answer.status < 300 {
		return nil, json.Unmarshal(answer.body.Bytes(), out)
	}
	refusal = &client.Problem{}
	if err := json.Unmarshal(answer.body.Bytes(), refusal); err != nil {
		return nil, err
	}
	refusal.Status = answer.status
	return refusal, nil
}
