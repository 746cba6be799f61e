package node

import (
	"context"
	"net"
	"sync"
	"time"

	"stentor/control/webinar"
)

// errRemoved is what a removed node is told when it asks for anything.
var errRemoved = &webinar.Denial{Code: "node_removed", Detail: "This node was removed from the cluster. Join again under another name, with a new token."}

// removed reports whether the state says that a node was put out of the cluster. Its
// certificate opens nothing then, although it is good for hours more.
func (n *Node) removed(name string) bool {
	return n.store != nil && n.store.State().Node(name).GetRemoved()
}

// farewell is how long a removed node's watch stream goes on: it hears of its removal by
// it, and ends by itself, unless it is not an honest one.
const farewell = time.Second

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
			time.AfterFunc(farewell, func() { n.watching.end(node.GetNode()) })
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// watching is the watch streams that this voter feeds, so that those of a removed node
// end with it.
type watching struct {
	mu    sync.Mutex // guards the following
	conns map[string]map[net.Conn]struct{}
}

// enter notes a stream, and returns what forgets it.
func (w *watching) enter(node string, conn net.Conn) (leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conns == nil {
		w.conns = make(map[string]map[net.Conn]struct{})
	}
	if w.conns[node] == nil {
		w.conns[node] = make(map[net.Conn]struct{})
	}
	w.conns[node][conn] = struct{}{}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if delete(w.conns[node], conn); len(w.conns[node]) == 0 {
			delete(w.conns, node)
		}
	}
}

// end closes the streams of a node.
func (w *watching) end(node string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for conn := range w.conns[node] {
		conn.Close()
	}
}
