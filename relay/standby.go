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
	switch {
	case s != nil && (!p.wanted() || s.link != nil && s.dead() || p.shunned[s.node].After(now)):
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

// dead reports whether a standby is none any more: its node leaves.
func (s *source) dead() bool {
	select {
	case <-s.dialled:
		return s.link.leaving.Load()
	default:
		return false
	}
}

const (
	// primeFor is how much of a track a node that is asked to take over has to send at once: what was lost until the
	// other parent's silence was noticed, and what comes until a round trip across a continent has widened the
	// window. Unprimed, the worst frame came after 791 ms, primed after 210 to 320.
	primeFor = 500 * time.Millisecond
	// primeMost bounds what standbys may ask of a link's window: more than package window grants.
	primeMost = 8 << 20
)

// prime opens the link's window for what the neighbour may ask this node to send as its standby.
func (l *link) prime() {
	if l.window == nil {
		return
	}
	l.mu.Lock()
	var bits uint64
	for _, f := range l.feeds {
		bits += f.idleRate()
	}
	l.mu.Unlock()
	l.window.Prime(int(min(bits/8*uint64(primeFor/time.Millisecond)/1000, primeMost)))
}

// idleRate returns how many bits a second the child would be sent if it asked; 0 when it is fed already.
func (f *feed) idleRate() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.paused || f.track == nil || f.track.info.Kind != wire.Video {
		return 0
	}
	return f.track.bitrate.Load()
}
