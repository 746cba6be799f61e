// The tests of this file run in a synctest bubble (inMesh): they sleep in virtual time.

package relay

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestDoubtIsRaisedOnceInASecondAndEndsWithTheNextSignOfLife(t *testing.T) {
	type news struct {
		at   int // milliseconds
		want bool
	}
	start := time.Now()
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	var d doubt
	if d.holds(at(0)) {
		t.Error("there is a doubt before any news")
	}
	for _, n := range []news{{0, true}, {10, false}, {999, false}, {1000, true}, {1500, false}} {
		if got := d.news(at(n.at)); got != n.want {
			t.Errorf("news at %d ms: believed %v", n.at, got)
		}
	}
	if !d.holds(at(1000)) || d.holds(at(1001)) {
		t.Error("it does not end with what is heard after it")
	}
}

// inFamily runs f in a mesh in which n4 pulls a film from n2 and keeps n3, which nobody reads at.
func inFamily(t *testing.T, f func(t *testing.T, m *mesh, origin *Track, r *Reader)) {
	inMesh(t, func(t *testing.T, m *mesh) {
		m.nodes["n2"].follows("n1")
		m.nodes["n3"].follows("n1")
		m.nodes["n4"].follows("n2")
		m.nodes["n4"].keeps("n3")
		origin := publish(t, m.nodes["n1"], videoID, videoInfo, 1, nil)
		sub := subscribe(t, m.nodes["n4"], videoID)
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		f(t, m, origin, r)
	}, "n1", "n2", "n3", "n4")
}

func TestRelayThatItsHostSaysIsGoneIsReplacedAtOnce(t *testing.T) {
	inFamily(t, func(t *testing.T, m *mesh, origin *Track, r *Reader) {
		n2, n4 := m.nodes["n2"], m.nodes["n4"]
		cam, sent := camera{}, 0
		done := make(chan bool)
		go func() {
			defer close(done)
			sent = film(t, origin, &cam, true, 50, 4)
			n2.gate.cut()
			time.Sleep(20 * time.Millisecond) // the way there and back of what was sent then
			n4.Unreachable(n2.addr.AddrPort())
			sent += film(t, origin, &cam, false, 60, 4)
		}()
		got := drain(t, r)
		<-done
		if len(got) != sent {
			t.Errorf("%d packets of %d came", len(got), sent)
		}
		// What was on its way when it died takes 20 ms to be missed, and the standby two round trips, its own to the origin too.
		if d := late(got, origin); d > 20*time.Millisecond+40*time.Millisecond+10*time.Millisecond {
			t.Errorf("the worst packet came %v late", d)
		}
		if counter(n4.metrics.reparents) != 1 || counter(n4.metrics.refusals) != 1 {
			t.Error("not one change because of one such news")
		}
	})
}

func TestForgedICMPCostsNoPacketAndEndsNoLink(t *testing.T) {
	inFamily(t, func(t *testing.T, m *mesh, origin *Track, r *Reader) {
		n2, n3, n4 := m.nodes["n2"], m.nodes["n3"], m.nodes["n4"]
		sent := 0
		done := make(chan bool)
		go func() {
			defer close(done)
			cam := camera{}
			sent = film(t, origin, &cam, true, 30, 4)
			for range 300 { // three seconds of it
				n4.Unreachable(n2.addr.AddrPort())
				n4.Unreachable(n3.addr.AddrPort())
				sent += film(t, origin, &cam, false, 1, 4)
				n4.Unreachable(m.nodes["n1"].addr.AddrPort()) // no neighbour
			}
		}()
		got := drain(t, r)
		<-done
		synctest.Wait()
		if len(got) != sent {
			t.Errorf("%d packets of %d came", len(got), sent)
		}
		if n := counter(n4.metrics.refusals); n > 2*11 {
			t.Errorf("%v such news were believed in ten seconds", n)
		}
		for _, n := range []*node{n2, n3} {
			n4.Relay.mu.Lock()
			alive := n4.links[n.name] != nil
			n4.Relay.mu.Unlock()
			if !alive {
				t.Errorf("the link to %s has ended", n.name)
			}
		}
	})
}

// TestColdStandbyFetchesNoMoreThanWhatIsMissed: from the newest key frame on it would be nearly two seconds.
func TestColdStandbyFetchesNoMoreThanWhatIsMissed(t *testing.T) {
	inFamily(t, func(t *testing.T, m *mesh, origin *Track, r *Reader) {
		n2, n3 := m.nodes["n2"], m.nodes["n3"]
		cam, sent, before := camera{}, 0, 0.0
		done := make(chan bool)
		go func() {
			defer close(done)
			sent = film(t, origin, &cam, true, 240, 12) // without another key frame, until nothing is in the ring of who stands by
			before = counter(n3.metrics.received.WithLabelValues("video"))
			n2.gate.cut()
			sent += film(t, origin, &cam, false, 30, 12)
		}()
		got := drain(t, r)
		<-done
		if len(got) != sent {
			t.Errorf("%d packets of %d came", len(got), sent)
		}
		if after := counter(n3.metrics.received.WithLabelValues("video")); after-before > (30*12+6*12+seekBack)*1000 {
			t.Errorf("the standby fetched %v bytes", after-before)
		}
	})
}

func TestLayerThatHoldsNothingIsAskedForWhatItsReadersSeek(t *testing.T) {
	tests := []struct {
		name  string
		seeks []uint64 // of readers, one after the other
		want  uint64
	}{
		{"nobody seeks", nil, 0},
		{"one goes on at a frame", []uint64{5000}, 5000 - seekBack},
		{"the one furthest back counts", []uint64{5000, 4800, 4900}, 4800 - seekBack},
		{"at the beginning of all there is nothing before", []uint64{100}, 100},
		{"who begins needs a key frame", []uint64{0}, 0},
		{"who began first has asked for one", []uint64{0, 5000}, 0},
		{"who begins later waits for one", []uint64{5000, 0}, 5000 - seekBack},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			track := NewTrack(videoID, videoInfo, 1)
			for _, frame := range test.seeks {
				r := track.readerFrom(0, frame)
				defer r.Close()
			}
			if got := track.layers[0].resume(time.Now()); got != test.want {
				t.Errorf("it is asked for from %d on, want %d", got, test.want)
			}
		})
	}
}

// TestReaderFromTheMiddleOfAFrameGetsAllOfIt: what a cold standby asks for is counted in packets, and a child that died with
// its parent in the middle of a key frame needs all of that.
func TestReaderFromTheMiddleOfAFrameGetsAllOfIt(t *testing.T) {
	track, cam := NewTrack(videoID, videoInfo, 1), camera{}
	write(t, track, cam.frame(true, 4)...)
	write(t, track, cam.frame(true, 600)...)
	write(t, track, cam.frame(false, 3)...)
	top := track.layers[0].ring.top.Load()
	r := track.readerFrom(0, top-256)
	defer r.Close()
	n := 0
	for r.Try() != nil {
		n++
	}
	if n != 603 {
		t.Errorf("%d packets came, not the 603 of both frames", n)
	}
}
