package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestChainCarriesEveryPacketByteForByte(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2, n3 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"]
		n2.follows("n1")
		n3.follows("n2")
		origin := publish(t, n1, videoID, videoInfo, 1, nil)
		sub := subscribe(t, n3, videoID)
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()

		cam := camera{seq: 65500, time: 1<<32 - 9000, ssrc: 7} // both turn over on the way
		var want [][]byte
		played := beside(func() {
			for i := range 60 {
				frame := cam.frame(i%30 == 0, 1+i%7*5)
				want = append(want, frame...)
				write(t, origin, frame...)
				time.Sleep(33 * time.Millisecond)
			}
		})
		got := drain(t, r)
		played()
		if len(got) != len(want) {
			t.Fatalf("%d packets came, %d were sent", len(got), len(want))
		}
		first := uint64(1<<16 + 65500)
		for i, raw := range want {
			p, o := got[first+uint64(i)], origin.Packet(0, first+uint64(i))
			if p == nil || !bytes.Equal(p.Raw, raw) {
				t.Fatalf("packet %d is missing or another", i)
			}
			if p.Seq != o.Seq || p.Time != o.Time || p.Frame != o.Frame || p.Key != o.Key || p.Marker != o.Marker {
				t.Fatalf("packet %d: %d %d %d %v, at the origin %d %d %d %v", i, p.Seq, p.Time, p.Frame, p.Key, o.Seq, o.Time, o.Frame, o.Key)
			}
		}
		s, _ := status(n3, videoID)
		if s.Role != RoleRelay || s.Parent != "n2" || !slices.Equal(s.Path, []string{"n1", "n2", "n3"}) || s.RTT < 20*time.Millisecond {
			t.Errorf("status at the end of the chain: %+v", s)
		}
		if s, _ := status(n2, videoID); !slices.Equal(s.Children, []string{"n3"}) || s.Readers != 1 {
			t.Errorf("status in the middle: %+v", s)
		}
		if got := n3.heard(); len(got) != 1 || got[0] != "w_abcdefghijklmnop/main/video 1 [n1 n2 n3] true" {
			t.Errorf("carried: %q", got)
		}
	}, "n1", "n2", "n3")
}

func TestPullsOnlyWhileSomebodyReads(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2, n3 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"]
		n2.follows("n1")
		n3.follows("n2")
		origin := publish(t, n1, videoID, videoInfo, 1, nil)
		cam := camera{}
		write(t, origin, cam.frame(true, 10)...)
		time.Sleep(time.Second)
		if len(n2.Status())+len(n3.Status()) != 0 {
			t.Fatal("the track moved though nobody asked")
		}

		a, b := subscribe(t, n3, videoID), subscribe(t, n3, videoID)
		ra, rb := a.Track().Reader(0), b.Track().Reader(0)
		if len(drain(t, ra)) != 10 || len(drain(t, rb)) != 10 {
			t.Fatal("the key frame from before the readers is missing")
		}
		if got := counter(n2.metrics.sent.WithLabelValues("video")); got != counter(n1.metrics.sent.WithLabelValues("video")) {
			t.Errorf("n2 sent %v bytes, n1 %v: two readers are one pull", got, counter(n1.metrics.sent.WithLabelValues("video")))
		}
		ra.Close()
		a.Close()
		time.Sleep(time.Minute)
		if _, ok := status(n3, videoID); !ok {
			t.Fatal("the pull ended though one reader is left")
		}
		rb.Close()
		b.Close()
		time.Sleep(2900 * time.Millisecond)
		if _, ok := status(n3, videoID); !ok {
			t.Error("the pull ended at once")
		}
		time.Sleep(200 * time.Millisecond)
		if _, ok := status(n3, videoID); ok {
			t.Error("n3 still pulls")
		}
		time.Sleep(3100 * time.Millisecond)
		if _, ok := status(n2, videoID); ok {
			t.Error("n2 still pulls")
		}
		for _, n := range []*node{n2, n3} {
			if entries, _ := n.holds(); entries != 0 {
				t.Errorf("%d entries stay behind at %s", entries, n.name)
			}
		}
		if got := n3.heard(); len(got) != 2 || got[1] != "w_abcdefghijklmnop/main/video 1 [n1 n2 n3] false" {
			t.Errorf("carried: %q", got)
		}
		time.Sleep(time.Minute)
		if _, links := n1.holds(); n3.linksEnded("idle") != 1 || links != 0 {
			t.Error("idle links stay")
		}
	}, "n1", "n2", "n3")
}

func TestAudioCrossesByDatagram(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2, n3 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"]
		n2.follows("n1")
		n3.follows("n2")
		origin := publish(t, n1, audioID, audioInfo, 1, nil)
		sub := subscribe(t, n3, audioID)
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		time.Sleep(time.Second)
		cam := camera{seq: 65500}
		var want [][]byte
		played := beside(func() {
			for i := range 100 {
				p := cam.frame(false, 1)[0]
				if i == 50 {
					p = append(p, make([]byte, 1400-len(p))...) // too long for a datagram
				}
				want = append(want, p)
				write(t, origin, p)
				time.Sleep(20 * time.Millisecond)
			}
		})
		got := drain(t, r)
		played()
		if len(got) != 100 {
			t.Fatalf("%d packets of 100 came", len(got))
		}
		for i, raw := range want {
			if p := got[1<<16+65500+uint64(i)]; p == nil || !bytes.Equal(p.Raw, raw) {
				t.Fatalf("packet %d is missing or another", i)
			}
		}
	}, "n1", "n2", "n3")
}

func TestReparentLosesNothingThatTheNewParentHolds(t *testing.T) {
	for _, how := range []string{"killed", "falls silent"} {
		t.Run("parent "+how, func(t *testing.T) {
			inMesh(t, func(t *testing.T, m *mesh) {
				n1, n2, n3, n4 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"], m.nodes["n4"]
				n2.follows("n1")
				n3.follows("n1")
				n4.follows("n2", "n3")
				origin := publish(t, n1, videoID, videoInfo, 1, nil)
				warm := subscribe(t, n3, videoID)
				defer warm.Close()
				wr := warm.Track().Reader(0)
				defer wr.Close()
				sub := subscribe(t, n4, videoID)
				defer sub.Close()
				r := sub.Track().Reader(0)
				defer r.Close()

				cam, sent := camera{}, 0
				played := beside(func() {
					for i := range 90 {
						packets := cam.frame(i == 0, 8)
						sent += len(packets)
						for _, p := range packets { // a frame is cut in two by what happens
							write(t, origin, p)
							time.Sleep(4 * time.Millisecond)
						}
						if i == 45 && how == "killed" {
							go n2.cancel()
						} else if i == 45 {
							n2.gate.cut()
						}
					}
				})
				got := drain(t, r)
				played()
				if len(got) != sent {
					t.Errorf("%d packets of %d came", len(got), sent)
				}
				if s, _ := status(n4, videoID); s.Parent != "n3" || !slices.Equal(s.Path, []string{"n1", "n3", "n4"}) {
					t.Errorf("after the parent's end: %+v", s)
				}
				if sub.Track().Err() != nil {
					t.Error("the track did not survive its parent")
				}
				if counter(n4.metrics.reparents) != 1 {
					t.Error("the change of parent was not counted")
				}
				if how == "falls silent" && n4.linksEnded("silent") != 1 {
					t.Error("the silent link did not end as such")
				}
			}, "n1", "n2", "n3", "n4")
		})
	}
}

func TestSilentNeighbourIsDeadAfterHalfASecond(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2 := m.nodes["n1"], m.nodes["n2"]
		n2.follows("n1")
		publish(t, n1, videoID, videoInfo, 1, nil)
		sub := subscribe(t, n2, videoID)
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		time.Sleep(10 * time.Second)
		if n2.linksEnded("silent") != 0 {
			t.Fatal("a quiet link with heartbeats was ended")
		}
		n1.gate.cut()
		cut := time.Now()
		n2.Relay.mu.Lock()
		l := n2.links["n1"]
		n2.Relay.mu.Unlock()
		<-l.done
		if d := time.Since(cut); d < 400*time.Millisecond || d > 560*time.Millisecond {
			t.Errorf("dead after %v", d)
		}
	}, "n1", "n2")
}

func TestLoopIsRefused(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2, n3 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"]
		n2.follows("n1", "n3")
		n3.follows("n2")
		publish(t, n1, videoID, videoInfo, 1, nil)
		sub := subscribe(t, n3, videoID)
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		time.Sleep(time.Second)
		n1.stop() // now the two have only each other
		time.Sleep(5 * time.Second)
		s2, _ := status(n2, videoID)
		s3, _ := status(n3, videoID)
		if s2.Parent == "n3" && s3.Parent == "n2" {
			t.Fatalf("a loop: %v and %v", s2.Path, s3.Path)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if _, err := r.Next(ctx); !errors.Is(err, io.EOF) {
			t.Errorf("reader of a track without an origin: %v", err)
		}
		n1.start() // for the end of the test
	}, "n1", "n2", "n3")
}

func TestTwoWhoAskEachOther(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2 := m.nodes["n1"], m.nodes["n2"]
		n1.follows("n2")
		n2.follows("n1")
		ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
		defer cancel()
		done := make(chan error)
		for _, n := range []*node{n1, n2} {
			go func() {
				_, err := n.Subscribe(ctx, videoID)
				done <- err
			}()
		}
		for range 2 {
			if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("subscribe: %v", err)
			}
		}
		time.Sleep(30 * time.Second)
		for _, n := range []*node{n1, n2} {
			if entries, links := n.holds(); entries != 0 || links > 1 {
				t.Errorf("%s is left with %d entries and %d links", n.name, entries, links)
			}
		}
	}, "n1", "n2")
}

func TestSubscribeWaitsForAPublisher(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2 := m.nodes["n1"], m.nodes["n2"]
		n2.follows("n1")
		got := make(chan *Subscription)
		go func() {
			s, err := n2.Subscribe(context.Background(), videoID)
			if err != nil {
				t.Error(err)
			}
			got <- s
		}()
		time.Sleep(8 * time.Second) // n1 has refused once
		if counter(n1.metrics.rejects.WithLabelValues("not_found")) != 1 {
			t.Error("the wait for the track is not bounded")
		}
		publish(t, n1, videoID, videoInfo, 1, nil)
		start := time.Now()
		s := <-got
		if d := time.Since(start); d > 3*time.Second {
			t.Errorf("found after %v", d)
		}
		s.Close()
	}, "n1", "n2")
}

func TestHigherEpochReplacesAnOlderOne(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2, n3 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"]
		n3.follows("n1", "n2")
		n2.follows("n1")
		publish(t, n1, videoID, videoInfo, 4, nil)
		if _, err := n1.Publish(videoID, videoInfo, 4, nil); !errors.Is(err, ErrTaken) {
			t.Errorf("the same epoch again: %v", err)
		}
		sub := subscribe(t, n3, videoID)
		r := sub.Track().Reader(0)
		s2 := subscribe(t, n2, videoID)
		if _, err := n2.Publish(videoID, videoInfo, 3, nil); !errors.Is(err, ErrTaken) {
			t.Errorf("an older epoch than the one pulled: %v", err)
		}
		n3.follows("n2")
		newer := publish(t, n2, videoID, videoInfo, 5, nil) // while n2 pulls the older one
		if !errors.Is(s2.Track().Err(), ErrSuperseded) {
			t.Errorf("the pulled track: %v", s2.Track().Err())
		}
		s2.Close()
		n1.Relay.mu.Lock()
		old := n1.entries[videoID].track
		n1.Relay.mu.Unlock()
		old.end(ErrSuperseded) // what the node does when its claim is taken over
		if _, err := r.Next(context.Background()); !errors.Is(err, io.EOF) {
			t.Errorf("reader of the older epoch: %v", err)
		}
		if !errors.Is(sub.Track().Err(), ErrSuperseded) {
			t.Errorf("the old track: %v", sub.Track().Err())
		}
		r.Close()
		sub.Close()
		again := subscribe(t, n3, videoID)
		defer again.Close()
		if again.Track().Epoch() != 5 {
			t.Errorf("epoch %d", again.Track().Epoch())
		}
		nr := again.Track().Reader(0)
		defer nr.Close()
		cam := camera{}
		write(t, newer, cam.frame(true, 3)...)
		if len(drain(t, nr)) != 3 {
			t.Error("packets of the newer epoch are missing")
		}
	}, "n1", "n2", "n3")
}

func TestM6KeyFrameRequestsAreMerged(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2, n3 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"]
		n2.follows("n1")
		n3.follows("n1")
		var mu sync.Mutex
		var asked []time.Time
		origin := publish(t, n1, videoID, videoInfo, 1, func(layer int) {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, time.Now())
		})
		cam := camera{}
		write(t, origin, cam.frame(true, 3)...)
		var tracks []*Track
		for _, n := range []*node{n2, n3} {
			s := subscribe(t, n, videoID)
			defer s.Close()
			for range 5 {
				r := s.Track().Reader(0)
				defer r.Close()
			}
			tracks = append(tracks, s.Track())
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		mu.Lock()
		joins := len(asked)
		mu.Unlock()
		if joins != 0 {
			t.Fatalf("M6: joins cost the publisher %d key frame requests", joins)
		}
		for range 1000 { // ten seconds of two hundred requests a second
			for _, track := range tracks {
				track.RequestKeyFrame(0)
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(asked) < 20 {
			t.Errorf("only %d requests reached the publisher in ten seconds", len(asked))
		}
		for i := 1; i < len(asked); i++ {
			if d := asked[i].Sub(asked[i-1]); d < keyFrameEvery {
				t.Errorf("two requests %v apart", d)
			}
		}
	}, "n1", "n2", "n3")
}

func TestKeyFrameRequestsOfFiftyChildrenAreMerged(t *testing.T) {
	names, children := []string{"n0"}, 50
	if raced {
		children = 10
	}
	for i := range children {
		names = append(names, fmt.Sprintf("c%d", i))
	}
	inMesh(t, func(t *testing.T, m *mesh) {
		var asked atomic.Int64 // from goroutines of links and of timers, which nothing else orders
		origin := publish(t, m.nodes["n0"], videoID, videoInfo, 1, func(int) { asked.Add(1) })
		cam := camera{}
		write(t, origin, cam.frame(true, 3)...)
		var tracks []*Track
		for _, name := range names[1:] {
			m.nodes[name].follows("n0")
			s := subscribe(t, m.nodes[name], videoID)
			defer s.Close()
			r := s.Track().Reader(0)
			defer r.Close()
			tracks = append(tracks, s.Track())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := asked.Load(); n != 0 {
			t.Fatalf("fifty who came cost %d key frame requests", n)
		}
		for i := range 500 { // ten seconds, each child asks every second, one after the other
			tracks[i%children].RequestKeyFrame(0)
			time.Sleep(20 * time.Millisecond)
		}
		synctest.Wait()
		if n := asked.Load(); n < 15 || n > 21 {
			t.Errorf("%d requests in ten seconds, twenty is what may be", n)
		}
	}, names...)
}
