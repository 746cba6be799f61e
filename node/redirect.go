package node

import (
	"cmp"
	"slices"
	"time"

	"stentor/cluster"
	"stentor/node/session"
)

// From crowded of its uplink on a node sends new publishers and players to one that is
// below roomy. Between the two lies what a few seconds of stale gossip can be wrong by,
// so that no two nodes send people to each other.
const (
	crowded = 0.9
	roomy   = 0.7
)

// farAway stands for a round trip that nobody has measured.
const farAway = time.Second

// another is the public URL of the node where new publishers and players should begin
// instead of at this one, which drains or is crowded. It is false where they should
// begin here, also because there is no better place. via are the nodes that they come
// from. Players of what is published here stay: a node that drains lets no other node
// begin to pull, and its publishers have to move first.
func (n *Node) another(link string, use session.Use, via []string) (string, bool) {
	self, ok := n.gossip.Member(n.cfg.Name)
	if !ok || !self.Draining && self.Load < crowded {
		return "", false
	}
	if w := n.State().WebinarByLink(link); w != nil && use == session.Watch {
		for s := range w.Streams() {
			if s.Origin == n.cfg.Name {
				return "", false
			}
		}
	}
	return nearest(n.gossip.Members(), append(via, n.cfg.Name), self.Draining)
}

// nearest chooses among members: those with room before the others, who count only when
// this node has to be left; then the least round trip, as a visitor who is near this node
// is near its neighbours.
func nearest(members []cluster.Member, not []string, leave bool) (string, bool) {
	members = slices.DeleteFunc(slices.Clone(members), func(m cluster.Member) bool {
		return !m.Alive || m.Draining || m.HTTP == "" || slices.Contains(not, m.Node) || m.Load >= roomy && !leave
	})
	if len(members) == 0 {
		return "", false
	}
	return slices.MinFunc(members, func(a, b cluster.Member) int {
		return cmp.Or(cmp.Compare(busy(a), busy(b)), cmp.Compare(trip(a), trip(b)), cmp.Compare(a.Node, b.Node))
	}).HTTP, true
}

func busy(m cluster.Member) int {
	if m.Load >= roomy {
		return 1
	}
	return 0
}

func trip(m cluster.Member) time.Duration {
	if m.RTT == 0 {
		return farAway
	}
	return m.RTT
}

// movePlayers tells players to begin anew elsewhere, or that they may stay.
func (n *Node) movePlayers(away bool) {
	switch {
	case n.signal == nil:
	case away:
		n.signal.Move()
	default:
		n.signal.Stay()
	}
}

// viewers is about how many are in a webinar: those on a seat, as far as this node knows.
func (n *Node) viewers(webinar string) int {
	if w := n.State().Webinar(webinar); w != nil {
		return w.SeatCount()
	}
	return 0
}
