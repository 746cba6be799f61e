// Package mesh is the one UDP port by which a node talks to its cluster.
//
// It holds a quic-go Transport and tells connections apart by ALPN: relay
// (media), rpc (calls, Raft), gossip (membership streams) and join (newcomers).
// All but join are TLS 1.3 with certificates of the cluster's authority on both
// sides; the side that dials also checks that it found the very node that it
// meant. Packets that are not QUIC belong to gossip.
//
// What arrives and belongs to nobody is counted, and never answered by more
// bytes than it had: source addresses are validated by Retry before any
// certificate is sent, and versions are not negotiated.
//
// It decides nothing: who may join, who is a member and where a node lives come
// in as functions. It does not own the socket that it is given.
package mesh

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/quic-go/quic-go"

	"stentor/cluster/pki"
)

// The protocols on the port.
const (
	ALPNRelay  = "stentor-relay/1"
	ALPNRPC    = "stentor-rpc/1"
	ALPNGossip = "stentor-gossip/1"
	ALPNJoin   = "stentor-join/1"
)

// Codes of closed connections, as the peer sees them.
const (
	codeShutdown     quic.ApplicationErrorCode = 0
	codeBusy         quic.ApplicationErrorCode = 1
	codeDisconnected quic.ApplicationErrorCode = 2
)

// Config is what a Port is made of.
type Config struct {
	// Conn is the UDP socket. The Port reads and writes it alone, and leaves it
	// open when it ends.
	Conn net.PacketConn
	// Credentials are asked for at every handshake, so that they may be renewed.
	Credentials func() *pki.Credentials
	// Resolve says where a node is ("host:port"); nil when nodes are dialled by
	// address only.
	Resolve func(node string) (addr string, ok bool)
	// Removed says whether a node was put out of the cluster, so that its
	// certificate opens nothing although it is still good; nil: none was.
	Removed func(node string) bool

	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// QUIC replaces [QUICConfig]; it must not be changed afterwards.
	QUIC *quic.Config
	// Now is the clock for certificates.
	Now func() time.Time
}

// A Port is a node's place in the mesh.
type Port struct {
	config  Config
	log     *slog.Logger
	tr      *quic.Transport
	quic    *quic.Config
	metrics *metrics

	mu        sync.Mutex // guards the following
	listeners map[string]*Listener
	conns     map[*quic.Conn]string // every live connection -> node ("" a newcomer)
	closed    bool
}

// New makes a port; nothing is read or sent before Run or the first dial.
func New(c Config) (*Port, error) {
	if c.Conn == nil || c.Credentials == nil {
		return nil, errors.New("mesh: a port needs a socket and credentials")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	cred := c.Credentials()
	if err := cred.Check(c.Now()); err != nil {
		return nil, fmt.Errorf("mesh: %w", err)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Port{
		config:    c,
		log:       c.Logger,
		quic:      c.QUIC,
		listeners: map[string]*Listener{},
		conns:     map[*quic.Conn]string{},
	}
	if p.quic == nil {
		p.quic = QUICConfig()
	}
	p.metrics = newMetrics(c.Registerer, p)
	reset := resetKey(cred)
	p.tr = &quic.Transport{
		Conn:              c.Conn,
		StatelessResetKey: &reset,
		// Always: a mesh makes few connections and keeps them, so that one more
		// round trip is a small price for never answering a forged address with
		// a certificate. Tokens spare it to those who were here before.
		VerifySourceAddress:              func(net.Addr) bool { return true },
		DisableVersionNegotiationPackets: true,
		Tracer:                           p.metrics.garbageRecorder(),
	}
	return p, nil
}

// resetKey comes from the node's key, so that a node that crashed and came back
// tells its peers at once that their connections are gone.
func resetKey(c *pki.Credentials) quic.StatelessResetKey {
	m := hmac.New(sha256.New, c.Key.Seed())
	m.Write([]byte("stentor mesh stateless reset"))
	return quic.StatelessResetKey(m.Sum(nil))
}

// Self is who this node is, by its certificate.
func (p *Port) Self() pki.Identity { return p.config.Credentials().Identity }

// Credentials are the node's own.
func (p *Port) Credentials() *pki.Credentials { return p.config.Credentials() }

// LocalAddr is the address of the socket.
func (p *Port) LocalAddr() net.Addr { return p.config.Conn.LocalAddr() }

// Run accepts connections until ctx is done. Then it ends all of them, also those
// that were dialled, telling the peers, and returns nil.
func (p *Port) Run(ctx context.Context) error {
	l, err := p.tr.Listen(p.serverTLS(), p.quic)
	if err != nil {
		return fmt.Errorf("mesh: listen: %w", err)
	}
	defer p.shutdown(l)
	for {
		conn, err := l.Accept(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("mesh: accept: %w", err)
		}
		p.deliver(conn)
	}
}

func (p *Port) deliver(conn *quic.Conn) {
	alpn := conn.ConnectionState().TLS.NegotiatedProtocol
	var node string
	if alpn != ALPNJoin {
		id, err := Peer(conn)
		if err != nil { // cannot be: the handshake demanded it
			conn.CloseWithError(codeBusy, "no identity")
			return
		}
		node = id.Node
	}
	p.mu.Lock()
	l := p.listeners[alpn]
	p.mu.Unlock()
	if l == nil || !p.track(conn, node, alpn, "in") {
		conn.CloseWithError(codeBusy, "not listening")
		return
	}
	select {
	case l.queue <- conn:
	default:
		p.metrics.refused.WithLabelValues(alpn, "busy").Inc()
		conn.CloseWithError(codeBusy, "busy")
	}
}

// track keeps conn in the books until it ends; false when the port is closed.
func (p *Port) track(conn *quic.Conn, node, alpn, direction string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.conns[conn] = node
	gauge := p.metrics.connections.WithLabelValues(alpn, direction)
	gauge.Inc()
	context.AfterFunc(conn.Context(), func() {
		gauge.Dec()
		p.mu.Lock()
		delete(p.conns, conn)
		p.mu.Unlock()
	})
	return true
}

func (p *Port) shutdown(l *quic.Listener) {
	p.mu.Lock()
	p.closed = true
	conns := p.open(func(string) bool { return true })
	p.mu.Unlock()
	closeAll(conns, codeShutdown, "shutting down")
	l.Close()
	p.tr.Close()
}

// Disconnect ends every connection with a node: it was removed from the cluster,
// and what its certificate opened before must not outlast that.
func (p *Port) Disconnect(node string) {
	p.mu.Lock()
	conns := p.open(func(n string) bool { return n == node })
	p.mu.Unlock()
	closeAll(conns, codeDisconnected, "removed from the cluster")
}

func (p *Port) open(which func(node string) bool) []*quic.Conn {
	var conns []*quic.Conn
	for c, node := range p.conns {
		if which(node) {
			conns = append(conns, c)
		}
	}
	return conns
}

func closeAll(conns []*quic.Conn, code quic.ApplicationErrorCode, why string) {
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(func() { c.CloseWithError(code, why) })
	}
	wg.Wait()
}

// ReadPacket reads one packet that is not QUIC: gossip. There is one reader.
func (p *Port) ReadPacket(ctx context.Context, b []byte) (int, net.Addr, error) {
	return p.tr.ReadNonQUICPacket(ctx, b)
}

// WritePacket sends one packet. Its first byte must be below 64, or the other
// side takes it for QUIC.
func (p *Port) WritePacket(b []byte, addr net.Addr) (int, error) {
	if len(b) == 0 || b[0] >= 0x40 {
		return 0, errors.New("mesh: this packet would pass for QUIC")
	}
	return p.tr.WriteTo(b, addr)
}

// Garbage counts what a reader of packets could make nothing of.
func (p *Port) Garbage(reason string) { p.metrics.garbage.WithLabelValues(reason).Inc() }

// Lookup turns "host:port" into addresses, without DNS where it is a number.
func Lookup(ctx context.Context, addr string) ([]netip.AddrPort, error) {
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		return []netip.AddrPort{ap}, nil
	}
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("mesh: %q is no address: write it as host:port", addr)
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "udp", service)
	if err != nil {
		return nil, fmt.Errorf("mesh: %q: %w", addr, err)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(ips) == 0 {
		return nil, fmt.Errorf("mesh: find %q: %w", host, err)
	}
	found := make([]netip.AddrPort, len(ips))
	for i, ip := range ips {
		found[i] = netip.AddrPortFrom(ip.Unmap(), uint16(port))
	}
	return found, nil
}

// resolveUDP picks an address that the socket can reach: a socket that is bound
// to an IPv4 address cannot send to the IPv6 one of a name that has both.
func resolveUDP(ctx context.Context, from net.Addr, addr string) (*net.UDPAddr, error) {
	found, err := Lookup(ctx, addr)
	if err != nil {
		return nil, err
	}
	to := found[0]
	if local, ok := from.(*net.UDPAddr); ok && local.IP.To4() != nil {
		if i := slices.IndexFunc(found, func(a netip.AddrPort) bool { return a.Addr().Unmap().Is4() }); i >= 0 {
			to = found[i]
		}
	}
	return net.UDPAddrFromAddrPort(to), nil
}
