package relay

import (
	"slices"
	"time"

	"stentor/relay/wire"
)

const (
	// reviewEvery is how often a pull asks whether its parent is still the right one.
	reviewEvery = 3 * time.Second
	// leavingEvery is how often it asks when the parent is about to go.
	leavingEvery = 500 * time.Millisecond
	// changeLook is how often a change of parents looks whether the next one sends yet: what both send meanwhile is
	// sent for nothing.
	changeLook = 10 * time.Millisecond
	// changeQuiet is how long neither parent may send anything of a layer until that does not hold up the change:
	// presenters who share a screen on which nothing moves send nothing.
	changeQuiet = 300 * time.Millisecond
	// changeLag is how far behind the current parent the next one may be when that is left, and changeCatch how long it may
	// take to get there, after the time for which it was asked ahead (startAhead): what it lacks when the other is left is
	// what viewers wait for. One that is farther off is followed all the same; the picture is
	// sent twice meanwhile.
	changeLag   = 40 * time.Millisecond
	changeCatch = 700 * time.Millisecond
	// changeSteady is how long it has to keep up before the current one is left: the first packets that come in time may be
	// small frames that have overtaken what it still has to catch up.
	changeSteady = 100 * time.Millisecond
	// changeWait is how long the next parent may take to send what the current one does.
	changeWait = 2 * time.Second
)

// guard sees to it that somebody feeds the track: the standby when the parent is gone or silent, else a new parent.
func (p *pull) guard(now time.Time) {
	p.regain(now)
	c, s := p.current, p.standby
	switch {
	case c != nil && !c.silent():
	case s != nil && s.ready():
		p.turn(s, now)
	case p.next != nil && p.next.ready(): // the change was under way
		p.turn(p.next, now)
	case p.next != nil:
	case c == nil && s != nil && !s.silent(): // asked already, and needed now
		p.next, p.standby = s, nil
	case now.Before(p.seekAt):
		p.at(p.seekAt)
	default:
		p.seek(now)
	}
	if p.current == nil && p.track != nil {
		if due := p.orphaned.Add(orphanWait); now.Before(due) {
			p.at(due)
		} else if p.next == nil {
			p.ceasedAll(ErrLost)
		}
	}
}

// turn follows a source at once.
func (p *pull) turn(s *source, now time.Time) {
	if err := p.follow(s, true, now); err != nil {
		p.ceased(s, err, now)
	}
}

// regain makes a former parent that is heard again the standby, or leaves it when there is one.
func (p *pull) regain(now time.Time) {
	for _, s := range slices.Clone(p.sources) {
		if s == p.current || s == p.next || s == p.standby || s.silent() || !slices.Contains(p.sources, s) {
			continue
		}
		if p.standby != nil || s.unfit || s.way == nil {
			p.leave(s)
			continue
		}
		if err := p.pause(s, now); err != nil {
			p.ceased(s, err, now)
			continue
		}
		p.standby = s
	}
}

// seek asks another node for the track.
func (p *pull) seek(now time.Time) {
	node, ok := p.parent(now)
	if !ok {
		p.seekAt = now.Add(p.pauseBefore())
		p.at(p.seekAt)
		return
	}
	p.next = p.ask(node, false, now)
	p.note() // before it can ask for the same
}

// parent returns the node that Config.Parent names, other than the current one.
func (p *pull) parent(now time.Time) (string, bool) {
	choose := func(exclude func(string) bool) (string, bool) { return p.relay.cfg.Parent(p.entry.id, exclude) }
	node, ok := choose(func(node string) bool { return p.doubtful(node, now) })
	if !ok { // better one that has just failed than none
		node, ok = choose(p.impossible)
	}
	return node, ok
}

// doubtful reports whether a node is not to be asked as long as there is another.
func (p *pull) doubtful(node string, now time.Time) bool {
	return p.shunned[node].After(now) || p.impossible(node) || p.relay.misses(node)
}

// misses reports whether a neighbour is silent at the moment.
func (r *Relay) misses(node string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.links[node]
	return l != nil && l.silent.Load()
}

// impossible reports whether a node cannot be asked to feed this one.
func (p *pull) impossible(node string) bool {
	return node == p.relay.cfg.Node || p.current != nil && node == p.current.node || p.relay.shuns(p.entry.id, node)
}

// shuns reports whether a neighbour cannot be a parent: it is a child of this node for the track, so that to pull from it
// would be a loop, or it has said that it leaves. One that keeps this node as its standby is no child yet.
func (r *Relay) shuns(id wire.TrackID, node string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.entries[id]; e != nil && e.children[node] > 0 {
		return true
	}
	l := r.links[node]
	return l != nil && l.leaving.Load()
}

// follow makes a source that has accepted the current one, although it may be out of order if it must be. The one before
// stays as it is, without a role.
func (p *pull) follow(s *source, must bool, now time.Time) error {
	if err := p.adopt(s, must); err != nil {
		return err
	}
	if p.next == s {
		p.next = nil
	}
	if p.standby == s {
		p.standby, p.spareAt = nil, now
	}
	p.current = s
	p.media.asked = time.Time{}
	p.reviewAt = now.Add(reviewEvery)
	p.at(now) // there may be more to do for it, and for the one before
	p.note()
	ahead := s.lead > 0
	s.lead = 0
	if ahead && !p.handed(s, now) {
		return p.renew(s, now)
	}
	return p.resume(s, now)
}

// change goes on with the change to the next parent: it is asked to send what comes, and when it does the current one is
// left, so that nothing is missed in between and little comes twice.
func (p *pull) change(now time.Time) {
	n, c := p.next, p.current
	if n == nil || c == nil || n.way == nil {
		return
	}
	if !c.unfit && !p.nearer(n) {
		p.ceased(n, errOrder, now)
		return
	}
	if n.paused {
		if err := p.startAhead(n, now); err != nil {
			p.ceased(n, err, now)
			return
		}
	}
	switch {
	case n.overdue(now):
		if err := p.renew(n, now); err != nil {
			p.ceased(n, err, now)
		}
		p.at(now.Add(changeLook))
	case p.delivers(n, c, now):
		if err := p.follow(n, c.unfit, now); err != nil {
			p.ceased(n, err, now)
			return
		}
		p.regain(now)
	case now.Sub(n.since) > changeWait:
		p.ceased(n, errNoMedia, now)
	default:
		p.at(now.Add(changeLook))
	}
}

// delivers reports whether n sends all that c does, and about as early; and nothing of what c alone has brought is half here: what
// is still on its way from one that is left is lost, and the rest of a key frame would have to wait for n. Sound comes from both
// for as long as the picture may: what n has to catch up of that comes in bursts, in which sound gets lost.
func (p *pull) delivers(n, c *source, now time.Time) bool {
	hurry := now.Sub(n.since) >= n.lead+changeCatch
	if p.track.info.Kind == wire.Audio && !hurry {
		return false
	}
	whole := true
	for i, l := range p.track.layers {
		since := n.since.UnixNano()
		switch {
		case !p.on[i]:
		case n.up.fed[i].Load() > since:
			if time.Duration(n.up.lag[i].Load()) > changeLag {
				n.level = now
			}
			whole = whole && (hurry || l.complete(now))
		case c.up.fed[i].Load() > since || now.Sub(n.since) < changeQuiet:
			return false
		}
	}
	if n.level.Before(n.since) {
		n.level = n.since
	}
	steady := p.track.info.Kind != wire.Video || now.Sub(n.level) >= changeSteady
	return hurry || whole && steady
}

// review asks whether the parent is still the right one, and begins to change when not.
func (p *pull) review(now time.Time) {
	c := p.current
	if c == nil || p.next != nil {
		return
	}
	leaves := c.link.leaving.Load()
	if leaves && !c.unfit {
		c.unfit, p.reviewAt = true, now
	}
	if now.Before(p.reviewAt) {
		p.at(p.reviewAt)
		return
	}
	p.reviewAt = now.Add(reviewEvery)
	node, ok := "", false
	if !leaves {
		_, keeps := p.relay.cfg.Parent(p.entry.id, func(node string) bool { return node != c.node })
		c.unfit = !keeps
	}
	exclude := func(node string) bool { return p.doubtful(node, now) }
	switch {
	case c.unfit:
		p.reviewAt = now.Add(leavingEvery)
		node, ok = p.parent(now)
	case p.relay.cfg.Better != nil:
		node, ok = p.relay.cfg.Better(p.entry.id, c.node, exclude)
	}
	if ok && node != c.node {
		p.move(node, now)
	}
	p.at(p.reviewAt)
}

// move begins the change to a node.
func (p *pull) move(node string, now time.Time) {
	if s := p.standby; s != nil && s.node == node {
		p.next, p.standby = s, nil
		p.at(now)
		return
	}
	p.next = p.ask(node, true, now)
	p.note()
}

// adopt takes over what a source said of the track: it goes on with the track that is there, if the source has the same
// one, and begins one where there is none. A parent with a newer one was asked for frames by the numbers of the old one,
// which mean nothing to it: the old track ends, and the next question begins at the newest key frame.
func (p *pull) adopt(s *source, must bool) error {
	r, old, m, w := p.relay, p.track, s.accept, s.way
	same := old != nil && old.epoch == m.Epoch && old.instance == m.Instance
	switch {
	case old != nil && !same && m.Epoch < old.epoch:
		return errStale
	case old != nil && !same:
		return errReplaced
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
	case s == p.current || p.entry.nearer(s.distance()):
	case must:
		p.entry.free()
	default:
		why = errOrder
	}
	if why != nil {
		r.mu.Unlock()
		return why
	}
	if same && old.way.Load().parent() != w.parent() {
		r.metrics.reparents.Inc()
	}
	t.setWay(w)
	p.track = t
	if !same {
		p.began = time.Now()
		p.on[0] = true
		p.entry.set(t)
	}
	r.announce(t, true)
	r.mu.Unlock()
	l, alias := s.link, s.up.alias
	t.mu.Lock()
	t.demand = p.poke
	t.keyframe = func(layer int) { _ = l.send(wire.KeyFrame{Alias: alias, Layer: uint8(layer)}) }
	t.mu.Unlock()
	s.attach(t)
	return nil
}
