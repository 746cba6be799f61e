package api

import (
	"fmt"
	"testing"
	"time"

	"stentor/control/client"
	"stentor/control/webinar"
)

// TestABanOfSomebodyWhoWasJustSeenWaitsForNobody: a host was shown the list, and then no node
// answers before the ban is there.
func TestABanOfSomebodyWhoWasJustSeenWaitsForNobody(t *testing.T) {
	for name, tt := range map[string]struct {
		since    time.Duration // the list was shown
		asked    bool          // nodes are asked before the ban
		also     string        // what the nodes say afterwards
		commands uint64
	}{
		"a moment ago": {time.Second, false, "device:first", 1},
		"a moment ago, and there is a second one":  {time.Second, false, "device:second", 2},
		"so long ago that the list is another one": {glimpseFor + time.Second, true, "device:first", 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.webinar(`{"title":"All hands"}`).ID
			w.crowd.inside[id] = []Present{present("p_1", "n1", "participant:p_1", "device:first")}
			w.do(ask{method: "GET", path: "/api/v1/webinars/" + id + "/participants", token: w.host}).must(200)
			w.now = w.now.Add(tt.since)
			w.crowd.inside[id] = append(w.crowd.inside[id], present("p_1", "n2", "participant:p_1", tt.also))
			asked := false
			w.crowd.first = func() { asked = !w.store.State().Webinar(id).Banned("p_1", nil, w.now) }
			before := w.store.State().Index()
			d := decode[client.Disconnected](w.do(ask{method: "POST", path: "/api/v1/webinars/" + id + "/participants/p_1/disconnect", token: w.host, body: `{"ban":true}`}).must(200))
			if asked != tt.asked {
				t.Errorf("nodes were asked before the ban: %v", asked)
			}
			if d.Ban == nil || !d.Present {
				t.Errorf("answered %+v", d)
			}
			if got := w.store.State().Index() - before; got != tt.commands && !tt.asked {
				t.Errorf("%d commands, want %d", got, tt.commands)
			}
			for _, key := range []string{"device:first", tt.also} {
				if k, _ := webinar.ParseKeys([]string{key}); !w.store.State().Webinar(id).Banned("p_9", k, w.now) {
					t.Errorf("%s is not banned", key)
				}
			}
			if n := w.store.State().Webinar(id).BanCount(); n != 1 {
				t.Errorf("%d bans", n)
			}
		})
	}
}

func TestGlimpsesAreBounded(t *testing.T) {
	var g glimpses
	now := time.Unix(1000, 0)
	one := []Present{{ID: "p_1"}}
	for i := range 2 * maxGlimpses {
		g.keep(fmt.Sprint("w_", i), one, now)
	}
	if len(g.by) != maxGlimpses {
		t.Errorf("%d lists are kept", len(g.by))
	}
	g.keep("w_0", make([]Present, maxGlimpsed+1), now)
	if g.of("w_0", "p_1", now) != nil {
		t.Error("a list counts that a newer one has replaced")
	}
	now = now.Add(glimpseFor + 1)
	if g.of("w_1", "p_1", now) != nil {
		t.Error("an old list counts")
	}
	g.keep("w_new", one, now)
	if len(g.by) != 1 || g.of("w_new", "p_1", now) == nil || g.of("w_new", "p_2", now) != nil {
		t.Errorf("kept: %v", g.by)
	}
}
