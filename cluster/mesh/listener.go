package mesh

import (
	"context"
	"fmt"

	"github.com/quic-go/quic-go"
)

// accepted is how many connections may wait for their reader. A hundred children
// that come back at once fit; more are told to try again.
const accepted = 128

// A Listener hands out the accepted connections of one protocol.
type Listener struct {
	queue chan *quic.Conn
}

// Listen starts accepting a protocol; before that the port refuses it. Called
// twice it gives the same listener.
func (p *Port) Listen(alpn string) *Listener {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.listeners[alpn]
	if l == nil {
		l = &Listener{queue: make(chan *quic.Conn, accepted)}
		p.listeners[alpn] = l
	}
	return l
}

// Accept waits for the next connection; its certificate has been verified.
func (l *Listener) Accept(ctx context.Context) (*quic.Conn, error) {
	select {
	case conn := <-l.queue:
		return conn, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Dial connects to a node, wherever it is now, and makes sure that it is it.
func (p *Port) Dial(ctx context.Context, node, alpn string) (*quic.Conn, error) {
	if p.config.Resolve == nil {
		return nil, fmt.Errorf("mesh: dial %s: this port cannot find nodes by name", node)
	}
	addr, ok := p.config.Resolve(node)
	if !ok {
		return nil, fmt.Errorf("mesh: dial %s: no member of that name is known", node)
	}
	return p.DialNode(ctx, node, addr, alpn)
}

// DialAddr connects to whoever is at addr ("host:port"), if it is of this cluster.
func (p *Port) DialAddr(ctx context.Context, addr, alpn string) (*quic.Conn, error) {
	return p.DialNode(ctx, "", addr, alpn)
}

// DialNode connects to a node at a given address; node "" is [Port.DialAddr].
//
// A TLS 1.3 client is done before the server has looked at its certificate, so
// that a refusal of ours shows at the first read.
func (p *Port) DialNode(ctx context.Context, node, addr, alpn string) (*quic.Conn, error) {
	udp, err := resolveUDP(ctx, p.LocalAddr(), addr)
	if err != nil {
		return nil, err
	}
	conn, err := p.tr.Dial(ctx, udp, p.clientTLS(alpn, node), p.quic)
	if err != nil {
		return nil, fmt.Errorf("mesh: dial %s %s: %w", node, addr, err)
	}
	id, err := Peer(conn)
	if err != nil || !p.track(conn, id.Node, alpn, "out") {
		conn.CloseWithError(codeShutdown, "closed")
		return nil, fmt.Errorf("mesh: dial %s %s: the port is closed", node, addr)
	}
	return conn, nil
}
