// The tests of this file run in a synctest bubble (onPaths): they sleep in virtual time.

package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"stentor/bench/impair"
)

// A crowd is a mesh in which everybody reads what n0 publishes, and whose routing is mad.
type crowd struct {
	*mesh
	t       *testing.T
	names   []string
	random  *rand.Rand
	newest  []atomic.Uint64          // per node: the newest packet that its reader has
	looped  map[string]time.Duration // for how long a node has gone round in circles
	longest time.Duration            // a node did
}

// shuffle gives a node other parents, another standby, or another one that is better, without any sense.
func (c *crowd) shuffle(name string) {
	var others []string
	for _, i := range c.random.Perm(len(c.names)) {
		if c.names[i] != name {
			others = append(others, c.names[i])
		}
	}
	n := c.nodes[name]
	switch c.random.IntN(3) {
	case 0:
		n.follows(others...)
	case 1:
		n.keeps(others...)
	default:
		n.prefers(others[0])
	}
}

// read reads at a node until ctx is done, and comes back when the track ends.
func (c *crowd) read(ctx context.Context, i int) {
	for ctx.Err() == nil {
		sub, err := c.nodes[c.names[i]].Subscribe(ctx, videoID)
		if err != nil {
			continue
		}
		r := sub.Track().Reader(0)
		for {
			p, err := r.Next(ctx)
			if err != nil {
				if !errors.Is(err, io.EOF) && ctx.Err() == nil {
					c.t.Error(err)
				}
				break
			}
			c.newest[i].Store(max(c.newest[i].Load(), p.Seq))
		}
		r.Close()
		sub.Close()
	}
}

// look follows all parents upwards and notes who goes round in circles, and for how long.
func (c *crowd) look(step time.Duration) {
	parent := map[string]string{}
	for name, n := range c.nodes {
		if s, ok := status(n, videoID); ok && s.Parent != "" {
			if of, ok := status(c.nodes[s.Parent], videoID); ok && slices.Contains(of.Children, name) {
				parent[name] = s.Parent
			}
		}
	}
	for _, name := range c.names {
		at, hops := name, 0
		for ; at != "" && hops <= len(c.names); hops++ {
			at = parent[at]
		}
		if at == "" {
			c.looped[name] = 0
			continue
		}
		c.looped[name] += step
		c.longest = max(c.longest, c.looped[name])
	}
}

// TestWhoStandByInARingCloseNoLoop: n2 to n5 hang on n1 and stand by in a ring. When n1 dies all turn to the next at once,
// and news of that have to go half around, at least, before somebody finds himself above. Without the rule of order.go that is a loop, so the test sees what it looks for.
func TestWhoStandByInARingCloseNoLoop(t *testing.T) {
	between := []int{25, 40, 55} // ms between those four
	if raced {
		between = between[1:2]
	}
	for _, lawless := range []bool{true, false} {
		for _, ms := range between {
			t.Run(fmt.Sprintf("without the rule %v, %d ms", lawless, ms), func(t *testing.T) {
				paths := func(from, to string) *impair.Link {
					d := 10 * time.Millisecond
					if from >= "n2" && to >= "n2" {
						d = time.Duration(ms) * time.Millisecond
					}
					return impair.New(impair.Profile{Delay: d}, 1)
				}
				names := []string{"n0", "n1", "n2", "n3", "n4", "n5"}
				onPaths(t, paths, false, func(t *testing.T, m *mesh) {
					c := &crowd{mesh: m, t: t, names: names, looped: map[string]time.Duration{}}
					origin := publish(t, m.nodes["n0"], videoID, videoInfo, 1, nil)
					m.nodes["n1"].follows("n0")
					for name, other := range map[string]string{"n2": "n3", "n3": "n4", "n4": "n5", "n5": "n2"} {
						m.nodes[name].lawless = lawless
						m.nodes[name].follows("n1", "n0")
						sub := subscribe(t, m.nodes[name], videoID)
						defer sub.Close()
						r := sub.Track().Reader(0)
						defer r.Close()
						m.nodes[name].keeps(other)
					}
					ctx, cancel := context.WithCancel(t.Context())
					var on sync.WaitGroup
					defer on.Wait()
					defer cancel()
					on.Go(func() {
						for i, cam := 0, (camera{}); ctx.Err() == nil; i++ {
							write(t, origin, cam.frame(i%30 == 0, 2)...)
							time.Sleep(time.Second / 30)
						}
					})
					time.Sleep(5 * time.Second)
					m.nodes["n1"].gate.cut()
					for range 2000 {
						time.Sleep(time.Millisecond)
						c.look(time.Millisecond)
					}
					if looped := c.longest > 0; looped != lawless {
						t.Errorf("a loop of %v", c.longest)
					}
					for _, name := range names[2:] {
						if s, ok := status(m.nodes[name], videoID); !ok || slices.Contains(s.Path, "n1") {
							t.Errorf("%s is fed by %v", name, s.Path)
						}
					}
				}, names...)
			})
		}
	}
}

func TestMadRoutingMakesNoLoop(t *testing.T) {
	seeds, nodes, steps := uint64(6), 10, 120
	if raced {
		seeds, nodes, steps = 2, 6, 30
	}
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			var names []string
			for i := range nodes {
				names = append(names, fmt.Sprintf("n%d", i))
			}
			paths := func(from, to string) *impair.Link {
				return impair.New(impair.Profile{Delay: time.Duration(5+10*(from[1]^to[1])) * time.Millisecond, Loss: 0.005}, uint64(from[1])<<8|uint64(to[1]))
			}
			onPaths(t, paths, false, func(t *testing.T, m *mesh) {
				c := &crowd{mesh: m, t: t, names: names, random: rand.New(rand.NewPCG(seed, 1)), newest: make([]atomic.Uint64, len(names)), looped: map[string]time.Duration{}}
				origin := publish(t, m.nodes["n0"], videoID, videoInfo, 1, nil)
				ctx, cancel := context.WithCancel(t.Context())
				var on sync.WaitGroup
				defer on.Wait()
				defer cancel()
				on.Go(func() {
					for i, cam := 0, (camera{}); ctx.Err() == nil; i++ {
						write(t, origin, cam.frame(i%30 == 0, 2)...)
						time.Sleep(time.Second / 15)
					}
				})
				for i := 1; i < len(names); i++ {
					m.nodes[names[i]].follows(names...)
					on.Go(func() { c.read(ctx, i) })
				}
				c.storm(steps)
				if c.longest > 0 { // see order.go
					t.Errorf("there was a loop for %v", c.longest)
				}
				for name, n := range m.nodes { // it comes to its senses
					n.gate.set(false)
					n.prefers("")
					n.follows(append([]string{"n0"}, names...)...)
					if name == "n0" {
						n.follows()
					}
				}
				time.Sleep(5 * time.Second)
				behind := origin.layers[0].ring.top.Load() - 30 // a second
				for i := 1; i < len(names); i++ {
					if got := c.newest[i].Load(); got < behind {
						s, ok := status(m.nodes[names[i]], videoID)
						t.Errorf("%s is at %d, a second ago it was %d: %v %v", names[i], got, behind, ok, s.Path)
					}
				}
			}, names...)
		})
	}
}

// storm changes the routing of somebody ten times a second for a while, and cuts somebody off now and then.
func (c *crowd) storm(steps int) {
	const step = 20 * time.Millisecond
	cut := map[string]int{}
	for range steps {
		c.shuffle(c.names[1+c.random.IntN(len(c.names)-1)])
		if name := c.names[1+c.random.IntN(len(c.names)-1)]; c.random.IntN(10) == 0 && cut[name] == 0 {
			cut[name] = 1 + c.random.IntN(12)
			c.nodes[name].gate.cut()
		}
		for name := range cut {
			if cut[name]--; cut[name] == 0 {
				c.nodes[name].gate.set(false)
				delete(cut, name)
			}
		}
		for range 5 {
			time.Sleep(step)
			c.look(step)
		}
	}
}
