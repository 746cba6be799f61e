package node

import (
	"testing"
	"time"

	"stentor/cluster/route"
	"stentor/relay"
	"stentor/relay/wire"
)

func TestStandbyIsOneThatMayBecomeTheParentAsThingsAre(t *testing.T) {
	const ms = time.Millisecond
	near := route.Candidate{Node: "near", Path: []string{"origin", "near"}, Delay: 40 * ms, RTT: ms, Carries: true}
	high := route.Candidate{Node: "high", Path: []string{"origin", "high"}, Delay: 10 * ms, RTT: 90 * ms, Carries: true}
	id := wire.TrackID{Webinar: "w", Stream: "main", Name: "video"}
	for _, test := range []struct {
		name       string
		told       time.Duration
		candidates []route.Candidate
		want       string
	}{
		{"no child was told anything: the nearest", 0, []route.Candidate{near, high}, "near"},
		{"children were told 30 ms: not who could be below them", 30 * ms, []route.Candidate{near, high}, "high"},
		{"nobody else is there: children go first when it comes to that", 30 * ms, []route.Candidate{near}, "near"},
	} {
		r := &routing{}
		r.measure(nil, []relay.TrackStatus{{ID: id, Delay: 45 * ms, Told: test.told}})
		self := route.Self{Node: "me", Told: r.known.Load().told[id]}
		if got, ok := spare(self, test.candidates, "parent", []string{"origin", "parent", "me"}); !ok || got != test.want {
			t.Errorf("%s: got %q", test.name, got)
		}
	}
}
