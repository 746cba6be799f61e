// The tests of this file run in a synctest bubble (inMesh): they sleep in virtual time.

package relay

import (
	"testing"
	"time"

	"stentor/bench/impair"
)

func TestHeartbeatsAreSentWhereTheyAreMissed(t *testing.T) {
	tests := []struct {
		name  string
		plays bool // the origin sends something

		down, up [2]float64
	}{
		{name: "media flow", plays: true, down: [2]float64{0, 20}, up: [2]float64{9, 28}},
		{name: "a track stands still: both are probed", down: [2]float64{39, 41}, up: [2]float64{39, 41}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := func(from, to string) *impair.Link { return impair.New(impair.Profile{Delay: time.Millisecond}, 1) }
			onPaths(t, path, true, func(t *testing.T, m *mesh) {
				n1, n2 := m.nodes["n1"], m.nodes["n2"]
				n2.follows("n1")
				origin := publish(t, n1, videoID, videoInfo, 1, nil)
				sub := subscribe(t, n2, videoID)
				defer sub.Close()
				r := sub.Track().Reader(0)
				defer r.Close()
				cam := camera{}
				time.Sleep(time.Second)
				down, up := counter(n1.metrics.heartbeats), counter(n2.metrics.heartbeats)
				const seconds = 10
				if test.plays {
					film(t, origin, &cam, true, 30*seconds, 4)
				} else {
					time.Sleep(seconds * time.Second)
				}
				within := func(who string, n float64, want [2]float64) {
					if n /= seconds; n < want[0] || n > want[1] {
						t.Errorf("%s beats %.1f times a second, wanted %v", who, n, want)
					}
				}
				within("the parent", counter(n1.metrics.heartbeats)-down, test.down)
				within("the child", counter(n2.metrics.heartbeats)-up, test.up)
			}, "n1", "n2")
		})
	}
}

func TestANeighbourThatBeatsSeldomIsNotSuspectWhenItIsAskedForMore(t *testing.T) {
	for after := range 20 {
		inMesh(t, func(t *testing.T, m *mesh) {
			n1, n2 := m.nodes["n1"], m.nodes["n2"]
			n1.follows("n2")
			publish(t, n1, audioID, audioInfo, 1, nil)
			publish(t, n2, videoID, videoInfo, 1, nil)
			sub := subscribe(t, n1, videoID) // n1 pulls from n2, and beats seldom
			defer sub.Close()
			time.Sleep(time.Second + time.Duration(after)*5*time.Millisecond)
			n2.follows("n1")
			other := subscribe(t, n2, audioID)
			defer other.Close()
			for range 200 {
				time.Sleep(time.Millisecond)
				if n2.misses("n1") || n1.misses("n2") {
					t.Fatalf("suspect %d ms after", 5*after)
				}
			}
			if n := counter(n2.metrics.reparents); n != 0 {
				t.Error("it was left")
			}
		}, "n1", "n2")
	}
}

func TestChildProbesAParentThatWasKilled(t *testing.T) {
	path := func(from, to string) *impair.Link { return impair.New(impair.Profile{Delay: time.Millisecond}, 1) }
	for phase := range 6 {
		onPaths(t, path, true, func(t *testing.T, m *mesh) {
			n1, n2 := m.nodes["n1"], m.nodes["n2"]
			n2.follows("n1")
			origin := publish(t, n1, videoID, videoInfo, 1, nil)
			sub := subscribe(t, n2, videoID)
			defer sub.Close()
			r := sub.Track().Reader(0)
			defer r.Close()
			cam := camera{}
			film(t, origin, &cam, true, 60, 4)
			time.Sleep(time.Duration(phase) * 5 * time.Millisecond)
			n1.gate.cut()
			before := counter(n2.metrics.heartbeats)
			time.Sleep(probeAfter + heartbeatEvery + time.Millisecond)
			if counter(n2.metrics.heartbeats) == before {
				t.Errorf("nothing was sent that ICMP could answer")
			}
		}, "n1", "n2")
	}
}
