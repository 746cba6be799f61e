package relay

import (
	"slices"
	"time"

	"stentor/relay/wire"
)

// spareWait is how long after a standby was lost, or none was to be had, another one is looked for; and how often it is
// asked whether there is a better one, when the way of the one that is there leads through the parent it stands by for.
const spareWait = time.Second

// keepStandby sees to it that a pull that is read has a standby, as far as Config.Standby knows one.
func (p *pull) keepStandby(now time.Time) {
	c, s := p.current, p.standby
	if p.relay.cfg.Standby == nil || c == nil || c.silent() || p.next != nil {
		return
	}
	if p.pure() {
		p.keepNone(now)
		return
	}
	if err := p.resume(c, now); err != nil {
		p.ceased(c, err, now)
		return
	}
	switch {
	case s != nil && (!p.wanted() || s.dead() || p.shunned[s.node].After(now)):
		p.leave(s)
	case s != nil && (s.way == nil || !slices.Contains(s.way.path, c.node)):
		return
	case s == nil && len(p.sources) > 1: // a former parent may come back
		return
	}
	if !p.wanted() {
		return
	}
	if now.Before(p.spareAt) {
		p.at(p.spareAt)
		return
	}
	p.spareAt = now.Add(spareWait)
	p.at(p.spareAt)
	node, ok := p.relay.cfg.Standby(p.entry.id, c.node, slices.Clone(c.way.path), func(node string) bool { return p.doubtful(node, now) })
	switch {
	case !ok || node == c.node || p.standby != nil && p.standby.node == node:
		return
	case p.standby != nil:
		p.leave(p.standby)
	}
	p.standby = p.ask(node, true, now)
}

// pure reports whether the track is here for those alone that keep this node as their standby.
func (p *pull) pure() bool {
	p.relay.mu.Lock()
	defer p.relay.mu.Unlock()
	fed := p.entry.refs
	for _, n := range p.entry.standbys {
		fed -= n
	}
	return fed <= 0
}

// keepNone is keepStandby for a node that only stands by itself. Standbys are sent audio, which is demand: nodes that stood by
// for each other would pull for ever. So it keeps none, and is no more than a standby to its own parent, which sends it the
// same; demand that counts then comes from viewers alone, down the tree, which has no loops.
func (p *pull) keepNone(now time.Time) {
	c := p.current
	if p.standby != nil {
		p.leave(p.standby)
	}
	if !p.wanted() {
		return
	}
	p.at(now.Add(spareWait)) // when somebody comes for whom it is not only that
	if p.track.info.Kind != wire.Audio || c.link.speaks() < 2 {
		return
	}
	if err := p.pause(c, now); err != nil {
		p.ceased(c, err, now)
	}
}

// dead reports whether a standby is none any more: its node leaves.
func (s *source) dead() bool { return s.link != nil && s.link.leaving.Load() }

const (
	// primeFor is how much of a track a node that is asked to take over has to send at once: what was lost until the
	// other parent's silence was noticed, and what comes until a round trip across a continent has widened the
	// window. Unprimed, the worst frame came after 791 ms, primed after 210 to 320.
	primeFor = 500 * time.Millisecond
	// coldRate is what a track of video is taken for that nobody here reads: 4K. A window that stands open for more than a
	// track has is not used.
	coldRate = 20_000_000
	// primeHeld is how long the window stays open when nobody has to be asked any more: who has just asked needs it most,
	// until the path has shown, some round trips later, what it carries. Closed at once, the worst frame of one kill in
	// four came a round trip later than of the others.
	primeHeld = 2 * time.Second
	// primeMost bounds what standbys may ask of a link's window: more than package window grants.
	primeMost = 8 << 20
)

// A primer says by how much a window is to be opened.
type primer struct {
	bytes int
	at    time.Time // when so much was asked for last
}

// open takes what is needed now, and returns what is to be given.
func (p *primer) open(bytes int, now time.Time) int {
	if bytes >= p.bytes || now.Sub(p.at) > primeHeld {
		p.bytes, p.at = bytes, now
	}
	return p.bytes
}

// prime opens the link's window for what the neighbour may ask this node to send as its standby.
func (l *link) prime(p *primer, now time.Time) {
	if l.window == nil {
		return
	}
	l.mu.Lock()
	var bits uint64
	for _, f := range l.feeds {
		bits += f.idleRate()
	}
	l.mu.Unlock()
	l.window.Prime(p.open(int(min(bits/8*uint64(primeFor/time.Millisecond)/1000, primeMost)), now))
}

// idleRate returns how many bits a second the child would be sent if it asked; 0 when it is fed already. A child that
// stands by itself asks for nothing, and is not paused; and here it may be that nobody knows the rate, since nothing comes.
// What came in the last second before nobody read any more is no rate either: with a window for that, what a child missed of a
// parent that died came 100 ms later.
func (f *feed) idleRate() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.wants) > 0 || f.track == nil || f.track.info.Kind != wire.Video {
		return 0
	}
	comes := f.track.readers() > 0 || f.track.way.Load().parent() == ""
	if rate := f.track.bitrate.Load(); rate > 0 && comes {
		return rate
	}
	return coldRate
}
