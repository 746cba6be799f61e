package trees

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"stentor/cluster/route"
)

const (
	// limit is how many children a node takes, as the relay does by default.
	limit = 64
	// busy is the load of a node with so many: as much as it may have.
	busy = 0.7
	// near is how many candidates go into a shortlist, short how many come out.
	near, short = 48, 12
	// error of coordinates: a guess is off by at most this share.
	wrong = 0.1
)

// A Mesh is the nodes that are up, in the tree that their choices make.
type Mesh struct {
	Nodes []*Node // the origin first
	rng   *rand.Rand
	legs  [][]time.Duration // between cities, one way

	moves, forced int
	byName        map[string]*Node
}

// Grow lets the nodes join one after the other, in an order that the seed decides, and
// then move until nobody finds a better parent, or for so many rounds.
func Grow(nodes []*Node, seed uint64, rounds int) *Mesh {
	m := &Mesh{Nodes: nodes, rng: rand.New(rand.NewPCG(seed, 0x67726f77)), legs: legs(), byName: map[string]*Node{}}
	for _, n := range nodes {
		m.byName[n.Name] = n
	}
	nodes[0].up = true
	for _, i := range m.rng.Perm(len(nodes) - 1) {
		m.join(nodes[i+1])
	}
	for range rounds {
		if m.Settle() == 0 {
			break
		}
	}
	return m
}

// Settle asks every node once whether it has a better parent, and returns how many moved.
func (m *Mesh) Settle() (moved int) { return m.ask(m.rng.Perm(len(m.Nodes))) }

func (m *Mesh) ask(who []int) (moved int) {
	for _, i := range who {
		n := m.Nodes[i]
		if !n.up || n.parent == nil {
			continue
		}
		if p, ok := m.self(n).Better(m.candidates(n, short), n.parent.Name); ok {
			m.attach(n, m.byName[p])
			moved++
		}
	}
	m.moves += moved
	return moved
}

// Churn lets nodes die and come back, so many times, and after each a tenth of all ask for
// a better parent. It returns how many other nodes moved for each change: because their
// parent died, and because they found a better one.
func (m *Mesh) Churn(changes int) (forced, chosen float64) {
	forcedBefore, movesBefore := m.forced, m.moves
	for range changes {
		n := m.Nodes[1+m.rng.IntN(len(m.Nodes)-1)]
		if n.up {
			m.die(n)
		} else {
			m.join(n)
		}
		m.ask(m.rng.Perm(len(m.Nodes))[:(len(m.Nodes)+9)/10])
	}
	return float64(m.forced-forcedBefore) / float64(changes), float64(m.moves-movesBefore) / float64(changes)
}

func (m *Mesh) join(n *Node) {
	n.up = true
	m.look(n)
}

func (m *Mesh) die(n *Node) {
	n.up = false
	m.detach(n)
	orphans := n.children
	n.children = nil
	for _, c := range orphans {
		c.parent = nil
	}
	m.forced += len(orphans)
	for _, c := range orphans {
		m.look(c)
	}
}

// look finds a parent. Who may take nobody because of its children lets them go first.
func (m *Mesh) look(n *Node) {
	if p, ok := m.self(n).Choose(m.candidates(n, short), ""); ok {
		m.attach(n, m.byName[p])
		return
	}
	orphans := n.children
	if n.children = nil; len(orphans) == 0 {
		return // everyone is full: it plays nothing, which the score tells
	}
	for _, c := range orphans {
		c.parent = nil
	}
	m.forced += len(orphans)
	m.look(n)
	for _, c := range orphans {
		m.look(c)
	}
}

func (m *Mesh) detach(n *Node) {
	if p := n.parent; p != nil {
		p.children = slices.DeleteFunc(p.children, func(c *Node) bool { return c == n })
		n.parent = nil
	}
}

func (m *Mesh) attach(n, p *Node) {
	m.detach(n)
	n.parent = p
	p.children = append(p.children, n)
	m.tell(n)
}

// tell passes a new way on to everyone below.
func (m *Mesh) tell(n *Node) {
	n.delay, n.hops = n.parent.delay+m.latency(n, n.parent), n.parent.hops+1
	for _, c := range n.children {
		m.tell(c)
	}
}

func legs() [][]time.Duration {
	t := make([][]time.Duration, len(Cities))
	for i := range t {
		t[i] = make([]time.Duration, len(Cities))
		for j := range i {
			t[i][j] = leg(&Cities[i], &Cities[j])
			t[j][i] = t[i][j]
		}
	}
	return t
}

// latency is one way between two nodes.
func (m *Mesh) latency(a, b *Node) time.Duration { return m.legs[a.city][b.city] + a.edge + b.edge }

func (m *Mesh) self(n *Node) route.Self {
	s := route.Self{Node: n.Name, Region: n.City.Region}
	if n.parent != nil {
		s.Delay = n.delay
	}
	if len(n.children) > 0 {
		s.Told = n.delay
	}
	return s
}

// candidates are the shortlist of a node, and its parent.
func (m *Mesh) candidates(n *Node, most int) []route.Candidate {
	parent := ""
	if n.parent != nil {
		parent = n.parent.Name
	}
	return m.self(n).Shortlist(m.nearest(n), most, nil, parent)
}

// nearest are the candidates over which the packets would be here first: all thousands,
// with paths and hashes, would be the same list in a hundred times the time.
func (m *Mesh) nearest(n *Node) []route.Candidate {
	type way struct {
		to   *Node
		cost time.Duration
	}
	ways := make([]way, 0, near+1)
	for i, p := range m.Nodes {
		if !p.up || i > 0 && p.parent == nil || len(p.children) >= limit && p != n.parent || p.hops >= route.MaxHops || below(p, n) {
			continue
		}
		w := way{p, p.delay + 2*m.latency(n, p) + time.Duration(p.hops)*30*time.Millisecond}
		if p.City.Region != n.City.Region {
			w.cost += 30 * time.Millisecond
		}
		if len(ways) == near && ways[near-1].cost <= w.cost {
			continue
		}
		at, _ := slices.BinarySearchFunc(ways, w, func(a, b way) int { return cmp.Compare(a.cost, b.cost) })
		if ways = slices.Insert(ways, at, w); len(ways) > near {
			ways = ways[:near]
		}
	}
	out := make([]route.Candidate, 0, near+1)
	for _, w := range ways {
		out = append(out, m.candidate(n, w.to))
	}
	if p := n.parent; p != nil && !slices.ContainsFunc(ways, func(w way) bool { return w.to == p }) {
		out = append(out, m.candidate(n, p))
	}
	return out
}

func below(p, n *Node) bool {
	for ; p != nil; p = p.parent {
		if p == n {
			return true
		}
	}
	return false
}

func (m *Mesh) candidate(n, p *Node) route.Candidate {
	c := route.Candidate{
		Node: p.Name, Region: p.City.Region, Delay: p.delay, RTT: 2 * m.latency(n, p), Measured: p == n.parent,
		Load: busy * float64(len(p.children)) / limit, Children: len(p.children), MaxChildren: limit, Carries: true,
	}
	if !c.Measured {
		c.RTT = time.Duration(float64(c.RTT) * (1 - wrong + 2*wrong*m.rng.Float64()))
	}
	for at := p; at != nil; at = at.parent {
		c.Path = append(c.Path, at.Name)
	}
	slices.Reverse(c.Path)
	return c
}
