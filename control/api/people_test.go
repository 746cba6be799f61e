package api

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func present(id, node string, keys ...string) Present {
	k, _ := webinar.ParseKeys(keys)
	return Present{
		ID: id, Name: "Name of " + id, Role: webinar.Attendee, Node: node,
		Since: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Uses: []string{"watch"}, Keys: k,
	}
}

func TestParticipantsAreThoseOfAllNodes(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"All hands"}`).ID
	late := present("p_1", "n1", "device:abc")
	late.Since = late.Since.Add(time.Hour)
	w.crowd.inside[id] = []Present{late, present("p_2", "n2", "account:me@example.org")}
	w.crowd.unreachable = []string{"n3"}
	out := w.do(ask{method: "GET", path: "/api/v1/webinars/" + id + "/participants", token: w.host}).must(200)
	l := decode[client.Participants](out)
	if len(l.Items) != 2 || l.Items[0].ID != "p_2" || l.Items[1].Node != "n1" || !slices.Equal(l.Unreachable, []string{"n3"}) {
		t.Errorf("inside are %+v", l)
	}
	if strings.Contains(string(out.body), "abc") || strings.Contains(string(out.body), "example.org") {
		t.Errorf("identity keys are shown: %s", out.body)
	}
	w.crowd.inside, w.crowd.unreachable = nil, nil
	out = w.do(ask{method: "GET", path: "/api/v1/webinars/" + id + "/participants", token: w.host}).must(200)
	if got := strings.TrimSpace(string(out.body)); got != `{"items":[],"unreachable":[]}` {
		t.Errorf("nobody is %s", got)
	}
	w.crowd.fail = errors.New("no")
	w.do(ask{method: "GET", path: "/api/v1/webinars/" + id + "/participants", token: w.host}).refused(codeInternal)
}

func TestS62ADisconnectWithoutABanLetsThemComeBack(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"All hands"}`).ID
	w.crowd.inside[id] = []Present{present("p_1", "n1", "device:abc")}
	d := decode[client.Disconnected](w.do(ask{method: "POST", path: "/api/v1/webinars/" + id + "/participants/p_1/disconnect", token: w.host, body: `{}`}).must(200))
	if d.Ban != nil || !d.Present || d.Index != w.store.State().Index() {
		t.Errorf("answered %+v", d)
	}
	removed, ok := w.store.State().Webinar(id).Removal("p_1")
	if !ok || removed.Name != "Name of p_1" || removed.By != w.hostID {
		t.Errorf("the removal is %+v", removed)
	}
	if err := w.admit(id, webinar.Visitor{Participant: "p_9", Name: "Ada"}); err != nil {
		t.Errorf("the door says %v", err)
	}
}

func TestS64ABanHoldsEveryKeyThatWasSeenTogether(t *testing.T) {
	device := [32]byte{9}
	w := newWorld(t)
	id := w.webinar(`{"title":"All hands"}`).ID
	shared := webinar.DeviceKey(device).String()
	w.crowd.inside[id] = []Present{
		present("p_1", "n1", "device:abc", "prefix:192.0.2.7/32"),
		present("p_1", "n2", "device:abc", "registration:r_1"), // the same person at another node
		present("p_1", "n3", "invite:i_9"),                     // by nothing but the participant
		present("p_2", "n2", "registration:r_1", shared),       // and once more, by the registration
		present("p_3", "n1", "device:other", "prefix:192.0.2.7/32"),
	}
	d := decode[client.Disconnected](w.do(ask{method: "POST", path: "/api/v1/webinars/" + id + "/participants/p_1/disconnect", token: w.host, body: `{"ban":true}`}).must(200))
	if d.Ban == nil || d.Ban.Strength != "medium" || !d.Present {
		t.Fatalf("answered %+v", d)
	}
	visit := func(v webinar.Visitor) error { v.Name = "Ada"; return w.admit(id, v) }
	if err := visit(webinar.Visitor{Participant: "p_7", Device: device}); !errors.Is(err, webinar.ErrBanned) {
		t.Errorf("by the device of the second session: %v", err)
	}
	if !w.store.State().Webinar(id).Banned("", webinar.Keys{{Kind: webinar.KindRegistration, Value: "r_1"}}, w.now) {
		t.Error("the registration is not banned")
	}
	if err := visit(webinar.Visitor{Participant: "p_3", Prefix: netip.MustParsePrefix("192.0.2.7/32")}); err != nil {
		t.Errorf("the neighbour in the same network: %v", err)
	}
	bans := decode[client.Bans](w.do(ask{method: "GET", path: "/api/v1/webinars/" + id + "/bans", token: w.host}).must(200)).Items
	if len(bans) != 1 || bans[0].ID != d.Ban.ID || bans[0].By != w.hostID || bans[0].Name != "Name of p_1" ||
		!slices.Equal(bans[0].Keys, []string{"device", "invite", "participant", "registration"}) {
		t.Errorf("the bans are %+v", bans)
	}
	w.do(ask{method: "DELETE", path: "/api/v1/webinars/" + id + "/bans/" + d.Ban.ID, token: w.host}).must(204)
	if err := visit(webinar.Visitor{Participant: "p_7", Device: device}); err != nil {
		t.Errorf("after the ban is lifted: %v", err)
	}
	w.do(ask{method: "DELETE", path: "/api/v1/webinars/" + id + "/bans/" + d.Ban.ID, token: w.host}).refused(codeBanNotFound)
}

func TestABanOfSomeoneWhoseNodeIsUnreachable(t *testing.T) {
	for name, fail := range map[string]error{"it does not answer": nil, "the roster fails": errors.New("no mesh")} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.webinar(`{"title":"All hands"}`).ID
			w.crowd.unreachable, w.crowd.fail = []string{"n3"}, fail
			d := decode[client.Disconnected](w.do(ask{method: "POST", path: "/api/v1/webinars/" + id + "/participants/p_1/disconnect", token: w.host, body: `{"ban":true}`}).must(200))
			if d.Ban == nil || d.Ban.Strength != "weak" || d.Present {
				t.Errorf("answered %+v", d)
			}
			if !w.store.State().Webinar(id).Banned("p_1", nil, w.now) {
				t.Error("the participant is not banned")
			}
		})
	}
}

// TestABanDoesNotWaitForNodesThatAreSlow: the node that serves the participant is enough to
// cut them off; what a slower one knows of them joins the same ban.
func TestABanDoesNotWaitForNodesThatAreSlow(t *testing.T) {
	for name, tt := range map[string]struct {
		also     string // the key that the slow node knows
		commands uint64
	}{
		"it knows another device": {"device:second", 2},
		"it knows nothing new":    {"device:first", 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.webinar(`{"title":"All hands"}`).ID
			w.crowd.inside[id] = []Present{present("p_1", "n1", "participant:p_1", "device:first"), present("p_1", "n2", "participant:p_1", tt.also)}
			banned := false
			w.crowd.late = func() {
				for !banned && t.Context().Err() == nil {
					banned = w.store.State().Webinar(id).Banned("p_1", nil, w.now)
					runtime.Gosched()
				}
			}
			before := w.store.State().Index()
			d := decode[client.Disconnected](w.do(ask{method: "POST", path: "/api/v1/webinars/" + id + "/participants/p_1/disconnect", token: w.host, body: `{"ban":true}`}).must(200))
			if !banned || d.Ban == nil || !d.Present {
				t.Errorf("banned before the slow node answered: %v; answered %+v", banned, d)
			}
			if got := w.store.State().Index() - before; got != tt.commands {
				t.Errorf("%d commands, want %d", got, tt.commands)
			}
			state := w.store.State().Webinar(id)
			if state.BanCount() != 1 {
				t.Errorf("%d bans", state.BanCount())
			}
			if also, _ := webinar.ParseKeys([]string{tt.also}); !state.Banned("p_9", also, w.now) {
				t.Error("the key that the slow node knew is not banned")
			}
		})
	}
}

// TestABanThatIsLiftedMeanwhileStaysLifted: a node answers late, after a host has thought
// better of it.
func TestABanThatIsLiftedMeanwhileStaysLifted(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"All hands"}`).ID
	w.crowd.inside[id] = []Present{present("p_1", "n1", "device:first"), present("p_1", "n2", "device:second")}
	w.crowd.late = func() {
		for t.Context().Err() == nil {
			for b := range w.store.State().Webinar(id).Bans() {
				w.command(&controlpb.Command{Principal: w.hostID, Kind: &controlpb.Command_LiftBan{LiftBan: &controlpb.LiftBan{Webinar: id, Id: b.ID}}})
				return
			}
			runtime.Gosched()
		}
	}
	d := decode[client.Disconnected](w.do(ask{method: "POST", path: "/api/v1/webinars/" + id + "/participants/p_1/disconnect", token: w.host, body: `{"ban":true}`}).must(200))
	if n := w.store.State().Webinar(id).BanCount(); n != 0 || !d.Present {
		t.Errorf("%d bans, answered %+v", n, d)
	}
}

func TestABanWithMoreSessionsThanACommandTakes(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"All hands"}`).ID
	for i := range 3000 { // all of one account
		w.crowd.inside[id] = append(w.crowd.inside[id], present(fmt.Sprintf("p_%d", i), "n1", "account:a", fmt.Sprintf("device:%d", i)))
	}
	for range 40 {
		w.crowd.inside[id] = append(w.crowd.inside[id], present("p_1", "n2", fmt.Sprintf("device:x%d", len(w.crowd.inside[id]))))
	}
	d := decode[client.Disconnected](w.do(ask{method: "POST", path: "/api/v1/webinars/" + id + "/participants/p_1/disconnect", token: w.host, body: `{"ban":true}`}).must(200))
	if d.Ban == nil || d.Ban.Strength != "strong" {
		t.Errorf("answered %+v", d)
	}
}
