package route

import (
	"slices"
	"time"
)

// Shortlist returns the n candidates that are worth a look, best first: those of the
// lowest cost, the origin among them whatever it costs, and, in the last third, only
// such as are reached over another first hop and on another machine than the best, so
// that a standby is among them. What is not possible is left out. Those whose names are
// in keep are added as they are: [Self.Better] has to see the parent.
//
// Distance is the round trip to a node as it is known now, and whether a connection
// measured it; otherwise coordinates guess it. Nil leaves what the candidates say. In a
// mesh of thousands this is called with everyone, and [Self.Choose] with the list.
func (s Self) Shortlist(candidates []Candidate, n int, distance func(node string) (rtt time.Duration, measured bool), keep ...string) []Candidate {
	if n < 1 {
		return nil
	}
	gone := leaving(candidates)
	var kept []Candidate
	list := make([]ranked, 0, len(candidates))
	for _, c := range candidates {
		if distance != nil {
			c.RTT, c.Measured = distance(c.Node)
		}
		c.below = c.below || !c.Draining && through(c.Path, gone)
		if slices.Contains(keep, c.Node) {
			kept = append(kept, c)
		}
		if s.possible(&c) {
			list = append(list, ranked{c, s.score(&c, "", gone)})
		}
	}
	slices.SortFunc(list, func(a, b ranked) int { return compare(a.scored, b.scored) })
	out := pick(list, n)
	for _, k := range kept {
		if !slices.ContainsFunc(out, func(c Candidate) bool { return c.Node == k.Node }) {
			out = append(out, k)
		}
	}
	return out
}

type ranked struct {
	Candidate
	scored
}

// pick takes n of a sorted list.
func pick(list []ranked, n int) []Candidate {
	taken := make([]bool, len(list))
	left := n
	take := func(keep int, which func(c *Candidate) bool) {
		for i := range list {
			if left <= keep {
				return
			}
			if !taken[i] && which(&list[i].Candidate) {
				taken[i] = true
				left--
			}
		}
	}
	every := func(*Candidate) bool { return true }
	start := slices.IndexFunc(list, func(r ranked) bool { return len(r.Path) == 1 })
	if start >= 0 {
		taken[start] = true
		left--
	}
	take(n/3, every)
	take(0, func(c *Candidate) bool { return apart(&list[0].Candidate, c) })
	take(0, every) // when there are not that many apart
	var out []Candidate
	for i := range list {
		if taken[i] {
			out = append(out, list[i].Candidate)
		}
	}
	return out
}

// apart reports whether two nodes can stand by for each other.
func apart(a, b *Candidate) bool {
	return (a.Host == "" || a.Host != b.Host) && firstHop(a) != firstHop(b)
}

// firstHop is the node below the origin that a candidate's way leads over.
func firstHop(c *Candidate) string {
	if len(c.Path) > 1 {
		return c.Path[1]
	}
	return c.Node
}
