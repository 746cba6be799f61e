package route

import (
	"maps"
	"slices"
	"time"
)

// The times of the protocol. A node that was cut off asks again within half a second,
// whatever it has tried; with more, nobody would be fed two seconds after a heal.
const (
	silence   = 150 * ms        // until an end of a link notices that the other is gone
	patience  = 500 * ms        // for an answer, besides three round trips
	hurry     = 100 * ms        // until another is asked as well, besides one and a half
	resend    = 200 * ms        // until the first packet of a connection is sent again, then twice that
	atOnce    = 3               // are asked at most
	shunTime  = time.Second     // after silence
	sulkTime  = 5 * time.Second // after a refusal: what it announces is not what it does
	againMost = 500 * ms
)

// A simNode is what the relay of a node does for one track.
type simNode struct {
	w        *world
	name     string
	region   string
	x, y     float64
	slow     float64
	group    int // nodes of other groups cannot be reached
	most     int // children
	alive    bool
	life     int
	wants    bool          // has readers
	since    time.Duration // that it needs the track
	draining bool
	drains   time.Duration // since when
	crowded  bool          // takes no children for another reason

	origin *simNode // as the replicated state says here
	epoch  uint64
	seq    int
	heard  map[*simNode]advert
	gone   map[*simNode]int // up to which word of a dead node nothing counts

	from, spare *sub   // the parent, the standby
	asking      []*sub // those that might be the next parent
	feeds       map[*sub]bool
	path        []string // of the last way, as long as there is a track
	delay, told time.Duration
	shunned     map[*simNode]shun
	backoff     time.Duration
	looking     bool
	moves       int
}

// A shun is a node that failed: it is not asked again for a while, unless it says
// something new.
type shun struct {
	until time.Duration
	seq   int
}

// A sub is a subscription, known to both its ends.
type sub struct {
	child, parent         *simNode
	epoch                 uint64
	paused                bool // as the parent knows
	accepted              bool // as the child knows
	path                  []string
	delay                 time.Duration
	severed               bool // the link is dead, whether or not the ends know
	overBelow, overAbove  bool // an end has let go
	arriveUp, arriveBelow time.Duration
}

func (s *sub) real() bool { return !s.severed && !s.overBelow && !s.overAbove }

// up and down send a message over the link, in order.
func (s *sub) up(do func()) { s.send(&s.arriveUp, do) }

func (s *sub) down(do func()) { s.send(&s.arriveBelow, do) }

func (s *sub) send(last *time.Duration, do func()) {
	w := s.child.w
	owd := w.owd(s.child, s.parent)
	*last = max(*last, w.now+owd+w.between(0, owd/4+ms))
	w.after(*last-w.now, func() {
		if !s.severed {
			do()
		}
	})
}

// sever kills the link; its ends notice each in its own time.
func (s *sub) sever() {
	if s.severed {
		return
	}
	s.severed = true
	w := s.child.w
	w.after(w.between(silence, 2*silence), func() { s.child.drop(s) })
	w.after(w.between(silence, 2*silence), func() { s.parent.forget(s) })
}

func (n *simNode) up() bool { return n.alive }

// has reports whether the node has a track, which may be an orphan.
func (n *simNode) has() bool { return n.alive && (n.isOrigin() || n.path != nil) }

func (n *simNode) isOrigin() bool { return n.origin == n }

func (n *simNode) needs() bool { return n.wants || len(n.feeds) > 0 }

// fedBy reports whether packets come from the parent.
func (n *simNode) fedBy() bool {
	return n.alive && n.from != nil && n.from.real() && n.from.parent.feeds[n.from]
}

// needed notes when the need arose: the two seconds count from there, too.
func (n *simNode) needed() {
	if !n.needs() {
		n.since = n.w.now
	}
}

func (n *simNode) children() (c int) {
	for s := range n.feeds {
		if !s.paused {
			c++
		}
	}
	return c
}

func (n *simNode) fullNow() bool { return n.crowded || n.children() >= n.most }

func (n *simNode) subs() (all []*sub) {
	for _, s := range []*sub{n.from, n.spare} {
		if s != nil {
			all = append(all, s)
		}
	}
	return append(append(all, n.asking...), n.fed()...)
}

// fed are the feeds in an order that the seed decides.
func (n *simNode) fed() []*sub {
	return slices.SortedFunc(maps.Keys(n.feeds), func(a, b *sub) int { return int(a.arriveUp - b.arriveUp) })
}

// chain is the way up, to the origin, to who is cut off, or once around.
func (n *simNode) chain() (c []string) {
	for at := n; !slices.Contains(c, at.name); at = at.from.parent {
		c = append(c, at.name)
		if !at.fedBy() {
			return c
		}
	}
	return append(c, "...")
}

func (n *simNode) start() {
	n.alive, n.draining, n.crowded, n.wants = true, false, false, false
	n.life++
	n.heard, n.gone = map[*simNode]advert{}, map[*simNode]int{}
	n.feeds, n.shunned = map[*sub]bool{}, map[*simNode]shun{}
	n.from, n.asking, n.spare, n.path, n.delay, n.told, n.backoff = nil, nil, nil, nil, 0, 0, 0
	n.origin, n.epoch, n.looking = nil, 0, false
	n.poll()
}

func (n *simNode) join() {
	if !n.alive {
		n.start()
		n.w.sync()
		n.w.inform(n)
	}
	n.want(true)
}

func (n *simNode) crash() {
	if !n.alive {
		return
	}
	for _, s := range n.subs() {
		s.sever()
	}
	n.alive = false
	for _, other := range n.w.nodes {
		last := n.seq
		n.w.after(n.w.between(time.Second, 8*time.Second), func() {
			if other.heard[n].seq <= last {
				delete(other.heard, n)
			}
			if other.life > 0 {
				other.gone[n] = last
			}
		})
	}
}

func (n *simNode) want(on bool) {
	if on {
		n.needed()
	}
	n.wants = on
	n.look()
}

// drain tells the children to move.
func (n *simNode) drain() {
	if n.draining {
		return
	}
	n.draining, n.drains = true, n.w.now
	n.w.spread(n)
	if n.w.bug == bugSilentDrain {
		return
	}
	for _, s := range n.fed() {
		s.down(func() { s.child.leaves(n) })
	}
}

func (n *simNode) leaves(parent *simNode) {
	if n.alive {
		a := n.heard[parent]
		a.draining, a.seq = true, max(a.seq, parent.seq) // older gossip does not take it back
		n.heard[parent] = a
		n.consider()
	}
}

// learn takes what the replicated state says of the publisher.
func (n *simNode) learn(origin *simNode, epoch uint64) {
	if epoch <= n.epoch {
		return
	}
	n.origin, n.epoch = origin, epoch
	if n.w.bug != bugOldEpoch {
		for _, s := range append(slices.Clone(n.asking), n.from, n.spare) {
			n.part(s)
		}
		n.release()
	}
	n.path, n.delay, n.shunned = nil, 0, map[*simNode]shun{}
	if origin == n {
		n.path = []string{n.name}
	}
	n.w.spread(n)
	n.look()
}

// release lets all children go.
func (n *simNode) release() {
	for _, s := range n.fed() {
		n.forget(s)
		s.down(func() { s.child.drop(s) })
	}
}

// forget ends a feed at the parent's end.
func (n *simNode) forget(s *sub) {
	s.overAbove = true
	delete(n.feeds, s)
	if len(n.feeds) == 0 {
		n.told = 0
	}
}

// part ends a subscription at the child's end.
func (n *simNode) part(s *sub) {
	if s == nil || s.overBelow {
		return
	}
	s.overBelow = true
	s.up(func() { s.parent.forget(s) })
	switch s {
	case n.from:
		n.from = nil
	case n.spare:
		n.spare = nil
	}
	n.asking = slices.DeleteFunc(n.asking, func(a *sub) bool { return a == s })
}

// drop parts, and looks for another parent if that was it.
func (n *simNode) drop(s *sub) {
	n.part(s)
	n.look()
}

// poll asks now and then whether there is a better parent or need of a standby.
func (n *simNode) poll() {
	life := n.life
	n.w.after(n.w.between(time.Second, 3*time.Second), func() {
		if n.life == life && n.alive {
			n.consider()
			n.guard()
			n.poll()
		}
	})
}
