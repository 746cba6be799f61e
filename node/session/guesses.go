package session

import (
	"errors"
	"sync"
	"time"

	"stentor/control/webinar"
)

// guesses keeps this edge's share of each webinar's budget of wrong PINs (M8).
// The share is a fixed part for each node until the budget is leased.
type guesses struct {
	nodes func() int
	now   func() time.Time

	mu sync.Mutex // guards the following
	by map[string]*webinar.Guesses
}

func newGuesses(nodes func() int, now func() time.Time) *guesses {
	return &guesses{nodes: nodes, now: now, by: make(map[string]*webinar.Guesses)}
}

// spend takes a guess at a webinar's PIN, and reports false when none is left.
func (g *guesses) spend(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.by[id]
	if b == nil {
		b = webinar.NewGuesses(webinar.Share(g.nodes()), g.now())
		g.by[id] = b
	}
	return b.Spend(g.now())
}

// answer settles a guess by what the rules said of it.
func (g *guesses) answer(id string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err == nil:
		g.by[id].Refund(g.now())
	case !errors.Is(err, webinar.ErrWrongPIN): // refused for another reason
		g.by[id].Return(g.now())
	}
}
