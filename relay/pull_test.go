// The tests of this file run in a synctest bubble (inMesh): they sleep in virtual time.

package relay

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"stentor/relay/wire"
)

func TestNewerInstanceThatCountsFromBelowIsReadFromItsKeyFrame(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2, n3 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"]
		n3.follows("n1", "n2")
		old := publish(t, n1, videoID, videoInfo, 4, nil)
		sub := subscribe(t, n3, videoID)
		r := sub.Track().Reader(0)
		high := camera{seq: 60000}
		write(t, old, high.frame(true, 4)...)
		if len(drain(t, r)) != 4 {
			t.Fatal("nothing came of the first instance")
		}
		low := camera{seq: 100}
		newer := publish(t, n2, videoID, videoInfo, 5, nil)
		write(t, newer, low.frame(true, 3)...)
		write(t, old, high.frame(false, 4)...) // fresh, so that the child asks for what follows
		time.Sleep(50 * time.Millisecond)
		n1.gate.cut()
		lost := time.Now()
		drain(t, r)
		if !errors.Is(sub.Track().Err(), ErrSuperseded) {
			t.Fatalf("the old track: %v", sub.Track().Err())
		}
		r.Close()
		sub.Close()
		again := subscribe(t, n3, videoID)
		defer again.Close()
		nr := again.Track().Reader(0)
		defer nr.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		p, err := nr.Next(ctx)
		if err != nil || !p.Key {
			t.Fatalf("of the newer instance: %v", err)
		}
		if d := time.Since(lost); d > 3*time.Second {
			t.Errorf("it took %v", d)
		}
		if got := drain(t, nr); len(got) != 2 {
			t.Errorf("%d packets followed, want 2", len(got))
		}
	}, "n1", "n2", "n3")
}

func TestRecheckEndsWhatTheStateNoLongerAllows(t *testing.T) {
	for _, test := range []struct {
		name  string
		epoch uint64
		ok    bool
		want  error // nil: it goes on
	}{
		{"the stream is as it was", 4, true, nil},
		{"this node knows the newer epoch first", 3, true, nil},
		{"another publisher took over", 5, true, ErrSuperseded},
		{"the stream is gone", 0, false, ErrClosed},
	} {
		t.Run(test.name, func(t *testing.T) {
			inMesh(t, func(t *testing.T, m *mesh) {
				n1, n2, n3 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"]
				n2.follows("n1")
				n3.follows("n2")
				origin := publish(t, n1, videoID, videoInfo, 4, nil)
				playing, stop := context.WithCancel(t.Context())
				var player sync.WaitGroup
				defer player.Wait()
				defer stop()
				player.Go(func() { // the origin knows nothing of it and goes on
					for cam := (camera{}); playing.Err() == nil; time.Sleep(10 * time.Millisecond) {
						write(t, origin, cam.frame(cam.seq%60 == 0, 3)...)
					}
				})
				var subs [2]*Subscription
				var ended [2]chan time.Duration
				for i, n := range []*node{n2, n3} {
					subs[i], ended[i] = subscribe(t, n, videoID), make(chan time.Duration, 1)
					r := subs[i].Track().Reader(0)
					defer r.Close()
					go func() {
						for {
							if _, err := r.Next(playing); err != nil {
								break
							}
						}
						ended[i] <- 0
					}()
				}
				time.Sleep(time.Second)
				if test.want != nil {
					n2.follows() // what Config.Parent says in that state
				}
				n2.Recheck(func(wire.TrackID) (uint64, bool) {
					_ = n2.Status() // takes the relay's lock
					return test.epoch, test.ok
				})
				if err := subs[0].Track().Err(); !errors.Is(err, test.want) {
					t.Fatalf("right after, the track: %v", err)
				}
				time.Sleep(30 * time.Millisecond)
				if err := subs[1].Track().Err(); !errors.Is(err, test.want) {
					t.Errorf("30 ms later, the child's: %v", err)
				}
				if test.want == nil {
					stop()
				}
				for i := range ended {
					select {
					case <-ended[i]:
					case <-time.After(time.Millisecond):
						t.Error("a reader goes on")
					}
				}
				if _, ok := status(n2, videoID); ok != (test.want == nil) {
					t.Error("the node says another thing about the track")
				}
				if test.want != nil {
					if got := n2.heard(); len(got) != 2 || got[1] != "w_abcdefghijklmnop/main/video 4 [n1 n2] false" {
						t.Errorf("carried: %q", got)
					}
					time.Sleep(3 * time.Second)
					if s, _ := status(n1, videoID); len(s.Children) != 0 {
						t.Error("n2 still pulls")
					}
					stop()
					n2.follows("n1") // it is on the stage again
					want := uint64(4)
					if test.ok { // but the origin learns late of who took over
						time.Sleep(5 * time.Second)
						if _, ok := status(n2, videoID); ok {
							t.Error("the older epoch came back")
						}
						want = 5
						publish(t, n1, videoID, videoInfo, want, nil)
					}
					again := subscribe(t, n2, videoID)
					if got := again.Track().Epoch(); got != want {
						t.Errorf("epoch %d came, want %d", got, want)
					}
					again.Close()
				}
				for _, s := range subs {
					s.Close()
				}
			}, "n1", "n2", "n3")
		})
	}
}
