package node

import (
	"context"
	"slices"
	"strings"

	"stentor/cluster"
	"stentor/cluster/pki"
)

// keepPeers writes down where the other nodes are, so that a restart finds them
// also when the one that it joined by is gone.
func (n *Node) keepPeers(ctx context.Context) error {
	var saved string
	voters := make(map[string]string)
	for {
		changed := n.gossip.Changed()
		addrs := peersOf(voters, n.gossip.Members(), n.cfg.Name, n.removed)
		if now := strings.Join(addrs, " "); now != saved && len(addrs) > 0 {
			if err := savePeers(n.cfg.Data, addrs); err != nil {
				n.log.Warn("the addresses of the other nodes were not saved", "err", err)
			}
			saved = now
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// peersOf returns the addresses worth keeping: of those that are alive, and of every voter
// that was ever seen and not removed. An edge that is cut off takes them all for dead, and
// must find one of them after a restart; gossip forgets the dead one day, so that voters
// (name -> address) remembers them.
func peersOf(voters map[string]string, members []cluster.Member, self string, removed func(node string) bool) []string {
	var addrs []string
	for _, m := range members {
		switch {
		case m.Node == self || m.Mesh == "":
		case m.Role == pki.Voter:
			voters[m.Node] = m.Mesh
		case m.Alive:
			addrs = append(addrs, m.Mesh)
		}
	}
	for node, addr := range voters {
		if removed(node) {
			delete(voters, node)
			continue
		}
		addrs = append(addrs, addr)
	}
	slices.Sort(addrs)
	return slices.Compact(addrs)
}
