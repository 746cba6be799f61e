package slots

import (
	"cmp"
	"slices"
	"time"
)

const (
	// hold is how long who was heard stays among the loudest: between two sentences nobody
	// else begins, and a voice that comes and goes with each breath is worse than none.
	hold = 2 * time.Second
	// silence is the level, in decibels below the loudest that there is (RFC 6464), from
	// which on nobody speaks: rooms with a fan are at 60 and quieter, speech above 45.
	silence = 55
	// attack is the share of each new level in the mean: 20 ms packets, so that a word counts
	// and a click does not.
	attack = 0.1
)

// Speakers knows who is heard, by what packets say of their level. It belongs to one
// goroutine.
type Speakers struct{ by map[string]*speaker }

type speaker struct {
	level float64   // the mean, in decibels below the loudest
	spoke time.Time // when it was last louder than silence
}

// Heard takes the level of one packet, in decibels below the loudest (0 to 127, RFC 6464,
// section 3).
func (s *Speakers) Heard(name string, below uint8, now time.Time) {
	if s.by == nil {
		s.by = make(map[string]*speaker)
	}
	v := s.by[name]
	if v == nil {
		v = &speaker{level: 127}
		s.by[name] = v
	}
	v.level += attack * (float64(below) - v.level)
	if v.level < silence {
		v.spoke = now
	}
}

// Keep returns n of those who are heard: who was among them stays as long as they are, so that
// four who talk at once do not take turns.
func Keep(were, heard []string, n int) (out []string) {
	for _, from := range [][]string{were, heard} {
		for _, name := range from {
			if len(out) < n && slices.Contains(heard, name) && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// Gone forgets somebody.
func (s *Speakers) Gone(name string) { delete(s.by, name) }

// Loudest are those who are heard now, the loudest first, and those who were a moment ago.
func (s *Speakers) Loudest(now time.Time) []string {
	var out []string
	for name, v := range s.by {
		if !v.spoke.IsZero() && now.Sub(v.spoke) < hold {
			out = append(out, name)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		return cmp.Or(cmp.Compare(s.by[a].level, s.by[b].level), cmp.Compare(a, b))
	})
	return out
}
