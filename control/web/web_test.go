package web_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"stentor/control/web"
)

// door knows one webinar, and refusals by the name of the link.
func door(link string) (web.Webinar, error) {
	switch link {
	case "open":
		return web.Webinar{Title: "Tides <b>& moons</b>", Mode: "role-based", State: "live", Live: true}, nil
	case "pin":
		return web.Webinar{Title: "Tides", Mode: "role-based", State: "planned", PINRequired: true}, nil
	case "over":
		return web.Webinar{Title: "Tides", Mode: "role-based", State: "ended"}, nil
	case "broken":
		return web.Webinar{}, errors.New("disk on fire at 10.0.0.7")
	case "odd":
		return web.Webinar{}, &web.Refusal{Code: "a_new_code", Detail: "A sentence of the server."}
	}
	return web.Webinar{}, &web.Refusal{Code: "not_found", Detail: "There is no such webinar."}
}

func pages(shown bool) http.Handler {
	return web.New(web.Config{Version: "v1.2.3", ShowVersion: shown, Door: door})
}

func get(t *testing.T, h http.Handler, path string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return serve(h, r)
}

func post(h http.Handler, path string, form url.Values) *http.Response {
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return serve(h, r)
}

func serve(h http.Handler, r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPagesSayWhatTheyShould(t *testing.T) {
	h := pages(true)
	for _, test := range []struct {
		name, path, lang string
		status           int
		with, without    []string
	}{
		{"S6 the home page asks for a link", "/", "en", 200, []string{`name="link"`, `method="post"`}, nil},
		{"the guest page escapes the title", "/w/open", "en", 200, []string{"Tides &lt;b&gt;&amp; moons&lt;/b&gt;", "On air"}, []string{"<b>&", `id="pin"`}},
		{"S29 the PIN is asked for where there is one", "/w/pin", "en", 200, []string{`id="pin"`, `minlength="4"`, "Not begun yet"}, nil},
		{"without script the page says what is missing", "/w/pin", "en", 200, []string{"<noscript>", "needs JavaScript"}, nil},
		{"an ended webinar has no form", "/w/over", "en", 200, []string{"This webinar has ended."}, []string{"<form"}},
		{"a link to nothing is a sentence", "/w/none", "de", 404, []string{"Hinter diesem Link steht kein Webinar", "vorbei oder abgeschlossen"}, []string{"<form"}},
		{"a refusal without a text says the server's sentence", "/w/odd", "de", 503, []string{"A sentence of the server."}, nil},
		{"a failure gives nothing away", "/w/broken", "en", 503, []string{"This node cannot check that now"}, []string{"disk", "10.0.0.7"}},
		{"a link of other characters is no link", "/w/%3Cscript%3E", "en", 404, []string{"There is no such page here."}, []string{"<script>"}},
		{"any other path is a page", "/nothing", "en", 404, []string{"There is no such page here."}, nil},
		{"S9 the guest page shows the server's version", "/w/pin", "en", 200, []string{"v1.2.3"}, nil},
		{"the host console is there", "/host", "en", 200, []string{"/assets/host-", "v1.2.3"}, nil},
		{"languages are negotiated", "/w/pin", "fr-CA, en;q=0.5", 200, []string{`lang="fr"`, "Votre nom"}, nil},
		{"Arabic runs from right to left", "/w/pin", "ar", 200, []string{`lang="ar" dir="rtl"`, "اسمك"}, nil},
		{"an unknown language gets English", "/w/pin", "tlh", 200, []string{`lang="en" dir="ltr"`}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := get(t, h, test.path, "Accept-Language", test.lang)
			page := body(t, r)
			if r.StatusCode != test.status {
				t.Errorf("status %d, want %d", r.StatusCode, test.status)
			}
			for _, s := range test.with {
				if !strings.Contains(page, s) {
					t.Errorf("the page lacks %q:\n%s", s, page)
				}
			}
			for _, s := range test.without {
				if strings.Contains(page, s) {
					t.Errorf("the page has %q:\n%s", s, page)
				}
			}
		})
	}
}

func TestS9TheOperatorCanHideTheVersion(t *testing.T) { // S9
	for _, path := range []string{"/", "/w/pin", "/w/none"} {
		if page := body(t, get(t, pages(false), path)); strings.Contains(page, "v1.2.3") {
			t.Errorf("%s shows the version", path)
		}
	}
}

func TestEveryAnswerIsProtected(t *testing.T) {
	h := pages(true)
	for _, path := range []string{"/", "/w/open", "/w/none", "/host", "/manifest.webmanifest", "/assets/none.js", "/nothing"} {
		r := get(t, h, path)
		csp := r.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types stentor-worker", "worker-src 'self'", "base-uri 'none'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: the policy lacks %s", path, part)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
			t.Errorf("%s: the policy is loose: %s", path, csp)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin"} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if r.Header.Get("Permissions-Policy") == "" {
			t.Errorf("%s: no permissions policy", path)
		}
	}
}

func TestTheGuestPageMaySpeakWithOtherNodes(t *testing.T) {
	h := web.New(web.Config{Door: door, Edges: func() []string { return []string{"https://edge2.example.org", "http://10.0.0.3:8080"} }})
	r := get(t, h, "/w/open")
	want := "connect-src 'self' https://edge2.example.org wss://edge2.example.org http://10.0.0.3:8080 ws://10.0.0.3:8080;"
	if csp := r.Header.Get("Content-Security-Policy"); !strings.Contains(csp, want) {
		t.Errorf("the policy %q lacks %q", csp, want)
	}
	if page := body(t, r); !strings.Contains(page, `data-edges="https://edge2.example.org http://10.0.0.3:8080 "`) {
		t.Errorf("the page does not name them:\n%s", page)
	}
	if csp := get(t, h, "/host").Header.Get("Content-Security-Policy"); strings.Contains(csp, "edge2") {
		t.Errorf("the host's page may speak with them too: %s", csp)
	}
}

func TestNoPageHasAnythingInline(t *testing.T) {
	inline := regexp.MustCompile(`(?i)<script(?:[^>]*)>[^<]|<style|\son\w+=|\sstyle=|javascript:`)
	for _, path := range []string{"/", "/w/open", "/w/pin", "/w/over", "/w/none", "/host"} {
		if found := inline.FindString(body(t, get(t, pages(true), path))); found != "" {
			t.Errorf("%s has %q", path, found)
		}
	}
}

func TestAFormWithoutScriptIsAnsweredAndForgotten(t *testing.T) {
	r := post(pages(true), "/w/pin", url.Values{"name": {`Ada "L"`}, "pin": {"83619275"}})
	page := body(t, r)
	if r.StatusCode != 200 || !strings.Contains(page, "needs JavaScript") || !strings.Contains(page, "Ada &#34;L&#34;") {
		t.Errorf("%d:\n%s", r.StatusCode, page)
	}
	if strings.Contains(page, "83619275") {
		t.Error("the PIN came back")
	}
	if len(r.Cookies()) != 0 {
		t.Error("it set a cookie")
	}
}

func TestFollowLeadsToTheGuestPage(t *testing.T) {
	for _, test := range []struct{ name, typed, to string }{
		{"a bare link", "Ab3_-x", "/w/Ab3_-x"},
		{"a whole address", " https://other.example:8443/w/Ab3/ ", "/w/Ab3"},
		{"a query is left behind", "https://a.example/w/Ab3?utm=x", "/w/Ab3"},
		{"an invite goes on in the fragment", "https://a.example/w/Ab3#invite=sti_Zz-9", "/w/Ab3#invite=sti_Zz-9"},
		{"so does the secret of who registered", "https://a.example/w/Ab3#str_Zz-9", "/w/Ab3#str_Zz-9"},
		{"but nothing that only begins like it", "https://a.example/w/Ab3#str_Zz&x=1", "/w/Ab3"},
		{"another fragment does not", "https://a.example/w/Ab3#x=<script>", "/w/Ab3"},
		{"another site is no link", "https://evil.example/", ""},
		{"nor is a way around", "//evil.example/w/", ""},
		{"nor a path below", "/w/../host", ""},
		{"nor nothing", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := post(pages(true), "/", url.Values{"link": {test.typed}})
			if got := r.Header.Get("Location"); got != test.to {
				t.Errorf("leads to %q, want %q", got, test.to)
			}
			if test.to == "" && r.StatusCode != http.StatusUnprocessableEntity {
				t.Errorf("status %d", r.StatusCode)
			}
		})
	}
}

func TestAChosenLanguageIsRemembered(t *testing.T) {
	h := pages(true)
	r := get(t, h, "/?lang=ru", "Accept-Language", "en")
	if len(r.Cookies()) != 1 || !strings.Contains(body(t, r), `lang="ru"`) {
		t.Fatalf("cookies %v", r.Cookies())
	}
	c := r.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
		t.Errorf("the cookie is loose: %v", c)
	}
	if page := body(t, get(t, h, "/w/pin", "Cookie", c.Name+"="+c.Value)); !strings.Contains(page, "Ваше имя") {
		t.Error("the next page has forgotten it")
	}
	if r := get(t, h, "/?lang=xx"); len(r.Cookies()) != 0 {
		t.Error("a language that is not there was remembered")
	}
}

func TestOnlyTheOfferedLanguagesAreSpoken(t *testing.T) {
	h := web.New(web.Config{Door: door, Languages: []string{"de", "xx", "en"}})
	if page := body(t, get(t, h, "/w/pin", "Accept-Language", "fr")); !strings.Contains(page, `lang="de"`) || strings.Contains(page, "?lang=fr") {
		t.Error("French is still there, or German is not the default")
	}
}

var assetPath = regexp.MustCompile(`/assets/[\w.-]+`)

func TestAssetsMayBeKeptForGood(t *testing.T) {
	h := pages(true)
	paths := assetPath.FindAllString(body(t, get(t, h, "/w/pin"))+body(t, get(t, h, "/host"))+body(t, get(t, h, "/manifest.webmanifest")), -1)
	if len(paths) < 8 {
		t.Fatalf("only %v", paths)
	}
	for _, p := range paths {
		plain := get(t, h, p)
		if plain.StatusCode != 200 || plain.Header.Get("Content-Type") == "" {
			t.Errorf("%s: %d %q", p, plain.StatusCode, plain.Header.Get("Content-Type"))
		}
		if cc := plain.Header.Get("Cache-Control"); !strings.Contains(cc, "immutable") {
			t.Errorf("%s: %s", p, cc)
		}
		packed := get(t, h, p, "Accept-Encoding", "br, gzip")
		if packed.Header.Get("Content-Encoding") != "gzip" {
			continue // icons
		}
		z, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(z); err != nil || string(b) != body(t, plain) {
			t.Errorf("%s: unpacks to something else (%v)", p, err)
		}
		if refused := get(t, h, p, "Accept-Encoding", "gzip;q=0"); refused.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: sent packed to who refused it", p)
		}
	}
	if r := get(t, h, "/assets/guest-000000000000.js"); r.StatusCode != 404 || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a name of another version: %d %q", r.StatusCode, r.Header.Get("Cache-Control"))
	}
}

// TestTheGuestPageIsSmall holds the budgets: 30 KB compressed on the way to the stage, with styles, script and texts, and
// 80 KB for what comes with the stage.
func TestTheGuestPageIsSmall(t *testing.T) {
	h := pages(true)
	page := body(t, get(t, h, "/w/pin"))
	total, later := len(body(t, get(t, h, "/w/pin", "Accept-Encoding", "gzip"))), 0
	if total >= len(page) {
		t.Errorf("the page has %d bytes, and %d compressed", len(page), total)
	}
	for _, p := range slices.Compact(slices.Sorted(slices.Values(assetPath.FindAllString(page, -1)))) {
		n := len(body(t, get(t, h, p, "Accept-Encoding", "gzip")))
		switch {
		case strings.HasPrefix(p, "/assets/talk-") || strings.HasPrefix(p, "/assets/texts-talk-"):
			later += n
		case strings.HasSuffix(p, ".js") || strings.HasSuffix(p, ".css") || strings.HasSuffix(p, ".json"):
			total += n
		}
	}
	t.Logf("%d bytes, and %d with the stage", total, later)
	if total > 30<<10 || later > 80<<10 || later == 0 {
		t.Errorf("%d bytes until the stage, and %d with it", total, later)
	}
}
