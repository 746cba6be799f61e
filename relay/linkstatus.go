package relay

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// A LinkStatus is what a node tells about the link to one neighbour. Out is from here to there, in the other way.
type LinkStatus struct {
	Peer        string
	Dialled     bool   // by this node
	Version     uint64 // of the format that both speak, 0 before the neighbour has said Hello
	Feeds       int    // subscriptions of the neighbour here, standbys counted too
	Pulls       int    // subscriptions at the neighbour, standbys counted too
	RTT, MinRTT time.Duration

	Window   int           // bytes that may be in flight
	Rate     uint64        // bits per second that were seen to be delivered
	Sent     uint64        // packets out, since the link began
	Lost     uint64        // of them
	Loss     float64       // share of the packets out of the last second
	Parity   int           // packets of parity for each 20 of data out
	Backlog  time.Duration // how far what is sent is behind
	Late     uint64        // frames out that missed their deadline
	Shed     int           // layers of tracks that are not sent, or thinned, since the link is too small
	BytesOut uint64        // of QUIC packets, without UDP and IP headers and parity

	BytesIn   uint64  // the same, in
	InSent    uint64  // packets in, as the neighbour tells each second; 0 when it does not
	InLost    uint64  // of them
	InLoss    float64 // share of the last second
	Recovered uint64  // packets in that came back by parity
}

// Links tells of all links of this node, sorted by peer.
func (r *Relay) Links() []LinkStatus {
	r.mu.Lock()
	links := make([]*link, 0, len(r.links))
	for _, l := range r.links {
		links = append(links, l)
	}
	r.mu.Unlock()
	all := make([]LinkStatus, 0, len(links))
	for _, l := range links {
		all = append(all, l.status())
	}
	slices.SortFunc(all, func(a, b LinkStatus) int { return cmp.Compare(a.Peer, b.Peer) })
	return all
}

func (l *link) status() LinkStatus {
	c, quic := &l.congestion, l.conn.ConnectionStats()
	s := LinkStatus{
		Peer: l.peer, Dialled: l.dialled, Version: l.speaks(), RTT: quic.SmoothedRTT, MinRTT: quic.MinRTT,
		Sent: quic.PacketsSent, Lost: quic.PacketsLost, BytesOut: quic.BytesSent, BytesIn: quic.BytesReceived,
		Window: int(quic.CongestionWindow), Parity: int(c.parity.Load()), Late: c.late.Load(), Shed: c.held(),
		InLoss: math.Float64frombits(c.inLoss.Load()),
	}
	if v := c.vitals.Load(); v != nil {
		s.RTT, s.MinRTT, s.Window, s.Rate, s.Loss, s.Backlog = v.rtt, v.minRTT, v.window, v.rate, v.loss, v.backlog
		s.Sent, s.Lost = max(s.Sent, v.sent), max(s.Lost, v.lost)
	}
	if in := l.inbound.Load(); in != nil {
		s.InSent, s.InLost = in.Sent, in.Lost
	}
	if peer, ok := l.addr(); ok && l.relay.cfg.Parity != nil {
		s.Recovered = l.relay.cfg.Parity.Stats(peer).Recovered
	}
	l.mu.Lock()
	s.Feeds, s.Pulls = len(l.feeds), len(l.upstreams)
	l.mu.Unlock()
	return s
}
