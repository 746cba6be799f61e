package relay

import (
	"errors"
	"time"
)

// Nodes that pick their parents at the same time, by news that is old, could close a loop, which would last until the news of
// a path had gone around it. So there is an order: a node takes no parent that is not nearer to the origin, by the delay
// with which it accepts, than this node has ever told one of its own children that it is, also those that only stand by,
// since it last had none (the feasibility condition of RFC 8966, section 2.4). Then every parent has told less than each of
// its children has, at every instant and however old the news, and nobody is above itself. A change by choice that would
// break the order is not made. One that has to be, since the parent is gone, is made without the children: they are let
// go first, and find their own standbys.

// errOrder is why a parent is not taken by choice.
var errOrder = errors.New("parent is not nearer to the origin than children were told")

// orderFor is how long such a parent is not thought of again: it will not be nearer soon.
const orderFor = 30 * time.Second

// tells notes that a child is told of a way, and reports whether it may be: the way is still the track's, and the child was
// not let go.
func (f *feed) tells(t *Track, w *way, e *entry) bool {
	r := f.link.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.freed || t.way.Load() != w {
		return false
	}
	if d := max(w.delay, time.Microsecond); (e.told == 0 || d < e.told) && !r.lawless {
		e.told = d
	}
	e.feeds[f] = true
	return true
}

// untold ends what tells began.
func (f *feed) untold(e *entry) {
	r := f.link.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(e.feeds, f)
	if len(e.feeds) == 0 {
		e.told = 0
	}
}

// nearer reports whether who accepts with that delay may become the parent as things are. Relay.mu is held.
func (e *entry) nearer(delay time.Duration) bool { return e.told == 0 || delay < e.told }

// nearer reports whether a source may become the parent by choice.
func (p *pull) nearer(s *source) bool {
	p.relay.mu.Lock()
	defer p.relay.mu.Unlock()
	return p.entry.nearer(s.distance())
}

// free lets all children go: whatever is sent to them from now on is nothing. Relay.mu is held.
func (e *entry) free() {
	for f := range e.feeds {
		f.freed = true
		close(f.let)
		delete(e.feeds, f)
	}
	e.told = 0
}

// isFree reports whether the child was let go.
func (f *feed) isFree() bool {
	select {
	case <-f.let:
		return true
	default:
		return false
	}
}
