package route

import "slices"

// guessed is how much more a move has to gain while the round trip to the new parent is
// only a guess. Vivaldi's error is about a tenth at the median and several times
// that for the worst nodes (Dabek et al., SIGCOMM 2004, section 5). Once there is a
// connection to both, its round trip decides: a wrong guess moves a node at most once.
const guessed = 1.5

// Better tells whether another candidate is so much better than the parent current
// that it pays to move there, make before break: by more than a fifth and 10 ms, and by
// half as much again while the round trip to it is only guessed. It is to be asked
// every few seconds. A parent that is not among the candidates is not judged: whether it
// is alive is the link's business.
//
// Of two nodes that are each other's better parent (two of one region that pull
// from far away) only the one moves that is later in the order of [Self.first].
func (s Self) Better(candidates []Candidate, current string) (node string, ok bool) {
	i := slices.IndexFunc(candidates, func(c Candidate) bool { return c.Node == current })
	if i < 0 || !s.sits(&candidates[i]) {
		return "", false
	}
	now := s.score(&candidates[i], current, leaving(candidates))
	if len(candidates[i].Path) > MaxHops {
		now.rank = rankLong
	}
	best, _ := s.best(candidates, current, func(c *Candidate) bool {
		return c.Node != current && s.possible(c) && (now.rank >= rankDraining || s.Delay == 0 || s.first(c))
	})
	if best == nil {
		return "", false
	}
	margin := 1.0
	if best.guessed {
		margin = guessed
	}
	if !worth(now, *best, margin) {
		return "", false
	}
	return best.node, true
}

// sits reports whether what the current parent announces can be judged. It may be
// farther from the origin than [Self.Told] and its path too long for a choice; with this
// node in its path the announcement is old, or the link is about to end.
func (s Self) sits(c *Candidate) bool {
	s.Told = 0
	if n := len(c.Path); n > MaxHops {
		return sound(c) && !slices.Contains(c.Path, s.Node)
	}
	return s.possible(c)
}

// first reports whether a candidate may become the parent by choice: because it has
// children, and so stays where it is, or because it is nearer to the origin (ties by
// hash). In this way a region's nodes gather behind one of them, and never pass each
// other on the way there.
func (s Self) first(c *Candidate) bool {
	if c.Children > 0 {
		return true
	}
	if theirs, mine := c.Delay/tie, s.Delay/tie; theirs != mine {
		return theirs < mine
	}
	return spread("", c.Node) < spread("", s.Node)
}
