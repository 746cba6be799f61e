package store

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// NewStreamLayer returns Raft's way to other voters over streams of the mesh. Raft's
// addresses are node IDs: where a node is, the one who dials knows.
func NewStreamLayer(l net.Listener, dial func(ctx context.Context, node string) (net.Conn, error)) raft.StreamLayer {
	return streamLayer{l, dial}
}

type streamLayer struct {
	net.Listener
	dial func(context.Context, string) (net.Conn, error)
}

func (s streamLayer) Dial(node raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := s.dial(ctx, string(node))
	if err != nil {
		return nil, fmt.Errorf("store: dial %s: %w", node, err)
	}
	return conn, nil
}

// named is a StreamLayer that tells others this node's ID as its address, and closes
// every stream with itself: Raft's transport leaves them open, and the goroutines that
// read from them with it.
type named struct {
	raft.StreamLayer
	node nodeAddr

	mu     sync.Mutex // guards the following
	open   map[net.Conn]bool
	closed bool
}

func newNamed(s raft.StreamLayer, node string) *named {
	return &named{StreamLayer: s, node: nodeAddr(node), open: make(map[net.Conn]bool)}
}

func (n *named) Addr() net.Addr { return n.node }

func (n *named) Accept() (net.Conn, error) {
	conn, err := n.StreamLayer.Accept()
	if err != nil {
		return nil, err
	}
	return n.keep(conn), nil
}

func (n *named) Dial(node raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	conn, err := n.StreamLayer.Dial(node, timeout)
	if err != nil {
		return nil, err
	}
	return n.keep(conn), nil
}

func (n *named) keep(conn net.Conn) net.Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open[conn] = true
	if n.closed {
		conn.Close()
	}
	return &kept{conn, n}
}

func (n *named) Close() error {
	n.mu.Lock()
	n.closed = true
	for conn := range n.open {
		conn.Close()
	}
	n.mu.Unlock()
	return n.StreamLayer.Close()
}

// kept is a stream that its layer closes, if nobody does before.
type kept struct {
	net.Conn
	layer *named
}

func (k *kept) Close() error {
	k.layer.mu.Lock()
	delete(k.layer.open, k.Conn)
	k.layer.mu.Unlock()
	return k.Conn.Close()
}

type nodeAddr string

func (nodeAddr) Network() string  { return "stentor" }
func (a nodeAddr) String() string { return string(a) }
