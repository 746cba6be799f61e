package trees

import (
	"slices"
	"time"
)

// nearby is the least direct latency that a stretch is taken against: of a node in the
// origin's own city any way at all is a multiple, and nobody sees it.
const nearby = 10 * time.Millisecond

// A Score is what a tree costs and how good it is.
type Score struct {
	Nodes    int
	Dark     int // nodes without a parent
	Copies   int // of the stream, over all links
	Abroad   int // of these, between regions: the backbone
	Regions  int // with nodes in them, the origin's not counted: what Abroad would be at least
	Origin   int // copies out of the origin
	Depth    int
	Hops     float64       // mean
	Length   float64       // of all links together, in thousands of kilometres
	Star     float64       // what it would be if everyone pulled from the origin
	Stretch  float64       // p99 of the latency from the origin, over the direct one
	Median   float64       // the same at p50
	Added    time.Duration // p99 of what the tree adds to the direct latency
	Settling float64       // moves per node until nobody had a better parent
	Forced   float64       // moves per change of the membership: of children of who died
	Chosen   float64       // and of others
}

// Score judges the tree as it is.
func (m *Mesh) Score() Score {
	var s Score
	var stretch []float64
	var added []time.Duration
	origin, regions := m.Nodes[0], map[string]bool{}
	for i, n := range m.Nodes {
		switch {
		case !n.up:
			continue
		case i > 0 && n.parent == nil:
			s.Dark++
		}
		s.Nodes++
		if n.parent == nil {
			continue
		}
		s.Copies++
		if n.City.Region != n.parent.City.Region {
			s.Abroad++
		}
		if n.City.Region != origin.City.Region {
			regions[n.City.Region] = true
		}
		s.Depth = max(s.Depth, n.hops)
		s.Hops += float64(n.hops)
		s.Length += Distance(n.City, n.parent.City) / 1000
		s.Star += Distance(n.City, origin.City) / 1000
		direct := m.latency(n, origin)
		stretch = append(stretch, max(1, float64(n.delay)/float64(max(direct, nearby))))
		added = append(added, n.delay-direct)
	}
	s.Regions, s.Origin = len(regions), len(origin.children)
	s.Hops /= float64(max(1, s.Copies))
	slices.Sort(stretch)
	slices.Sort(added)
	if n := len(stretch); n > 0 {
		s.Stretch, s.Median, s.Added = stretch[n*99/100], stretch[n/2], added[n*99/100]
	}
	s.Settling = float64(m.moves) / float64(max(1, s.Nodes))
	return s
}
