// The tests of this file run in a synctest bubble (onPaths): they sleep in virtual time.

package relay

import (
	"fmt"
	"testing"
	"time"

	"stentor/bench/impair"
)

func TestWindowIsOpenForAWhileAfterItWasAskedFor(t *testing.T) {
	start := time.Now()
	var p primer
	for _, step := range []struct{ at, asks, want int }{ // milliseconds, bytes
		{0, 1000, 1000}, {1000, 1000, 1000}, {2000, 0, 1000}, {3000, 0, 1000}, {3001, 0, 0},
		{4000, 500, 500}, {5000, 2000, 2000}, {6000, 500, 2000}, {7001, 500, 500},
	} {
		if got := p.open(step.asks, start.Add(time.Duration(step.at)*time.Millisecond)); got != step.want {
			t.Errorf("%d ms: %d bytes, want %d", step.at, got, step.want)
		}
	}
}

// TestColdStandbySendsAtOnceWheneverItIsAsked: the window had been closed once a second, when somebody had just asked. Relays
// are 60 ms from the origin and 90 ms from the child, there and back.
func TestColdStandbySendsAtOnceWheneverItIsAsked(t *testing.T) {
	path := func(from, to string) *impair.Link {
		if from == "n1" || to == "n1" {
			return impair.New(impair.Profile{Delay: 30 * time.Millisecond}, 1)
		}
		return impair.New(impair.Profile{Delay: 45 * time.Millisecond}, 1)
	}
	phases := []time.Duration{0, 100, 200, 300, 400, 500, 600, 700, 800, 900}
	if testing.Short() {
		phases = phases[:2] // among them the one that it was too late at
	}
	for _, phase := range phases {
		t.Run(fmt.Sprintf("%d ms after the second", phase), func(t *testing.T) {
			onPaths(t, path, true, func(t *testing.T, m *mesh) {
				n2, n4 := m.nodes["n2"], m.nodes["n4"]
				n2.follows("n1")
				m.nodes["n3"].follows("n1")
				n4.follows("n2")
				n4.keeps("n3")
				origin := publish(t, m.nodes["n1"], videoID, videoInfo, 1, nil)
				sub := subscribe(t, n4, videoID)
				defer sub.Close()
				r := sub.Track().Reader(0)
				defer r.Close()
				cam, sent := camera{}, 0
				shoot := func(d time.Duration) {
					for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(min(33*time.Millisecond, time.Until(end))) {
						frame := cam.frame(sent == 0, 60)
						sent += len(frame)
						write(t, origin, frame...)
					}
				}
				done := make(chan bool)
				go func() {
					defer close(done)
					shoot(4*time.Second + phase*time.Millisecond)
					n2.gate.cut()
					shoot(45 * time.Millisecond)
					n4.Unreachable(n2.addr.AddrPort())
					shoot(time.Second)
				}()
				got := drain(t, r)
				<-done
				if len(got) != sent {
					t.Errorf("%d packets of %d came", len(got), sent)
				}
				worst := time.Duration(0)
				for p := range sent / 2 { // of the second half, which the origin still has
					if o := origin.Packet(0, origin.layers[0].ring.top.Load()-uint64(p)); o != nil && got[o.Seq] != nil {
						worst = max(worst, time.Duration(got[o.Seq].Arrived-o.Arrived))
					}
				}
				// What was on its way when the relay died is missed 45 ms later, and the round trips to the standby and the origin follow.
				if most := 45*time.Millisecond + 90*time.Millisecond + 60*time.Millisecond + 30*time.Millisecond + 25*time.Millisecond; worst > most {
					t.Errorf("the worst packet took %v, want at most %v", worst, most)
				}
			}, "n1", "n2", "n3", "n4")
		})
	}
}
