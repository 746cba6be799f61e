package nodetest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/client"
	"stentor/node/session"
)

var (
	formKey      = regexp.MustCompile(`name="key" value="([A-Z2-7]{26})"`)
	personalLink = regexp.MustCompile(`href="/w/[A-Za-z0-9_-]+#(str_[A-Za-z0-9_-]+)"`)
)

// page asks a node for a page as a browser without script does; a form is posted.
func (m *Mesh) page(node, path string, form url.Values) (int, string) {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if form != nil {
		r = httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	m.Node(node).Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// Somebody without script signs up at an edge, which passes it on to a voter and keeps
// nothing of it, and enters by the personal link of the confirmation.
func TestS54TheRegistrationPageOfAnEdge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		m.start()
		start := time.Now().Add(48 * time.Hour)
		w := m.plan(client.CreateWebinar{Title: "Tides", Schedule: &client.SetSchedule{Start: start, Duration: 3600, Zone: "Europe/Berlin"}}, client.EditWebinar{})
		m.Call("n2", "PUT", "/api/v1/webinars/"+w.ID+"/registration", client.SetRegistration{Window: "always", Fields: []client.Field{
			{ID: "company", Label: "Company", Type: "text", Required: true},
		}}, nil)
		at, shown := "/w/"+w.Link+"/register", ""
		m.Eventually("the edge shows the form", func() bool {
			status, page := m.page("n4", at, nil)
			shown = page
			return status == http.StatusOK && formKey.MatchString(page)
		})
		m.Eventually("the webinar's page leads there, with the time", func() bool {
			status, page := m.page("n4", "/w/"+w.Link, nil)
			return status == http.StatusOK && strings.Contains(page, `href="`+at+`"`) && strings.Contains(page, "Europe/Berlin</time>") && strings.Contains(page, "planned")
		})
		const family = "Lovelace-Unmistakable"
		typed := url.Values{"key": {formKey.FindStringSubmatch(shown)[1]}, "first_name": {"Ada"}, "last_name": {family}, "email": {"ada.unmistakable@example.org"}}
		if status, page := m.page("n4", at, typed); status != http.StatusUnprocessableEntity || !strings.Contains(page, `id="f.company-problem"`) {
			t.Fatalf("S55 without what is required: %d\n%s", status, page)
		}
		typed.Set("f.company", "Analytical")
		var secrets []string
		for range 2 { // a double click is one registration
			status, page := m.page("n4", at, typed)
			link := personalLink.FindStringSubmatch(page)
			if status != http.StatusOK || link == nil || !strings.Contains(page, "data:text/calendar") {
				t.Fatalf("%d\n%s", status, page)
			}
			secrets = append(secrets, link[1])
		}
		if secrets[0] != secrets[1] {
			t.Error("the same form got two personal links")
		}
		typed.Set("key", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
		if status, page := m.page("n5", at, typed); status != http.StatusConflict || !strings.Contains(page, `id="email-problem"`) {
			t.Errorf("the same address again: %d\n%s", status, page)
		}
		m.Eventually("the personal link opens the edge's door", func() bool {
			_, err := m.Node("n4").Door().Join(bg, w.Link, session.Knock{Name: "Ada", Registrant: secrets[0]})
			return err == nil
		})
		m.mustNotHold("n4", family, "ada.unmistakable", secrets[0])
		m.lockedOut(w)
	})
}

// lockedOut locks w: its pages say so, or nothing at all.
func (m *Mesh) lockedOut(w client.Webinar) {
	m.t.Helper()
	yes := true
	m.Call("n1", "PATCH", "/api/v1/webinars/"+w.ID, client.EditWebinar{Locked: &yes}, nil)
	m.Eventually("the page of a locked webinar says so", func() bool {
		_, page := m.page("n4", "/w/"+w.Link, nil)
		return strings.Contains(page, "The host has locked this webinar")
	})
	m.Eventually("nobody registers for it", func() bool {
		status, _ := m.page("n4", "/w/"+w.Link+"/register", nil)
		return status == http.StatusNotFound
	})
}
