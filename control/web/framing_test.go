package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"stentor/control/web"
)

// embedded is a mesh in which two sites may show the webinar behind "shown", and nobody the one behind "open".
func embedded() http.Handler {
	sites := []string{"https://www.example.org", "http://localhost:3000"}
	return web.New(web.Config{API: newRegistry(), Edges: func() []string { return []string{"https://edge2.example.org"} },
		Door: func(link string) (web.Webinar, error) {
			switch link {
			case "shown":
				return web.Webinar{Title: "Tides", Mode: "role-based", State: "live", Registration: true, Accounts: true, EmbedOrigins: sites}, nil
			case "open":
				return web.Webinar{Title: "Tides", Mode: "role-based", State: "live"}, nil
			}
			return web.Webinar{}, &web.Refusal{Code: "not_found"}
		}})
}

// ancestors is what a policy says of frames.
func ancestors(t *testing.T, csp string) string {
	t.Helper()
	found := ""
	for _, d := range strings.Split(csp, ";") {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(d), "frame-ancestors "); ok && found == "" {
			found = rest
		} else if ok {
			t.Errorf("two frame-ancestors in %s", csp)
		}
	}
	return found
}

func TestOnlyTheGuestPagesOfAWebinarAreShownByItsSites(t *testing.T) {
	h := embedded()
	const sites = "'self' https://www.example.org http://localhost:3000"
	for _, tt := range []struct{ name, path, ancestors string }{
		{"the guest page", "/w/shown", sites},
		{"in another language", "/w/shown?lang=de", sites},
		{"the registration page", "/w/shown/register", sites},
		{"the guest page of a webinar without sites", "/w/open", "'none'"},
		{"its registration page", "/w/open/register", "'none'"},
		{"a link that opens nothing", "/w/none", "'none'"},
		{"its registration page", "/w/none/register", "'none'"},
		{"a link that can be none", "/w/no..ne", "'none'"},
		{"another page below the link", "/w/shown/other", "'none'"},
		{"the start page", "/", "'none'"},
		{"the host's page", "/host", "'none'"},
		{"the operator's page", "/operator", "'none'"},
		{"the page to sign in", "/signin?next=/w/shown", "'none'"},
		{"the page for when there is no network", "/offline", "'none'"},
		{"the service worker", "/worker.js", "'none'"},
		{"an asset", "/assets/none.js", "'none'"},
		{"nothing", "/nothing", "'none'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []*http.Response{get(t, h, tt.path), post(h, tt.path, url.Values{"name": {"Ada"}})} {
				if got := ancestors(t, r.Header.Get("Content-Security-Policy")); got != tt.ancestors {
					t.Errorf("%s: frame-ancestors %s, want %s", r.Status, got, tt.ancestors)
				}
				want := "DENY"
				if tt.ancestors != "'none'" {
					want = ""
				}
				if got := r.Header.Get("X-Frame-Options"); got != want {
					t.Errorf("%s: X-Frame-Options is %q, want %q", r.Status, got, want)
				}
			}
		})
	}
	t.Run("the rest of the policy stays", func(t *testing.T) {
		shown, open := get(t, h, "/w/shown").Header.Get("Content-Security-Policy"), get(t, h, "/w/open").Header.Get("Content-Security-Policy")
		if strings.Replace(shown, sites, "'none'", 1) != open || !strings.Contains(open, "connect-src 'self' https://edge2.example.org wss://edge2.example.org;") {
			t.Errorf("%s\n%s", shown, open)
		}
	})
}

// TestALinkThatOpensNothingTellsNothingOfFrames holds that what is not there answers alike whether it is asked for by a
// frame or not, but for where its links open.
func TestALinkThatOpensNothingTellsNothingOfFrames(t *testing.T) {
	h := embedded()
	for _, path := range []string{"/w/none", "/w/none/register"} {
		plain, inFrame := get(t, h, path), get(t, h, path, "Sec-Fetch-Dest", "iframe")
		if plain.StatusCode != inFrame.StatusCode {
			t.Errorf("%s: %d and %d", path, plain.StatusCode, inFrame.StatusCode)
		}
		for name := range plain.Header {
			if a, b := plain.Header.Get(name), inFrame.Header.Get(name); a != b {
				t.Errorf("%s: %s is %q, and in a frame %q", path, name, a, b)
			}
		}
	}
}

func TestLinksThatAFrameCannotFollowOpenAWindow(t *testing.T) {
	h := embedded()
	away := []string{`<a class="brand" href="/"`, `<a class="button" id="sign-in" href="/signin?next=/w/shown"`}
	const window = ` target="_blank" rel="noopener">`
	plain, inFrame := body(t, get(t, h, "/w/shown")), body(t, get(t, h, "/w/shown", "Sec-Fetch-Dest", "iframe"))
	for _, a := range away {
		if !strings.Contains(inFrame, a+window) || !strings.Contains(plain, a+">") {
			t.Errorf("%s in a frame:\n%s", a, inFrame)
		}
	}
	if !strings.Contains(inFrame, `<body class="guest framed">`) || strings.Contains(plain, "framed") || strings.Contains(plain, "_blank") {
		t.Error("a page is not told that it is in a frame, or one that is not is")
	}
	if !strings.Contains(inFrame, `id="to-register" href="/w/shown/register">`) {
		t.Error("the way to the registration leads out of the frame")
	}
	for _, path := range []string{"/w/none", "/w/shown/register"} {
		if page := body(t, get(t, h, path, "Sec-Fetch-Dest", "iframe")); strings.Count(page, `href="/"`) != strings.Count(page, `href="/"`+window) {
			t.Errorf("%s has a link home that opens in the frame:\n%s", path, page)
		}
	}
	if vary := get(t, h, "/w/shown").Header.Get("Vary"); !strings.Contains(vary, "Sec-Fetch-Dest") {
		t.Errorf("Vary is %q", vary)
	}
}
