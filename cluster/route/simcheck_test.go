package route

import (
	"maps"
	"slices"
	"time"
)

// adopted looks whether a node's new parent closed a loop.
func (w *world) adopted(n *simNode) {
	w.adoptions++
	if w.loop(n) {
		w.closed++
		if w.loops[n] == 0 {
			w.loops[n] = w.now
		}
		if w.order {
			w.blame(loopClosed, "%s under %s: %v", n.name, n.from.parent.name, n.chain())
		}
	}
}

func (w *world) loop(n *simNode) bool {
	at := n
	for range w.nodes {
		if !at.fedBy() {
			return false
		}
		if at = at.from.parent; at == n {
			return true
		}
	}
	return false
}

// watch looks after the loops that there are.
func (w *world) watch() {
	for n, since := range w.loops {
		lived := w.now - since
		if !w.loop(n) {
			delete(w.loops, n)
			w.longest = max(w.longest, lived)
		} else if lived > loopMost {
			w.blame(loopLives, "%v since %v", n.chain(), since)
			return
		}
	}
}

// fed holds that everyone who wants the track has it, from who publishes now.
func (w *world) fed() {
	for _, n := range w.nodes {
		if n.fedBy() && n.from.epoch != w.epoch {
			w.blame(oldEpoch, "%s has epoch %d, not %d", n.name, n.from.epoch, w.epoch)
			return
		}
	}
	for _, n := range w.nodes {
		if !n.up() || !n.needs() || w.now-n.since < fedWithin {
			continue
		}
		at := n
		for range w.nodes {
			if at == w.origin || !at.fedBy() {
				break
			}
			at = at.from.parent
		}
		if at != w.origin {
			w.blame(notFed, "%s: %v; asking %v, shuns %d, told %v, delay %v", n.name, n.chain(), len(n.asking) > 0, len(n.shunned), n.told, n.delay)
		}
	}
}

// backed are the nodes without a standby, though one is possible by what is announced.
func (w *world) backed() map[string]string {
	bad := map[string]string{}
	for _, n := range w.nodes {
		if n.up() && n.needs() && n != w.origin && n.from != nil && n.spare == nil {
			if p, ok := n.self().Standby(n.candidates(false), n.from.parent.name, n.path); ok && w.node(p).welcomes(n) {
				bad[n.name] = "could have " + p
			}
		}
	}
	return bad
}

// drained are the children of nodes that drain, who know of another that would have them.
func (w *world) drained() map[string]string {
	bad := map[string]string{}
	for _, n := range w.nodes {
		if !n.up() || !n.draining {
			continue
		}
		for s := range n.feeds {
			if c := s.child; s.real() && c.from == s {
				self := c.self()
				for _, o := range c.candidates(false) {
					if p := w.node(o.Node); self.possible(&o) && p.welcomes(c) && slices.Equal(p.path, o.Path) {
						bad[c.name+" under "+n.name] = "could have " + p.name
					}
				}
			}
		}
	}
	return bad
}

// twice blames what is so now and still so a while later.
func (w *world) twice(what string, look func() map[string]string, gap time.Duration) {
	before := look()
	w.run(gap)
	after := look()
	for _, n := range slices.Sorted(maps.Keys(after)) {
		if before[n] != "" {
			w.blame(what, "%s %s", n, after[n])
		}
	}
}

// welcomes reports whether the node would take a child, and keep it.
func (n *simNode) welcomes(c *simNode) bool {
	return n.w.joined(n, c) && !n.draining && !n.fullNow() && !n.pulls(c) && (n.isOrigin() || n.fedBy())
}
