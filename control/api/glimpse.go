package api

import (
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// glimpseFor is how long it counts that hosts have seen somebody inside. A page that
	// shows people asks for them again each few seconds; whoever acts on a list that is
	// older gets another look. What a participant came by does not change meanwhile, only
	// more can have come to it.
	glimpseFor = 30 * time.Second
	// maxGlimpses and maxGlimpsed bound what is kept: the lists of so many webinars, with so
	// many people each, some 8 MB in one. A larger one is looked at again.
	maxGlimpses = 32
	maxGlimpsed = 20_000
)

// glimpses are the lists of people that hosts were shown. A removal goes by them at once:
// to ask all nodes first takes as long as the slowest machine of a busy mesh.
type glimpses struct {
	mu sync.Mutex // guards the following
	by map[string]glimpse
}

type glimpse struct {
	at     time.Time
	inside []Present
}

// keep keeps who is inside a webinar; nobody changes inside any more.
func (g *glimpses) keep(webinar string, inside []Present, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.by == nil {
		g.by = make(map[string]glimpse)
	}
	for id, seen := range g.by {
		if now.Sub(seen.at) > glimpseFor {
			delete(g.by, id)
		}
	}
	delete(g.by, webinar)
	if len(g.by) < maxGlimpses && len(inside) <= maxGlimpsed {
		g.by[webinar] = glimpse{now, inside}
	}
}

// of returns who was inside a webinar lately, with the participant; nil if nobody has seen
// them there.
func (g *glimpses) of(webinar, participant string, now time.Time) []Present {
	g.mu.Lock()
	seen, ok := g.by[webinar]
	g.mu.Unlock()
	if !ok || now.Sub(seen.at) > glimpseFor || !slices.ContainsFunc(seen.inside, func(v Present) bool { return v.ID == participant }) {
		return nil
	}
	return seen.inside
}

// together are the people of two looks, each with the same keys once.
func together(later, earlier []Present) []Present {
	mark := func(v Present) string { return v.ID + " " + strings.Join(v.Keys.Strings(), " ") }
	known := make(map[string]bool, len(later))
	for _, v := range later {
		known[mark(v)] = true
	}
	all := slices.Clone(later)
	for _, v := range earlier {
		if !known[mark(v)] {
			all = append(all, v)
		}
	}
	return all
}
