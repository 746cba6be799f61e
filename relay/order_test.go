// The tests of this file run in a synctest bubble (inMesh): they sleep in virtual time.

package relay

import (
	"errors"
	"testing"
	"time"
)

func TestOrderLetsNobodyThroughWhoIsNotNearerThanTheChildrenWereTold(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name  string
		told  time.Duration
		delay time.Duration
		want  bool
	}{
		{"no child was told anything", 0, 300 * ms, true},
		{"it is nearer", 40 * ms, 39 * ms, true},
		{"it is as near, so that it may be below a child", 40 * ms, 40 * ms, false},
		{"it is farther", 40 * ms, 41 * ms, false},
		{"the origin", time.Microsecond, 0, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := &entry{told: test.told}
			if got := e.nearer(test.delay); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// TestHubThatLostItsParentLetsItsChildrenGoBeforeItHangsBesideThem: n2 and n3 are as far from the origin, so n2 may not hang
// on n3 as long as it has told a child that it is there; n4 has a standby, and misses nothing.
func TestHubThatLostItsParentLetsItsChildrenGoBeforeItHangsBesideThem(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2, n3, n4 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"], m.nodes["n4"]
		n2.follows("n1")
		n2.keeps("n3")
		n3.follows("n1")
		n4.follows("n2")
		n4.keeps("n3")
		origin := publish(t, n1, videoID, videoInfo, 1, nil)
		sub := subscribe(t, n4, videoID)
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		cam, sent := camera{}, 0
		done := make(chan bool)
		go func() {
			defer close(done)
			sent = film(t, origin, &cam, true, 90, 4)
			n2.follows("n3")
			n1.Relay.mu.Lock()
			l := n1.links["n2"]
			n1.Relay.mu.Unlock()
			l.end(&endError{codeBye, "test", errors.New("the link is cut")})
			sent += film(t, origin, &cam, false, 60, 4)
		}()
		got := drain(t, r)
		<-done
		if len(got) != sent {
			t.Errorf("%d packets of %d came", len(got), sent)
		}
		if s, _ := status(n4, videoID); s.Parent != "n3" {
			t.Errorf("the child: %+v", s)
		}
		if s, ok := status(n2, videoID); ok && len(s.Children) > 0 {
			t.Errorf("the hub still has children: %+v", s)
		}
	}, "n1", "n2", "n3", "n4")
}
