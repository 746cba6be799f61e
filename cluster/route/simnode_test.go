package route

import (
	"errors"
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

func (n *simNode) self() Self {
	s := Self{Node: n.name, Region: n.region, Epoch: n.epoch, Delay: n.delay}
	if n.w.order {
		s.Told = n.told
	}
	return s
}

// candidates are whom this node may ask, by what it has heard.
func (n *simNode) candidates(shunned bool) []Candidate {
	var list []Candidate
	for _, p := range n.w.nodes { // not over the map: its order is not the seed's
		a, ok := n.heard[p]
		switch {
		case p == n, !ok && p != n.origin, !shunned && n.shuns(p), n.feedsTo(p), n.asks(p):
			continue
		}
		if p == n.origin {
			a.has, a.epoch, a.path, a.delay = true, n.epoch, []string{p.name}, 0
		}
		if a.has && a.epoch == n.epoch {
			rtt := 2 * n.w.owd(n, p)
			list = append(list, Candidate{
				Node: p.name, Region: p.region, Epoch: a.epoch, Delay: a.delay, Path: a.path, Carries: true,
				RTT: rtt + n.w.between(0, rtt/20+1), Measured: n.w.rng.IntN(2) == 0,
				Children: a.children, MaxChildren: p.most, Full: a.full, Draining: a.draining,
			})
		}
	}
	return list
}

func (n *simNode) shuns(p *simNode) bool {
	s := n.shunned[p]
	return n.w.now < s.until && n.heard[p].seq <= s.seq
}

func (n *simNode) feedsTo(p *simNode) bool {
	for s := range n.feeds {
		if s.child == p {
			return true
		}
	}
	return false
}

func (w *world) node(name string) *simNode {
	return w.nodes[slices.IndexFunc(w.nodes, func(n *simNode) bool { return n.name == name })]
}

// look finds a parent where one is needed.
func (n *simNode) look() {
	switch {
	case !n.alive || n.origin == nil || n.isOrigin() || n.from != nil:
		return
	case !n.needs():
		if n.path != nil {
			n.path, n.delay = nil, 0
			n.w.spread(n)
		}
		return
	case n.spare != nil && n.spare.accepted:
		s := n.spare
		if n.fits(s) != nil && n.w.bug != bugBlindStandby {
			n.drop(s) // looks again
			return
		}
		n.spare = nil
		n.adopt(s)
		s.up(func() { s.parent.resumed(s) })
	case len(n.asking) == 0:
		n.next()
	}
}

// next asks the best candidate that was not asked. When those are at an end that may be
// asked with children below, the children go; and if there is still nobody, those that
// failed are asked again.
func (n *simNode) next() {
	free, bound := n.self(), n.self()
	free.Told = 0
	p, ok := bound.Choose(n.candidates(false), "")
	if !ok && n.w.bug != bugNeverLetsGo {
		if _, ok = free.Choose(n.candidates(false), ""); ok {
			n.release()
			n.later(0)
			return
		}
	}
	if !ok && len(n.asking) == 0 {
		p, ok = bound.Choose(n.candidates(true), "")
	}
	if !ok {
		n.later(n.retry())
		return
	}
	if len(n.asking) >= atOnce {
		return
	}
	n.ask(n.w.node(p), false)
}

func (n *simNode) retry() time.Duration {
	n.backoff = min(max(2*n.backoff, 50*ms), againMost)
	return n.backoff
}

func (n *simNode) later(d time.Duration) {
	if n.looking {
		return
	}
	n.looking = true
	life := n.life
	n.w.after(d, func() {
		if n.life != life {
			return
		}
		n.looking = false
		n.look()
		if n.from != nil && n.heard[n.from.parent].draining {
			n.consider()
			if len(n.asking) == 0 {
				n.later(n.retry())
			}
		}
	})
}

// ask subscribes.
func (n *simNode) ask(p *simNode, paused bool) {
	s := &sub{child: n, parent: p, epoch: n.epoch, paused: paused}
	if paused {
		n.spare = s
	} else {
		n.asking = append(n.asking, s)
	}
	s.severed = true
	s.dial(resend)
	rtt := 2 * n.w.owd(n, p)
	n.w.after(patience+3*rtt, func() {
		if !s.accepted {
			n.shun(s)
		}
	})
	n.w.after(hurry+rtt+rtt/2, func() {
		switch {
		case !n.alive || !slices.Contains(n.asking, s) || len(n.asking) >= atOnce:
		case n.from == nil:
			n.next()
		case n.heard[n.from.parent].draining:
			n.move()
		}
	})
}

// dial sends the question, and again as QUIC does while no packet comes back.
func (s *sub) dial(wait time.Duration) {
	w, p := s.child.w, s.parent
	switch {
	case s.overBelow || !s.child.alive:
	case w.joined(s.child, p):
		s.severed = false
		s.up(func() { p.subscribed(s) })
	default:
		w.after(wait, func() { s.dial(2 * wait) })
	}
}

// shun drops a parent that failed and does not ask it again for a while.
func (n *simNode) shun(s *sub) {
	if s.overBelow || !n.alive {
		return
	}
	until := n.w.now + shunTime
	switch {
	case n.w.bug == bugShunsForEver:
		until = 1 << 62
	case !s.severed:
		until = n.w.now + sulkTime
	}
	n.shunned[s.parent] = shun{until, n.heard[s.parent].seq}
	n.part(s)
	if n.from == nil && n.needs() && !n.isOrigin() && n.origin != nil {
		n.next() // at once while there is somebody who has not failed
		return
	}
	n.later(n.retry())
}

// consider asks for a better parent.
func (n *simNode) consider() {
	if n.alive && n.from != nil && len(n.asking) == 0 && n.needs() {
		n.move()
	}
}

// move asks a better parent, or any that stays when the present one goes.
func (n *simNode) move() {
	parent, list := n.from.parent, n.candidates(false)
	p, ok := n.self().Better(list, parent.name)
	if n.w.bug == bugRestless {
		p, ok = n.self().Choose(list, "")
		ok = ok && p != parent.name
	}
	if n.heard[parent].draining {
		list = slices.DeleteFunc(list, func(c Candidate) bool { return c.Draining || c.Node == parent.name })
		p, ok = n.self().Choose(list, "")
	}
	if ok {
		n.ask(n.w.node(p), false)
	}
}

// guard sees to the standby.
func (n *simNode) guard() {
	if !n.needs() {
		n.part(n.from)
		n.part(n.spare)
		n.look()
		return
	}
	if n.from == nil || n.spare != nil || n.w.bug == bugNoStandby {
		return
	}
	if p, ok := n.self().Standby(n.candidates(false), n.from.parent.name, n.path); ok {
		n.ask(n.w.node(p), true)
	}
}

// subscribed is a child's question.
func (n *simNode) subscribed(s *sub) {
	switch {
	case !n.alive || s.overBelow:
		return
	case s.epoch != n.epoch, !s.paused && n.fullNow(), n.pulls(s.child) && n.w.bug != bugNoPath:
		n.refuse(s)
		return
	case s.paused && !n.has():
		n.refuse(s) // to stand by is no reason to pull
		return
	}
	n.needed()
	n.feeds[s] = true
	if n.draining && n.w.bug != bugSilentDrain {
		s.down(func() { s.child.leaves(n) }) // it came with old gossip
	}
	if n.isOrigin() || n.from != nil {
		n.tell(s) // otherwise when there is a way again: an orphan has nothing to give
	}
	n.look()
}

// pulls reports whether this node has the track from another, or asks for it there.
func (n *simNode) pulls(other *simNode) bool {
	return n.from != nil && n.from.parent == other || n.asks(other)
}

func (n *simNode) asks(other *simNode) bool {
	return slices.ContainsFunc(n.asking, func(s *sub) bool { return s.parent == other })
}

func (n *simNode) refuse(s *sub) {
	n.forget(s)
	s.down(func() {
		if !s.overBelow {
			s.child.shun(s)
		}
	})
}

// resumed is a standby's turn. It may have become full; the child knows of nobody better.
func (n *simNode) resumed(s *sub) { s.paused = false }

// tell accepts a child, or tells it of another path.
func (n *simNode) tell(s *sub) {
	path, delay := n.path, n.delay
	if slices.Contains(path, s.child.name) && n.w.bug != bugNoPath && n.w.bug != bugNoRecheck {
		n.refuse(s)
		return
	}
	if n.told == 0 || delay < n.told {
		n.told = max(delay, 1)
	}
	if n.w.bug == bugForgetsTold {
		n.told = 0
	}
	s.down(func() { s.child.accepted(s, path, delay) })
}

var (
	errLoop  = errors.New("the path leads through this node")
	errOrder = errors.New("not nearer to the origin than what children were told")
)

// fits is the check at the subscription.
func (n *simNode) fits(s *sub) error {
	switch {
	case slices.Contains(s.path, n.name) && n.w.bug != bugNoPath:
		return errLoop
	case n.w.order && n.told > 0 && s.delay >= n.told && !(n.w.bug == bugTie && s.delay == n.told):
		return errOrder
	}
	return nil
}

// accepted is a parent's answer, or its news of another path.
func (n *simNode) accepted(s *sub, path []string, delay time.Duration) {
	if s.overBelow || !n.alive {
		return
	}
	again := s.accepted
	s.accepted, s.path, s.delay = true, path, delay
	if again && n.w.bug == bugNoRecheck {
		return
	}
	asked := slices.Contains(n.asking, s)
	switch err := n.fits(s); {
	case errors.Is(err, errLoop), err != nil && asked:
		n.shun(s)
	case asked:
		n.asking = slices.DeleteFunc(n.asking, func(a *sub) bool { return a == s })
		old := append(slices.Clone(n.asking), n.from)
		n.adopt(s)
		for _, o := range old {
			n.part(o)
		}
	case s == n.from:
		n.way(s)
	}
}

// adopt makes a subscription the one that feeds this node.
func (n *simNode) adopt(s *sub) {
	n.from, n.backoff = s, 0
	n.moves++
	if n.spare != nil && n.spare.parent == s.parent {
		n.part(n.spare)
	}
	n.way(s)
	n.w.adopted(n)
	if n.heard[s.parent].draining {
		n.later(n.retry())
	}
	n.w.after(n.w.between(200*ms, 600*ms), n.guardNow)
}

func (n *simNode) guardNow() {
	if n.alive {
		n.guard()
	}
}

// way notes how the track gets here, and tells.
func (n *simNode) way(s *sub) {
	n.path = append(slices.Clone(s.path), n.name)
	n.delay = s.delay + n.w.owd(n, s.parent) + time.Microsecond
	if n.w.bug == bugTie {
		n.delay = s.delay
	}
	for _, f := range n.fed() {
		n.tell(f)
	}
	n.w.spread(n)
}
