package relay

import "time"

// mediaEvery is how long ago media may have been given to QUIC, at a tick, until a heartbeat is due: pictures of thirty a
// second are as good as heartbeats. With the time until the next tick it stays below suspectAfter.
const mediaEvery = time.Second/30 + time.Millisecond

// inStep returns how long it is until the next tick of all links, which come together: to wake a thread for a tick costs
// several times what is done in it, and a node has a link to each neighbour.
func (r *Relay) inStep(every time.Duration) time.Duration { return every - time.Since(r.born)%every }

// knock sends the neighbour a packet that means nothing, so that its host can say that nobody is there, and reports whether it
// did. A heartbeat says no more to a host and costs both ends some six switches of goroutines with what acknowledges it; while
// pictures come alone, two ticks in three ask. Neighbours of version 1 have no parity, and would log it.
func (l *link) knock() bool {
	peer, ok := l.addr()
	if l.relay.cfg.Parity == nil || l.speaks() < 2 || !ok {
		return false
	}
	l.relay.cfg.Parity.Knock(peer)
	l.relay.metrics.knocks.Inc()
	return true
}
