// Package trees grows the trees that package cluster/route makes of a mesh, on the
// cities of the world, scores them and draws them.
//
// Latency is an estimate: the great-circle distance, 1.6 times as long as fibre really
// runs, at two thirds of the speed of light, and a little at each end. Gossip is taken to
// be instant and nothing fails but what is made to: what old news and dead links do is
// simulated beside package route. Nothing here reads a clock or writes a file.
package trees

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	earth = 6371.0 // km, mean radius
	// detour is how much longer fibre is than the great circle, about what measured
	// round trips between cities show on the whole.
	detour = 1.6
	light  = 299.792458 * 2 / 3 // km per ms in glass
	// access is from a node to the long way and the most that is added to it, one way.
	access     = time.Millisecond
	accessMore = 2 * time.Millisecond
)

// A Node is one node of the mesh, somewhere.
type Node struct {
	Name string
	City *City
	city int           // its index
	edge time.Duration // its own way to the long one

	up       bool
	parent   *Node
	children []*Node
	delay    time.Duration // from the origin
	hops     int
}

// Parent is who feeds the node, nil at the origin and where it is not up.
func (n *Node) Parent() *Node { return n.parent }

// Hops is how many links are between the origin and the node.
func (n *Node) Hops() int { return n.hops }

// Place puts n nodes into cities, with the chance that their people give them, the first
// into the city of that name.
func Place(n int, origin string, seed uint64) []*Node {
	rng := rand.New(rand.NewPCG(seed, 0x7265657473))
	total := 0.0
	for i := range Cities {
		total += Cities[i].People
	}
	draw := func() int {
		at := rng.Float64() * total
		for i := range Cities {
			if at -= Cities[i].People; at < 0 {
				return i
			}
		}
		return len(Cities) - 1
	}
	nodes := make([]*Node, n)
	for i := range nodes {
		c := draw()
		if at := slices.IndexFunc(Cities, func(c City) bool { return c.Name == origin }); i == 0 && at >= 0 {
			c = at
		}
		nodes[i] = &Node{Name: fmt.Sprintf("n%d", i), City: &Cities[c], city: c, edge: access + time.Duration(rng.Int64N(int64(accessMore)))}
	}
	return nodes
}

// Distance is along the great circle, in kilometres.
func Distance(a, b *City) float64 {
	const rad = math.Pi / 180
	la, lb := a.Lat*rad, b.Lat*rad
	h := sq(math.Sin((lb-la)/2)) + math.Cos(la)*math.Cos(lb)*sq(math.Sin((b.Lon-a.Lon)*rad/2))
	return 2 * earth * math.Asin(math.Sqrt(min(1, h)))
}

func sq(x float64) float64 { return x * x }

// leg is the long way between two cities.
func leg(a, b *City) time.Duration {
	return time.Duration(Distance(a, b) * detour / light * float64(time.Millisecond))
}
