// The tests of this file run in a synctest bubble (onPaths): they sleep in virtual time.

package relay

import (
	"context"
	"fmt"
	"testing"
	"time"

	"stentor/bench/impair"
)

// TestDrainFarAwayIsNotSeen: the relay leaves that a node 90 ms away hangs on, at any phase of the key frames of 4K. The one
// that takes over has nothing of it yet and is asked ahead, for what both can have at the same time; the old one feeds until then,
// and little comes twice.
func TestDrainFarAwayIsNotSeen(t *testing.T) {
	path := func(from, to string) *impair.Link {
		d := 45 * time.Millisecond
		if from == "n1" || to == "n1" {
			d = 30 * time.Millisecond
		}
		return impair.New(impair.Profile{Delay: d}, 1)
	}
	phases := []int{0, 1, 2, 3, 4, 6, 30} // frames before a key frame
	switch {
	case raced:
		phases = []int{2} // 4K is much for the race detector, and the other phases run the same code
	case testing.Short():
		phases = []int{0, 2, 30} // before, within and far from the group that is on its way
	}
	for _, before := range phases {
		t.Run(fmt.Sprint(before, " frames before a key frame"), func(t *testing.T) {
			onPaths(t, path, true, func(t *testing.T, m *mesh) {
				n1, n2, n3, n4 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"], m.nodes["n4"]
				n2.follows("n1")
				n3.follows("n1")
				n4.follows("n2", "n3")
				n4.keeps("n3")
				origin := publish(t, n1, videoID, videoInfo, 1, nil)
				sub := subscribe(t, n4, videoID)
				defer sub.Close()
				r := sub.Track().Reader(0)
				defer r.Close()
				duplicates := func() float64 { return counter(n4.metrics.dropped.WithLabelValues("duplicate")) }
				var left time.Time
				var earlier float64
				cam, sent := camera{}, 0
				done, written := make(chan bool), map[uint64]time.Time{}
				go func() {
					defer close(done)
					for i := range 200 {
						size := 60
						if i%60 == 0 {
							size = 625
						}
						f := cam.frame(i%60 == 0, size)
						sent += len(f)
						write(t, origin, f...)
						for seq := origin.layers[0].seq.Newest(); len(f) > 0; seq, f = seq-1, f[1:] {
							written[seq] = time.Now()
						}
						if i == 120-before {
							left, earlier = time.Now(), duplicates()
							if s, _ := status(n4, videoID); s.Parent != "n2" {
								t.Errorf("the parent was %s", s.Parent)
							}
							go func() { _ = n2.Drain(context.Background()) }()
						}
						time.Sleep(33 * time.Millisecond)
					}
				}()
				got := drain(t, r)
				<-done
				if len(got) != sent {
					t.Errorf("%d packets of %d came", len(got), sent)
				}
				var worst, usual time.Duration
				for seq, p := range got {
					d := time.Unix(0, p.Arrived).Sub(written[seq])
					if p.Arrived > left.UnixNano() {
						worst = max(worst, d)
					} else if written[seq].After(left.Add(-2500 * time.Millisecond)) {
						usual = max(usual, d)
					}
				}
				t.Logf("worst %v, before that %v; %v came twice, %v before", worst, usual, duplicates()-earlier, earlier)
				if worst > usual+40*time.Millisecond {
					t.Errorf("the worst packet took %v, and %v before", worst, usual)
				}
				if twice := duplicates() - earlier; twice > 480 { // a key frame has 625; with one among them it was 1,165
					t.Errorf("%v of %v packets came twice", twice, sent)
				}
				if s, _ := status(n4, videoID); s.Parent != "n3" {
					t.Errorf("the parent is %s", s.Parent)
				}
			}, "n1", "n2", "n3", "n4")
		})
	}
}
