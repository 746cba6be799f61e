package route

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// A world is a mesh for one track in virtual time: nodes on a map, links with delay,
// gossip that comes late, out of order or not at all, and things that go wrong. What a
// node does is in simnode_test.go, simask_test.go and simparent_test.go; it decides by this package alone.
type world struct {
	rng    *rand.Rand
	now    time.Duration
	events queue
	count  int
	nodes  []*simNode
	bug    bug
	order  bool // hold Self.Told, choosing and accepting; otherwise the path alone

	origin *simNode
	epoch  uint64
	cut    bool // there is a partition

	changes, adoptions, closed int
	longest                    time.Duration // that a loop lived
	loops                      map[*simNode]time.Duration
	found                      []string
}

// What is guaranteed, by name; a run fails when one of them does not hold.
const (
	loopClosed   = "an accepted subscription closed a loop"
	loopLives    = "a loop outlived the news of it"
	notFed       = "a node is not fed two seconds after the last change"
	oldEpoch     = "a node is fed by an old publisher two seconds after the last change"
	drainedNot   = "a node that drains still has children two seconds later"
	noStandby    = "a node has no standby ten seconds after the last change"
	neverSettles = "nodes still move though nothing has changed for half a minute"
)

const (
	fedWithin = 2 * time.Second
	// A loop ends when the news of a path has gone around it: at most all nodes of one,
	// each hop with the delay of half the world. This is what the simulation allows; what
	// it sees is printed.
	loopMost = 2 * time.Second
)

type event struct {
	at  time.Duration
	seq int
	do  func()
}

type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(e any)   { *q = append(*q, e.(event)) }
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

func newWorld(seed uint64, order bool, b bug) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 0x524f555445)), bug: b, order: order, loops: map[*simNode]time.Duration{}}
	regions := 1 + w.rng.IntN(4)
	for i := range 4 + w.rng.IntN(21) {
		n := &simNode{w: w, name: fmt.Sprintf("n%d", i), most: 4 + w.rng.IntN(5)}
		r := w.rng.IntN(regions)
		n.region = fmt.Sprintf("r%d", r)
		// Regions are up to 100 ms apart one way, nodes of one up to 10.
		a := 2 * math.Pi * float64(r) / float64(regions)
		n.x, n.y = 50*math.Cos(a)+10*w.rng.Float64(), 50*math.Sin(a)+10*w.rng.Float64()
		n.slow = 1
		w.nodes = append(w.nodes, n)
	}
	for _, n := range w.nodes {
		n.start()
		n.wants = w.rng.IntN(5) > 0
	}
	w.origin, w.epoch = w.nodes[0], 1
	w.publish()
	w.exchange()
	return w
}

// after runs do in a while, once.
func (w *world) after(d time.Duration, do func()) {
	w.count++
	heap.Push(&w.events, event{w.now + d, w.count, do})
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	until := w.now + d
	for len(w.events) > 0 && w.events[0].at <= until && len(w.found) == 0 {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
		if len(w.loops) > 0 {
			w.watch()
		}
	}
	w.now = until
	w.watch()
}

func (w *world) blame(what, detail string, args ...any) {
	w.found = append(w.found, fmt.Sprintf("%s: at %v: "+detail, append([]any{what, w.now}, args...)...))
}

// between draws a duration.
func (w *world) between(least, most time.Duration) time.Duration {
	return least + time.Duration(w.rng.Int64N(int64(most-least)))
}

// owd is the time from one node to another, now.
func (w *world) owd(a, b *simNode) time.Duration {
	d := math.Hypot(a.x-b.x, a.y-b.y)*a.slow*b.slow + 0.5
	return time.Duration(d * float64(time.Millisecond))
}

func (w *world) joined(a, b *simNode) bool { return a.up() && b.up() && a.group == b.group }

// An advert is what gossip carries of a node.
type advert struct {
	seq                 int
	epoch               uint64
	path                []string
	delay               time.Duration
	children            int
	draining, full, has bool
}

// spread tells the others, each at its own time, which no order holds.
func (w *world) spread(n *simNode) {
	n.seq++
	a := advert{n.seq, n.epoch, n.path, n.delay, n.children(), n.draining, n.crowded, n.has()}
	for _, other := range w.nodes {
		if other != n {
			w.whisper(n, other, a)
		}
	}
}

func (w *world) whisper(from, to *simNode, a advert) {
	// Twice to ten times what package cluster was seen to need (0.2 s). Were it more, a
	// node that finds a new origin full would know of nobody else in its two seconds.
	late := w.between(20*ms, time.Second)
	switch w.rng.IntN(40) {
	case 0:
		return // lost
	case 1:
		late *= 5
	}
	life := to.life
	w.after(late, func() {
		if to.up() && to.life == life && from.group == to.group && a.seq > max(to.heard[from].seq, to.gone[from]) {
			to.heard[from] = a
		}
	})
}

// exchange goes on as memberlist does it, twice in half a minute.
func (w *world) exchange() {
	w.after(w.between(5*time.Second, 15*time.Second), func() {
		w.sync()
		w.exchange()
	})
}

// sync lets everybody tell everybody what it last said.
func (w *world) sync() {
	for _, a := range w.nodes {
		for _, b := range w.nodes {
			if a != b && w.joined(a, b) {
				w.whisper(a, b, advert{a.seq, a.epoch, a.path, a.delay, a.children(), a.draining, a.crowded, a.has()})
			}
		}
	}
}

// publish makes the origin known: at once at itself, elsewhere by the watch streams of
// the control plane.
func (w *world) publish() {
	w.origin.learn(w.origin, w.epoch)
	for _, n := range w.nodes {
		w.inform(n)
	}
}

func (w *world) inform(n *simNode) {
	origin, epoch, life := w.origin, w.epoch, n.life
	w.after(w.between(20*ms, 300*ms), func() {
		if n.up() && n.life == life && w.joined(n, origin) {
			n.learn(origin, epoch)
		}
	})
}

// change does one thing to the mesh.
func (w *world) change() {
	w.changes++
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	switch k := w.rng.IntN(100); {
	case k < 24:
		if n.up() && n != w.origin {
			n.crash()
		} else {
			n.join()
		}
	case k < 44:
		if n.up() {
			n.want(!n.wants)
		} else {
			n.join()
		}
	case k < 54:
		if n.up() && n != w.origin {
			n.drain()
		}
	case k < 74:
		n.slow = 0.7 + 0.7*w.rng.Float64()
	case k < 82:
		if n.crowded = !n.crowded && n != w.origin; n.up() {
			w.spread(n)
		}
	case k < 95:
		w.partition(w.rng.IntN(2) == 0)
	default:
		w.move(n)
	}
}

// move lets the publisher come back at another node, which may be because its own died.
func (w *world) move(n *simNode) {
	if !n.up() || n == w.origin || n.draining {
		return
	}
	old := w.origin
	w.origin, w.epoch = n, w.epoch+1
	n.crowded = false
	if w.rng.IntN(2) == 0 {
		old.crash()
	}
	w.publish()
}

// partition cuts the mesh in two or three, or heals it.
func (w *world) partition(cut bool) {
	w.cut = cut
	for _, n := range w.nodes {
		if n.group = 0; cut {
			n.group = w.rng.IntN(3)
		}
	}
	for _, n := range w.nodes {
		for _, s := range n.subs() {
			if s.parent.group != s.child.group {
				s.sever()
			}
		}
	}
	w.sync()
	for _, n := range w.nodes {
		w.inform(n)
	}
}

// quiet heals what is cut, so that from now on everyone can be fed.
func (w *world) quiet() {
	if w.cut {
		w.partition(false)
	}
	for _, n := range w.nodes {
		if n.crowded {
			n.crowded = false
			w.spread(n)
		}
	}
}

// stop ends those that drain, which nobody should notice.
func (w *world) stop() {
	for _, n := range w.nodes {
		if n.draining && n != w.origin {
			n.crash()
		}
	}
}
