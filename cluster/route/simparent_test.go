package route

import (
	"errors"
	"slices"
	"time"
)

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
