package route

import (
	"flag"
	"strings"
	"testing"
	"time"
)

var (
	changes = flag.Int("route.changes", 2000, "how many changes of the topology the simulation makes, for each of the two protocols")
	seed    = flag.Uint64("route.seed", 1, "the first world of the simulation")
)

// A bug is a mistake that the simulation has to find.
type bug int

const (
	bugNone bug = iota
	bugNoPath
	bugNoRecheck
	bugForgetsTold
	bugTie
	bugBlindStandby
	bugNeverLetsGo
	bugOneByOne
	bugOldEpoch
	bugSilentDrain
	bugNoStandby
	bugRestless
)

// simulate lives through one world: bursts of changes, and after each a time in which
// everybody has to be fed.
func simulate(seed uint64, order bool, b bug, changes int) *world {
	w := newWorld(seed, order, b)
	w.run(5 * time.Second)
	for w.changes < changes && len(w.found) == 0 {
		w.burst()
		w.run(fedWithin)
		w.fed()
		w.twice(drainedNot, w.drained, time.Second)
		w.stop()
		w.run(fedWithin)
		w.fed()
		w.rest()
	}
	return w
}

// burst is things going wrong, up to thirty in a few seconds.
func (w *world) burst() {
	for range 1 + w.rng.IntN(30) {
		w.change()
		w.run(w.between(0, 400*ms))
	}
	w.quiet()
}

// rest is sometimes long enough to look at what takes longer.
func (w *world) rest() {
	if len(w.found) > 0 || w.rng.IntN(8) > 0 {
		return
	}
	w.run(10 * time.Second)
	w.twice(noStandby, w.backed, 5*time.Second)
	w.run(20 * time.Second)
	before := map[*simNode]int{}
	for _, n := range w.nodes {
		before[n] = n.moves
	}
	w.run(20 * time.Second)
	for _, n := range w.nodes {
		if moved := n.moves - before[n]; moved > 2 { // late news may have been the reason for that many
			w.blame(neverSettles, "%s moved %d times in twenty seconds", n.name, moved)
		}
	}
	w.fed()
}

// TestSimulatedMesh holds the guarantees of the head of simworld_test.go in random
// worlds, under two protocols. With paths alone, which is what the relay checks, two
// nodes that move at once can close a loop; it ends when the news has gone around.
// With the order of Self.Told as well, no accepted subscription ever closes one.
func TestSimulatedMesh(t *testing.T) {
	for _, order := range []bool{false, true} {
		name := map[bool]string{false: "paths alone", true: "paths and order"}[order]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var done, adoptions, closed, worlds int
			var longest time.Duration
			for s := *seed; done < *changes; s++ {
				w := simulate(s, order, bugNone, min(500, *changes-done))
				if len(w.found) > 0 {
					t.Fatalf("world %d: %s", s, w.found[0])
				}
				worlds++
				done += w.changes
				adoptions += w.adoptions
				closed += w.closed
				longest = max(longest, w.longest)
			}
			t.Logf("%s: %d changes in %d worlds, %d subscriptions adopted: %d closed a loop (the longest lived %v)", name, done, worlds, adoptions, closed, longest)
		})
	}
}

func TestPlantedBugsAreFound(t *testing.T) {
	tests := []struct {
		name  string
		bug   bug
		order bool
		first uint64 // the world to begin with: none before it meets the bug
		want  string
	}{
		{"nobody looks at the path", bugNoPath, false, 5, loopLives},
		{"the path is looked at only once", bugNoRecheck, false, 11, loopLives},
		{"a hub forgets what it has told", bugForgetsTold, true, 13, loopClosed},
		{"a hop costs nothing, and equals are let through", bugTie, true, 16, loopClosed},
		{"a standby is taken without a look", bugBlindStandby, true, 67, loopClosed},
		{"a hub without a parent never lets its children go", bugNeverLetsGo, true, 91, notFed},
		{"nobody else is asked while one does not answer", bugOneByOne, false, 16, notFed},
		{"who hears of a new publisher goes on with the old one", bugOldEpoch, false, 1, oldEpoch},
		{"a node that drains tells nobody", bugSilentDrain, false, 27, drainedNot},
		{"nobody wants a standby", bugNoStandby, true, 1, noStandby},
		{"a parent is left for the least gain", bugRestless, false, 7, neverSettles},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for s := test.first; s < test.first+50; s++ {
				w := simulate(s, test.order, test.bug, 500)
				if len(w.found) == 0 || !strings.HasPrefix(w.found[0], test.want) {
					continue // or it broke something else before
				}
				t.Logf("world %d, after %d changes: %s", s, w.changes, w.found[0])
				return
			}
			t.Fatal("not found")
		})
	}
}
