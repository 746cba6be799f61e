package relay

import "stentor/relay/wire"

// Recheck ends the pulls that the state of the mesh no longer allows, and is to be called when that has changed. Current
// tells the epoch in which a track is on the stage, and whether it is. A pulled track that is not, or whose epoch is lower,
// ends at once for its readers and children, whatever its parent goes on to send; a pull that somebody still wants asks
// Config.Parent again. What is published here is left alone: whoever published it ends it.
//
// Current is called without any lock of the relay, once for each track that is pulled.
func (r *Relay) Recheck(current func(id wire.TrackID) (epoch uint64, ok bool)) {
	r.mu.Lock()
	var pulls []*pull
	for _, e := range r.entries {
		if e.pull != nil {
			pulls = append(pulls, e.pull)
		}
	}
	r.mu.Unlock()
	for _, p := range pulls {
		epoch, ok := current(p.entry.id)
		p.recheck(epoch, ok)
	}
}

// recheck ends the track of the pull unless it is of that epoch or a later one. While the track is not known yet, only the
// question to a parent can be taken back; an answer of an older epoch will not be believed.
func (p *pull) recheck(epoch uint64, ok bool) {
	r, e := p.relay, p.entry
	r.mu.Lock()
	if e.pull != p {
		r.mu.Unlock()
		return
	}
	if ok && epoch > p.least {
		p.least = epoch
		p.renewed.Store(true)
		p.poke()
	}
	t := e.track
	if ok && (t == nil || t.epoch >= epoch) {
		r.mu.Unlock()
		return
	}
	if t != nil {
		r.announce(t, false)
		e.set(nil)
	}
	p.revoke()
	r.mu.Unlock()
	switch {
	case t == nil:
	case ok:
		t.end(ErrSuperseded)
	default:
		t.end(ErrClosed)
	}
}
