package relay

import (
	"net/netip"
	"time"
)

// refusedAgain is how long after a neighbour was suspected because of ICMP such news of it is not believed again. A process
// that ends is news once; who forges ICMP makes the standby send what comes twice, for no more than this often.
const refusedAgain = time.Second

// Unreachable says that the host at addr has told by ICMP that nobody has the port there. ICMP can be forged and may be
// late, so this ends nothing: the neighbour counts as silent until it is heard again, and standbys take its place
// meanwhile, as if it had been silent for long. A process that was killed is found within a round trip by it. It does not
// block.
func (r *Relay) Unreachable(addr netip.AddrPort) {
	r.mu.Lock()
	var links []*link
	for _, l := range r.links {
		if at, ok := l.addr(); ok && at.Port() == addr.Port() && at.Addr().Unmap() == addr.Addr().Unmap() {
			links = append(links, l)
		}
	}
	r.mu.Unlock()
	for _, l := range links {
		select {
		case l.refused <- time.Now():
		default: // there is such news already
		}
	}
}

// A doubt is when ICMP last said of a neighbour that nobody is there, and was believed.
type doubt struct{ at time.Time }

// news reports whether what comes at a time is to be believed.
func (d *doubt) news(at time.Time) bool {
	if !d.at.IsZero() && at.Sub(d.at) < refusedAgain {
		return false
	}
	d.at = at
	return true
}

// holds reports whether nothing was heard of the neighbour since; heard is when something was, last.
func (d *doubt) holds(heard time.Time) bool { return !d.at.IsZero() && !heard.After(d.at) }
