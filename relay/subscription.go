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
	standbys map[string]int // node -> subscriptions of those that keep this node as their standby
	feeds    map[*feed]bool // to children that were told of the track's way
	told     time.Duration  // the least delay from the origin that one of those was told; 0: none was
	changed  chan struct{}  // closed when track changes
}

// entry returns the entry of id, a new one if need be. r.mu is held.
func (r *Relay) entry(id wire.TrackID) *entry {
	e := r.entries[id]
	if e == nil {
		e = &entry{id: id, children: map[string]int{}, feeds: map[*feed]bool{}, standbys: map[string]int{}, changed: make(chan struct{})}
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

	standby bool // the child is in entry.standbys, not in entry.children; guarded by Relay.mu
}

// Subscribe asks for a track and waits until this node has it, which ctx bounds. All subscriptions of a node share one
// pull. Close it when the readers are done; when the track ends while somebody still wants it (the readers get io.EOF),
// subscribe again.
func (r *Relay) Subscribe(ctx context.Context, id wire.TrackID) (*Subscription, error) {
	if err := id.Check(); err != nil {
		return nil, fmt.Errorf("relay: subscribe: %w", err)
	}
	return r.subscribe(ctx, id, "", false)
}

// subscribe is Subscribe for a child, or for this node when that is "". A standby is a child that may come.
func (r *Relay) subscribe(ctx context.Context, id wire.TrackID, child string, standby bool) (*Subscription, error) {
	r.mu.Lock()
	e := r.entry(id)
	e.refs++
	s := &Subscription{relay: r, entry: e, child: child, standby: standby}
	s.count(1)
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
		s.count(-1)
		e.leftAt = time.Now()
		if e.pull != nil {
			e.pull.poke()
		}
		r.settle(e)
	})
}

// count adds n to the subscriptions of the child. Relay.mu is held.
func (s *Subscription) count(n int) {
	if s.child == "" {
		return
	}
	of := s.entry.children
	if s.standby {
		of = s.entry.standbys
	}
	if of[s.child] += n; of[s.child] == 0 {
		delete(of, s.child)
		s.relay.parted.ring()
	}
}

// stands says whether the child keeps this node as its standby, or is fed.
func (s *Subscription) stands(standby bool) {
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	if s.standby != standby {
		s.count(-1)
		s.standby = standby
		s.count(1)
	}
}
