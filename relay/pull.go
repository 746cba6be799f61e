package relay

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
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
	errUnwanted  = errors.New("nobody wants the track")
	errLoop      = errors.New("parent's path leads through this node")
	errStale     = errors.New("parent has an older epoch")
	errNoAnswer  = errors.New("parent did not answer")
	errEnded     = errors.New("track ended")
	errReplaced  = errors.New("track was superseded")
	errParentOut = errors.New("parent lost the track")
	errRevoked   = errors.New("the stream is not on the stage any more")
)

// A pull fills the track of one entry from a parent, and from the next one when that fails. Its goroutine is the only
// one that uses the fields below the line.
type pull struct {
	relay  *Relay
	entry  *entry
	ctx    context.Context
	cancel context.CancelFunc
	poked  chan struct{} // demand may have changed

	revoked chan struct{} // what is pulled must not be: ask Config.Parent again

	asking string // the node that was asked last; guarded by Relay.mu
	least  uint64 // the lowest epoch that may be pulled; guarded by Relay.mu

	track    *Track               // survives its parents; nil before the first accepts
	shunned  map[string]time.Time // until when
	began    time.Time            // when the track did
	orphaned time.Time            // when the last parent was lost
}

func newPull(r *Relay, e *entry) *pull {
	p := &pull{relay: r, entry: e, poked: make(chan struct{}, 1), revoked: make(chan struct{}, 1), shunned: map[string]time.Time{}, orphaned: time.Now()}
	p.ctx, p.cancel = context.WithCancel(r.ctx)
	return p
}

// poke makes the pull look at the demand again.
func (p *pull) poke() {
	select {
	case p.poked <- struct{}{}:
	default:
	}
}

// revoke makes the pull leave its parent.
func (p *pull) revoke() {
	select {
	case p.revoked <- struct{}{}:
	default:
	}
}

// run serves the entry until nobody wants it or another source replaces the pull.
func (p *pull) run() {
	defer p.cancel()
	backoff := backoffLeast
	for p.ctx.Err() == nil {
		select {
		case <-p.revoked: // before the next look at Config.Parent, which knows more than the one before
			p.drop(ErrClosed)
		default:
		}
		began := time.Now()
		parent, served, why := p.once()
		p.relay.log.Debug("relay: parent ceased", "track", p.entry.id.String(), "parent", parent, "why", why)
		switch {
		case errors.Is(why, errEnded), errors.Is(why, errRevoked):
			p.drop(ErrClosed)
		case errors.Is(why, errReplaced):
			p.drop(ErrSuperseded)
			backoff = backoffLeast // the newer one is there to be had
		case p.track != nil && !served && time.Since(p.orphaned) > orphanWait:
			p.drop(ErrLost)
		}
		if p.finished() {
			return
		}
		if served && time.Since(began) > time.Second {
			backoff = backoffLeast // the parent had been good: look for the next one at once
			continue
		}
		p.sleep(backoff + rand.N(backoff/2))
		backoff = min(2*backoff, backoffMost)
	}
	p.drop(ErrClosed)
}

// once finds a parent and lets it serve. Served says that it had accepted.
func (p *pull) once() (parent string, served bool, why error) {
	now := time.Now()
	impossible := func(node string) bool { return node == p.relay.cfg.Node || p.relay.feeds(p.entry, node) }
	parent, ok := p.relay.cfg.Parent(p.entry.id, func(node string) bool { return p.shunned[node].After(now) || impossible(node) })
	if !ok { // better one that has just failed than none
		parent, ok = p.relay.cfg.Parent(p.entry.id, impossible)
	}
	if !ok {
		return "", false, errors.New("no parent to be had")
	}
	p.relay.mu.Lock()
	p.asking = parent
	p.relay.mu.Unlock()
	ctx, cancel := context.WithTimeout(p.ctx, dialWait)
	defer cancel()
	l, err := p.relay.link(ctx, parent)
	if err == nil {
		served, err = p.serve(l)
	}
	p.relay.mu.Lock()
	p.asking = ""
	p.relay.mu.Unlock()
	if served {
		p.orphaned = time.Now()
	}
	switch {
	case errors.Is(err, errDuplicate), errors.Is(err, errUnwanted), errors.Is(err, errEnded), errors.Is(err, errReplaced),
		errors.Is(err, errRevoked):
	default:
		p.shunned[parent] = time.Now().Add(shunFor)
	}
	return parent, served, err
}

// feeds reports whether the node is a child of this one for the track: to pull from it would be a loop.
func (r *Relay) feeds(e *entry, node string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return e.children[node] > 0
}

// serve subscribes at the link's other side and stays until that ends.
func (p *pull) serve(l *link) (served bool, why error) {
	up, err := l.subscribe(p)
	if err != nil {
		return false, err
	}
	defer l.unsubscribe(up)
	p.relay.metrics.pulls.Inc()
	wants, _ := p.wants(nil)
	if err := l.send(wire.Subscribe{Alias: up.alias, ID: p.entry.id, Wants: wants}); err != nil {
		return false, err
	}
	answer := time.NewTimer(answerWait)
	defer answer.Stop()
	recheck := time.NewTimer(linger)
	defer recheck.Stop()
	for {
		changed := false
		select {
		case <-p.ctx.Done():
			return served, p.ctx.Err()
		case <-p.revoked:
			return served, errRevoked
		case <-l.done:
			return served, l.err
		case <-answer.C:
			if !served {
				return false, errNoAnswer
			}
		case m := <-up.messages:
			if err := p.heard(l, up, m); err != nil {
				return served, err
			}
			changed, served = !served, true
		case <-p.poked:
			changed = true
		case <-recheck.C:
			changed = true
		}
		if !changed {
			continue
		}
		if p.unwanted() {
			return served, errUnwanted
		}
		recheck.Reset(linger)
		if next, different := p.wants(wants); different && served {
			wants = next
			if err := l.send(wire.Subscribe{Alias: up.alias, ID: p.entry.id, Wants: wants}); err != nil {
				return served, err
			}
		}
	}
}

// heard takes what the parent says about the subscription; an error ends it.
func (p *pull) heard(l *link, up *upstream, m wire.Message) error {
	switch m := m.(type) {
	case wire.Accept:
		return p.accepted(l, up, m)
	case wire.Reject:
		return errors.New("refused: " + m.Code.String())
	case wire.Gone:
		switch m.Code {
		case wire.CodeEnded:
			return errEnded
		case wire.CodeSuperseded:
			return errReplaced
		}
		return errParentOut
	}
	return nil
}

func (p *pull) accepted(l *link, up *upstream, m wire.Accept) error {
	if m.Path[len(m.Path)-1] != l.peer {
		return l.blame("path", errors.New("path does not end with the neighbour"))
	}
	if slices.Contains(m.Path, p.relay.cfg.Node) || len(m.Path) >= wire.MaxPath {
		return errLoop
	}
	if t := up.track.Load(); t != nil && (t.epoch != m.Epoch || t.instance != m.Instance) {
		return l.blame("accept", errors.New("accepted alias became another track"))
	}
	rtt := l.conn.ConnectionStats().SmoothedRTT
	w := &way{path: append(slices.Clone(m.Path), p.relay.cfg.Node), rtt: rtt}
	w.delay = time.Duration(min(m.Delay, uint64(time.Minute/time.Microsecond)))*time.Microsecond + rtt/2
	t, err := p.adopt(m, w)
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.demand = p.poke
	t.keyframe = func(layer int) { _ = l.send(wire.KeyFrame{Alias: up.alias, Layer: uint8(layer)}) }
	t.mu.Unlock()
	if up.track.CompareAndSwap(nil, t) {
		close(up.ready)
	}
	return nil
}

// adopt goes on with the track that is there, if the parent has the same one, and begins one where there is none. A
// parent with a newer one was asked for frames by the numbers of the old one, which mean nothing to it: the old track ends,
// and the next question begins at the newest key frame.
func (p *pull) adopt(m wire.Accept, w *way) (*Track, error) {
	r, old := p.relay, p.track
	same := old != nil && old.epoch == m.Epoch && old.instance == m.Instance
	switch {
	case old != nil && !same && m.Epoch < old.epoch:
		return nil, errStale
	case old != nil && !same:
		return nil, errReplaced
	}
	t := old
	if !same {
		t = newTrack(p.entry.id, m.Info, m.Epoch, m.Instance, r.metrics)
	}
	r.mu.Lock()
	why := error(nil)
	switch {
	case p.entry.pull != p: // published here meanwhile
		why = errUnwanted
	case same && p.entry.track != old: // Recheck has ended it
		why = errRevoked
	case m.Epoch < p.least:
		why = errStale
	}
	if why != nil {
		r.mu.Unlock()
		return nil, why
	}
	if same && old.way.Load().parent() != w.parent() {
		r.metrics.reparents.Inc()
	}
	t.setWay(w)
	p.track = t
	if !same {
		p.began = time.Now()
		p.entry.set(t)
	}
	r.announce(t, true)
	r.mu.Unlock()
	return t, nil
}

// wants returns the layers that are in demand, and whether they are others than before. Before the track is known that
// is the base layer: whoever asks for the track will read something.
func (p *pull) wants(before []wire.Want) (wants []wire.Want, different bool) {
	if p.track == nil {
		return []wire.Want{{}}, true
	}
	now := time.Now()
	young := now.Sub(p.began) < linger
	for i, l := range p.track.layers {
		n := slices.IndexFunc(before, func(w wire.Want) bool { return int(w.Layer) == i })
		switch {
		case !l.wanted(now) && !(young && i == 0):
			if n >= 0 {
				l.forget()
			}
		case n >= 0: // it is on its way: the parent does not look at From again
			wants = append(wants, before[n])
		default:
			wants = append(wants, wire.Want{Layer: uint8(i), From: l.resume(now)})
			different = true
		}
	}
	return wants, different || len(wants) != len(before)
}

// unwanted reports whether the last subscription is gone for good.
func (p *pull) unwanted() bool {
	p.relay.mu.Lock()
	defer p.relay.mu.Unlock()
	return p.idle()
}

// idle is unwanted with Relay.mu held. A track that never came is not kept for anybody.
func (p *pull) idle() bool {
	e := p.entry
	return e.refs == 0 && (p.track == nil || time.Since(e.leftAt) >= linger)
}

// finished ends the pull if nobody wants it, or if it has been replaced.
func (p *pull) finished() bool {
	r, e := p.relay, p.entry
	r.mu.Lock()
	if e.pull == p && !p.idle() {
		r.mu.Unlock()
		return false
	}
	r.mu.Unlock()
	p.drop(ErrClosed)
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
	p.relay.mu.Lock()
	if p.entry.track == t {
		p.relay.announce(t, false)
		p.entry.set(nil)
	}
	p.relay.mu.Unlock()
	t.end(why)
}

func (p *pull) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.ctx.Done():
	}
}
