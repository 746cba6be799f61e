package relay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"stentor/relay/wire"
)

// Drain tells all children of this node to look for other parents while it still feeds them, refuses new ones, and returns
// when none is left, or with the error of ctx. [Relay.Carry] takes it back. What is published here only its publisher can move:
// its children stay until the track ends.
func (r *Relay) Drain(ctx context.Context) error {
	r.Leave()
	return r.left(ctx)
}

// Leave is the beginning of Drain: it does not wait.
func (r *Relay) Leave() {
	r.mu.Lock()
	r.draining = true
	links := slices.Collect(maps.Values(r.links))
	r.mu.Unlock()
	for _, l := range links {
		_ = l.send(wire.Leaving{})
	}
}

// left waits until no child is left.
func (r *Relay) left(ctx context.Context) error {
	for {
		parted := r.parted.wait()
		n, draining := r.feeding()
		if n == 0 || !draining {
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

// Carry ends what [Relay.Drain] began. Neighbours that were told find this node anew: their links end, and what still
// hangs on one goes on where it was over the next.
func (r *Relay) Carry() {
	r.mu.Lock()
	was := r.draining
	r.draining = false
	links := slices.Collect(maps.Values(r.links))
	r.mu.Unlock()
	if !was {
		return
	}
	for _, l := range links {
		l.end(&endError{codeBye, "carries", errCarries})
	}
}

var errCarries = errors.New("the node carries again")

// feeding returns how many subscriptions children have here, as parent and as standby, and whether they are to go.
func (r *Relay) feeding() (n int, draining bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.entries {
		n += len(e.children) + len(e.standbys)
	}
	return n, r.draining
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
