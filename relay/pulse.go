package relay

import (
	"net"
	"net/netip"
	"time"
)

// A pulse measures a link's vitals. Where the congestion window is not ours it makes do with what QUIC tells.
type pulse struct {
	counts [10]struct{ sent, lost uint64 } // of the last second
	n      int
	least  [2]time.Duration // the shortest round trip of this half of a minute and of the one before
	turned time.Time
}

// take looks at the link.
func (p *pulse) take(l *link, now time.Time) vitals {
	if l.window != nil {
		s := l.window.Stats()
		return vitals{
			rtt: s.RTT, minRTT: s.MinRTT, loss: s.Loss, sent: s.Sent, lost: s.Lost, rate: s.Rate, window: s.Window,
			still: !s.Congested,
		}
	}
	s := l.conn.ConnectionStats()
	v := vitals{rtt: s.SmoothedRTT, minRTT: p.minimum(s.LatestRTT, now), sent: s.PacketsSent, lost: s.PacketsLost}
	v.window = int(s.CongestionWindow)
	if s.SmoothedRTT > 0 {
		v.rate = uint64(float64(v.window) * 8 / s.SmoothedRTT.Seconds())
	}
	before := &p.counts[p.n%len(p.counts)]
	if p.n++; p.n > len(p.counts) {
		v.loss = share(v.lost, before.lost, v.sent, before.sent)
	}
	before.sent, before.lost = v.sent, v.lost
	return v
}

// minimum returns the shortest round trip of the last half to whole minute. QUIC's own never forgets, and a link whose
// way has become longer would look full for ever.
func (p *pulse) minimum(latest time.Duration, now time.Time) time.Duration {
	const half = 30 * time.Second
	if p.turned.IsZero() || now.Sub(p.turned) >= half {
		p.turned, p.least[1], p.least[0] = now, p.least[0], latest
	}
	if latest > 0 && (p.least[0] == 0 || latest < p.least[0]) {
		p.least[0] = latest
	}
	if p.least[1] > 0 {
		return min(p.least[0], p.least[1])
	}
	return p.least[0]
}

// share returns how many of the packets between two looks were lost; 0 when there were too few to say.
func share(lost, lostBefore, sent, sentBefore uint64) float64 {
	if sent < sentBefore || sent-sentBefore < 20 || lost < lostBefore {
		return 0
	}
	return min(1, float64(lost-lostBefore)/float64(sent-sentBefore))
}

// addr returns where the neighbour is.
func (l *link) addr() (netip.AddrPort, bool) {
	if u, ok := l.conn.RemoteAddr().(*net.UDPAddr); ok {
		return u.AddrPort(), true
	}
	return netip.AddrPort{}, false
}
