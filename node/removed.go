package node

import (
	"context"

	"stentor/control/webinar"
)

// errRemoved is what a removed node is told when it asks for anything.
var errRemoved = &webinar.Denial{Code: "node_removed", Detail: "This node was removed from the cluster. Join again under another name, with a new token."}

// removed reports whether the state says that a node was put out of the cluster. Its
// certificate opens nothing then, although it is good for hours more.
func (n *Node) removed(name string) bool {
	return n.store != nil && n.store.State().Node(name).GetRemoved()
}

// cutOff ends the connections of nodes that were removed, as soon as the state says so,
// and this node itself when it is the one.
func (n *Node) cutOff(ctx context.Context) error {
	done := make(map[string]bool)
	for {
		changed := n.store.Changed()
		for node := range n.store.State().Nodes() {
			if !node.GetRemoved() || done[node.GetNode()] {
				continue
			}
			done[node.GetNode()] = true
			if node.GetNode() == n.cfg.Name {
				return errRemoved
			}
			n.log.Info("node removed", "peer", node.GetNode())
			n.port.Disconnect(node.GetNode())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}
