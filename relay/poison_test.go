// The tests of this file run in a synctest bubble (inMesh): they sleep in virtual time.

package relay

import (
	"math"
	"sync"
	"testing"
	"time"

	"stentor/relay/rtp"
	"stentor/relay/wire"
)

// beats keeps a stranger's link alive until the function that it returns is called, which ends the connection.
func (s *stranger) beats() (stop func()) {
	var beats sync.WaitGroup
	beats.Go(func() {
		for s.conn.Context().Err() == nil {
			_ = s.conn.SendDatagram(wire.Heartbeat{}.Append(nil))
			time.Sleep(heartbeatEvery)
		}
	})
	return func() {
		_ = s.conn.CloseWithError(0, "")
		beats.Wait()
	}
}

func TestStandbyThatWasAskedForNothingCannotWriteIntoTheRing(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n3 := m.nodes["n1"], m.nodes["n3"]
		n1.follows("n3")
		n1.keeps("n2")
		origin := publish(t, n3, videoID, videoInfo, 1, nil)
		s := strange(t, m) // n2
		defer s.beats()()
		s.say(hello)
		var filming sync.WaitGroup
		defer filming.Wait()
		filming.Go(func() { film(t, origin, &camera{}, true, 300, 4) })
		sub := subscribe(t, n1, videoID)
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		ask := hear[wire.Subscribe](s)
		if !ask.Paused || len(ask.Wants) != 0 {
			t.Fatalf("the standby is asked for %+v", ask)
		}
		s.say(wire.Accept{Alias: ask.Alias, Epoch: 1, Instance: origin.instance, Path: []string{"n3", "n2"}, Info: videoInfo})
		time.Sleep(time.Second)
		l := sub.Track().layers[0]
		lie := (&camera{seq: 7, time: 87000}).frame(false, 1)[0]
		for _, first := range []uint64{1<<40 + 7, l.ring.top.Load()&^0xffff + 1<<16 + 7} { // far away, and what the bound on jumps lets pass
			h := wire.Frame{Alias: ask.Alias, Frame: first, Time: 90000, First: first}
			_ = s.frame(wire.AppendPacket(h.Append(nil), lie)).Close()
			time.Sleep(200 * time.Millisecond)
			if sub.Track().Packet(0, first) != nil {
				t.Errorf("packet %d of the standby is in the ring", first)
			}
		}
		before := l.packets.Load()
		time.Sleep(2 * time.Second)
		if got := l.packets.Load() - before; got < 220 {
			t.Errorf("%d packets came in the two seconds after, of 240", got)
		}
		if got := counter(n1.metrics.dropped.WithLabelValues("unasked")); got != 2 {
			t.Errorf("%v frames were counted as not asked for", got)
		}
		if n1.linksEnded("frame") != 0 {
			t.Error("the standby lost its link, though frames may be on their way when it is paused")
		}
	}, "n1", "n2", "n3")
}

func TestParentWhoseNumbersMakeNoSenseIsReplaced(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n3 := m.nodes["n1"], m.nodes["n3"]
		n1.follows("n2")
		n1.keeps("n3")
		origin := publish(t, n3, videoID, videoInfo, 1, nil)
		var filming sync.WaitGroup
		defer filming.Wait()
		filming.Go(func() { film(t, origin, &camera{}, true, 300, 4) })
		s := strange(t, m) // n2, the parent
		defer s.beats()()
		s.say(hello)
		time.Sleep(100 * time.Millisecond)
		var sub *Subscription
		done := make(chan bool)
		go func() {
			sub = subscribe(t, n1, videoID)
			close(done)
		}()
		ask := hear[wire.Subscribe](s)
		s.say(wire.Accept{Alias: ask.Alias, Epoch: 1, Instance: origin.instance, Path: []string{"n3", "n2"}, Info: videoInfo})
		<-done
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		stop := make(chan bool)
		filming.Go(func() { // one true frame, then nothing but frames from far away
			for i := uint64(0); ; i++ {
				first := uint64(1<<16) + min(i, 1)<<40*i
				p := (&camera{seq: uint16(first), time: 87000}).frame(i == 0, 1)[0]
				h := wire.Frame{Alias: ask.Alias, Frame: first, Time: 90000, First: first}
				stream, err := s.conn.OpenUniStream()
				if err != nil {
					return
				}
				_, _ = stream.Write(wire.AppendPacket(h.Append(nil), p))
				_ = stream.Close()
				select {
				case <-stop:
					return
				case <-time.After(33 * time.Millisecond):
				}
			}
		})
		defer close(stop)
		time.Sleep(3 * time.Second)
		if st, _ := status(n1, videoID); st.Parent != "n3" {
			t.Errorf("the parent is %q", st.Parent)
		}
		if counter(n1.metrics.dropped.WithLabelValues("far")) == 0 {
			t.Error("no packet was counted as too far away")
		}
		l := sub.Track().layers[0]
		if newest := l.ring.top.Load(); newest >= 1<<40 {
			t.Errorf("the newest packet is %d", newest)
		}
		before := l.packets.Load()
		time.Sleep(2 * time.Second)
		if got := l.packets.Load() - before; got < 220 {
			t.Errorf("%d packets came in two seconds, of 240", got)
		}
	}, "n1", "n2", "n3")
}

func TestLayerRefusesJumpsWhileItLives(t *testing.T) {
	const first = 1 << 16
	tests := []struct {
		name  string
		quiet time.Duration // since the packet before
		seq   uint64
		want  bool
	}{
		{"what comes next is taken", 0, first + 1, true},
		{"a source that begins anew is taken", 0, first + 1<<16, true},
		{"so is one of which the first packets are lost", 0, first + 1<<16 + 1000, true},
		{"what lies further is not", 0, first + maxJump + 1, false},
		{"nor is the highest number of all", 0, 1<<62 - 1, false},
		{"nor just before the end of the wait", linger - 1, 1 << 40, false},
		{"after a pause it is a beginning", linger, 1 << 40, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			track := newVideo()
			defer track.Close()
			l, now := track.layers[0], time.Now()
			put := func(seq uint64, at time.Time) bool {
				p, err := rtp.Parse((&camera{seq: uint16(seq)}).frame(true, 1)[0])
				if err != nil {
					t.Fatal(err)
				}
				p.Seq, p.Frame, p.Arrived = seq, seq, at.UnixNano()
				return l.insert(&p)
			}
			if !put(first, now) {
				t.Fatal("the first packet was refused")
			}
			now = now.Add(test.quiet)
			if got := put(test.seq, now); got != test.want {
				t.Errorf("%v", got)
			}
			next := uint64(first + 2)
			if test.want {
				next = test.seq + 1
			}
			if !put(next, now) {
				t.Error("what follows is refused")
			}
			if l.near(next) != true || l.near(next+1) || l.near(next-videoSlots/4) {
				t.Error("what is near the newest packet is wrong")
			}
		})
	}
}

func TestLayerThatWasPoisonedWhileItStoodStillComesBack(t *testing.T) {
	track := newVideo()
	defer track.Close()
	l, now := track.layers[0], time.Now()
	put := func(seq uint64) bool {
		p, err := rtp.Parse((&camera{seq: uint16(seq)}).frame(true, 1)[0])
		if err != nil {
			t.Fatal(err)
		}
		p.Seq, p.Frame, p.Arrived = seq, seq, now.UnixNano()
		return l.insert(&p)
	}
	put(1 << 16)
	now = now.Add(linger)
	put(1 << 50)
	if put(1<<16 + 1) {
		t.Error("two numberings at once")
	}
	now = now.Add(linger)
	if !put(1<<16+2) || !put(1<<16+3) {
		t.Error("the layer does not come back")
	}
	l.forget()
	if l.started || l.seq.Newest() != 0 {
		t.Error("a layer that is forgotten remembers its numbers")
	}
	if !put(1<<16 - 10000) {
		t.Error("a layer that is forgotten refuses a packet as old")
	}
}

func TestUpstreamKnowsWhatItMaySend(t *testing.T) {
	u, now := &upstream{}, time.Now()
	if u.may(0, now) {
		t.Error("a layer that nobody asked for")
	}
	u.asks([]wire.Want{{Layer: 2}}, now)
	if !u.may(2, now.Add(time.Hour)) || u.may(0, now) || u.asked[2].Load() != math.MaxInt64 {
		t.Error("what was asked for may come, and nothing else")
	}
	u.asks(nil, now)
	u.asks(nil, now.Add(time.Second)) // asked again for the same nothing
	if !u.may(2, now.Add(linger-1)) || u.may(2, now.Add(linger)) {
		t.Error("what was on its way may come for a while")
	}
	u.asks([]wire.Want{{Layer: 2}}, now.Add(time.Minute))
	if !u.may(2, now.Add(time.Hour)) {
		t.Error("asked for again")
	}
}

func TestPacketsOfNoUseAreNoSignOfLife(t *testing.T) {
	u, now := &upstream{}, time.Now()
	u.arrived(1, true, now)
	u.arrived(1, false, now.Add(time.Second))
	if got := u.newest(); !got.Equal(time.Unix(0, now.UnixNano())) {
		t.Errorf("the last of use came %v later", got.Sub(now))
	}
	if u.fed[1].Load() != now.Add(time.Second).UnixNano() {
		t.Error("that something came was not noted")
	}
}
