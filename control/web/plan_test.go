package web_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"stentor/control"
	"stentor/control/api"
	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/web"
	"stentor/control/webinar"
)

// planner is the real control API over the real replicated state, behind the pages; only
// the log has one reader, and who is inside is what the test says.
type planner struct {
	t     *testing.T
	url   string
	token string

	mu      sync.Mutex // guards the following
	state   *control.State
	changed chan struct{}
	index   uint64
	inside  []api.Present
	mesh    api.Status
}

func servePlanned(t *testing.T) *planner { return servePlannedBy(t, func(*api.Config, string) {}) }

// servePlannedBy is servePlanned with another Config; base is where the pages are served.
func servePlannedBy(t *testing.T, change func(c *api.Config, base string)) *planner {
	p := &planner{t: t, state: control.NewState(), changed: make(chan struct{})}
	p.command(&controlpb.Command{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: 2}}})
	id, token, hash, err := api.NewToken(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.token = token
	p.command(&controlpb.Command{Kind: &controlpb.Command_CreateApiToken{CreateApiToken: &controlpb.CreateAPIToken{Id: id, Name: "host", Hash: hash[:], Scopes: []string{"host"}}}})
	mux := http.NewServeMux()
	p.url = onLoopback(t, mux)
	config := api.Config{Store: p, Roster: p, Mesh: p, PINKey: bytes.Repeat([]byte{7}, 32), CA: [32]byte{1}, Now: time.Now, Rand: rand.Reader, Version: "v1.2.3"}
	change(&config, p.url)
	a, err := api.New(config)
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/api/v1/", a.Handler())
	mux.Handle("/", web.New(web.Config{Version: "v1.2.3", Door: func(string) (web.Webinar, error) { return web.Webinar{}, &web.Refusal{Code: "not_found"} }}))
	return p
}

// admin makes a token with both scopes.
func (p *planner) admin() string {
	p.t.Helper()
	id, token, hash, err := api.NewToken(rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	p.command(&controlpb.Command{Kind: &controlpb.Command_CreateApiToken{CreateApiToken: &controlpb.CreateAPIToken{Id: id, Name: "admin", Hash: hash[:], Scopes: []string{"admin", "host"}}}})
	return token
}

func (p *planner) State() *control.State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

func (p *planner) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

func (p *planner) Propose(_ context.Context, c *controlpb.Command) (control.Result, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.index++
	next, result := p.state.Apply(p.index, c)
	if result.Halt != nil {
		return control.Result{}, result.Halt
	}
	p.state = next
	close(p.changed)
	p.changed = make(chan struct{})
	return result, result.Err
}

func (p *planner) command(c *controlpb.Command) {
	p.t.Helper()
	c.ProposedAt = time.Now().UnixNano()
	if _, err := p.Propose(context.Background(), c); err != nil {
		p.t.Fatal(err)
	}
}

// Participants are those of the test, as a node tells it: who was admitted waits no more,
// who was disconnected is gone.
func (p *planner) Participants(_ context.Context, id string) ([]api.Present, []string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var inside []api.Present
	for _, v := range p.inside {
		held, _ := p.state.Webinar(id).Participant(v.ID)
		v.Waiting = v.Waiting && !held.Admitted
		if !slices.ContainsFunc(slices.Collect(p.state.Webinar(id).Removals()), func(m webinar.Removal) bool { return m.Participant == v.ID }) {
			inside = append(inside, v)
		}
	}
	return inside, nil, nil
}

// Ask is one node's answer: all that there is.
func (p *planner) Ask(ctx context.Context, id string, heard func([]api.Present)) {
	inside, _, _ := p.Participants(ctx, id)
	heard(inside)
}

// Status is the mesh of the test; a node that was removed is in it no more.
func (p *planner) Status(context.Context) (api.Status, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.mesh
	s.Nodes = slices.DeleteFunc(slices.Clone(s.Nodes), func(n api.NodeStatus) bool { return p.state.Node(n.Node).GetRemoved() })
	return s, nil
}

// Drain is what the node of the test is told.
func (p *planner) Drain(_ context.Context, node string, on bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.mesh.Nodes, func(n api.NodeStatus) bool { return n.Node == node })
	if i < 0 {
		return api.ErrNoNode
	}
	p.mesh.Nodes = slices.Clone(p.mesh.Nodes)
	p.mesh.Nodes[i].Draining = on
	return nil
}

func (p *planner) DrawKey() *controlpb.BeginKeyRotation { return nil }

// ask makes a request past the page, and reads its answer.
func ask[T any](p *planner, method, path, body string) T {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.url+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	if strings.HasPrefix(path, "/public/") {
		r.Header.Del("Authorization")
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	var out T
	if err := json.NewDecoder(answer.Body).Decode(&out); err != nil || answer.StatusCode > 299 {
		p.t.Fatalf("%s %s: %d %v %+v", method, path, answer.StatusCode, err, out)
	}
	return out
}

func (p *planner) only() client.Webinar {
	p.t.Helper()
	all := ask[client.Webinars](p, "GET", "/webinars", "")
	if len(all.Items) != 1 {
		p.t.Fatalf("there are %d webinars", len(all.Items))
	}
	return all.Items[0]
}

// value sets a field of a form that keys do not fill alike everywhere.
func (tab *tab) value(selector, value string) {
	tab.t.Helper()
	set, _ := json.Marshal([]string{selector, value})
	tab.until("set "+selector, `(([s, v]) => { const e = document.querySelector(s); if (!e) return false; e.value = v; for (const n of ["input", "change"]) e.dispatchEvent(new Event(n, { bubbles: true })); return e.value === v; })(`+string(set)+`)`)
}

// TestS22HostPlansOnThreeTabs plans a webinar with a registration, changes it, and meets
// somebody who was quicker.
func TestS22HostPlansOnThreeTabs(t *testing.T) {
	p := servePlanned(t)
	host := newBrowser(t).open("plan")
	host.do("open", chromedp.Navigate(p.url+"/host#token="+p.token))
	host.click("#new")
	host.fill("#title", "Tides and moons")
	host.value("#start", "2031-07-01T15:30")
	host.value("#zone", "Europe/Berlin")
	host.value("#duration", "90")
	host.value("#repeat", "WEEKLY")
	host.value("#times", "3")
	host.until("the next dates are shown before it is saved", `document.querySelectorAll("#next-dates li").length === 3`)
	host.value("#repeat", "WEEKDAYS")
	host.value("#times", "9")
	host.until("from Tuesday the fifth weekday is the next Monday", `[...document.querySelectorAll("#next-dates li")].map((l) => /Jul (\d+)/.exec(l.textContent)?.[1]).join() === "1,2,3,4,7"`)
	host.value("#start", "2031-01-31T15:30")
	host.value("#repeat", "MONTHLY")
	host.until("a month without that day is passed over", `document.querySelectorAll("#next-dates li")[1]?.textContent.includes("Mar 31")`)
	host.value("#start", "2031-07-01T15:30")
	host.value("#repeat", "WEEKLY")
	host.value("#times", "3")
	host.pictures("general")

	host.click("#plan-tab-registration")
	host.until("S30 a PIN leaves no room for a registration", `document.getElementById("registers").disabled && document.getElementById("registration-excluded")`)
	host.pictures("registration-excluded")
	host.click("#instead")
	host.until("S30 a registration leaves no room for a PIN", `[...document.querySelectorAll("#plan-pin input")].every((i) => i.disabled) && document.getElementById("pin-excluded")`)
	host.value("#window", "interval")
	host.value("#opens_at", "2031-06-01T09:00")
	host.value("#closes_at", "2031-06-30T18:00")
	host.value("#maximum", "25")
	host.click("#approval")
	host.click("#add-field")
	host.value(".asked-field input", "Which sea?")
	host.value(".asked-field select", "choice")
	host.click("#plan-tab-advanced")
	host.click("#video")
	host.value("#guest_limit", "500")
	host.value("#lobby", "guests")
	host.value("#partition", "strict")
	host.value("#retention_days", "7")
	host.click("#locked")
	host.pictures("advanced")
	host.click("#plan-save")
	host.until("what is missing is shown on its tab", `!document.getElementById("plan-registration").hidden && document.activeElement.tagName === "TEXTAREA"`)
	host.seen("missing")
	host.value(".asked-field textarea", "North Sea\nBaltic Sea\n")
	host.click(".asked-field .choice input")
	host.size(390, 844, "light")
	host.until("on a phone the words are beside the arrows or above them, not below them", `(() => {
		const words = document.createRange();
		words.selectNodeContents(document.querySelector(".asked-field .choice"));
		const [w, b] = [words.getBoundingClientRect(), document.querySelector(".asked-field .row .button").getBoundingClientRect()];
		return w.width > 0 && (w.right <= b.left || w.bottom <= b.top);
	})()`)
	host.pictures("registration")
	host.click("#plan-save")
	host.until("it is made", `document.getElementById("new-register")?.value.endsWith("/register")`)
	host.pictures("done")

	w := p.only()
	if w.Title != "Tides and moons" || w.HasPIN || w.GuestLimit != 500 || w.Lobby != "guests" || !w.Locked || w.Guests.Video || !w.Guests.Audio {
		t.Errorf("made %+v", w)
	}
	if w.Partition != "strict" || w.RetentionDays != 7 {
		t.Errorf("cut off: %s, kept for %d days", w.Partition, w.RetentionDays)
	}
	if s := w.Schedule; s == nil || s.Start.Format(time.RFC3339) != "2031-07-01T13:30:00Z" || s.Duration != 5400 || s.Zone != "Europe/Berlin" || s.Rule != "FREQ=WEEKLY;COUNT=3" || len(s.Next) != 3 {
		t.Errorf("at %+v", s)
	}
	g := w.Registration
	if g == nil || g.Window != "interval" || g.OpensAt.Format(time.RFC3339) != "2031-06-01T07:00:00Z" || g.Maximum != 25 || !g.Approval || len(g.Fields) != 1 {
		t.Fatalf("registration %+v", g)
	}
	if f := g.Fields[0]; f.Label != "Which sea?" || f.Type != "choice" || !f.Required || len(f.Options) != 2 {
		t.Errorf("asks %+v", f)
	}

	host.click("#made-open")
	host.click("#plan-link")
	host.until("it is as it was", `document.getElementById("start")?.value === "2031-07-01T15:30" && document.getElementById("times").value === "3"`)
	host.fill("#title", "Tides")
	ask[client.Webinar](p, "PATCH", "/webinars/"+w.ID, `{"guest_limit":7}`)
	host.click("#plan-save")
	host.says("Somebody else has changed this webinar meanwhile.")
	host.pictures("conflict")
	host.click("#plan-save")
	host.until("saved over it", `document.querySelector("h1").textContent === "Tides"`)
	if now := p.only(); now.GuestLimit != 7 || now.Title != "Tides" || now.Registration == nil {
		t.Errorf("what was not touched has changed: %+v", now)
	}

	host.click("#plan-link")
	host.click("#plan-tab-registration")
	host.click("#registers")
	host.click("#plan-tab-general")
	host.click(`input[value="type"]`)
	host.fill("#pin", "1234")
	host.says("This PIN is weak")
	host.click("#plan-save")
	host.until("a PIN in place of a registration", `document.getElementById("new-pin")?.value === "1234"`)
	if now := p.only(); !now.HasPIN || now.Registration != nil {
		t.Errorf("the PIN is %v, the registration %+v", now.HasPIN, now.Registration)
	}
}

// TestS58HostReadsWhoRegistered approves, declines, searches, and takes the file.
func TestS58HostReadsWhoRegistered(t *testing.T) {
	p := servePlanned(t)
	w := ask[client.Webinar](p, "POST", "/webinars", `{"title":"Tides","registration":{"window":"always","approval":true,"fields":[{"id":"sea","label":"Which sea?","type":"text"}]}}`)
	for _, name := range []string{"Ada", "Grace", "<b>Bob</b>"} {
		body, _ := json.Marshal(map[string]any{"first_name": name, "last_name": "X", "email": strings.Trim(name, "</b>") + "@example.org", "fields": map[string][]string{"sea": {"North Sea"}}})
		ask[client.Registered](p, "POST", "/public/"+w.Link+"/registrants", string(body))
	}
	host := newBrowser(t).open("registrants")
	host.do("open", chromedp.Navigate(p.url+"/host#token="+p.token))
	host.click(".row-link")
	host.click("#registrants-link")
	host.until("all are there", `document.querySelectorAll("#registrants tr").length === 3`)
	host.says("<b>Bob</b> X")
	host.says("of 100,000")
	host.click(`#registrants button[aria-label="Approve: Ada X"]`)
	host.until("approved", `[...document.querySelectorAll("#registrants tr")].some((r) => r.textContent.includes("Ada") && r.querySelector(".chip").textContent === "approved")`)
	host.click(`#registrants button[aria-label="Decline: Grace X"]`)
	host.until("declined", `[...document.querySelectorAll("#registrants tr")].some((r) => r.textContent.includes("Grace") && r.querySelector(".chip").textContent === "declined")`)
	host.click("#registrants summary")
	host.says("North Sea")
	host.pictures("table")
	host.fill("#search", "grace")
	host.until("found", `document.querySelectorAll("#registrants tr").length === 1`)
	host.until("the file is asked for", `(() => { const make = URL.createObjectURL; URL.createObjectURL = (b) => { window.taken = b; return make(b); }; return true; })()`)
	host.click("#csv")
	host.until("the file has all of them", `window.taken && (await window.taken.text()).split("\r\n").length === 5 && (await window.taken.text()).includes("ada@example.org".replace("ada", "Ada"))`)
	host.click("#approve-all")
	host.until("nobody waits", `document.getElementById("approve-all").hidden`)
	if now := p.only(); now.Registration.Approved != 2 || now.Registration.Pending != 0 {
		t.Errorf("%+v", now.Registration)
	}
	host.click("#registration-turn")
	host.click("dialog .danger")
	host.until("closed", `document.getElementById("registration-turn").textContent === "Open the registration"`)
	host.seen("closed")
}

// TestS66HostAdmitsAndInvitesAgain is the live view: the lobby, and the way back.
func TestS66HostAdmitsAndInvitesAgain(t *testing.T) {
	p := servePlanned(t)
	w := ask[client.Webinar](p, "POST", "/webinars", `{"title":"Tides","lobby":"guests"}`)
	p.mu.Lock()
	for _, name := range []string{"Ada", "Grace", "Mary"} {
		p.inside = append(p.inside, api.Present{ID: "p_" + name, Name: name, Role: webinar.Attendee, Guest: true, Node: "n1", Since: time.Now(), Uses: []string{"events"}, Waiting: true})
	}
	p.mu.Unlock()
	host := newBrowser(t).open("live")
	host.do("open", chromedp.Navigate(p.url+"/host#token="+p.token))
	host.click(".row-link")
	host.until("three wait", `document.querySelectorAll("#lobby li").length === 3`)
	host.pictures("lobby")
	host.click(`#lobby button[aria-label="Admit: Grace"]`)
	host.until("one is inside", `document.querySelectorAll("#lobby li").length === 2 && document.querySelector("#participants li")?.textContent.includes("Grace")`)
	host.click("#admit-all")
	host.until("all are inside", `document.querySelectorAll("#participants li").length === 3 && document.getElementById("lobby").closest("section").hidden`)
	host.pictures("admitted")

	host.menu("#participants", "Grace", "ban")
	host.click("dialog .danger")
	host.click("dialog .primary")
	host.menu("#participants", "Ada", "disconnect")
	host.click("dialog .danger")
	host.until("S66 both are in the list", `document.querySelectorAll("#unconnected li").length === 2`)
	host.says("may not rejoin")
	host.pictures("unconnected")
	host.click(`#unconnected button[aria-label="Invite again: Ada"]`)
	host.until("S67 one is asked back", `document.querySelectorAll("#unconnected li").length === 1`)
	host.click(`#unconnected button[aria-label="Invite again: Grace"]`)
	host.click("dialog .primary")
	host.until("S69 the ban is lifted", `document.querySelectorAll("#unconnected li").length === 0 && document.querySelectorAll("#bans li").length === 0`)
	if left := ask[client.Bans](p, "GET", "/webinars/"+w.ID+"/bans", ""); len(left.Items) != 0 {
		t.Errorf("bans are left: %+v", left.Items)
	}
}
