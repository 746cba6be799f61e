// The tests of this file run in a synctest bubble (inMesh): they sleep in virtual time.

package relay

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"stentor/relay/rtp"
	"stentor/relay/wire"
)

// A pair is a mesh of four in which n4 reads what n1 publishes, by n2 or n3, which both carry it.
type pair struct {
	*mesh
	t      *testing.T
	origin *Track
	cam    camera
	sub    *Subscription
	r      *Reader
	sent   int
	played chan bool
	played4
}

type played4 struct{ n1, n2, n3, n4 *node }

// inPair runs f while n4 reads; n2 is its parent.
func inPair(t *testing.T, id wire.TrackID, info wire.TrackInfo, f func(t *testing.T, p *pair)) {
	inMesh(t, func(t *testing.T, m *mesh) {
		p := &pair{mesh: m, t: t, played: make(chan bool), played4: played4{m.nodes["n1"], m.nodes["n2"], m.nodes["n3"], m.nodes["n4"]}}
		p.n2.follows("n1")
		p.n3.follows("n1")
		p.n4.follows("n2", "n3")
		p.origin = publish(t, p.n1, id, info, 1, nil)
		for _, n := range []*node{p.n2, p.n3} {
			sub := subscribe(t, n, id)
			defer sub.Close()
			r := sub.Track().Reader(0)
			defer r.Close()
		}
		p.sub = subscribe(t, p.n4, id)
		defer p.sub.Close()
		p.r = p.sub.Track().Reader(0)
		defer p.r.Close()
		time.Sleep(time.Second)
		f(t, p)
	}, "n1", "n2", "n3", "n4")
}

// whole reads to the end of what is played and reports what lacks.
func (p *pair) whole() map[uint64]*rtp.Packet {
	p.t.Helper()
	got := drain(p.t, p.r)
	<-p.played
	if len(got) != p.sent {
		p.t.Errorf("%d packets of %d came", len(got), p.sent)
	}
	return got
}

// play films for a second, does something, and films on.
func (p *pair) play(frames int, do func()) {
	go func() {
		defer close(p.played)
		p.film(30)
		do()
		p.film(frames)
	}()
}

func (p *pair) film(frames int) { p.sent += film(p.t, p.origin, &p.cam, p.sent == 0, frames, 4) }

func TestChangeOfParentsIsMadeBeforeTheOldOneIsLeft(t *testing.T) {
	tests := []struct {
		name string
		do   func(p *pair)
	}{
		{"a better one is there", func(p *pair) { p.n4.prefers("n3") }},
		{"a better one is there, and it stands by", func(p *pair) { p.n4.keeps("n3"); p.film(40); p.n4.prefers("n3") }},
		{"the routing does not name it any more", func(p *pair) { p.n4.follows("n3") }},
		{"it leaves", func(p *pair) { go func() { _ = p.n2.Drain(context.Background()) }() }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inPair(t, videoID, videoInfo, func(t *testing.T, p *pair) {
				p.play(0, func() {
					test.do(p)
					p.film(150)
					if s, _ := status(p.n2, videoID); slices.Contains(s.Children, "n4") {
						t.Error("the old parent still feeds")
					}
				})
				got := p.whole()
				if d := late(got, p.origin); d > 33*time.Millisecond {
					t.Errorf("the worst packet came %v late", d)
				}
				s, _ := status(p.n4, videoID)
				if s.Parent != "n3" || counter(p.n4.metrics.reparents) != 1 {
					t.Errorf("after %v changes the parent is %s", counter(p.n4.metrics.reparents), s.Parent)
				}
				if n := counter(p.n4.metrics.resets.WithLabelValues("sender")); n > 1 {
					t.Errorf("%v frames were cut off", n)
				}
				total, _ := p.sub.Track().filled()
				came := counter(p.n4.metrics.dropped.WithLabelValues("duplicate"))
				if came > float64(total)/20 {
					t.Errorf("%v of %v packets came twice", came, total)
				}
			})
		})
	}
}

func TestParentThatLeavesIsGoneBeforeItsChildrenAre(t *testing.T) {
	ends := map[string]func(n *node){
		"dies":  func(n *node) { n.gate.cut() },
		"stops": func(n *node) { n.cancel() },
	}
	for how, end := range ends {
		for after := time.Duration(0); after <= 120*time.Millisecond; after += 10 * time.Millisecond {
			t.Run(how+" after "+after.String(), func(t *testing.T) {
				inPair(t, videoID, videoInfo, func(t *testing.T, p *pair) {
					p.play(60, func() {
						go func() { _ = p.n2.Drain(context.Background()) }()
						go func() {
							time.Sleep(after)
							end(p.n2)
						}()
					})
					got := p.whole()
					if d := late(got, p.origin); d > 190*time.Millisecond { // there was no standby
						t.Errorf("the worst packet came %v late", d)
					}
					if s, _ := status(p.n4, videoID); s.Parent != "n3" {
						t.Errorf("the parent is %s", s.Parent)
					}
				})
			})
		}
	}
}

func TestBetterParentThatSendsNothingIsNotFollowed(t *testing.T) {
	inPair(t, videoID, videoInfo, func(t *testing.T, p *pair) {
		stuck(p.n3)
		p.play(0, func() {
			p.n4.prefers("n3")
			p.film(200)
			if s, _ := status(p.n4, videoID); s.Parent != "n2" || counter(p.n4.metrics.reparents) != 0 {
				t.Errorf("the parent is %s", s.Parent)
			}
		})
		if d := late(p.whole(), p.origin); d > 10*time.Millisecond {
			t.Errorf("the worst packet came %v late", d)
		}
	})
}

// stuck makes a node's rings of the video take nothing in any more, while its links live.
func stuck(n *node) {
	n.Relay.mu.Lock()
	defer n.Relay.mu.Unlock()
	for _, l := range n.links {
		l.mu.Lock()
		for _, up := range l.upstreams {
			if t := up.track.Load(); t != nil && t.id == videoID {
				up.track.Store(newTrack(t.id, t.info, t.epoch, t.instance, t.metrics)) // packets go where nobody reads
			}
		}
		l.mu.Unlock()
	}
}

func TestParentThatLivesAndSendsNothingIsLeft(t *testing.T) {
	inPair(t, videoID, videoInfo, func(t *testing.T, p *pair) {
		p.n4.keeps("n3")
		p.play(150, func() { stuck(p.n2) })
		got := p.whole()
		if d := late(got, p.origin); d > mediaPatience+100*time.Millisecond {
			t.Errorf("the worst packet came %v late", d)
		}
		if s, _ := status(p.n4, videoID); s.Parent != "n3" || p.n4.linksEnded("silent") != 0 {
			t.Errorf("the parent is %s", s.Parent)
		}
	})
}

func TestAudioComesFromBothParentsAndOnce(t *testing.T) {
	inPair(t, audioID, audioInfo, func(t *testing.T, p *pair) {
		p.n4.keeps("n3")
		time.Sleep(1500 * time.Millisecond)
		go func() {
			defer close(p.played)
			for i := range 200 {
				write(t, p.origin, p.cam.frame(false, 1)...)
				p.sent++
				if i == 100 {
					p.n2.gate.cut()
				}
				time.Sleep(20 * time.Millisecond)
			}
		}()
		got := p.whole()
		if d := late(got, p.origin); d > time.Millisecond {
			t.Errorf("the worst packet came %v late", d)
		}
		if n := counter(p.n4.metrics.dropped.WithLabelValues("duplicate")); n < 95 || n > 105 {
			t.Errorf("%v of a hundred came twice", n)
		}
		if s, _ := status(p.n4, audioID); s.Parent != "n3" {
			t.Errorf("the parent is %s", s.Parent)
		}
	})
}

func TestChildrenAreLimited(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1 := m.nodes["n1"]
		n1.Relay.cfg.MaxChildren = 1
		publish(t, n1, videoID, videoInfo, 1, nil)
		m.nodes["n2"].follows("n1")
		m.nodes["n3"].follows("n1", "n2")
		for _, name := range []string{"n2", "n3"} {
			sub := subscribe(t, m.nodes[name], videoID)
			defer sub.Close()
			time.Sleep(time.Second)
		}
		if s, _ := status(m.nodes["n3"], videoID); s.Parent != "n2" || counter(n1.metrics.rejects.WithLabelValues("full")) != 1 {
			t.Errorf("the second child's parent is %s", s.Parent)
		}
	}, "n1", "n2", "n3")
}

func TestDrainRefusesAndWaits(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2, n3 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"]
		n2.follows("n1")
		n3.follows("n1", "n2")
		publish(t, n1, videoID, videoInfo, 1, nil)
		sub := subscribe(t, n2, videoID)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := n1.Drain(ctx); err == nil || !strings.Contains(err.Error(), "1 subscriptions of children are left") {
			t.Errorf("a child that has nowhere to go: %v", err)
		}
		if s, ok := status(n2, videoID); !ok || s.Parent != "n1" {
			t.Error("it was thrown out")
		}
		other := subscribe(t, n3, videoID) // by n2
		if s, _ := status(n3, videoID); s.Parent != "n2" || counter(n1.metrics.rejects.WithLabelValues("draining")) == 0 {
			t.Errorf("a new child of a node that leaves: %+v", s)
		}
		other.Close()
		sub.Close()
		start := time.Now()
		if err := n1.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d < 3*time.Second || d > 7*time.Second { // the demand lingers, at n3 and then at n2
			t.Errorf("it took %v", d)
		}
	}, "n1", "n2", "n3")
}

func TestADrainIsTakenBack(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2 := m.nodes["n1"], m.nodes["n2"]
		n2.follows("n1")
		origin := publish(t, n1, videoID, videoInfo, 1, nil)
		sub := subscribe(t, n2, videoID)
		defer sub.Close()
		drained := make(chan error, 1)
		go func() { drained <- n1.Drain(t.Context()) }()
		time.Sleep(time.Second)
		n1.Carry()
		if err := <-drained; err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Second)
		if s, ok := status(n2, videoID); !ok || s.Parent != "n1" || sub.Track().Err() != nil {
			t.Errorf("the child that stayed: %+v, %v", s, sub.Track().Err())
		}
		if origin.Err() != nil {
			t.Error(origin.Err())
		}
	}, "n1", "n2")
}
