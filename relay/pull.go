package relay

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"stentor/relay/wire"
)

const (
	// dialWait bounds setting up a link to a parent: five round trips across the world.
	dialWait = 2 * time.Second
	// answerWait is how long a parent may take to accept or refuse. Longer than it waits for its own parent, so
	// that the one furthest up speaks first.
	answerWait = trackWait + 2*time.Second
	// trackWait is how long a node looks for a track that a child asked for.
	trackWait = 5 * time.Second
	// orphanWait is how long a track lives without a parent before its readers are told.
	orphanWait = 10 * time.Second
	// shunFor is how long a node that failed as parent is not asked again while there is another.
	shunFor = 2 * time.Second
	// backoffLeast and backoffMost bound the wait before looking for a parent again.
	backoffLeast = 50 * time.Millisecond
	backoffMost  = 2 * time.Second
)

// Why a parent ceased to serve. Anything else is the error of the link.
var (
	errLoop      = errors.New("parent's path leads through this node")
	errStale     = errors.New("parent has an older epoch")
	errOther     = errors.New("parent has another instance of the track")
	errNoAnswer  = errors.New("parent did not answer")
	errNoMedia   = errors.New("parent does not send what others do")
	errEnded     = errors.New("track ended")
	errReplaced  = errors.New("track was superseded")
	errParentOut = errors.New("parent lost the track")
	errRevoked   = errors.New("the stream is not on the stage any more")
	errUnwanted  = errors.New("the track is published here")
)

// A pull fills the track of one entry: from its current parent, from the standby when that falls silent, and from the next
// one when it is to be left. Whatever wakes it, it looks at everything again (step). Its goroutine is the only one that
// uses the fields below the line.
type pull struct {
	relay   *Relay
	entry   *entry
	ctx     context.Context
	cancel  context.CancelFunc
	poked   chan struct{} // demand may have changed, a source has news
	revoked atomic.Bool   // what is pulled must not be: ask Config.Parent again
	renewed atomic.Bool   // another publisher has the stream: there may be parents where there were none

	asking []string // nodes that are asked, or will be, to feed this one; guarded by Relay.mu
	spare  string   // the node that stands by, "" none; guarded by Relay.mu
	least  uint64   // the lowest epoch that may be pulled; guarded by Relay.mu

	dials    sync.WaitGroup
	track    *Track // survives its parents; nil before the first accepts
	sources  []*source
	current  *source              // whose path is the track's
	next     *source              // to be the current one
	standby  *source              // accepted and paused, or on the way to that; sources without a role are former parents
	on       [wire.MaxLayers]bool // layers in demand
	shunned  map[string]time.Time // until when
	began    time.Time            // when the track did
	orphaned time.Time            // when the last parent was lost
	backoff  time.Duration
	seekAt   time.Time // when to look for a parent, if there is none
	spareAt  time.Time // when to look for a standby, if there is none
	reviewAt time.Time // when to look for a better parent
	media    mediaWatch
	wake     time.Time // when to look again at the latest
}

func newPull(r *Relay, e *entry) *pull {
	p := &pull{relay: r, entry: e, poked: make(chan struct{}, 1), shunned: map[string]time.Time{}, orphaned: time.Now(), backoff: backoffLeast, media: mediaWatch{patience: mediaPatience}}
	p.ctx, p.cancel = context.WithCancel(r.ctx)
	return p
}

// poke makes the pull look at everything again.
func (p *pull) poke() {
	select {
	case p.poked <- struct{}{}:
	default:
	}
}

// revoke makes the pull leave its parents.
func (p *pull) revoke() {
	p.revoked.Store(true)
	p.poke()
}

// at sees to it that the pull looks again then.
func (p *pull) at(t time.Time) {
	if t.Before(p.wake) {
		p.wake = t
	}
}

// run serves the entry until nobody wants it or another source replaces the pull.
func (p *pull) run() {
	defer p.dials.Wait()
	defer p.cancel()
	defer p.leaveAll()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for p.ctx.Err() == nil {
		now := time.Now()
		p.step(now)
		if p.finished(now) {
			return
		}
		timer.Reset(time.Until(p.wake))
		select {
		case <-timer.C:
		case <-p.poked:
		case <-p.ctx.Done():
		}
	}
	p.drop(ErrClosed)
}

// step looks at everything once.
func (p *pull) step(now time.Time) {
	p.wake = now.Add(linger)
	if p.revoked.Swap(false) { // before the next look at Config.Parent, which knows more than the one before
		p.ceasedAll(ErrClosed)
	}
	if p.renewed.Swap(false) { // another publisher: who failed as a parent of the one before may have this one
		p.backoff, p.seekAt = backoffLeast, now
		clear(p.shunned)
	}
	p.demand(now)
	for _, s := range slices.Clone(p.sources) {
		if !slices.Contains(p.sources, s) {
			continue // the end of the track, of which one before it told, was the end of all
		}
		if err := p.attend(s, now); err != nil {
			p.ceased(s, err, now)
		}
	}
	p.guard(now)
	p.change(now)
	p.review(now)
	p.keepStandby(now)
	p.watchMedia(now)
	p.note()
}

// demand finds out which layers are wanted. What nobody wants any more is forgotten.
func (p *pull) demand(now time.Time) {
	p.relay.mu.Lock()
	if e := p.entry; e.refs == 0 {
		p.at(later(now, e.leftAt.Add(linger)))
	}
	p.relay.mu.Unlock()
	if p.track == nil {
		return
	}
	young := now.Sub(p.began) < linger
	for i, l := range p.track.layers {
		if left := time.Unix(0, l.leftAt.Load()).Add(linger); left.After(now) {
			p.at(left)
		}
		on := l.wanted(now) || young && i == 0
		if p.on[i] && !on {
			l.forget()
		}
		p.on[i] = on
	}
	if young {
		p.at(p.began.Add(linger))
	}
}

// later returns t, or a moment from now when that has passed.
func later(now, t time.Time) time.Time {
	if t.After(now) {
		return t
	}
	return now.Add(backoffLeast)
}

// wanted reports whether any layer is.
func (p *pull) wanted() bool { return slices.Contains(p.on[:], true) }

// note says what the pull does to those who hold Relay.mu.
func (p *pull) note() {
	var asking []string
	spare := ""
	sending := 0
	for _, s := range p.sources {
		switch {
		case s == p.standby:
			spare = s.node
		case s == p.current || s == p.next:
			asking = append(asking, s.node)
		}
		if s.up != nil && !s.paused {
			sending++
		}
	}
	for _, s := range p.sources {
		if s.up != nil {
			s.up.doubled.Store(s != p.current || sending > 1)
		}
	}
	p.relay.mu.Lock()
	defer p.relay.mu.Unlock()
	p.asking, p.spare = asking, spare
}

// ceased removes a source that has ended.
func (p *pull) ceased(s *source, why error, now time.Time) {
	p.relay.log.Debug("relay: parent ceased", "track", p.entry.id.String(), "parent", s.node, "why", why)
	was, spare, next := s == p.current, s == p.standby, s == p.next
	only := was || p.current == nil || p.current.silent() && (errors.Is(why, errReplaced) || errors.Is(why, errEnded))
	p.leave(s)
	switch {
	case errors.Is(why, errDuplicate), errors.Is(why, errUnwanted), errors.Is(why, errEnded), errors.Is(why, errReplaced):
	default:
		p.shunned[s.node] = now.Add(shunFor)
	}
	if errors.Is(why, errOrder) {
		p.shunned[s.node] = now.Add(orderFor)
	}
	if spare {
		p.spareAt = now.Add(spareWait)
	}
	if !only {
		if next {
			p.seekAt = now.Add(p.pauseBefore())
		}
		return
	}
	switch {
	case errors.Is(why, errEnded), errors.Is(why, errRevoked):
		p.ceasedAll(ErrClosed)
	case errors.Is(why, errReplaced):
		p.ceasedAll(ErrSuperseded)
		p.backoff = backoffLeast // the newer one is there to be had
	}
	if was {
		p.orphaned = now
	}
	if was && now.Sub(s.asked) > time.Second {
		p.backoff, p.seekAt = backoffLeast, now // the parent had been good: look for the next one at once
		return
	}
	p.seekAt = now.Add(p.pauseBefore())
}

// pauseBefore returns how long to wait before the next attempt.
func (p *pull) pauseBefore() time.Duration {
	d := p.backoff + rand.N(p.backoff/2)
	p.backoff = min(2*p.backoff, backoffMost)
	return d
}

// ceasedAll leaves all sources and ends the track.
func (p *pull) ceasedAll(why error) {
	p.leaveAll()
	p.drop(why)
}

func (p *pull) leaveAll() {
	for _, s := range slices.Clone(p.sources) {
		p.leave(s)
	}
}

// idle reports whether the last subscription is gone for good. A track that never came is not kept for anybody. Relay.mu
// is held.
func (p *pull) idle(now time.Time) bool {
	e := p.entry
	return e.refs == 0 && (p.track == nil || now.Sub(e.leftAt) >= linger)
}

// finished ends the pull if nobody wants it, or if it has been replaced.
func (p *pull) finished(now time.Time) bool {
	r, e := p.relay, p.entry
	r.mu.Lock()
	if e.pull == p && !p.idle(now) {
		r.mu.Unlock()
		return false
	}
	r.mu.Unlock()
	p.ceasedAll(ErrClosed)
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.pull == p {
		e.pull = nil
		r.settle(e)
	}
	return true
}

// drop ends the track.
func (p *pull) drop(why error) {
	t := p.track
	if t == nil {
		return
	}
	p.track = nil
	p.on = [wire.MaxLayers]bool{}
	p.relay.mu.Lock()
	if p.entry.track == t {
		p.relay.announce(t, false)
		p.entry.set(nil)
	}
	p.relay.mu.Unlock()
	t.end(why)
}
