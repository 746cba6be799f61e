package signal

import (
	"crypto/sha256"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"stentor/cluster/pki"
	"stentor/control/controlpb"
	"stentor/node/session"
)

// limited serves the state of e by a door of its own.
func (e *edge) limited(l session.Limits) http.Handler {
	cred := credentials(e.t)
	door := session.NewDoor(session.Config{
		Node: "n1", State: func() session.State { return e.State() }, Changed: e.Changed, PINKey: func(string) []byte { return nil },
		Credentials: func() *pki.Credentials { return cred }, Limits: l,
		Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	return New(Config{Door: door, Stage: e, Node: "n1"}).Handler()
}

func TestTooManyFromOneNetworkAreToldWhenToCome(t *testing.T) {
	e := newEdge(t)
	h := e.limited(session.Limits{Burst: 1, PerSecond: 1e-6})
	_, watch := screen(t)
	for _, c := range []struct{ name, from, path, typ, body, want string }{
		{"the first", "192.0.2.7", "/api/v1/door/" + link + "/join", typeJSON, `{"name":"Eve"}`, "pin_required"},
		{"the second", "192.0.2.7", "/api/v1/door/" + link + "/join", typeJSON, `{"name":"Eve"}`, "too_many_requests"},
		{"a player", "192.0.2.7", "/whep/" + link, typeSDP, watch, "too_many_requests"},
		{"another network", "192.0.2.8", "/api/v1/door/" + link + "/join", typeJSON, `{"name":"Eve"}`, "pin_required"},
		{"this machine", "127.0.0.1", "/api/v1/door/" + link + "/join", typeJSON, `{"name":"Eve"}`, "pin_required"},
	} {
		r := httptest.NewRequest("POST", c.path, strings.NewReader(c.body))
		r.RemoteAddr = c.from + ":1024"
		r.Header.Set("Content-Type", c.typ)
		r.Header.Set("Authorization", "Bearer "+pin)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		refused := c.want == "too_many_requests"
		if !strings.Contains(w.Body.String(), c.want) || refused != (w.Code == http.StatusTooManyRequests) || refused != (w.Header().Get("Retry-After") != "") {
			t.Errorf("%s: %d %v %s", c.name, w.Code, w.Header(), w.Body)
		}
	}
}

func TestConnectionsThatSayNothingAreCounted(t *testing.T) {
	s := New(Config{Silent: 2})
	home := netip.MustParseAddr("192.0.2.7")
	spoke, ok := s.hush(home)
	_, second := s.hush(home)
	if _, third := s.hush(home); !ok || !second || third {
		t.Errorf("%v %v, and the third %v", ok, second, third)
	}
	if _, ok := s.hush(netip.MustParseAddr("192.0.2.8")); !ok {
		t.Error("another network has none")
	}
	spoke()
	spoke()
	if _, ok := s.hush(home); !ok {
		t.Error("who spoke still counts")
	}
	if _, ok := s.hush(home); ok {
		t.Error("who spoke counts twice")
	}
	for range 500 {
		if _, ok := s.hush(netip.MustParseAddr("::1")); !ok {
			t.Fatal("this machine is limited")
		}
	}
}

// TestS33NobodyIsToldOfAClosedWebinar compares whole answers, byte by byte.
func TestS33NobodyIsToldOfAClosedWebinar(t *testing.T) {
	unknown, closed, locked := newEdge(t), newEdge(t), newEdge(t)
	unknown.must(&controlpb.Command{Kind: &controlpb.Command_RotateLink{RotateLink: &controlpb.RotateLink{Webinar: webinarID, Link: "zyxwvutsrqponmlkjihgfe"}}})
	closed.must(&controlpb.Command{Kind: &controlpb.Command_EndWebinar{EndWebinar: &controlpb.EndWebinar{Webinar: webinarID}}})
	locked.edit(&controlpb.Settings{Locked: true}, "locked")
	for _, c := range []struct{ method, path string }{
		{"GET", "/api/v1/door/" + link}, {"HEAD", "/whep/" + link},
	} {
		var first reply
		for i, e := range []*edge{unknown, closed, locked} {
			req, err := http.NewRequestWithContext(t.Context(), c.method, e.http.URL+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(req) // a HEAD has no body, and so no problem to look at
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			r := reply{status: res.StatusCode, header: res.Header, body: string(b)}
			r.header.Del("Date")
			if i == 0 {
				first = r
			}
			if r.status != http.StatusNotFound || r.body != first.body || !maps.EqualFunc(r.header, first.header, slices.Equal) {
				t.Errorf("S33 %s %s of door %d: %d %v %s, of the first %v %s", c.method, c.path, i, r.status, r.header, r.body, first.header, first.body)
			}
		}
	}
}

func TestS59APlayerTakesOver(t *testing.T) {
	e := newEdge(t)
	e.publish(t)
	hash := sha256.Sum256([]byte("sti_ada"))
	e.must(&controlpb.Command{Kind: &controlpb.Command_CreateInvite{CreateInvite: &controlpb.CreateInvite{
		Webinar: webinarID, Id: "i_2", Name: "Ada", Role: "attendee", Hash: hash[:],
	}}})
	page := e.mustJoin(`{"invite":"sti_ada","device":"phone"}`)
	ws := e.events(t, page.Token)
	e.read(t, ws, "welcome")
	_, offer := screen(t)
	bearer := []string{"Content-Type", typeSDP, "Authorization", "Bearer sti_ada"}
	if r := e.do("POST", "/whep/"+link, offer, bearer...); r.status != http.StatusConflict || r.code != "already_inside" {
		t.Errorf("%d %s", r.status, r.code)
	}
	if r := e.do("POST", "/whep/"+link+"?takeover=perhaps", offer, bearer...); r.code != "query_invalid" {
		t.Errorf("%d %s", r.status, r.code)
	}
	if r := e.do("POST", "/whep/"+link+"?takeover=true", offer, bearer...); r.status != http.StatusCreated {
		t.Errorf("%d %s", r.status, r.body)
	}
	if m := e.read(t, ws, "removed"); m.Code != "superseded" {
		t.Errorf("%+v", m)
	}
}
