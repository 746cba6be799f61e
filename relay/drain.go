package relay

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"stentor/relay/wire"
)

// Drain tells all children of this node to look for other parents while it still feeds them, refuses new ones, and returns
// when none is left, or with the error of ctx. It is not taken back. What is published here only its publisher can move:
// its children stay until the track ends.
func (r *Relay) Drain(ctx context.Context) error {
	r.mu.Lock()
	r.draining = true
	links := slices.Collect(maps.Values(r.links))
	r.mu.Unlock()
	for _, l := range links {
		_ = l.send(wire.Leaving{})
	}
	for {
		parted := r.parted.wait()
		n := r.feeding()
		if n == 0 {
			return nil
		}
		select {
		case <-parted:
		case <-r.ctx.Done():
			return nil
		case <-ctx.Done():
			return fmt.Errorf("relay: drain: %d subscriptions of children are left: %w", n, context.Cause(ctx))
		}
	}
}

// feeding returns how many subscriptions children have here, as parent and as standby.
func (r *Relay) feeding() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.entries {
		n += len(e.children) + len(e.standbys)
	}
	return n
}

// leaves notes that the neighbour is about to stop, and tells the pulls that hang on it.
func (l *link) leaves() {
	if !l.leaving.Swap(true) {
		l.pokeAll()
	}
}

// pokeAll makes all pulls over the link look at it.
func (l *link) pokeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, up := range l.upstreams {
		up.poke()
	}
}
