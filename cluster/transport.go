package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/quic-go/quic-go"

	"stentor/cluster/mesh"
)

const (
	// maxPacket is a packet's size at most, sealed: with the UDP and IPv6
	// headers it fits the smallest link that IPv6 allows (1,280). The mesh
	// socket forbids fragments, so that a larger one would be lost in a tunnel.
	maxPacket = 1200
	// streamLife bounds an accepted stream; whoever dialled closes it sooner.
	streamLife = 30 * time.Second
)

// transport is memberlist's way over the mesh port: packets beside QUIC, sealed and
// opened here (memberlist sees plain ones), each stream on a connection of its own (push/pull with a random node every half
// minute is not worth keeping one to everyone), both ends certified.
type transport struct {
	port    Port
	log     *slog.Logger
	metrics *metrics
	keys    *keyring
	ip      net.IP // what to advertise
	udp     int
	// nodeAt is the member that is believed to live at an address, if any.
	nodeAt func(addr netip.AddrPort) (node string, ok bool)

	packets chan *memberlist.Packet
	streams chan net.Conn
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

func newTransport(g *Gossip, at netip.AddrPort) *transport {
	t := &transport{
		port: g.config.Port, log: g.log, metrics: g.metrics, keys: g.keys,
		ip: at.Addr().AsSlice(), udp: int(at.Port()), nodeAt: g.nodeAt,
		packets: make(chan *memberlist.Packet),
		streams: make(chan net.Conn),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// start begins to read; Shutdown ends it.
func (t *transport) start() {
	t.wg.Go(t.readPackets)
	t.wg.Go(t.acceptStreams)
}

// Shutdown ends what start began, and the streams.
func (t *transport) Shutdown() error {
	t.cancel()
	t.wg.Wait()
	return nil
}

func (t *transport) readPackets() {
	buf := make([]byte, 1500)
	for {
		n, from, err := t.port.ReadPacket(t.ctx, buf)
		if err != nil {
			return
		}
		plain, first, err := t.keys.open(buf[:n], nil)
		if err != nil || len(plain) == 0 {
			t.port.Garbage("not_gossip")
			continue
		}
		t.metrics.packet("in", n)
		t.metrics.open(first)
		p := &memberlist.Packet{Buf: plain, From: from, Timestamp: time.Now()}
		select {
		case t.packets <- p:
		case <-t.ctx.Done():
			return
		}
	}
}

func (t *transport) acceptStreams() {
	l := t.port.Listen(mesh.ALPNGossip)
	for {
		conn, err := l.Accept(t.ctx)
		if err != nil {
			return
		}
		t.wg.Go(func() { t.serve(conn) })
	}
}

// serve hands the one stream of a connection to memberlist and ends the
// connection when the other side has not.
func (t *transport) serve(conn *quic.Conn) {
	ctx, cancel := context.WithTimeout(t.ctx, streamLife)
	defer cancel()
	defer conn.CloseWithError(0, "done")
	peer, err := mesh.Peer(conn)
	if err != nil {
		return
	}
	// A node speaks for itself: who calls from the address of a member has to
	// be that member.
	if from, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
		if node, ok := t.nodeAt(unmap(from)); ok && node != peer.Node {
			t.metrics.refused.WithLabelValues("name").Inc()
			t.log.Warn("gossip stream refused", "from", from, "certificate", peer.Node, "member", node)
			return
		}
	}
	s, err := conn.AcceptStream(ctx)
	if err != nil {
		return
	}
	s.ReleaseStreamCredit()
	c, err := mesh.StreamConn(conn, s, false)
	if err != nil {
		return
	}
	select {
	case t.streams <- t.sealed(c):
	case <-ctx.Done():
		return
	}
	select {
	case <-conn.Context().Done():
	case <-ctx.Done():
	}
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// FinalAdvertiseAddr is where this node says it is.
func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) { return t.ip, t.udp, nil }

// WriteTo sends a packet.
func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return time.Time{}, fmt.Errorf("cluster: %w", err)
	}
	now := time.Now()
	b = t.keys.seal(make([]byte, 0, sealHead+len(b)+sealTail), b, nil)
	if _, err := t.port.WritePacket(b, net.UDPAddrFromAddrPort(ap)); err != nil {
		return time.Time{}, fmt.Errorf("cluster: %w", err)
	}
	t.metrics.packet("out", len(b))
	return now, nil
}

// WriteToAddress is WriteTo; packets are not bound to a name.
func (t *transport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	return t.WriteTo(b, a.Addr)
}

// DialTimeout opens a stream to whoever is there, if it is of this cluster.
func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// DialAddressTimeout opens a stream to a member: its certificate has to say so.
func (t *transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(t.ctx, timeout)
	defer cancel()
	conn, err := t.port.DialNode(ctx, a.Name, a.Addr, mesh.ALPNGossip)
	if err != nil {
		return nil, err
	}
	s, err := conn.OpenStreamSync(ctx)
	if err != nil {
		conn.CloseWithError(0, "done")
		return nil, fmt.Errorf("cluster: %w", err)
	}
	stop := context.AfterFunc(t.ctx, func() { conn.CloseWithError(0, "shutting down") })
	context.AfterFunc(conn.Context(), func() { stop() })
	c, err := mesh.StreamConn(conn, s, true)
	if err != nil {
		return nil, err
	}
	return t.sealed(c), nil
}

func (t *transport) sealed(c net.Conn) net.Conn {
	return &sealedConn{Conn: c, keys: t.keys, opened: t.metrics.open}
}

// PacketCh is where memberlist reads packets.
func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// StreamCh is where memberlist reads streams.
func (t *transport) StreamCh() <-chan net.Conn { return t.streams }
