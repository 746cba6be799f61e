package route

import (
	"cmp"
	"hash/fnv"
	"slices"
	"time"
)

const (
	// hopCost is what a hop adds beyond its round trip: queueing, cut-through,
	// and the wish for flat trees.
	hopCost = 20 * time.Millisecond
	// freshCost is what it costs to make a node carry a track that it does not
	// carry yet: one more copy on the backbone. About a continent's width, so
	// that a region gathers behind the first node that carries it.
	freshCost = 60 * time.Millisecond
	// crossCost is what a parent in another region costs more than one in the own:
	// one more copy of the stream between them.
	crossCost = 40 * time.Millisecond
	// loadCost is what a full node would cost more than an idle one.
	loadCost = 50 * time.Millisecond
	// full is the share of its uplink above which a node takes no new children;
	// the rest is for those it has, whose layers go up and down.
	full = 0.7
	// strange is the round trip to a node of which none is known: half around the
	// world, so that it is asked when there is nobody else nearby, and not before.
	strange = 150 * time.Millisecond
	// A parent is changed for a gain above both: small ones are noise of the
	// measurement, and a switch costs a key frame.
	minGain      = 10 * time.Millisecond
	minGainShare = 0.2
	// tie is the grain of costs: what is closer than that is chosen by hash, so
	// that the children of equal parents spread.
	tie = time.Millisecond
)

// ranks: a lower one wins whatever the cost.
const (
	rankGood = iota
	rankFull
	rankBelow // a node that drains: it will have to move itself
	rankDraining
	rankLong // only a parent that became so; nobody chooses it
)

type scored struct {
	node    string
	rank    int
	cost    time.Duration
	hash    uint64
	guessed bool // the round trip is
}

// leaving are the candidates that drain.
func leaving(candidates []Candidate) (nodes []string) {
	for i := range candidates {
		if candidates[i].Draining {
			nodes = append(nodes, candidates[i].Node)
		}
	}
	return nodes
}

func through(path, nodes []string) bool {
	return slices.ContainsFunc(path, func(n string) bool { return slices.Contains(nodes, n) })
}

func (s Self) score(c *Candidate, current string, gone []string) scored {
	hops := len(c.Path)
	if hops == 0 {
		hops = 2 // it would pull from the origin at best
	}
	cost := c.Delay + rtt(c) + time.Duration(hops)*hopCost + time.Duration(clamp(c.Load)*float64(loadCost))
	if !c.Carries {
		cost += freshCost
	}
	if s.Region != "" && c.Region != s.Region {
		cost += crossCost
	}
	x := scored{node: c.Node, cost: cost, hash: spread(s.Node, c.Node), guessed: !c.Measured}
	switch {
	case c.Draining:
		x.rank = rankDraining
	case c.below || through(c.Path, gone):
		x.rank = rankBelow
	case c.Node != current && takesNobody(c):
		x.rank = rankFull
	}
	return x
}

// takesNobody reports whether a node that has children already should get no more.
func takesNobody(c *Candidate) bool {
	return c.Full || c.MaxChildren > 0 && c.Children >= c.MaxChildren || !(c.Load < full) // a NaN is full
}

func rtt(c *Candidate) time.Duration {
	if c.RTT == 0 {
		return strange
	}
	return c.RTT
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

// worth reports whether a switch pays, whose gain has to be margin times the least one:
// away from a parent that drains always.
func worth(now, best scored, margin float64) bool {
	if best.rank != now.rank {
		return best.rank < now.rank
	}
	gain := float64(now.cost - best.cost)
	return gain > margin*float64(minGain) && gain > margin*minGainShare*float64(now.cost)
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
