// The meshes of this file run in a synctest bubble (onPaths): they sleep in virtual time.

package relay

import (
	"context"
	"testing"
	"time"

	"stentor/bench/impair"
	"stentor/relay/rtp"
)

// TestNextParentIsAskedForWhatIsWrittenThen: numbers are foreseen from what came in the last second.
func TestNextParentIsAskedForWhatIsWrittenThen(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		name   string
		frames int           // of ten packets each, the newest now
		every  time.Duration // from one to the next
		lead   time.Duration
		half   bool   // the newest lacks its last packet
		want   uint64 // packets ahead of the newest
	}{
		{"a second of frames and a lead of 100 ms", 60, 20 * ms, 100 * ms, false, 1 + 50},
		{"no lead is the next packet", 60, 20 * ms, 0, false, 1},
		{"a frame that is half here does not matter", 60, 20 * ms, 100 * ms, true, 1 + 50},
		{"there is less than the lead", 3, 20 * ms, 100 * ms, false, 1 + 29},
		{"nothing moves on a shared screen", 2, 5 * time.Second, 100 * ms, false, 1 + 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newVideo().layers[0]
			cam, newest := camera{}, uint64(0)
			for i := range c.frames {
				for j, raw := range cam.frame(i == 0, 10) {
					if c.half && i == c.frames-1 && j == 9 {
						continue
					}
					p, err := rtp.Parse(raw)
					if err != nil {
						t.Fatal(err)
					}
					newest = 1<<16 + p.Seq
					p.Seq, p.Frame = newest, 1<<16+uint64(10*i)
					p.Arrived = now.Add(-time.Duration(c.frames-1-i) * c.every).UnixNano()
					l.insert(&p)
				}
			}
			if got := l.ahead(now, c.lead); got < newest+c.want-1 || got > newest+c.want+1 {
				t.Errorf("%d ahead, want %d", got-newest, c.want)
			}
		})
	}
}

// TestDrainedRelayThatDiesMeanwhileCostsNothing: the next parent is asked ahead, and what lies between it was not asked for when
// the one that leaves dies, at any moment of the change.
func TestDrainedRelayThatDiesMeanwhileCostsNothing(t *testing.T) {
	after := []time.Duration{100 * ms, 150 * ms, 200 * ms, 250 * ms, 300 * ms}
	if raced || testing.Short() {
		after = after[:2]
	}
	path := func(from, to string) *impair.Link { return impair.New(impair.Profile{Delay: 40 * ms}, 1) }
	for _, d := range after {
		t.Run("after "+d.String(), func(t *testing.T) {
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
				cam, sent := camera{}, 0
				done := make(chan bool)
				go func() {
					defer close(done)
					sent = film(t, origin, &cam, true, 90, 6)
					if s, _ := status(n4, videoID); s.Parent != "n2" {
						t.Errorf("the parent was %s", s.Parent)
					}
					go func() {
						_ = n2.Drain(context.Background())
					}()
					go func() {
						time.Sleep(d)
						n2.gate.cut()
					}()
					sent += film(t, origin, &cam, false, 60, 6)
				}()
				got := drain(t, r)
				<-done
				if len(got) != sent {
					t.Errorf("%d packets of %d came", len(got), sent)
				}
				// It is found by silence, its way and that of what it had sent; then a question and its answer by two links.
				if w := late(got, origin); w > suspectAfter+heartbeatEvery+4*40*ms {
					t.Errorf("the worst packet came %v late", w)
				}
			}, "n1", "n2", "n3", "n4")
		})
	}
}

// TestShareThatStandsStillIsHandedOver: what was foreseen does not come, and what comes later was not asked for.
func TestShareThatStandsStillIsHandedOver(t *testing.T) {
	inPair(t, videoID, videoInfo, func(t *testing.T, p *pair) {
		p.play(0, func() {
			p.film(30)
			go func() { _ = p.n2.Drain(context.Background()) }()
			time.Sleep(800 * ms)
			if s, _ := status(p.n4, videoID); s.Parent != "n3" {
				t.Errorf("the parent is %s", s.Parent)
			}
			p.film(30)
		})
		p.whole()
	})
}
