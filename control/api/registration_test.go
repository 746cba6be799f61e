package api

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"stentor/control/client"
	"stentor/control/webinar"
)

// form signs somebody up with what they typed.
func (w *world) form(link, body string) reply {
	w.t.Helper()
	return w.do(ask{method: "POST", path: "/api/v1/public/" + link + "/registrants", body: body})
}

// public looks at the registration page.
func (w *world) publicPage(link string) reply {
	w.t.Helper()
	return w.do(ask{method: "GET", path: "/api/v1/public/" + link})
}

func (w *world) registrants(id, query string) []client.Registrant {
	w.t.Helper()
	return decode[client.Registrants](w.do(ask{method: "GET", path: "/api/v1/webinars/" + id + "/registrants" + query, token: w.host}).must(200)).Items
}

func TestS45RegistrationIsOnOrOff(t *testing.T) {
	w := newWorld(t)
	made := w.webinar(`{"title":"All hands"}`)
	if made.Registration != nil {
		t.Errorf("made %+v", made.Registration)
	}
	path := "/api/v1/webinars/" + made.ID + "/registration"
	on := decode[client.Webinar](w.do(ask{method: "PUT", path: path, token: w.host, body: `{"maximum":10}`}).must(200))
	if g := on.Registration; g == nil || g.Window != "end" || g.Maximum != 10 || !g.Open || g.Reason != "" {
		t.Errorf("switched on: %+v", g)
	}
	w.publicPage(made.Link).must(200)
	w.do(ask{method: "DELETE", path: path, token: w.host}).must(204)
	w.publicPage(made.Link).refused(codeRegistrationUnavailable)
	if got := w.store.State().Webinar(made.ID).Registration; got != nil {
		t.Errorf("switched off: %+v", got)
	}
}

func TestS46OnlyThoseWhoSignedUpGetIn(t *testing.T) {
	w := newWorld(t)
	made := w.signed(`{}`)
	if err := w.admit(made.ID, webinar.Visitor{Participant: "p_1", Name: "Ada"}); !errors.Is(err, webinar.ErrRegistrationRequired) {
		t.Errorf("S57 an anonymous person: the door says %v", err)
	}
	got := decode[client.Registered](w.signUp(made.Link, "ada@example.org").must(201))
	if got.Status != "approved" || got.LinkPath != made.JoinPath+"#"+got.Secret || !strings.HasPrefix(got.Secret, "str_") {
		t.Errorf("signed up: %+v", got)
	}
	if err := w.admit(made.ID, webinar.Visitor{Name: "Ada", Registrant: Hash(got.Secret)}); err != nil {
		t.Errorf("the door says %v", err)
	}
	if err := w.admit(made.ID, webinar.Visitor{Name: "Ada", Registrant: Hash("str_x")}); err == nil {
		t.Error("the door lets in whoever guesses")
	}
}

func TestWindowsOfARegistration(t *testing.T) {
	const schedule = `"schedule":{"start":"2026-03-02T12:00:00Z","duration_seconds":3600}`
	at := func(hours float64) time.Duration { return time.Duration(hours * float64(time.Hour)) }
	for _, c := range []struct {
		name, registration string
		after              time.Duration
		open               bool
		reason             string
	}{
		{"S47 until the start", `{"window":"start"}`, at(23.9), true, ""},
		{"S47 until the start, and not longer", `{"window":"start"}`, at(24), false, "registration_closed"},
		{"S48 until the end", `{"window":"end"}`, at(24.9), true, ""},
		{"S48 until the end, and not longer", `{"window":"end"}`, at(25), false, "registration_closed"},
		{"S49 before an interval", `{"window":"interval","opens_at":"2026-03-01T13:00:00Z","closes_at":"2026-03-01T14:00:00Z"}`, at(0.9), false, "registration_not_open"},
		{"S49 in an interval", `{"window":"interval","opens_at":"2026-03-01T13:00:00Z","closes_at":"2026-03-01T14:00:00Z"}`, at(1), true, ""},
		{"S49 after an interval", `{"window":"interval","opens_at":"2026-03-01T13:00:00Z","closes_at":"2026-03-01T14:00:00Z"}`, at(2), false, "registration_closed"},
		{"S50 without limitation", `{"window":"always"}`, at(10000), true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			made := w.webinar(`{"title":"All hands",` + schedule + `,"registration":` + c.registration + `}`)
			w.now = w.now.Add(c.after)
			got := decode[client.Webinar](w.do(ask{method: "GET", path: "/api/v1/webinars/" + made.ID, token: w.host}).must(200)).Registration
			if got.Open != c.open || got.Reason != c.reason || (got.Detail == "") != c.open {
				t.Errorf("the host sees %+v", got)
			}
			out := w.signUp(made.Link, "ada@example.org")
			switch c.reason {
			case "":
				out.must(201)
			case codeRegistrationNotOpen:
				if p := out.refused(c.reason); !strings.Contains(p.Detail, "13:00") {
					t.Errorf("it says %s", p.Detail)
				}
				if page := decode[client.Public](w.publicPage(made.Link).must(200)); page.Open || page.OpensAt == nil || page.Reason != c.reason {
					t.Errorf("the page is %+v", page)
				}
			default:
				out.refused(codeRegistrationUnavailable)
			}
		})
	}
}

func TestS51ARegistrationClosesExactlyAtItsMaximum(t *testing.T) {
	w := newWorld(t)
	made := w.signed(`{"maximum":25}`)
	var mu sync.Mutex
	count := map[string]int{}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				body := fmt.Sprintf(`{"first_name":"Ada","last_name":"L","email":"ada%d.%d@example.org"}`, i, j)
				r := newRequestTo("POST", "/api/v1/public/"+made.Link+"/registrants", body)
				code := r.serve(w.handler)
				mu.Lock()
				count[code]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	approved, _, _ := w.store.State().Webinar(made.ID).RegistrantCounts()
	if approved != 25 || count["201"] != 25 || count[codeRegistrationFull] != 55 {
		t.Errorf("%d approved, answered %v", approved, count)
	}
	page := decode[client.Public](w.publicPage(made.Link).must(200))
	if page.Open || page.Reason != codeRegistrationFull {
		t.Errorf("the page is %+v", page)
	}
}

func TestS52TheMaximumDependsOnTheMode(t *testing.T) {
	w := newWorld(t)
	for mode, most := range map[string]int{"role-based": 100_000, "all-on-screen": 1_000} {
		made := w.webinar(`{"title":"a","mode":"` + mode + `","registration":{}}`)
		if made.Registration.Maximum != most {
			t.Errorf("%s: %d", mode, made.Registration.Maximum)
		}
	}
	p := w.do(ask{method: "POST", path: "/api/v1/webinars", token: w.host, body: `{"title":"a","mode":"all-on-screen","registration":{"maximum":1001}}`}).refused(codeInvalidRegistration)
	if !strings.Contains(p.Detail, "1000") {
		t.Errorf("it says %s", p.Detail)
	}
}

func TestS53AccountsEnterAlthoughTheyDidNotSignUp(t *testing.T) {
	w := newWorld(t)
	for allowed, registration := range map[bool]string{true: `{"accounts":true}`, false: `{}`} {
		made := w.signed(registration)
		if err := w.admit(made.ID, webinar.Visitor{Name: "Ada", Account: "a_ada"}); (err == nil) != allowed {
			t.Errorf("%s: the door says %v", registration, err)
		}
	}
}

const fullForm = `{"fields":[
	{"id":"company","label":"Company","type":"text","required":true},
	{"id":"why","label":"Why do you come?","type":"long_text"},
	{"id":"mail2","label":"Other mail","type":"email"},
	{"id":"phone","label":"Phone","type":"phone"},
	{"id":"staff","label":"Staff","type":"number"},
	{"id":"meal","label":"Meal","type":"choice","options":["fish","none"]},
	{"id":"days","label":"Days","type":"choices","options":["Mon","Tue"]},
	{"id":"consent","label":"I agree","type":"checkbox","required":true}]}`

func TestS54CustomFieldsAreKeptAndChecked(t *testing.T) {
	w := newWorld(t)
	made := w.signed(fullForm)
	page := decode[client.Public](w.publicPage(made.Link).must(200))
	if len(page.Fields) != 8 || page.Fields[5].Type != "choice" || page.Fields[0].Label != "Company" || !page.Fields[7].Required {
		t.Errorf("the page has %+v", page.Fields)
	}
	fields := func(s string) string {
		return `{"first_name":"Ada","last_name":"L","email":"ada@example.org","fields":{` + s + `}}`
	}
	for _, c := range []struct{ name, answer, field string }{
		{"S55 a required one is missing", `"consent":["true"]`, "company"},
		{"S55 a consent that is not given", `"company":["x"],"consent":["false"]`, "consent"},
		{"S54 no e-mail address", `"company":["x"],"consent":["true"],"mail2":["x"]`, "mail2"},
		{"S54 no phone number", `"company":["x"],"consent":["true"],"phone":["call me"]`, "phone"},
		{"S54 no number", `"company":["x"],"consent":["true"],"staff":["many"]`, "staff"},
		{"S54 none of the options", `"company":["x"],"consent":["true"],"meal":["meat"]`, "meal"},
		{"S54 two of one", `"company":["x"],"consent":["true"],"meal":["fish","none"]`, "meal"},
		{"S54 a field that is not there", `"company":["x"],"consent":["true"],"shoe":["44"]`, "shoe"},
	} {
		p := w.form(made.Link, fields(c.answer)).must(422).refused(codeInvalidAnswers)
		if len(p.Fields) != 1 || p.Fields[0].Location != "body.fields."+c.field {
			t.Errorf("%s: refused with %+v", c.name, p.Fields)
		}
	}
	w.form(made.Link, fields(`"company":["Analytical & Co"],"consent":["true"],"days":["Mon","Tue"],"why":["a\nb"]`)).must(201)
	got := w.registrants(made.ID, "")
	if len(got) != 1 || got[0].Fields["company"][0] != "Analytical & Co" || len(got[0].Fields["days"]) != 2 || got[0].Fields["why"][0] != "a\nb" {
		t.Errorf("S57 what was given is kept: %+v", got)
	}
}

func TestS56StandardFields(t *testing.T) {
	w := newWorld(t)
	link := w.signed(`{}`).Link
	for _, c := range []struct{ body, code, at string }{
		{`{"last_name":"L","email":"a@example.org"}`, codeInvalidRequest, "body"},
		{`{"first_name":"","last_name":"L","email":"a@example.org"}`, codeInvalidRequest, "body.first_name"},
		{`{"first_name":" ","last_name":"L","email":"a@example.org"}`, codeInvalidAnswers, "body.first_name"},
		{`{"first_name":"A","last_name":"L","email":"nowhere"}`, codeInvalidAnswers, "body.email"},
		{`{"first_name":"A","last_name":"L","email":"a@example.org","shoe":"44"}`, codeInvalidRequest, "body.shoe"},
		{`{"first_name":"A","last_name":"L","email":"a@example.org","fields":{"x":"y"}}`, codeInvalidRequest, "body.fields.x"},
		{`{"first_name":"A","last_name":"L","email":"a@example.org","locale":"<b>"}`, codeInvalidRequest, "body.locale"},
	} {
		p := w.form(link, c.body).refused(c.code)
		if len(p.Fields) == 0 || p.Fields[0].Location != c.at {
			t.Errorf("%s: refused with %+v", c.body, p.Fields)
		}
		if strings.Contains(fmt.Sprint(p), "nowhere") {
			t.Errorf("what was typed is told: %+v", p)
		}
	}
}

func TestS58TheHostReadsAndExportsWhatWasGiven(t *testing.T) {
	w := newWorld(t)
	made := w.signed(`{"fields":[{"id":"q","label":"=Question","type":"text"}]}`)
	evil := []string{`=HYPERLINK("http://x","y")`, "+1", "-1", "@SUM(A1)", " =1", "＝1", `"quoted", and more`, "<script>alert(1)</script>", "plain"}
	for i, s := range evil {
		w.form(made.Link, fmt.Sprintf(`{"first_name":%s,"last_name":"L%d","email":"a%d@example.org","fields":{"q":[%s]}}`, quoted(s), i, i, quoted(s))).must(201)
	}
	out := w.do(ask{method: "GET", path: "/api/v1/webinars/" + made.ID + "/registrants.csv", token: w.host}).must(200)
	if got := out.header.Get("Content-Type"); !strings.HasPrefix(got, "text/csv; charset=utf-8") || !strings.HasPrefix(out.header.Get("Content-Disposition"), "attachment;") ||
		out.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the header is %v", out.header)
	}
	if bytes.Count(out.body, []byte("\r\n")) != len(evil)+1 {
		t.Errorf("the lines do not end as RFC 4180 says: %q", out.body)
	}
	lines, err := csv.NewReader(bytes.NewReader(out.body)).ReadAll()
	if err != nil || len(lines) != len(evil)+1 || lines[0][9] != "'=Question" {
		t.Fatalf("the file is %q, %v", lines, err)
	}
	seen := map[string]bool{}
	for _, line := range lines[1:] {
		for _, cell := range line {
			if cell != "" && strings.ContainsAny(strings.TrimLeft(cell, " ")[:1], "=+-@\t\r\n") {
				t.Errorf("a cell is %q", cell)
			}
		}
		seen[line[4]] = true
	}
	for _, want := range []string{`'=HYPERLINK("http://x","y")`, "'+1", `"quoted", and more`, "<script>alert(1)</script>", "plain"} {
		if !seen[want] {
			t.Errorf("%q is not in %v", want, seen)
		}
	}
}

// quoted is s as a JSON text.
func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }

func TestS59TheRegistrantGetsAPersonalLinkAndACalendarFile(t *testing.T) {
	w := newWorld(t)
	made := w.webinar(`{"title":"All hands, and feet","schedule":{"start":"2026-03-02T12:00:00Z","duration_seconds":3600},"registration":{}}`)
	got := decode[client.Registered](w.signUp(made.Link, "ada@example.org").must(201))
	if !strings.Contains(got.ICS, "BEGIN:VEVENT") || !strings.Contains(got.ICS, "20260302T120000Z") || strings.Contains(got.ICS, got.Secret) {
		t.Errorf("the calendar file is %s", got.ICS)
	}
	mails := 0
	for m := range w.store.State().Mails() {
		mails++
		if m.GetSubject() != got.ID || m.GetWebinar() != made.ID {
			t.Errorf("a mail is %v", m)
		}
	}
	if mails == 0 {
		t.Error("no mail is to be sent")
	}
	if strings.Contains(w.log.String(), "ada@example.org") || strings.Contains(w.log.String(), got.Secret) || strings.Contains(w.log.String(), "Lovelace") {
		t.Error("personal data is logged")
	}
	if state := fmt.Sprintf("%+v", w.store.State()); strings.Contains(state, "Lovelace") || strings.Contains(state, got.Secret) {
		t.Error("personal data is kept unsealed")
	}
}

func TestARegistrationIsCancelledByItsSecret(t *testing.T) {
	w := newWorld(t)
	made := w.signed(`{"maximum":1,"waitlist":true}`)
	first := decode[client.Registered](w.signUp(made.Link, "ada@example.org").must(201))
	second := decode[client.Registered](w.signUp(made.Link, "bob@example.org").must(201))
	if page := decode[client.Public](w.publicPage(made.Link).must(200)); !page.Open || !page.Waiting || second.Status != "waitlisted" {
		t.Errorf("M14 the page is %+v, the second %+v", page, second)
	}
	cancel := func(link, secret string) reply {
		return w.do(ask{method: "POST", path: "/api/v1/public/" + link + "/cancel", body: `{"secret":"` + secret + `"}`})
	}
	unknown := cancel("unknown", first.Secret)
	wrong := cancel(made.Link, "str_wrong")
	if unknown.refused(codeRegistrantNotFound); !bytes.Equal(unknown.body, wrong.body) {
		t.Errorf("one can tell %s from %s", unknown.body, wrong.body)
	}
	cancel(made.Link, first.Secret).must(204)
	cancel(made.Link, first.Secret).must(204)
	if got := w.registrants(made.ID, "?status=approved"); len(got) != 1 || got[0].ID != second.ID {
		t.Errorf("M14 approved are %+v", got)
	}
	if err := w.admit(made.ID, webinar.Visitor{Name: "Ada", Registrant: Hash(first.Secret)}); !errors.Is(err, webinar.ErrRegistrationCancelled) {
		t.Errorf("the door says %v", err)
	}
}

func TestTheHostDecides(t *testing.T) {
	w := newWorld(t)
	made := w.signed(`{"approval":true}`)
	var ids []string
	for _, email := range []string{"a@example.org", "b@example.org", "c@example.org"} {
		got := decode[client.Registered](w.signUp(made.Link, email).must(201))
		if got.Status != "pending" {
			t.Errorf("signed up: %+v", got)
		}
		ids = append(ids, got.ID)
	}
	decide := func(decision string, ids ...string) reply {
		return w.do(ask{method: "POST", path: "/api/v1/webinars/" + made.ID + "/registrants/decide", token: w.host,
			body: `{"ids":["` + strings.Join(ids, `","`) + `"],"decision":"` + decision + `"}`})
	}
	out := decode[client.DecidedRegistrants](decide("approve", ids[0], ids[1]).must(200))
	if len(out.Items) != 2 || out.Items[0].Status != "approved" || out.Registration.Approved != 2 || out.Registration.Pending != 1 {
		t.Errorf("decided %+v", out)
	}
	decide("decline", ids[2]).must(200)
	decide("approve", "r_x").refused(codeRegistrantNotFound)
	decide("approve", ids[0], ids[0]).refused(codeInvalidRequest)
	decide("hesitate", ids[0]).refused(codeInvalidRequest)
	one := decode[client.Registrant](w.do(ask{method: "GET", path: "/api/v1/webinars/" + made.ID + "/registrants/" + ids[2], token: w.host}).must(200))
	if one.Status != "declined" || one.Email != "c@example.org" || one.DecidedAt == nil || one.FirstName != "Ada" {
		t.Errorf("the declined one is %+v", one)
	}
}

func TestClosingARegistrationThrowsNobodyOut(t *testing.T) {
	w := newWorld(t)
	made := w.signed(`{"window":"always"}`)
	inside := w.sessions[w.session(made.ID, webinar.Visitor{Name: "Ada", Registrant: Hash(decode[client.Registered](w.signUp(made.Link, "ada@example.org").must(201)).Secret)})].Standing
	set := func(what string) client.Webinar {
		return decode[client.Webinar](w.do(ask{method: "POST", path: "/api/v1/webinars/" + made.ID + "/registration/" + what, token: w.host}).must(200))
	}
	if got := set("close"); got.Registration.Open || !got.Registration.Closed {
		t.Errorf("closed: %+v", got.Registration)
	}
	w.signUp(made.Link, "bob@example.org").refused(codeRegistrationUnavailable)
	if err := w.store.State().Webinar(made.ID).Allowed(inside, w.now); err != nil {
		t.Errorf("who is inside has to go: %v", err)
	}
	kept := decode[client.Webinar](w.do(ask{method: "PUT", path: "/api/v1/webinars/" + made.ID + "/registration", token: w.host, body: `{"window":"always","maximum":5}`}).must(200))
	if !kept.Registration.Closed || kept.Registration.Maximum != 5 {
		t.Errorf("changed to %+v", kept.Registration)
	}
	if got := set("open"); !got.Registration.Open {
		t.Errorf("opened: %+v", got.Registration)
	}
	w.signUp(made.Link, "bob@example.org").must(201)
}

func TestBadForms(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"All hands"}`).ID
	field := func(s string) string { return `{"fields":[` + s + `]}` }
	for _, c := range []struct{ name, body, code string }{
		{"S49 an interval without times", `{"window":"interval"}`, codeInvalidRegistration},
		{"S49 an interval that closes first", `{"window":"interval","opens_at":"2026-04-02T00:00:00Z","closes_at":"2026-04-01T00:00:00Z"}`, codeInvalidRegistration},
		{"S49 times without an interval", `{"window":"end","opens_at":"2026-04-02T00:00:00Z"}`, codeInvalidRegistration},
		{"an unknown window", `{"window":"bay"}`, codeInvalidRequest},
		{"a negative maximum", `{"maximum":-1}`, codeInvalidRequest},
		{"S52 a maximum beyond all modes", `{"maximum":100001}`, codeInvalidRequest},
		{"S54 a field of an unknown type", field(`{"id":"a","label":"A","type":"blood"}`), codeInvalidRequest},
		{"S54 a field without a label", field(`{"id":"a","label":"","type":"text"}`), codeInvalidRequest},
		{"S54 a field with a blank label", field(`{"id":"a","label":" ","type":"text"}`), codeInvalidRegistration},
		{"S54 an id with a space", field(`{"id":"a b","label":"A","type":"text"}`), codeInvalidRequest},
		{"S54 the same id twice", field(`{"id":"a","label":"A","type":"text"},{"id":"a","label":"B","type":"text"}`), codeInvalidRegistration},
		{"S56 the id of a standard field", field(`{"id":"email","label":"A","type":"text"}`), codeInvalidRegistration},
		{"S54 a choice without options", field(`{"id":"a","label":"A","type":"choice"}`), codeInvalidRegistration},
		{"S54 a text with options", field(`{"id":"a","label":"A","type":"text","options":["x"]}`), codeInvalidRegistration},
		{"S54 51 fields", field(strings.TrimSuffix(strings.Repeat(`{"id":"a","label":"A","type":"text"},`, 51), ",")), codeInvalidRequest},
		{"S54 101 options", field(`{"id":"a","label":"A","type":"choice","options":[` + strings.TrimSuffix(strings.Repeat(`"x",`, 101), ",") + `]}`), codeInvalidRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.t = t
			w.do(ask{method: "PUT", path: "/api/v1/webinars/" + id + "/registration", token: w.host, body: c.body}).refused(c.code)
			if w.store.State().Webinar(id).Registration != nil {
				t.Error("the registration is on")
			}
		})
	}
}

// TestUnknownClosedAndLockedLinksAreTheSame holds the answers of the public routes
// against each other, byte for byte, and the work that they take.
func TestUnknownClosedAndLockedLinksAreTheSame(t *testing.T) {
	w := newWorld(t)
	links := map[string]string{"unknown": "aaaaaaaaaaaaaaaaaaaaaa"}
	for name, body := range map[string]string{
		"without registration": `{"title":"a"}`, "locked": `{"title":"a","locked":true,"registration":` + fullForm + `}`,
		"over": `{"title":"a","registration":{"window":"interval","closes_at":"2026-01-01T00:00:00Z"}}`, "with a PIN": `{"title":"a","generate_pin":true}`,
		"closed": `{"title":"a","registration":` + fullForm + `}`, "ended": `{"title":"a","registration":{}}`, "rotated": `{"title":"a","registration":{}}`,
	} {
		made := w.webinar(body)
		links[name] = made.Link
		after := map[string]string{"closed": "/registration/close", "ended": "/end", "rotated": "/link"}[name]
		if after != "" {
			w.do(ask{method: "POST", path: "/api/v1/webinars/" + made.ID + after, token: w.host}).must(200)
		}
	}
	var page, form []byte
	work := map[string]float64{}
	for name, link := range links {
		a, b := w.publicPage(link).must(404), w.signUp(link, "ada@example.org").must(404)
		if page == nil {
			page, form = a.body, b.body
		}
		if !bytes.Equal(a.body, page) || !bytes.Equal(b.body, form) {
			t.Errorf("%s: answered %s and %s, others %s and %s", name, a.body, b.body, page, form)
		}
		if len(a.header) != 3 || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: the header is %v", name, a.header)
		}
		w.form(link, `{"first_name":"A","last_name":"L","email":"nowhere"}`).refused(codeRegistrationUnavailable)
		work[name] = math.Inf(1)
		for range 60 { // the least is the request's own: the race detector takes from pools at random what others left there
			work[name] = min(work[name], testing.AllocsPerRun(1, func() {
				newRequestTo("POST", "/api/v1/public/"+link+"/registrants", `{"first_name":"A","last_name":"L","email":"a@example.org"}`).serve(w.handler)
			}))
		}
	}
	for name, n := range work {
		if m := work["unknown"]; n < 0.97*m || n > 1.03*m {
			t.Errorf("%s takes %v allocations, unknown %v", name, n, m)
		}
	}
}

func TestTheSameKeyOfTwoStrangersIsNotTheSameRequest(t *testing.T) {
	w := newWorld(t)
	link := w.signed(`{}`).Link
	a := ask{method: "POST", path: "/api/v1/public/" + link + "/registrants", from: "192.0.2.1:9",
		body: `{"first_name":"A","last_name":"L","email":"a@example.org"}`, header: http.Header{"Idempotency-Key": {"1"}}}
	first, again := w.do(a).must(201), w.do(a).must(201)
	if !bytes.Equal(first.body, again.body) {
		t.Errorf("first %s, then %s", first.body, again.body)
	}
	a.from = "192.0.2.2:9" // who knows name, address and key does not get the secret
	w.do(a).refused(codeAlreadyRegistered)
}
