package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"stentor/control/client"
	"stentor/control/web"
)

// registry answers as the control API does, for the one link "sea".
type registry struct {
	mu       sync.Mutex // guards the following
	public   client.Public
	problem  *client.Problem // what registering is answered with
	status   string
	mail     string // that has registered
	keys     []string
	remotes  []string
	cookies  int
	received []client.Register
}

func newRegistry() *registry {
	start := time.Date(2031, 3, 4, 17, 30, 0, 0, time.UTC)
	return &registry{status: "approved", public: client.Public{
		Title: "Tides <i>& moons</i>", Description: "What pulls the sea.\nWith <b>questions</b>.", Mode: "role-based", JoinPath: "/w/sea", Open: true,
		Schedule: &client.Schedule{Start: start, Duration: 3600, Zone: "Europe/Berlin", Next: []time.Time{start}},
		Fields: []client.Field{
			{ID: "company", Label: "Company", Type: "text", Required: true},
			{ID: "why", Label: "Why do you come?", Type: "long_text"},
			{ID: "other", Label: "Another address", Type: "email"},
			{ID: "phone", Label: "Phone", Type: "phone"},
			{ID: "years", Label: "Years at sea", Type: "number"},
			{ID: "boat", Label: "Boat", Type: "choice", Required: true, Options: []string{"Sloop", "Ketch"}},
			{ID: "port", Label: "Port", Type: "choice", Options: []string{"A", "B", "C", "D", "E", "F"}},
			{ID: "topics", Label: "Topics", Type: "choices", Options: []string{"Waves", "Wind"}},
			{ID: "terms", Label: "I agree to the <u>terms</u>", Type: "checkbox", Required: true},
		},
	}}
}

func (g *registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.remotes = append(g.remotes, r.RemoteAddr)
	g.cookies += len(r.Cookies()) + len(r.Header.Values("Authorization"))
	switch r.Method + " " + r.URL.Path {
	case "GET /api/v1/public/sea":
		answerJSON(w, 200, g.public)
	case "POST /api/v1/public/sea/registrants":
		var in client.Register
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			problem(w, 400, "malformed_body", err.Error(), "")
			return
		}
		g.received, g.keys = append(g.received, in), append(g.keys, r.Header.Get("Idempotency-Key"))
		if g.problem != nil {
			answerJSON(w, g.problem.Status, g.problem)
			return
		}
		if in.Email == g.mail {
			problem(w, 409, "already_registered", "No.", "")
			return
		}
		answerJSON(w, 201, client.Registered{ID: "r_1", Status: g.status, Secret: registrantToken, LinkPath: "/w/sea#" + registrantToken, ICS: "BEGIN:VCALENDAR\r\n"})
	case "GET /api/v1/public/broken":
		_, _ = w.Write([]byte("not JSON"))
	default:
		problem(w, 404, "registration_unavailable", "Nobody can sign up under this link now.", "")
	}
}

func (g *registry) pages() http.Handler { return web.New(web.Config{Door: door, API: g}) }

// filled is what somebody types who does everything right.
func filled() url.Values {
	return url.Values{
		"first_name": {" Ada "}, "last_name": {"Lovelace"}, "email": {"ada@example.org"}, "f.company": {"Analytical"}, "f.why": {"one\r\ntwo"},
		"f.boat": {"Ketch"}, "f.port": {""}, "f.topics": {"Waves", "Wind"}, "f.terms": {"true"}, "key": {"ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
	}
}

func with(v url.Values, pairs ...string) url.Values {
	for i := 0; i+1 < len(pairs); i += 2 {
		v[pairs[i]] = []string{pairs[i+1]}
	}
	return v
}

func TestS54TheRegistrationPageHasAnInputForEveryField(t *testing.T) {
	page := body(t, get(t, newRegistry().pages(), "/w/sea/register", "Accept-Language", "en"))
	for _, s := range []string{
		`name="first_name" type="text" maxlength="200" autocomplete="given-name"`, `name="last_name"`, `name="email" type="email" maxlength="254"`, // S56
		`name="f.company" type="text"`, `<textarea id="f.why" name="f.why" rows="4" maxlength="5000"`, `name="f.other" type="email"`, `name="f.phone" type="tel"`,
		`name="f.years" type="text" maxlength="500" inputmode="decimal"`, `name="f.boat" type="radio" value="Sloop" required`, `<select id="f.port"`, `<option>F</option>`,
		`name="f.topics" type="checkbox" value="Waves"`, `name="f.terms" type="checkbox" value="true" required`, // S55
		"Tides &lt;i&gt;&amp; moons&lt;/i&gt;", "I agree to the &lt;u&gt;terms&lt;/u&gt;", "With &lt;b&gt;questions", "2031-03-04 18:30 Europe/Berlin", `datetime="2031-03-04T17:30:00Z"`,
	} {
		if !strings.Contains(page, s) {
			t.Errorf("the page lacks %q", s)
		}
	}
	if regexp.MustCompile(`(?i)<script[^>]*>[^<]|<style|\son\w+=|\sstyle=|ZgotmplZ`).MatchString(page) {
		t.Errorf("the page has something inline:\n%s", page)
	}
}

func TestWhatIsWrongStandsBesideTheFieldAndWhatWasTypedStays(t *testing.T) {
	for _, test := range []struct {
		name, field, typed, sentence string
	}{
		{"a name is needed", "first_name", " ", "Please fill this in."},
		{"an address is one", "email", "ada at home", "This is not an e-mail address."},
		{"S55 a required field is needed", "f.company", "", "Please fill this in."},
		{"a long text has an end", "f.why", strings.Repeat("x", 5001), "This is too long."},
		{"so has a short one", "f.company", strings.Repeat("x", 501), "This is too long."},
		{"another address is one too", "f.other", "x@", "This is not an e-mail address."},
		{"a phone number has digits", "f.phone", "call me", "This is not a phone number."},
		{"a number is one", "f.years", "many", "This is not a number."},
		{"a choice is among the options", "f.boat", "Submarine", "Please choose from what is offered."},
		{"a required choice is made", "f.boat", "", "Please choose from what is offered."},
		{"several are among the options", "f.topics", "Sharks", "Please choose from what is offered."},
		{"a consent is given", "f.terms", "", "Please tick this"},
		{"text is text", "f.company", "a\x07b", "This has characters that are no text"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRegistry()
			r := post(g.pages(), "/w/sea/register", with(filled(), test.field, test.typed))
			page := body(t, r)
			beside := `id="` + test.field + `-problem">` + test.sentence
			if r.StatusCode != 422 || !strings.Contains(page, beside) {
				t.Errorf("%d, and not %q:\n%s", r.StatusCode, beside, page)
			}
			if !strings.Contains(page, `aria-describedby="`+test.field+`-problem"`) || !strings.Contains(page, `<a href="#`+test.field+`">`) || strings.Count(page, `class="field-problem"`) != 1 {
				t.Error("the sentence does not belong to the one field, or nothing above leads there")
			}
			if len(g.received) != 0 {
				t.Error("it was sent on")
			}
			for _, kept := range []string{`value="Lovelace"`, "one\ntwo</textarea>", `value="Ketch" checked`, `value="Wind" checked`} {
				stays := map[string]string{"f.why": "one", "f.boat": "Ketch", "f.topics": "Wind"}[test.field]
				if !strings.Contains(page, kept) && (stays == "" || !strings.Contains(kept, stays)) {
					t.Errorf("%q was typed and is gone", kept)
				}
			}
		})
	}
}

func TestS49WhoRegistersGetsThePersonalLinkAndTheCalendar(t *testing.T) {
	for status, sentence := range map[string]string{"approved": "You are registered", "pending": "The host will decide", "waitlisted": "You are on the waiting list"} {
		t.Run(status, func(t *testing.T) {
			g := newRegistry()
			g.status = status
			r := post(g.pages(), "/w/sea/register", filled())
			page := body(t, r)
			for _, s := range []string{
				sentence, `href="/w/sea#` + registrantToken + `"`, `value="http://example.com/w/sea#` + registrantToken + `"`, "ada@example.org",
				`download="webinar.ics" href="data:text/calendar;charset=utf-8;base64,QkVHSU46VkNBTEVOREFSDQo="`,
			} {
				if !strings.Contains(page, s) {
					t.Errorf("the page lacks %q:\n%s", s, page)
				}
			}
			if r.StatusCode != 200 || r.Header.Get("Cache-Control") == "" || len(r.Cookies()) != 0 {
				t.Errorf("%d %v", r.StatusCode, r.Header)
			}
			want := client.Register{FirstName: "Ada", LastName: "Lovelace", Email: "ada@example.org", Locale: "en", Fields: map[string][]string{
				"company": {"Analytical"}, "why": {"one\ntwo"}, "boat": {"Ketch"}, "topics": {"Waves", "Wind"}, "terms": {"true"}}}
			got, _ := json.Marshal(g.received)
			if wish, _ := json.Marshal([]client.Register{want}); string(got) != string(wish) {
				t.Errorf("sent on: %s", got)
			}
			if !slices.Equal(g.keys, []string{"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}) || g.cookies != 0 || slices.Contains(g.remotes, "") {
				t.Errorf("keys %v, %d credentials, from %v", g.keys, g.cookies, g.remotes)
			}
		})
	}
}

func TestARegistrationThatCannotBeSaysWhyAndWhatToDo(t *testing.T) {
	opens := time.Date(2031, 3, 1, 8, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name, path string
		change     func(g *registry)
		status     int
		with       []string
	}{
		{"not open yet, with the time", "/w/sea/register", func(g *registry) {
			g.public.Open, g.public.Reason, g.public.OpensAt = false, "registration_not_open", &opens
		}, 200, []string{"The registration is not open yet.", "2031-03-01 09:00 Europe/Berlin", `href="/w/sea"`}},
		{"full", "/w/sea/register", func(g *registry) { g.public.Open, g.public.Reason = false, "registration_full" }, 200, []string{"All places", "ask the host"}},
		{"closed, or no link at all", "/w/none/register", nil, 404, []string{"Nobody can register under this link now", `href="/w/none"`}},
		{"no answer from a voter", "/w/broken/register", nil, 503, []string{"Try again in a moment"}},
		{"no link", "/w/%3Cscript%3E/register", nil, 404, []string{"There is no such page here."}},
		{"the waiting list", "/w/sea/register", func(g *registry) { g.public.Waiting = true }, 200, []string{"waiting list", `id="register"`}},
		{"the host's decision", "/w/sea/register", func(g *registry) { g.public.Approval = true }, 200, []string{"The host decides on each registration.", `id="register"`}},
		{"the end of the registration", "/w/sea/register", func(g *registry) { g.public.ClosesAt = &opens }, 200, []string{"The registration closes:", "2031-03-01 09:00"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRegistry()
			if test.change != nil {
				test.change(g)
			}
			r := get(t, g.pages(), test.path)
			page := body(t, r)
			if r.StatusCode != test.status {
				t.Errorf("status %d", r.StatusCode)
			}
			for _, s := range test.with {
				if !strings.Contains(page, s) {
					t.Errorf("the page lacks %q:\n%s", s, page)
				}
			}
		})
	}
}

func TestARefusalOfTheControlAPIKeepsTheForm(t *testing.T) {
	for _, test := range []struct {
		name    string
		problem client.Problem
		with    []string
	}{
		{"S60 an address that is taken, beside it", client.Problem{Code: "already_registered", Status: 409}, []string{`id="email-problem">You have registered for this webinar before. Open the personal link`}},
		{"full since", client.Problem{Code: "registration_full", Status: 409}, []string{"All places of this webinar are taken."}},
		{"too many of one network", client.Problem{Code: "too_many_requests", Status: 429}, []string{"Wait a few seconds and try again."}},
		{"a field that is new", client.Problem{Code: "invalid_answers", Status: 422, Fields: []client.FieldError{{Location: "body.fields.company", Message: "A new rule."}}}, []string{`id="f.company-problem">A new rule.`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newRegistry()
			g.problem = &test.problem
			r := post(g.pages(), "/w/sea/register", filled())
			page := body(t, r)
			for _, s := range append(test.with, `value="Lovelace"`, `value="Analytical"`, `id="problem" role="alert"`) {
				if !strings.Contains(page, s) {
					t.Errorf("the page lacks %q:\n%s", s, page)
				}
			}
			if r.StatusCode != test.problem.Status {
				t.Errorf("status %d", r.StatusCode)
			}
		})
	}
}

func TestAFormThatIsTooLargeIsNotRead(t *testing.T) {
	g := newRegistry()
	r := post(g.pages(), "/w/sea/register", with(filled(), "f.why", strings.Repeat("x", 70<<10)))
	if r.StatusCode != 413 || len(g.received) != 0 {
		t.Errorf("%d, %d sent on", r.StatusCode, len(g.received))
	}
}

func TestMarkupInAnAnswerStaysText(t *testing.T) {
	for _, markup := range []string{`"><script>alert(1)</script>`, `</textarea><img src=x onerror=alert(1)>`, `' onfocus='alert(1)`, `{{.Link}}`} {
		v := with(filled(), "first_name", markup, "f.why", markup, "f.company", markup, "email", markup, "key", markup)
		page := body(t, post(newRegistry().pages(), "/w/sea/register", v))
		if strings.ContainsAny(markup, `<"'`) && strings.Contains(page, markup) {
			t.Errorf("%q came back as it was", markup)
		}
	}
}

func TestWithoutAControlAPIThereIsNoRegistrationPage(t *testing.T) {
	if r := get(t, pages(true), "/w/open/register"); r.StatusCode != 404 {
		t.Errorf("status %d", r.StatusCode)
	}
}

// planned is the door of webinars that are not open to everybody.
func planned(link string) (web.Webinar, error) {
	w := web.Webinar{Title: "Tides", State: "planned", Start: time.Now().Add(2*time.Hour + 30*time.Second), Zone: "Asia/Tokyo", Description: "What pulls the sea."}
	w.Locked, w.Registration = link == "locked", link == "sea"
	return w, nil
}

func TestTheGuestPageLeadsOnWhereNobodyEntersByIt(t *testing.T) {
	h := web.New(web.Config{Door: planned, API: newRegistry()})
	form := regexp.MustCompile(`<form id="join"[^>]* hidden>`)
	for _, test := range []struct {
		name, path string
		hidden     bool
		with       []string
	}{
		{"open to all", "/w/open", false, []string{"What pulls the sea.", "Asia/Tokyo</time>", `class="countdown"`}},
		{"locked", "/w/locked", true, []string{"The host has locked this webinar", "Do you have a personal link?", "Try again"}},
		{"S49 with registration", "/w/sea", true, []string{`href="/w/sea/register"`, "Only those who have registered", "Do you have a personal link?"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			page := body(t, get(t, h, test.path))
			if form.MatchString(page) != test.hidden {
				t.Errorf("the form is hidden: %v", !test.hidden)
			}
			for _, s := range test.with {
				if !strings.Contains(page, s) {
					t.Errorf("the page lacks %q:\n%s", s, page)
				}
			}
		})
	}
}

// TestRegistrationInABrowser goes from the webinar's page over a mistake to the personal
// link and through it, on a phone and on a desk.
func TestRegistrationInABrowser(t *testing.T) {
	g := newRegistry()
	url := onLoopback(t, web.New(web.Config{Version: "v1.2.3", ShowVersion: true, Door: planned, API: g}))
	tab := newBrowser(t).open("registration")
	tab.do("open", chromedp.Navigate(url+"/w/locked"))
	tab.says("locked this webinar")
	tab.pictures("locked")
	tab.do("open", chromedp.Navigate(url+"/w/sea"))
	tab.until("the countdown", `document.querySelector(".countdown").textContent === "in 2 hours"`)
	tab.until("the visitor's time, and no longer Tokyo's", `!document.querySelector("time").textContent.includes("Tokyo") && document.querySelector("time").title.includes("Tokyo")`)
	tab.pictures("door")
	tab.click("#to-register")
	tab.says("What is marked with * is needed.")
	tab.pictures("form")
	for selector, text := range map[string]string{"#first_name": "Ada", "#last_name": "Lovelace", "#email": "ada@example.org"} {
		tab.fill(selector, text)
	}
	tab.do("let the server look at it", chromedp.Evaluate[chromedp.Void](`document.getElementById("register").noValidate = true`))
	tab.click("#register button")
	tab.says("Please look at what is marked")
	tab.until("the first mistake has the focus", `document.activeElement.name === "f.company"`)
	tab.until("what was typed is there", `document.getElementById("last_name").value === "Lovelace"`)
	tab.pictures("mistakes")
	tab.fill(`[name="f.company"]`, "Analytical")
	tab.click(`[name="f.boat"][value="Ketch"]`)
	tab.click(`[name="f.terms"]`)
	tab.click("#register button")
	tab.says("You are registered")
	tab.pictures("confirmation")
	tab.click("#enter")
	tab.until("the personal link opens the form", `location.pathname === "/w/sea" && document.getElementById("join")?.hidden === false && document.getElementById("way-in").hidden`)
	tab.says("This is your personal link.")
	tab.pictures("personal")
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.received) != 1 || g.received[0].Fields["boat"][0] != "Ketch" || !regexp.MustCompile(`^[A-Z2-7]{26}$`).MatchString(g.keys[0]) {
		t.Errorf("sent on: %v by %v", g.received, g.keys)
	}
}
