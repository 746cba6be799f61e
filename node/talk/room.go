package talk

import (
	"context"
	"errors"
	"hash/fnv"
	"sync"
	"time"

	"stentor/control/webinar"
)

const (
	// linger is how long a talk is followed after its last page: a reload costs nothing.
	linger = 30 * time.Second
	// lookEvery is how often a room looks at what no change of the state tells: whether the origin is dead, and whether
	// anybody is here.
	lookEvery = time.Second
	// retryAfter is the pause after what failed.
	retryAfter = 250 * time.Millisecond
	// heirsWithin spreads those that want to go on after an origin that died: with two hundred of them the first is
	// origin before most have asked, since a claim takes some tens of milliseconds. A node where somebody speaks
	// does not wait.
	heirsWithin = 2 * time.Second
	// silentFor is how long an origin may leave the questions of this node without an answer before this node takes over:
	// gossip takes some nine seconds to call a node dead. If it lives, it finds its claim lost, follows, and brings what it knows.
	silentFor = 3 * time.Second
)

// room is one webinar's talk at this node.
type room struct {
	talk *Talk
	id   string
	poke chan struct{} // somebody wants to speak, and there is no origin

	users int       // guarded by Talk.mu
	left  time.Time // guarded by Talk.mu: when the last user went

	claimable time.Time // since when nobody holds the talk; belongs to run

	mu      sync.Mutex // guards the following
	state   *State
	changed chan struct{} // closed at the next change of state
	origin  *origin       // nil: it is another node, or none
	wanted  bool
	silent  struct { // the origin that does not answer
		epoch uint64
		since time.Time
	}
	failed error // why nobody here may be the origin
	door   pace  // of those at this node
	all    pace  // of everybody, while this node is the origin
}

func newRoom(t *Talk, id string) *room {
	return &room{talk: t, id: id, poke: make(chan struct{}, 1), state: NewState(), changed: make(chan struct{}), left: t.cfg.Now()}
}

// apply takes entries that were decided somewhere, and wakes the pages if they told anything new.
func (r *room) apply(entries []Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.applied(entries)
}

// applied is apply with r.mu held; it returns the entries that were new.
func (r *room) applied(entries []Entry) (fresh []Entry) {
	for _, e := range entries {
		if r.state.Apply(e) {
			fresh = append(fresh, e)
		}
	}
	if len(fresh) > 0 {
		close(r.changed)
		r.changed = make(chan struct{})
	}
	return fresh
}

// run follows the talk, or is its origin, until nobody is here or the webinar is over.
func (r *room) run(ctx context.Context) {
	t := r.talk
	for ctx.Err() == nil {
		changed := t.cfg.Changed()
		w := t.cfg.Webinar(r.id)
		if w == nil || w.State == webinar.Ended {
			r.forget()
			if t.over(r, false) {
				return
			}
			r.wait(ctx, changed, lookEvery)
			continue
		}
		s, held := w.Stream(webinar.TalkStream)
		if held && s.Origin != t.cfg.Node && !r.gone(s) {
			r.claimable = time.Time{}
			r.follow(ctx, s)
		} else if wait := r.due(s.Epoch); wait > 0 {
			r.wait(ctx, changed, wait)
		} else {
			r.reign(ctx, held)
		}
		if t.over(r, false) {
			return
		}
	}
	t.over(r, true)
}

// forget lets go of what was said: the webinar has ended.
func (r *room) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state.Empty() {
		return
	}
	r.state = NewState()
	close(r.changed)
	r.changed = make(chan struct{})
}

// due is how long to wait before this node claims a talk that nobody holds, or that a dead node does; one in which
// nothing was said waits for somebody who speaks.
func (r *room) due(epoch uint64) time.Duration {
	now := r.talk.cfg.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wanted {
		return 0
	}
	if r.state.Empty() {
		return lookEvery
	}
	if r.claimable.IsZero() {
		r.claimable = now
	}
	h := fnv.New64a()
	h.Write([]byte(r.talk.cfg.Node + "/" + r.id))
	h.Write([]byte{byte(epoch), byte(epoch >> 8)})
	return r.claimable.Add(time.Duration(h.Sum64() % uint64(heirsWithin))).Sub(now)
}

// gone reports whether an origin is dead, or is as good as that for this node.
func (r *room) gone(s webinar.Stream) bool {
	if r.talk.cfg.Dead(s.Origin, s.NodeEpoch) {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.silent.epoch == s.Epoch && r.talk.cfg.Now().Sub(r.silent.since) >= silentFor
}

// asked notes whether an origin has answered what it was asked at began.
func (r *room) asked(epoch uint64, answered bool, began time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case answered:
		r.silent.epoch = 0
	case r.silent.epoch != epoch:
		r.silent.epoch, r.silent.since = epoch, began
	}
}

// wait waits for one of what may have changed.
func (r *room) wait(ctx context.Context, changed <-chan struct{}, most time.Duration) {
	timer := time.NewTimer(min(most, lookEvery))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-changed:
	case <-r.poke:
	case <-timer.C:
	}
}

// want says that somebody here wants to speak, and returns why they cannot yet.
func (r *room) want() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted = true
	select {
	case r.poke <- struct{}{}:
	default:
	}
	if errors.Is(r.failed, ErrLevel) {
		return ErrLevel
	}
	return errElsewhere
}
