package node

import (
	"context"
	"math"
	"time"

	"stentor/cluster"
	"stentor/relay"
)

const (
	// loadEvery is how often a node looks at how much it sends: parents are chosen by it,
	// and a choice is looked at again every few seconds.
	loadEvery = 2 * time.Second
	// loadStep is the change that is worth a packet to everyone.
	loadStep = 0.05
)

// tellLoad tells the others how much of its uplink this node uses, and how many it feeds,
// until ctx is done.
func (n *Node) tellLoad(ctx context.Context) error {
	tick := time.NewTicker(loadEvery)
	defer tick.Stop()
	var sent sentBytes
	n.sentSince(&sent, n.relay.Links())
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		links, tracks := n.relay.Links(), n.relay.Status()
		n.routing.measure(links, tracks)
		n.announceLoad(share(n.sentSince(&sent, links), loadEvery, n.cfg.Relay.Uplink), mostChildren(tracks))
	}
}

// announceLoad tells the others when it is news.
func (n *Node) announceLoad(load float32, children int) {
	full := children >= n.cfg.Relay.Children
	self, _ := n.gossip.Member(n.cfg.Name)
	if self.Full == full && int(self.Children) == children && math.Abs(float64(self.Load-load)) < loadStep {
		return
	}
	n.gossip.UpdateMeta(func(m *cluster.Meta) {
		m.Load, m.Full, m.Children = load, full, uint16(min(children, math.MaxUint16))
	})
}

// sentBytes are counters at the last look.
type sentBytes struct {
	links   map[string]uint64 // by neighbour
	viewers uint64
}

// sentSince is what the node has sent of media since the last look: to other nodes, and
// to viewers.
func (n *Node) sentSince(last *sentBytes, links []relay.LinkStatus) uint64 {
	viewers := uint64(0)
	if n.sfu != nil {
		viewers = n.sfu.Sent()
	}
	sum := viewers - last.viewers
	last.viewers = viewers
	return sum + last.relayed(links)
}

// relayed is what went to other nodes since the last look. A link that began anew counts
// from zero.
func (s *sentBytes) relayed(links []relay.LinkStatus) (sum uint64) {
	now := make(map[string]uint64, len(links))
	for _, l := range links {
		now[l.Peer] = l.BytesOut
		if before := s.links[l.Peer]; l.BytesOut >= before {
			sum += l.BytesOut - before
		} else {
			sum += l.BytesOut
		}
	}
	s.links = now
	return sum
}

// share is how much of an uplink in Mbit/s so many bytes in that time are.
func share(bytes uint64, in time.Duration, uplink int) float32 {
	return float32(min(1, float64(bytes)*8/in.Seconds()/(float64(uplink)*1e6)))
}

// mostChildren is how many nodes pull the track that the most do.
func mostChildren(tracks []relay.TrackStatus) int {
	most := 0
	for _, t := range tracks {
		most = max(most, len(t.Children))
	}
	return most
}
