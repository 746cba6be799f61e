package route

import (
	"cmp"
	"hash/fnv"
	"slices"
	"time"
)

// The costs were set by the scores of bench/trees, medians of three worlds of 100, 1,000
// and 5,000 nodes on 324 cities, of 54 settings tried. "Copies" are those that go from
// one region to another (19 at least), "stretch" is the p99 of the latency from the
// origin over the direct one:
//
//	hop  cross  load    copies           stretch
//	20   40     50      23   46   104    2.00  2.08  2.07
//	10   40     20      22   64   201    1.84  1.80  2.10   (one world)
//	30   30     20      31   49    65    1.56  1.51  1.56   <- these
//	30   40     20      24   35    99    1.84  1.61  1.84
//	30   50     20      22   28    66    2.00  2.08  2.09
//	40   40     20      27   41    51    1.56  1.51  1.61   (the origin feeds all it may at 1,000)
//	30   80      0      21   23    37    1.84  2.69  2.21   (one world)
const (
	// hopCost is what a hop adds beyond its round trip: queueing, cut-through,
	// and the wish for flat trees. With less the hubs of regions hang behind each other,
	// and there is no room for many below them.
	hopCost = 30 * time.Millisecond
	// freshCost is what it costs to make a node carry a track that it does not
	// carry yet: one more copy on the backbone. About a continent's width, so
	// that a region gathers behind the first node that carries it.
	freshCost = 60 * time.Millisecond
	// crossCost is what a parent in another region costs more than one in the own:
	// one more copy of the stream between them. Less than a new copy somewhere, since
	// the border of a region is only a line that somebody drew.
	crossCost = 30 * time.Millisecond
	// loadCost is what a full node would cost more than an idle one. It spreads
	// children over like parents; with more, they flee over borders from a parent that
	// has room.
	loadCost = 20 * time.Millisecond
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
