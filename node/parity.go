package node

import (
	"net/netip"

	"stentor/relay"
	"stentor/relay/parity"
)

// protection is the parity of the mesh's socket, as the relay wants to see it.
type protection struct{ *parity.Conn }

// Stats tells what was counted of a neighbour.
func (p protection) Stats(peer netip.AddrPort) relay.ParityStats {
	s := p.Conn.Stats(peer)
	return relay.ParityStats{Data: s.Data, Parity: s.Parity, Loss: s.Loss, Recovered: s.Recovered, Unrecoverable: s.Unrecoverable}
}

// unreachable tells the relay what ICMP says of a neighbour. The port is read only when all parts are there.
func (n *Node) unreachable(peer netip.AddrPort) {
	if n.relay != nil {
		n.relay.Unreachable(peer)
	}
}
