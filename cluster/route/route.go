// Package route chooses from whom a node pulls a track.
//
// It is a function of what the candidates announce and of what this node knows
// about the way to them. It does no I/O, reads no clock and keeps no state:
// nodes that see the same choose the same.
//
// A choice never makes a loop out of what was announced, since whoever has this
// node in its path is no candidate, and since every hop costs something: two
// nodes cannot both gain by choosing each other. What was announced can be old,
// though; the path that the parent confirms at the subscription is the last word
// and has to be checked again there.
package route

import (
	"cmp"
	"hash/fnv"
	"slices"
	"time"
)

const (
	// MaxHops is the longest way from the origin to a viewer's node: origin,
	// hub, edge and one more for a region behind a bad link. Every hop adds
	// delay and one more thing that can break.
	MaxHops = 3
	// hopCost is what a hop adds beyond its round trip: queueing, cut-through,
	// and the wish for flat trees.
	hopCost = 20 * time.Millisecond
	// freshCost is what it costs to make a node carry a track that it does not
	// carry yet: one more copy on the backbone. About a continent's width, so
	// that a region gathers behind the first node that carries it.
	freshCost = 60 * time.Millisecond
	// loadCost is what a full node would cost more than an idle one.
	loadCost = 50 * time.Millisecond
	// full is the share of its uplink above which a node takes no new children;
	// the rest is for those it has, whose layers go up and down.
	full = 0.7
	// A parent is changed for a gain above both: small ones are noise of the
	// measurement, and a switch costs a key frame.
	minGain      = 10 * time.Millisecond
	minGainShare = 0.2
	// tie is the grain of costs: what is closer than that is chosen by hash, so
	// that the children of equal parents spread.
	tie = time.Millisecond
	// absurd is longer than any way around the Earth, with queues.
	absurd = 10 * time.Second
)

// A Candidate is a node that might be the parent.
type Candidate struct {
	Node string
	// Delay is what the candidate announces: origin to it. For one that does not
	// carry the track, what it would be.
	Delay time.Duration
	// RTT is from here to it.
	RTT time.Duration
	// Load is the share of its uplink in use, 0 to 1.
	Load float64
	// Path is the way of the track, origin first, Node last. One that does not
	// carry the track may leave it out.
	Path     []string
	Draining bool
	Carries  bool
}

// ranks: a lower one wins whatever the cost.
const (
	rankGood = iota
	rankFull
	rankDraining
)

type scored struct {
	node string
	rank int
	cost time.Duration
	hash uint64
}

// Choose picks the parent of self among the candidates, or ok = false when none
// is possible. current is the parent it has ("" for none) and is kept unless
// another is better by more than a fifth and 10 ms.
func Choose(self string, candidates []Candidate, current string) (parent string, ok bool) {
	var best, now *scored
	for i := range candidates {
		c := &candidates[i]
		if !possible(self, c) {
			continue
		}
		s := score(self, c, current)
		if best == nil || compare(s, *best) < 0 {
			best = &s
		}
		if c.Node == current && (now == nil || compare(s, *now) < 0) {
			now = &s
		}
	}
	switch {
	case best == nil:
		return "", false
	case now != nil && !worth(*now, *best):
		return current, true
	default:
		return best.node, true
	}
}

// possible excludes what would be a loop, a way too long, or nonsense.
func possible(self string, c *Candidate) bool {
	if c.Node == "" || c.Node == self || c.Delay < 0 || c.Delay > absurd || c.RTT < 0 || c.RTT > absurd || slices.Contains(c.Path, self) {
		return false
	}
	if len(c.Path) == 0 {
		return !c.Carries
	}
	return len(c.Path) <= MaxHops && c.Path[len(c.Path)-1] == c.Node && !repeats(c.Path)
}

func repeats(path []string) bool {
	for i, n := range path {
		if slices.Contains(path[:i], n) {
			return true
		}
	}
	return false
}

func score(self string, c *Candidate, current string) scored {
	hops := len(c.Path)
	if hops == 0 {
		hops = 2 // it would pull from the origin at best
	}
	cost := c.Delay + c.RTT + time.Duration(hops)*hopCost + time.Duration(clamp(c.Load)*float64(loadCost))
	if !c.Carries {
		cost += freshCost
	}
	s := scored{node: c.Node, cost: cost, hash: spread(self, c.Node)}
	switch {
	case c.Draining:
		s.rank = rankDraining
	case !(c.Load < full) && c.Node != current: // a NaN is full
		s.rank = rankFull
	}
	return s
}

func clamp(load float64) float64 {
	if load >= 0 && load <= 1 {
		return load
	}
	return 1
}

func compare(a, b scored) int {
	return cmp.Or(
		cmp.Compare(a.rank, b.rank),
		cmp.Compare(a.cost/tie, b.cost/tie),
		cmp.Compare(a.hash, b.hash),
		cmp.Compare(a.node, b.node),
	)
}

// worth reports whether a switch pays: away from a parent that drains always.
func worth(now, best scored) bool {
	if best.rank != now.rank {
		return best.rank < now.rank
	}
	gain := now.cost - best.cost
	return gain > minGain && float64(gain) > minGainShare*float64(now.cost)
}

// spread is FNV-1a with a finalizer (of splitmix64), since the order of two hashes
// is decided by their upper bits, which FNV leaves alike for like names.
func spread(self, node string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(self))
	h.Write([]byte{0})
	h.Write([]byte(node))
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
