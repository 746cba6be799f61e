package web_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"stentor/control/web"
)

const (
	rightPIN        = "83619275"
	inviteToken     = "sti_0123456789012345678901234567890123456789012"
	registrantToken = "str_0123456789012345678901234567890123456789012"
	apiToken        = "sta_0123456789012345678901234567890123456789012"
)

// backend stands in for a node: one webinar behind the link "tides", with the
// door's and the control API's answers as a node gives them.
type backend struct {
	t     *testing.T
	media *forwarder

	mu         sync.Mutex // guards the following
	live       bool
	lobby      bool // the next ones wait
	spent      bool // and too many wrong PINs were tried
	deaf       bool // a proxy in between lets no WebSocket through
	state      string
	pin        string
	people     []map[string]any
	bans       []map[string]any
	invites    []map[string]any
	banned     map[string]bool // devices
	devices    map[string]string
	changed    chan struct{}
	removed    map[string]string // participant -> code
	admissions int
	urls       []string // every URL that was asked for
	version    string
	webinars   []map[string]any
}

func newBackend(t *testing.T) *backend {
	b := &backend{
		t: t, state: "planned", pin: rightPIN, version: "v1.2.3",
		people: []map[string]any{}, bans: []map[string]any{}, invites: []map[string]any{},
		banned: map[string]bool{}, devices: map[string]string{}, removed: map[string]string{}, changed: make(chan struct{}),
	}
	b.webinars = []map[string]any{b.webinar("w_tides", "tides", "Tides and moons: what pulls the sea")}
	b.media = newForwarder(t, func(live bool) { b.change(func() { b.live = live }) })
	return b
}

func (b *backend) webinar(id, link, title string) map[string]any {
	return map[string]any{"id": id, "title": title, "mode": "role-based", "link": link, "join_path": "/w/" + link, "state": "planned", "has_pin": true, "created_at": time.Now(), "version": 1}
}

// change does something and wakes whoever listens.
func (b *backend) change(what func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	what()
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *backend) door(link string) (web.Webinar, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if link != "tides" {
		return web.Webinar{}, &web.Refusal{Code: "not_found"}
	}
	return web.Webinar{Title: b.webinars[0]["title"].(string), Mode: "role-based", State: b.state, PINRequired: b.pin != "", Live: b.live}, nil
}

// handler puts the pages and the answers together.
func (b *backend) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", web.New(web.Config{Version: "v1.2.3", ShowVersion: true, Door: b.door}))
	mux.HandleFunc("GET /api/v1/door/tides", b.describe)
	mux.HandleFunc("POST /api/v1/door/tides/join", b.join)
	mux.HandleFunc("POST /api/v1/door/tides/refresh", b.refresh)
	mux.HandleFunc("GET /api/v1/door/tides/events", b.events)
	mux.HandleFunc("POST /whip/tides/main", func(w http.ResponseWriter, r *http.Request) { b.media.signal(w, r, b.media.publish) })
	mux.HandleFunc("DELETE /whip/tides/main/session", func(http.ResponseWriter, *http.Request) { b.media.stop() })
	mux.HandleFunc("POST /whep/tides", b.watch)
	mux.HandleFunc("DELETE /whep/tides/session", func(http.ResponseWriter, *http.Request) {})
	b.control(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.urls = append(b.urls, r.URL.String())
		b.mu.Unlock()
		mux.ServeHTTP(w, r)
	})
}

// asked counts the requests for a path, whatever the query.
func (b *backend) asked(path string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, url := range b.urls {
		if before, _, _ := strings.Cut(url, "?"); before == path {
			n++
		}
	}
	return n
}

func (b *backend) describe(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	answerJSON(w, 200, map[string]any{"title": "Tides", "link": "tides", "state": b.state, "pin_required": b.pin != "", "live": b.live, "version": b.version})
}

func (b *backend) join(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name, PIN, Invite, Registrant, Device string
		Takeover                              bool
	}
	body := json.NewDecoder(r.Body)
	body.DisallowUnknownFields() // as a node does
	if err := body.Decode(&in); err != nil {
		b.t.Errorf("join: %v", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case in.Name == "":
		b.t.Error("nobody may join without a name")
	case len(in.Device) != 43:
		b.t.Errorf("the device key is %q", in.Device)
	case b.banned[in.Device]:
		problem(w, 403, "banned", "The host has removed you from this webinar.", "")
		return
	case in.Invite != "" && in.Invite != inviteToken:
		problem(w, 403, "invalid_invite", "No.", "")
		return
	case in.Registrant != "" && in.Registrant != registrantToken:
		problem(w, 403, "invalid_registration", "No.", "")
		return
	case in.Invite == "" && in.Registrant == "" && in.PIN != b.pin:
		problem(w, 403, "wrong_pin", "No.", "")
		return
	case in.Registrant != "" && !b.alone(in.Device, in.Takeover):
		problem(w, 409, "already_inside", "You are inside already, on another device.", "")
		return
	}
	b.admissions++
	id, role := fmt.Sprintf("p_%d", b.admissions), "attendee"
	if in.Invite != "" {
		in.Name, role = "Grace Hopper", "presenter" // the invite's name, whatever was typed
	}
	b.devices[id] = in.Device
	p := map[string]any{"id": id, "name": in.Name, "role": role, "node": "n3", "since": time.Now(), "uses": []string{"watch"}, "waiting": b.lobby, "unchecked": b.spent, "registration": in.Registrant}
	b.people = append(b.people, p)
	close(b.changed)
	b.changed = make(chan struct{})
	answerJSON(w, 200, grant(p))
}

func grant(p map[string]any) map[string]any {
	return map[string]any{"token": "sts1." + p["id"].(string), "participant": p["id"], "name": p["name"], "role": p["role"], "waiting": p["waiting"], "pin_unchecked": p["unchecked"], "expires_at": time.Now().Add(5 * time.Minute)}
}

// alone reports whether whoever registered is inside on this device alone; with
// takeover they are, from now on.
func (b *backend) alone(device string, takeover bool) bool {
	for _, p := range b.people {
		id := p["id"].(string)
		if p["registration"] != registrantToken || b.devices[id] == device {
			continue
		}
		if !takeover {
			return false
		}
		b.remove(id, "superseded")
	}
	return true
}

// remove puts somebody out, who hears the code.
func (b *backend) remove(id, code string) {
	b.people = slices.DeleteFunc(slices.Clone(b.people), func(p map[string]any) bool { return p["id"] == id })
	b.removed[id] = code
}

// edit changes what holds for everybody inside.
func (b *backend) edit(key string, value any) {
	b.change(func() {
		for i, p := range b.people {
			p = maps.Clone(p)
			p[key] = value
			b.people[i] = p
		}
	})
}

// who is the participant of a session token, "" when there is none inside.
func (b *backend) who(token string) map[string]any {
	for _, p := range b.people {
		if "sts1."+p["id"].(string) == strings.TrimPrefix(token, "Bearer ") {
			return p
		}
	}
	return nil
}

func (b *backend) refresh(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.who(r.Header.Get("Authorization"))
	if p == nil {
		problem(w, 401, "token_invalid", "No.", "")
		return
	}
	answerJSON(w, 200, grant(p))
}

func (b *backend) watch(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	p, live := b.who(r.Header.Get("Authorization")), b.live
	b.mu.Unlock()
	switch {
	case p == nil:
		problem(w, 401, "token_invalid", "No.", "")
	case p["waiting"] == true:
		problem(w, 409, "in_lobby", "You are in the lobby.", "5")
	case !live:
		problem(w, 409, "not_live", "Nobody is on air.", "30")
	default:
		b.media.signal(w, r, b.media.view)
	}
}

func (b *backend) events(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	deaf := b.deaf
	b.mu.Unlock()
	if deaf {
		problem(w, 426, "websocket_only", "No.", "")
		return
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	var hello struct{ Token string }
	if err := wsjson.Read(r.Context(), conn, &hello); err != nil {
		return
	}
	ctx := conn.CloseRead(r.Context())
	var before map[string]any // as was told
	for {
		b.mu.Lock()
		p, live, changed := b.who(hello.Token), b.live, b.changed
		code := b.removed[strings.TrimPrefix(hello.Token, "sts1.")]
		b.mu.Unlock()
		if p == nil {
			if code == "" {
				code = "token_invalid"
			}
			_ = wsjson.Write(ctx, conn, map[string]any{"type": "removed", "code": code, "detail": "You were removed."})
			_ = conn.Close(websocket.StatusPolicyViolation, code)
			return
		}
		for _, m := range news(before, p, live) {
			if err := wsjson.Write(ctx, conn, m); err != nil {
				return
			}
		}
		before = p
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// news are the messages after a change, as node/signal/messages.go has them; before is
// nil at first. One is of a later version.
func news(before, now map[string]any, live bool) []map[string]any {
	may := map[string]any{"audio": true, "video": true, "messages": false, "files": false, "images": false}
	if before == nil {
		return []map[string]any{{"type": "welcome", "participant": now["id"], "role": now["role"], "live": live, "on_stage": true, "waiting": now["waiting"], "raised": false, "permissions": may}}
	}
	out := []map[string]any{
		{"type": "permissions", "role": now["role"], "permissions": may, "stopped": map[string]any{"audio": true, "video": false}},
		{"type": "stage", "live": live, "on_stage": true},
		{"type": "hand", "raised": true},
		{"type": "of_a_later_version", "role": []int{7}},
	}
	if before["waiting"] == true && now["waiting"] != true {
		out = append([]map[string]any{{"type": "admitted"}}, out...)
	}
	return out
}

// control answers the host console.
func (b *backend) control(mux *http.ServeMux) {
	one := "/api/v1/webinars/{id}"
	routes := map[string]func(r *http.Request, in map[string]any) (int, any){
		"GET /api/v1/webinars": func(*http.Request, map[string]any) (int, any) { return 200, map[string]any{"items": b.webinars} },
		"POST /api/v1/webinars": func(_ *http.Request, in map[string]any) (int, any) {
			made := b.webinar(fmt.Sprintf("w_%d", len(b.webinars)), fmt.Sprintf("link%d", len(b.webinars)), in["title"].(string))
			made["has_pin"] = in["generate_pin"] == true || in["pin"] != nil
			b.webinars = append(b.webinars, made)
			if in["generate_pin"] == true {
				made = b.webinar(made["id"].(string), made["link"].(string), made["title"].(string))
				made["pin"] = "40718263"
			}
			return 201, made
		},
		"GET " + one: func(r *http.Request, _ map[string]any) (int, any) { return 200, b.byID(r) },
		"POST " + one + "/end": func(r *http.Request, _ map[string]any) (int, any) {
			b.byID(r)["state"] = "ended"
			return 200, b.byID(r)
		},
		"PUT " + one + "/pin": func(r *http.Request, in map[string]any) (int, any) {
			b.byID(r)["has_pin"] = true
			return 200, map[string]any{"pin": in["value"], "weak": true}
		},
		"DELETE " + one + "/pin": func(r *http.Request, _ map[string]any) (int, any) {
			b.byID(r)["has_pin"] = false
			return 204, nil
		},
		"GET " + one + "/invites": func(*http.Request, map[string]any) (int, any) { return 200, map[string]any{"items": b.invites} },
		"POST " + one + "/invites": func(_ *http.Request, in map[string]any) (int, any) {
			made := map[string]any{"id": "i_1", "name": in["name"], "role": in["role"], "whip_path": "/whip/tides/main"}
			b.invites = append(b.invites, made)
			return 201, map[string]any{"id": "i_1", "name": in["name"], "role": in["role"], "whip_path": "/whip/tides/main", "secret": inviteToken, "link_path": "/w/tides#invite=" + inviteToken}
		},
		"GET " + one + "/participants": func(*http.Request, map[string]any) (int, any) {
			return 200, map[string]any{"items": b.people, "unreachable": []string{}}
		},
		"POST " + one + "/participants/{pid}/disconnect": b.disconnect,
		"GET " + one + "/bans":                           func(*http.Request, map[string]any) (int, any) { return 200, map[string]any{"items": b.bans} },
		"GET " + one + "/unconnected":                    func(*http.Request, map[string]any) (int, any) { return 200, map[string]any{"items": []any{}} },
		"DELETE " + one + "/bans/{bid}": func(*http.Request, map[string]any) (int, any) {
			b.bans, b.banned = []map[string]any{}, map[string]bool{}
			return 204, nil
		},
		"GET /api/v1/me": func(*http.Request, map[string]any) (int, any) {
			return 200, map[string]any{"kind": "token", "id": "t_1", "name": "host", "scopes": []string{"host"}}
		},
	}
	for pattern, act := range routes {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer "+apiToken {
				problem(w, 401, "token_unknown", "No.", "")
				return
			}
			in := map[string]any{}
			_ = json.NewDecoder(r.Body).Decode(&in) // most have no body
			var status int
			var out any
			b.change(func() { status, out = act(r, in) })
			answerJSON(w, status, out)
		})
	}
}

func (b *backend) byID(r *http.Request) map[string]any {
	for _, w := range b.webinars {
		if w["id"] == r.PathValue("id") {
			return w
		}
	}
	b.t.Errorf("no webinar %q", r.PathValue("id"))
	return map[string]any{}
}

func (b *backend) disconnect(r *http.Request, in map[string]any) (int, any) {
	id := r.PathValue("pid")
	var name any
	for _, p := range b.people {
		if p["id"] == id {
			name = p["name"]
		}
	}
	b.remove(id, "disconnected")
	if in["ban"] != true {
		return 200, map[string]any{"index": 7, "present": true}
	}
	b.removed[id] = "banned"
	b.banned[b.devices[id]] = true
	b.bans = append(b.bans, map[string]any{"id": "b_1", "participant": id, "name": name, "strength": "weak", "keys": []string{"device"}, "at": time.Now()})
	return 200, map[string]any{"ban": map[string]any{"id": "b_1", "strength": "weak"}, "index": 7, "present": true}
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if v != nil {
		_ = json.NewEncoder(w).Encode(v)
	}
}

func problem(w http.ResponseWriter, status int, code, detail, retry string) {
	if retry != "" {
		w.Header().Set("Retry-After", retry)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": code, "detail": detail, "status": status})
}
