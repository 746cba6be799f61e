// The tests of this file run in a synctest bubble (inMesh): they sleep in virtual time.

package relay

import (
	"context"
	"errors"
	"testing"
	"time"
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

