package node

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"stentor/cluster"
	"stentor/control/api"
)

// leaveWithin bounds how long a node that stops waits for its children to find
// another parent: a round trip to whoever that is and a key frame, many times over.
const leaveWithin = 1500 * time.Millisecond

// Drain has a node of the mesh hand over what it carries, or ends that.
func (n *Node) Drain(ctx context.Context, node string, on bool) error {
	if node == n.cfg.Name {
		n.drain(on)
		return nil
	}
	if _, ok := n.gossip.Member(node); !ok {
		return api.ErrNoNode
	}
	method := http.MethodPost
	if !on {
		method = http.MethodDelete
	}
	_, err := n.request(ctx, n.peers, node, method, "/drain", nil)
	return err
}

// serveDrain takes the order from a voter, whose API has checked who gives it.
func (n *Node) serveDrain(w http.ResponseWriter, r *http.Request) {
	n.drain(r.Method == http.MethodPost)
	fmt.Fprintln(w, "ok")
}

// drain tells the others that this node takes no children any more, and those that it
// has to go; or that it does again.
func (n *Node) drain(on bool) {
	n.draining.Lock()
	defer n.draining.Unlock()
	n.log.Info("drain", "on", on)
	n.gossip.UpdateMeta(func(m *cluster.Meta) { m.Draining = on })
	n.movePlayers(on)
	if on {
		n.relay.Leave()
	} else {
		n.relay.Carry()
	}
}

// leave is what a node does before it stops: who pulls from it goes on elsewhere while
// it still sends.
func (n *Node) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveWithin)
	defer cancel()
	n.drain(true)
	if err := n.relay.Drain(ctx); err != nil {
		n.log.Info("children are left", "err", err)
	}
}
