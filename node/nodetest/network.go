package nodetest

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"
)

// oneWay is how long a packet takes between two nodes.
const oneWay = 10 * time.Millisecond

// network carries UDP packets (by quic-go's simnet) and watch streams (by pipes)
// between nodes, and can cut a node off.
type network struct {
	simnet.PerfectRouter

	mu        sync.Mutex // guards the following
	cut       map[netip.Addr]bool
	listeners map[string]*pipeListener
}

func newNetwork() *network {
	return &network{cut: make(map[netip.Addr]bool), listeners: make(map[string]*pipeListener)}
}

// SendPacket delivers p after a while, unless either end is cut off by then.
func (n *network) SendPacket(p simnet.Packet) error {
	time.AfterFunc(oneWay, func() {
		if !n.isCut(p.From) && !n.isCut(p.To) {
			n.PerfectRouter.SendPacket(p)
		}
	})
	return nil
}

func (n *network) isCut(a net.Addr) bool {
	ap, err := netip.ParseAddrPort(a.String())
	n.mu.Lock()
	defer n.mu.Unlock()
	return err == nil && n.cut[ap.Addr()]
}

// setCut cuts a node's address off, or heals it. Its watch streams break.
func (n *network) setCut(ip netip.Addr, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[ip] = cut
	if !cut {
		return
	}
	for _, l := range n.listeners {
		l.breakFrom(ip)
	}
}

func (n *network) severed(from, to netip.Addr) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cut[from] || n.cut[to]
}

// listen opens a watch port.
func (n *network) listen(addr string) net.Listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := &pipeListener{addr: pipeAddr(addr), conns: make(chan net.Conn), done: make(chan struct{})}
	n.listeners[addr] = l
	return l
}

// dial connects from to the watch port at addr.
func (n *network) dial(ctx context.Context, from netip.Addr, addr string) (net.Conn, error) {
	to := netip.MustParseAddrPort(addr).Addr()
	n.mu.Lock()
	l := n.listeners[addr]
	n.mu.Unlock()
	if l == nil || n.severed(from, to) {
		return nil, errors.New("nodetest: connection refused")
	}
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		l.remember(from, to, near, far)
		if n.severed(from, to) { // cut off before it was remembered
			near.Close()
			far.Close()
		}
		return near, nil
	case <-l.done:
	case <-ctx.Done():
	}
	near.Close()
	return nil, errors.New("nodetest: connection refused")
}

// pipeListener is a TCP listener without TCP.
type pipeListener struct {
	addr  pipeAddr
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}

	mu   sync.Mutex // guards the following
	open []openPipe
}

type openPipe struct {
	from, to netip.Addr
	ends     [2]net.Conn
}

func (l *pipeListener) remember(from, to netip.Addr, near, far net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, openPipe{from, to, [2]net.Conn{near, far}})
}

func (l *pipeListener) breakFrom(ip netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.open {
		if p.from == ip || p.to == ip {
			p.ends[0].Close()
			p.ends[1].Close()
		}
	}
}

// Accept waits for a connection.
func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (l *pipeListener) Close() error { l.once.Do(func() { close(l.done) }); return nil }

// Addr is the address that was listened on.
func (l *pipeListener) Addr() net.Addr { return l.addr }

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) }
