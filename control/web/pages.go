package web

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

//go:embed templates
var templateFiles embed.FS

// maxForm bounds what a form without script may send.
const maxForm = 8 << 10

// linkShape is what the links of webinars (and their ids) are made of.
var linkShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// pages are the templates in one language.
type pages struct{ home, guest, host, operator, signin, sentence, register, registered, closed, offline *template.Template }

// newPages parses the templates with the texts of lang.
func newPages(t *texts, a *assets, lang string) *pages {
	funcs := template.FuncMap{
		"t":       func(key string) string { return t.say(lang, key) },
		"asset":   a.path,
		"texts":   func(page string) (string, error) { return a.path("texts-" + page + "-" + lang + ".json") },
		"moment":  moment,
		"instant": func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
	}
	parse := func(name string) *template.Template {
		return template.Must(template.New("layout.html").Funcs(funcs).
			ParseFS(templateFiles, "templates/layout.html", "templates/when.html", "templates/"+name))
	}
	return &pages{
		home: parse("home.html"), guest: parse("guest.html"),
		host: parse("host.html"), operator: parse("operator.html"), signin: parse("signin.html"), sentence: parse("sentence.html"),
		register: parse("register.html"), registered: parse("registered.html"), closed: parse("closed.html"), offline: parse("offline.html"),
	}
}

// moment is a time as the webinar's own zone has it, in digits that every language reads.
// Script says it in the visitor's zone and words.
func moment(at time.Time, zone string) template.HTML {
	place, err := time.LoadLocation(zone)
	if err != nil || zone == "" {
		place, zone = time.UTC, "UTC"
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s" dir="ltr" data-local>%s %s</time>`, // #nosec G203 -- digits, and a zone that is known
		at.UTC().Format(time.RFC3339), at.In(place).Format("2006-01-02 15:04"), template.HTMLEscapeString(zone)))
}

// view is what a template sees.
type view struct {
	Lang, Dir, Path string
	Languages       []choice
	Version         string // of the server; empty where it is not to be shown
	Link            string
	Edges           []string // origins of other nodes
	Webinar         Webinar
	Name            string // what somebody typed, when the form comes back
	Sentence        string // what went wrong, or what there is to say
	Next            string // where somebody goes who has signed in
	Scriptless      bool   // the form was sent without script
	Framed          bool   // the page is shown in a frame of another
	Form            *form  // of the registration page
	Done            *confirmation
	Approval        bool      // the host decides on each registration
	Waiting         bool      // who registers now comes on the waiting list
	Opens, Closes   time.Time // of the registration; zero: no such time is to be said
}

// choice is one language at the foot of a page.
type choice struct{ Tag, Name, Dir string }

// render writes one page in the language of the request.
func (s *site) render(w http.ResponseWriter, r *http.Request, status int, pick func(*pages) *template.Template, v view) {
	v.Lang = s.texts.choose(r)
	v.Dir = direction(v.Lang)
	v.Path = r.URL.Path
	v.Framed = framed(r)
	for _, lang := range s.texts.languages {
		v.Languages = append(v.Languages, choice{lang, s.texts.say(lang, "language.name"), direction(lang)})
	}
	var page bytes.Buffer
	if err := pick(s.pages[v.Lang]).Execute(&page, v); err != nil {
		s.log.ErrorContext(r.Context(), "page not made", "path", r.URL.Path, "error", err)
		http.Error(w, "This page could not be made.", http.StatusInternalServerError)
		return
	}
	s.texts.remember(w, r)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Lang)
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Vary", "Accept-Language, Cookie, Accept-Encoding, Sec-Fetch-Dest")
	h.Set("X-Robots-Tag", "noindex")
	if !acceptsGzip(r) {
		w.WriteHeader(status)
		_, _ = w.Write(page.Bytes())
		return
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	s.zipTo(w, page.Bytes())
}

// zipTo writes a page compressed. Nothing secret is in a page, so that its length tells nothing (BREACH).
func (s *site) zipTo(w io.Writer, page []byte) {
	z, ok := s.zippers.Get().(*gzip.Writer)
	if !ok {
		z = gzip.NewWriter(nil)
	}
	defer s.zippers.Put(z)
	z.Reset(w)
	_, _ = z.Write(page)
	_ = z.Close()
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusOK, func(p *pages) *template.Template { return p.home }, view{Version: s.guestVersion()})
}

// follow leads to the webinar whose link was typed. The form is posted, so that
// a secret that is part of the link stays out of addresses and logs, and goes
// on in the fragment.
func (s *site) follow(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if target, ok := target(r.PostFormValue("link")); ok {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, target, http.StatusSeeOther)
		return
	}
	lang := s.texts.choose(r)
	s.render(w, r, http.StatusUnprocessableEntity, func(p *pages) *template.Template { return p.home },
		view{Version: s.guestVersion(), Sentence: s.texts.say(lang, "home.bad_link")})
}

// registrantShape is what the personal links of those who registered end in.
var registrantShape = regexp.MustCompile(`^str_[A-Za-z0-9_-]{1,60}$`)

// target returns the guest page that a typed link means: a whole address, its
// path, or the bare link. Only the link and the secret of a personal one are taken
// over from it.
func target(typed string) (string, bool) {
	typed = strings.TrimSpace(typed)
	before, fragment, _ := strings.Cut(typed, "#")
	if _, after, ok := strings.Cut(before, "/w/"); ok {
		before = after
	}
	before, _, _ = strings.Cut(before, "?")
	before = strings.TrimSuffix(before, "/")
	if !linkShape.MatchString(before) {
		return "", false
	}
	out := "/w/" + before
	if registrantShape.MatchString(fragment) {
		return out + "#" + fragment, true
	}
	if v, err := url.ParseQuery(fragment); err == nil && linkShape.MatchString(v.Get("invite")) {
		out += "#invite=" + v.Get("invite")
	}
	return out, true
}

func (s *site) guest(w http.ResponseWriter, r *http.Request) { s.guestPage(w, r, view{}) }

// guestWithoutScript answers the form of the guest page where no script took it
// over. What was typed is not looked at, but for the name, which comes back.
func (s *site) guestWithoutScript(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	s.guestPage(w, r, view{Name: r.PostFormValue("name"), Scriptless: true})
}

func (s *site) guestPage(w http.ResponseWriter, r *http.Request, v view) {
	v.Link = r.PathValue("link")
	v.Version = s.guestVersion()
	if !linkShape.MatchString(v.Link) {
		s.lost(w, r)
		return
	}
	webinar, err := s.config.Door(v.Link)
	if err != nil {
		s.refuse(w, r, refusalOf(err))
		return
	}
	v.Webinar = webinar
	mayBeFramed(w.Header(), webinar.EmbedOrigins)
	if s.config.Edges != nil {
		v.Edges = s.config.Edges()
		speakWith(w.Header(), v.Edges)
	}
	s.render(w, r, http.StatusOK, func(p *pages) *template.Template { return p.guest }, v)
}

// refuse answers with a refusal's sentence.
func (s *site) refuse(w http.ResponseWriter, r *http.Request, refusal *Refusal) {
	status := http.StatusServiceUnavailable
	switch refusal.Code {
	case "not_found":
		status = http.StatusNotFound
	case "ended":
		status = http.StatusGone
	}
	s.render(w, r, status, func(p *pages) *template.Template { return p.sentence },
		view{Version: s.guestVersion(), Sentence: s.texts.denial(s.texts.choose(r), refusal)})
}

func (s *site) host(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusOK, func(p *pages) *template.Template { return p.host }, view{Version: s.config.Version})
}

func (s *site) operator(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusOK, func(p *pages) *template.Template { return p.operator }, view{Version: s.config.Version})
}

// lost answers what is not here.
func (s *site) lost(w http.ResponseWriter, r *http.Request) {
	sentence := s.texts.say(s.texts.choose(r), "common.no_page")
	s.render(w, r, http.StatusNotFound, func(p *pages) *template.Template { return p.sentence },
		view{Version: s.guestVersion(), Sentence: sentence})
}

// guestVersion is the version for those who have not signed in.
func (s *site) guestVersion() string {
	if s.config.ShowVersion {
		return s.config.Version
	}
	return ""
}

// manifest makes the pages installable (W3C Web Application Manifest).
func (s *site) manifest(w http.ResponseWriter, r *http.Request) {
	lang := s.texts.choose(r)
	icon := func(name, sizes, kind, purpose string) map[string]string {
		return map[string]string{"src": s.assets.names[name], "sizes": sizes, "type": kind, "purpose": purpose}
	}
	body, err := json.Marshal(map[string]any{
		"id": "/", "start_url": "/", "scope": "/", "display": "standalone",
		"name": "Stentor", "short_name": "Stentor", "lang": lang, "dir": direction(lang),
		"description":      s.texts.say(lang, "home.what"),
		"background_color": "#0e1116", "theme_color": "#0e1116",
		"icons": []map[string]string{
			icon("icon.svg", "any", "image/svg+xml", "any"),
			icon("icon-192.png", "192x192", "image/png", "any"),
			icon("icon-512.png", "512x512", "image/png", "any"),
			icon("icon-512.png", "512x512", "image/png", "maskable"),
		},
	})
	if err != nil {
		panic(fmt.Errorf("web: manifest: %w", err))
	}
	h := w.Header()
	h.Set("Content-Type", "application/manifest+json")
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "Accept-Language, Cookie")
	_, _ = w.Write(body)
}
