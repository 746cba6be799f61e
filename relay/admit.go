package relay

import (
	"slices"

	"stentor/relay/wire"
)

// admits reports whether the child may have what it asks for, and what it is told when not.
func (r *Relay) admits(f *feed) (code wire.Code, ok bool) {
	standby := f.standby()
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[f.id]
	switch {
	case r.draining:
		return wire.CodeDraining, false
	case e == nil:
		return 0, true
	case e.pull != nil && slices.Contains(e.pull.asking, f.link.peer) && !standby:
		return wire.CodeLoop, false // each would wait for the other
	case len(e.children) >= r.cfg.MaxChildren && e.children[f.link.peer] == 0,
		len(e.children)+len(e.standbys) >= 2*r.cfg.MaxChildren:
		return wire.CodeFull, false
	}
	return 0, true
}

// standby reports whether the child keeps this node as standby.
func (f *feed) standby() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.paused
}
