package route

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const ms = time.Millisecond

// at is a candidate that carries the track at the end of a path.
func at(delay, rtt time.Duration, path ...string) Candidate {
	return Candidate{Node: path[len(path)-1], Delay: delay, RTT: rtt, Path: path, Carries: true}
}

func with(c Candidate, change func(*Candidate)) Candidate {
	change(&c)
	return c
}

func draining(c *Candidate)                    { c.Draining = true }
func load(l float64) func(c *Candidate)        { return func(c *Candidate) { c.Load = l } }
func fresh(c *Candidate)                       { c.Carries = false }
func none(candidates ...Candidate) []Candidate { return candidates }

func TestChoose(t *testing.T) {
	origin := at(0, 80*ms, "o")
	tests := []struct {
		name       string
		candidates []Candidate
		current    string
		want       string // "" for none
	}{
		{"nobody", nil, "", ""},
		{"only the origin", none(origin), "", "o"},
		{"a hub nearby beats the origin far away", none(origin, at(20*ms, 5*ms, "o", "hub")), "", "hub"},
		{"the origin nearby beats a hub", none(at(0, 10*ms, "o"), at(20*ms, 5*ms, "o", "hub")), "", "o"},
		{"a node that would have to pull it itself costs a copy", none(at(0, 60*ms, "o"), with(at(10*ms, 10*ms, "o", "new"), fresh)), "", "o"},
		{"but a far origin is worth a new hub", none(at(0, 250*ms, "o"), with(at(10*ms, 10*ms, "o", "new"), fresh)), "", "new"},
		{"a node that does not carry it may not know its path", none(at(0, 250*ms, "o"), with(Candidate{Node: "new", RTT: 10 * ms}, fresh)), "", "new"},
		{"never itself", none(at(0, 0, "me"), origin), "", "o"},
		{"never who has it through me", none(at(0, 0, "o", "me", "child"), origin), "", "o"},
		{"never only who has it through me", none(at(0, 0, "o", "me", "child")), "me", ""},
		{"never more than three hops", none(at(1*ms, 1*ms, "o", "a", "b", "c"), origin), "", "o"},
		{"three hops are possible", none(at(1*ms, 1*ms, "o", "a", "b")), "", "b"},
		{"not who is going", none(origin, with(at(1*ms, 1*ms, "o", "hub"), draining)), "", "o"},
		{"who is going when there is nobody else", none(with(origin, draining)), "", "o"},
		{"not who is full", none(origin, with(at(1*ms, 1*ms, "o", "hub"), load(0.7))), "", "o"},
		{"who is full rather than who is going", none(with(at(0, 10*ms, "o"), draining), with(at(20*ms, 5*ms, "o", "hub"), load(0.9))), "", "hub"},
		{"a parent that fills up keeps its children", none(at(0, 60*ms, "o"), with(at(2*ms, 5*ms, "o", "hub"), load(0.75))), "hub", "hub"},
		{"load counts", none(with(at(0, 20*ms, "a"), load(0.6)), at(0, 30*ms, "b")), "", "b"},
		{"no switch for less than 10 ms", none(at(0, 15*ms, "a"), at(0, 6*ms, "b")), "a", "a"},
		{"no switch for less than a fifth", none(at(0, 120*ms, "a"), at(0, 100*ms, "b")), "a", "a"},
		{"a switch for more than both", none(at(0, 120*ms, "a"), at(0, 80*ms, "b")), "a", "b"},
		{"away from a parent that goes, at any price", none(with(at(0, 1*ms, "a"), draining), at(0, 300*ms, "b")), "a", "b"},
		{"a parent that is gone is not kept", none(origin), "dead", "o"},
		{"a parent that got behind me is not kept", none(at(0, 1*ms, "x", "me", "a"), origin), "a", "o"},
		{"a path that ends with another node is a lie", none(Candidate{Node: "a", Path: []string{"o"}, Carries: true}, origin), "", "o"},
		{"a path with a loop in it is a lie", none(at(0, 0, "a", "b", "a"), origin), "", "o"},
		{"to carry it without a path is a lie", none(Candidate{Node: "a", Carries: true}, origin), "", "o"},
		{"negative and absurd delays are lies", none(at(-1, 0, "a"), at(0, -1, "b"), at(math.MaxInt64, 1, "c"), at(1, math.MaxInt64, "d"), origin), "", "o"},
		{"a load that is no number is full", none(with(at(0, 0, "a"), load(math.NaN())), origin), "", "o"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, ok := Choose("me", test.candidates, test.current)
			if got != test.want || ok != (test.want != "") {
				t.Errorf("chose %q, %v; want %q", got, ok, test.want)
			}
		})
	}
}

func TestEqualParentsShareTheChildren(t *testing.T) {
	parents := none(at(0, 10*ms, "a"), at(0, 10*ms+300*time.Microsecond, "b"), at(0, 10*ms, "c"), at(0, 10*ms, "d"))
	count := map[string]int{}
	for i := range 400 {
		p, _ := Choose(fmt.Sprintf("n%d", i), parents, "")
		count[p]++
	}
	for _, p := range parents {
		if n := count[p.Node]; n < 60 || n > 140 {
			t.Errorf("of 400 children %s has %d", p.Node, n)
		}
	}
}

var names = []string{"n0", "n1", "n2", "n3", "n4", "n5"}

func candidates(t *rapid.T) []Candidate {
	node := rapid.SampledFrom(names)
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Candidate {
		c := Candidate{
			Node:  node.Draw(t, "node"),
			Delay: time.Duration(rapid.IntRange(-1, 400).Draw(t, "delay")) * ms,
			RTT:   time.Duration(rapid.IntRange(-1, 400).Draw(t, "rtt")) * ms,
			Load:  rapid.Float64Range(0, 1.2).Draw(t, "load"),
			Path:  rapid.SliceOfN(node, 0, 5).Draw(t, "path"), Draining: rapid.Bool().Draw(t, "draining"), Carries: rapid.Bool().Draw(t, "carries"),
		}
		if rapid.IntRange(0, 3).Draw(t, "honest") > 0 {
			c.Path = append(c.Path, c.Node)
		}
		return c
	}), 0, 8).Draw(t, "candidates")
}

func TestWhateverIsAnnounced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := candidates(t)
		current := rapid.SampledFrom(append(names, "")).Draw(t, "current")
		got, ok := Choose("n0", list, current)

		chosen := func(c Candidate) bool { return c.Node == got }
		sound := func(c Candidate) bool {
			return c.Node != "n0" && !slices.Contains(c.Path, "n0") && len(c.Path) <= MaxHops && Self{Node: "n0"}.possible(&c)
		}
		if ok != slices.ContainsFunc(list, sound) {
			t.Fatalf("ok = %v", ok)
		}
		if !ok {
			return
		}
		if !slices.ContainsFunc(list, func(c Candidate) bool { return chosen(c) && sound(c) }) {
			t.Fatalf("%q is no sound candidate", got)
		}
		stays := func(c Candidate) bool { return sound(c) && !c.Draining }
		if slices.ContainsFunc(list, stays) && !slices.ContainsFunc(list, func(c Candidate) bool { return chosen(c) && stays(c) }) {
			t.Fatalf("%q drains, and others do not", got)
		}
		// The order of what was heard does not matter.
		rev := slices.Clone(list)
		slices.Reverse(rev)
		if again, _ := Choose("n0", rev, current); again != got {
			t.Fatalf("in another order: %q, not %q", again, got)
		}
		// Who has chosen stays with it.
		if again, _ := Choose("n0", list, got); again != got {
			t.Fatalf("after %q it wants %q", got, again)
		}
	})
}

// A mesh where everyone chooses again and again by what the others announce has
// no loop at any time, ends in a tree, and settles.
func TestAMeshSettlesInATree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 8).Draw(t, "nodes")
		rtt := make([][]time.Duration, n)
		for i := range rtt {
			rtt[i] = make([]time.Duration, n)
			for j := range i {
				rtt[i][j] = time.Duration(rapid.IntRange(1, 300).Draw(t, "rtt")) * ms
				rtt[j][i] = rtt[i][j]
			}
		}
		name := func(i int) string { return fmt.Sprintf("n%d", i) }
		parent := make([]int, n)
		for i := range parent {
			parent[i] = -1
		}
		// path and delay as the links really are now: n0 is the origin.
		var path func(i, depth int) []string
		path = func(i, depth int) []string {
			if depth > n {
				t.Fatalf("a loop: %v", parent)
			}
			if i == 0 {
				return []string{"n0"}
			}
			if parent[i] < 0 {
				return nil
			}
			return append(path(parent[i], depth+1), name(i))
		}
		delay := func(i int) (d time.Duration) {
			for ; i > 0; i = parent[i] {
				d += rtt[i][parent[i]] / 2
			}
			return d
		}
		changes := 0
		for round := range 20 {
			changes = 0
			for _, i := range rapid.Permutation(seq(1, n)).Draw(t, "order") {
				var list []Candidate
				for j := range n {
					if p := path(j, 0); j != i && p != nil {
						list = append(list, Candidate{Node: name(j), Delay: delay(j), RTT: rtt[i][j], Path: p, Carries: true})
					}
				}
				current := ""
				if parent[i] >= 0 {
					current = name(parent[i])
				}
				p, ok := Choose(name(i), list, current)
				if !ok {
					t.Fatalf("round %d: %s has no parent", round, name(i))
				}
				if p != current {
					changes++
					fmt.Sscanf(p, "n%d", &parent[i])
				}
				for j := range n {
					path(j, 0)
				}
			}
		}
		if changes > 0 {
			t.Fatalf("still %d changes in the last round", changes)
		}
	})
}

func seq(from, to int) (s []int) {
	for i := from; i < to; i++ {
		s = append(s, i)
	}
	return s
}
