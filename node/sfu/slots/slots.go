// Package slots decides which of the stage's tracks is in which section of a viewer's
// session.
//
// A viewer's sections are agreed on once, at the join. Who comes to the stage later is put
// into a section that is free, who goes leaves one free, and nobody who stays is moved: a
// picture that changes its place is a picture that begins anew.
//
// The package is pure: it knows names, an order and numbers of sections.
package slots

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Main is the stream that comes before all others, and Screen what the names of shared
// screens begin with, which come next.
const (
	Main   = "main"
	Screen = "screen"
)

// A Stream is what one participant sends to the stage.
type Stream struct {
	Name  string
	Since time.Time // when it came to the stage
	Loud  int       // 1 is the loudest of those who speak; 0: does not
}

// Order sorts streams by who is shown first where not all can be: main, shared screens,
// who speaks, then who was there before.
func Order(streams []Stream) {
	slices.SortStableFunc(streams, func(a, b Stream) int {
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)),
			cmp.Compare(a.Loud, b.Loud),
			a.Since.Compare(b.Since),
			strings.Compare(a.Name, b.Name),
		)
	})
}

func rank(s Stream) int {
	switch {
	case s.Name == Main:
		return 0
	case strings.HasPrefix(s.Name, Screen):
		return 1
	case s.Loud > 0:
		return 2
	}
	return 3
}

// Voices is how many are heard are heard where there are more than sections: three voices at once
// are as many as anyone follows.
const Voices = 3

// Audible returns which of the tracks that can be heard are, for a viewer with so many
// sections: all where they fit, else the loudest, and main. all is in the order of [Order],
// loudest begins with the loudest.
func Audible(all, loudest []string, sections int) []string {
	if len(all) <= sections {
		return all
	}
	out := make([]string, 0, sections)
	for _, from := range [][]string{all[:min(1, len(all))], loudest, all} {
		for _, name := range from {
			if len(out) < min(Voices, sections) && slices.Contains(all, name) && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// Assign returns who is in each section from now on, "" for nobody: as many of want as
// there are sections, those at its beginning first. held is who is there now; whoever stays
// keeps the section. takes reports whether a section can carry a track, and beside the
// section in which a track would best be, -1 for any.
func Assign(held, want []string, takes func(section int, name string) bool, beside func(name string) int) []string {
	next := make([]string, len(held))
	stay := top(held, want, takes)
	for i, name := range held {
		if slices.Contains(stay, name) {
			next[i] = name
		}
	}
	for _, name := range stay {
		if slices.Contains(next, name) {
			continue
		}
		if i := beside(name); i >= 0 && i < len(next) && next[i] == "" && takes(i, name) {
			next[i] = name
			continue
		}
		for i := range next {
			if next[i] == "" && takes(i, name) {
				next[i] = name
				break
			}
		}
	}
	return next
}

// top are the first of want that there is room for.
func top(held, want []string, takes func(int, string) bool) []string {
	var out []string
	for _, name := range want {
		fits := false
		for i := range held {
			fits = fits || takes(i, name)
		}
		if fits && name != "" && len(out) < len(held) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
