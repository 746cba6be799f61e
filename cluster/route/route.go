// Package route chooses from whom a node pulls a track, who stands by for that parent,
// and when another would be better.
//
// It is a function of what the candidates announce and of what this node knows
// about the way to them. It does no I/O, reads no clock and keeps no state:
// nodes that see the same choose the same.
//
// A choice never makes a loop out of what was announced, since whoever has this
// node in its path is no candidate. What was announced can be old, though; the path
// that the parent confirms at the subscription is the last word and has to be
// checked again there, and whenever it changes. That check finds a loop as soon as the
// news has gone around it. Where no loop may be closed at all, [Self.Told] is to be
// set and held at the subscription too: then every parent is nearer to the origin
// than its child ever said to be, at every instant and however old the news (the
// feasibility condition of RFC 8966, section 2.4; the proof by simulation is in
// simulation_test.go).
package route

import (
	"slices"
	"time"
)

// MaxHops is the longest way from the origin to a viewer's node: origin, hub, edge and
// one more for a region behind a bad link. Every hop adds delay and one more thing
// that can break. It limits what is chosen; a tree that a failure has made deeper
// goes on, and becomes flat again by [Self.Better].
const MaxHops = 3

// absurd is longer than any way around the Earth, with queues.
const absurd = 10 * time.Second

// Self is the node that chooses, and what its choice for one track depends on. Only
// Node has to be set.
type Self struct {
	Node   string
	Region string // "" is none
	// Epoch of the track's publisher, from the replicated state; a candidate that
	// announces another one is none. 0 takes any.
	Epoch uint64
	// Delay is from the origin to here over the parent that it has; 0 when it has none.
	Delay time.Duration
	// Told is the least delay from the origin that this node has told a child (also
	// one that only stands by) since it last had none; 0 when it has none. With it, who
	// is not nearer to the origin than that is no candidate. When nobody is left, the
	// children have to be let go first: they find other parents, this node is free.
	Told time.Duration
}

// A Candidate is a node that might be the parent.
type Candidate struct {
	Node   string
	Region string // "" is none
	Host   string // the machine it runs on, such as the host of its address; "" is its own
	// Epoch that it carries; 0 is not known.
	Epoch uint64
	// Delay is what the candidate announces: origin to it. For one that does not
	// carry the track, what it would be.
	Delay time.Duration
	// RTT is from here to it; 0 is not known. Measured says that it is the least one
	// of a connection; otherwise it is a guess from coordinates.
	RTT      time.Duration
	Measured bool
	// Load is the share of its uplink in use, 0 to 1.
	Load float64
	// Children is how many nodes it feeds, of MaxChildren at most; 0 where that is not
	// known. Full says that it takes no more, for whatever reason.
	Children, MaxChildren int
	Full                  bool
	// Path is the way of the track, origin first, Node last. One that does not
	// carry the track may leave it out.
	Path     []string
	Draining bool
	Carries  bool

	below bool // a node that drains, which is not on the same list any more
}

// Choose is [Self.Choose] of a node that tells nothing but its name.
func Choose(self string, candidates []Candidate, current string) (parent string, ok bool) {
	return Self{Node: self}.Choose(candidates, current)
}

// Choose picks the parent among the candidates, or ok = false when none is possible.
// current is the parent it has ("" for none) and is kept unless another is better by
// more than a fifth and 10 ms.
func (s Self) Choose(candidates []Candidate, current string) (parent string, ok bool) {
	best, now := s.best(candidates, current, s.possible)
	switch {
	case best == nil:
		return "", false
	case now != nil && !worth(*now, *best, 1):
		return current, true
	default:
		return best.node, true
	}
}

// best returns the best candidate that passes the filter, and the current one if it is
// among them.
func (s Self) best(candidates []Candidate, current string, filter func(*Candidate) bool) (best, now *scored) {
	gone := leaving(candidates)
	for i := range candidates {
		c := &candidates[i]
		if !filter(c) {
			continue
		}
		x := s.score(c, current, gone)
		if best == nil || compare(x, *best) < 0 {
			best = &x
		}
		if c.Node == current && (now == nil || compare(x, *now) < 0) {
			now = &x
		}
	}
	return best, now
}

// possible excludes what would be a loop, a way too long, another publisher's packets,
// or nonsense.
func (s Self) possible(c *Candidate) bool {
	switch {
	case c.Node == "" || c.Node == s.Node || slices.Contains(c.Path, s.Node):
		return false
	case c.Delay < 0 || c.Delay > absurd || c.RTT < 0 || c.RTT > absurd:
		return false
	case s.Epoch != 0 && c.Epoch != 0 && c.Epoch != s.Epoch:
		// Not the highest that is announced: that would let one forged number shut out
		// every honest node.
		return false
	case s.Told > 0 && c.Delay >= s.Told:
		return false
	case len(c.Path) == 0:
		return !c.Carries
	}
	return len(c.Path) <= MaxHops && sound(c)
}

// sound reports whether a path can be one.
func sound(c *Candidate) bool { return c.Path[len(c.Path)-1] == c.Node && !repeats(c.Path) }

func repeats(path []string) bool {
	for i, n := range path {
		if slices.Contains(path[:i], n) {
			return true
		}
	}
	return false
}
