package relay

import (
	"context"
	"fmt"
	"sync"
	"time"

	"stentor/relay/wire"
)

// An entry is what a relay knows of one track id. Its fields are guarded by Relay.mu.
type entry struct {
	id       wire.TrackID
	track    *Track // the one that is alive, nil when there is none
	origin   bool   // the track is published here
	pull     *pull  // fills the track, or looks for someone who has it; nil at the origin
	refs     int    // subscriptions, of readers here and of children
	leftAt   time.Time
	children map[string]int // node -> subscriptions
	changed  chan struct{}  // closed when track changes
}

// entry returns the entry of id, a new one if need be. r.mu is held.
func (r *Relay) entry(id wire.TrackID) *entry {
	e := r.entries[id]
	if e == nil {
		e = &entry{id: id, children: map[string]int{}, changed: make(chan struct{})}
		r.entries[id] = e
	}
	return e
}

// set changes the track and wakes who waits for it. Relay.mu is held.
func (e *entry) set(t *Track) {
	e.track = t
	close(e.changed)
	e.changed = make(chan struct{})
}

// settle starts a pull when one is needed, and forgets an entry that nobody needs. r.mu is held.
func (r *Relay) settle(e *entry) {
	switch {
	case e.track != nil || e.pull != nil:
	case e.refs > 0:
		p := newPull(r, e)
		if r.spawn(p.run) {
			e.pull = p
		}
	case r.entries[e.id] == e:
		delete(r.entries, e.id)
	}
}

// A Subscription keeps a track in demand on this node.
type Subscription struct {
	relay *Relay
	entry *entry
	track *Track
	child string // the node that it is for, "" for this one
	once  sync.Once
}

// Subscribe asks for a track and waits until this node has it, which ctx bounds. All subscriptions of a node share one
// pull. Close it when the readers are done; when the track ends while somebody still wants it (the readers get io.EOF),
// subscribe again.
func (r *Relay) Subscribe(ctx context.Context, id wire.TrackID) (*Subscription, error) {
	if err := id.Check(); err != nil {
		return nil, fmt.Errorf("relay: subscribe: %w", err)
	}
	return r.subscribe(ctx, id, "")
}

func (r *Relay) subscribe(ctx context.Context, id wire.TrackID, child string) (*Subscription, error) {
	r.mu.Lock()
	e := r.entry(id)
	e.refs++
	if child != "" {
		e.children[child]++
	}
	s := &Subscription{relay: r, entry: e, child: child}
	for e.track == nil || e.track.ended() {
		if e.track == nil {
			r.settle(e)
		}
		changed := e.changed
		r.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			s.Close()
			return nil, fmt.Errorf("relay: subscribe %s: %w", id, context.Cause(ctx))
		case <-r.ctx.Done():
			s.Close()
			return nil, ErrClosed
		}
		r.mu.Lock()
	}
	s.track = e.track
	r.mu.Unlock()
	return s, nil
}

// Track returns the track. It does not change.
func (s *Subscription) Track() *Track { return s.track }

// Close withdraws the demand; the pull goes on for about three seconds if this was the last. It may be called more
// than once.
func (s *Subscription) Close() {
	s.once.Do(func() {
		r, e := s.relay, s.entry
		r.mu.Lock()
		defer r.mu.Unlock()
		e.refs--
		if s.child != "" {
			if e.children[s.child]--; e.children[s.child] == 0 {
				delete(e.children, s.child)
			}
		}
		e.leftAt = time.Now()
		if e.pull != nil {
			e.pull.poke()
		}
		r.settle(e)
	})
}
