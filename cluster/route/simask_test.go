package route

import (
	"slices"
	"time"
)

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
		n.next(true)
	}
}

// next asks the best candidate that was not asked. When those are at an end that may be
// asked with children below, the children go; and if there is still nobody, those that
// failed are, again.
func (n *simNode) next(again bool) {
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
	if !ok && again {
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
		case !n.alive || !slices.Contains(n.asking, s) || len(n.asking) >= atOnce || n.w.bug == bugOneByOne:
		case n.from == nil:
			n.next(true)
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
	if !s.severed {
		until = n.w.now + sulkTime
	}
	n.shunned[s.parent] = shun{until, n.heard[s.parent].seq}
	n.part(s)
	if n.from == nil && n.needs() && !n.isOrigin() && n.origin != nil {
		n.next(false) // at once while there is somebody who has not failed
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
