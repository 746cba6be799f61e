package route

import (
	"cmp"
	"slices"
)

// Standby picks who stands by for the parent: a node that still has the track when the
// parent, its machine or what lies on the way to it is gone. path is the way over the
// parent, origin first; the node itself may stand at its end. Ok = false when there
// is nobody else.
//
// Wanted are, in this order: a way that does not lead through the parent; another
// machine; a way that shares no node with the present one but the origin; one that
// is not draining nor full; the lowest cost, as in [Self.Choose].
func (s Self) Standby(candidates []Candidate, parent string, path []string) (node string, ok bool) {
	host := ""
	for i := range candidates {
		if candidates[i].Node == parent {
			host = candidates[i].Host
		}
	}
	var best *spare
	gone := leaving(candidates)
	for i := range candidates {
		c := &candidates[i]
		if c.Node == parent || !s.possible(c) {
			continue
		}
		x := spare{
			through: slices.Contains(c.Path, parent) && !origin(path, parent),
			beside:  host != "" && c.Host == host,
			shared:  shared(c.Path, path),
			scored:  s.score(c, "", gone),
		}
		if best == nil || x.compare(*best) < 0 {
			best = &x
		}
	}
	if best == nil {
		return "", false
	}
	return best.node, true
}

// A spare is a candidate as standby.
type spare struct {
	through bool // its way leads through the parent
	beside  bool // it runs on the parent's machine
	shared  int  // nodes on both ways, the origin not counted
	scored
}

func (a spare) compare(b spare) int {
	return cmp.Or(
		claim(a.through, b.through),
		claim(a.beside, b.beside),
		cmp.Compare(a.shared, b.shared),
		compare(a.scored, b.scored),
	)
}

// claim orders what is not claimed before what is.
func claim(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// origin reports whether the node is where the path begins: every way leads through it.
func origin(path []string, node string) bool { return len(path) > 0 && path[0] == node }

func shared(a, b []string) (n int) {
	for i := 1; i < len(a); i++ {
		if slices.Contains(b, a[i]) {
			n++
		}
	}
	return n
}
