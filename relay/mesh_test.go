package relay

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/testutils/simnet"

	"stentor/bench/impair"
	"stentor/relay/rtp"
	"stentor/relay/window"
	"stentor/relay/wire"
)

// A mesh is some relays on a simulated network, in the bubble of the test.
type mesh struct {
	t     *testing.T
	net   *simnet.Simnet
	nodes map[string]*node
	cert  tls.Certificate
	owned bool // the windows of links are relay/window's
}

// A node is one relay with its port.
type node struct {
	*Relay
	mesh      *mesh
	name      string
	addr      *net.UDPAddr
	gate      *gate
	transport *quic.Transport
	config    *quic.Config
	cancel    context.CancelFunc
	wg        sync.WaitGroup

	mu      sync.Mutex
	parents []string // in order of preference
	spares  []string // standbys, in order of preference
	better  string   // what Config.Better says, "" nothing
	carried []string // what Config.Carried heard
}

// A gate is a port that can be cut off: what is sent and what comes is lost.
type gate struct {
	net.PacketConn
	mu   sync.Mutex
	shut bool
	drop func(b []byte) bool
}

func (g *gate) closed(b []byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut || g.drop != nil && g.drop(b)
}

func (g *gate) cut() { g.set(true) }

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = shut
}

func (g *gate) WriteTo(b []byte, to net.Addr) (int, error) {
	if g.closed(b) {
		return len(b), nil
	}
	return g.PacketConn.WriteTo(b, to)
}

func (g *gate) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := g.PacketConn.ReadFrom(b)
		if err != nil || !g.closed(nil) {
			return n, from, err
		}
	}
}

// SetReadBuffer and SetWriteBuffer keep quic-go from warning.
func (g *gate) SetReadBuffer(int) error  { return nil }
func (g *gate) SetWriteBuffer(int) error { return nil }

// inMesh runs f in a bubble with the named nodes, ten milliseconds apart.
func inMesh(t *testing.T, f func(t *testing.T, m *mesh), names ...string) {
	onPaths(t, nil, false, f, names...)
}

// onPaths is inMesh with packets from one node to another treated as path says, nil delays them by ten milliseconds; owned
// makes the windows of all links relay/window's.
func onPaths(t *testing.T, path func(from, to string) *impair.Link, owned bool, f func(t *testing.T, m *mesh), names ...string) {
	synctest.Test(t, func(t *testing.T) {
		m := &mesh{t: t, net: &simnet.Simnet{Router: &simnet.PerfectRouter{}}, nodes: map[string]*node{}, cert: certificate(t), owned: owned}
		for i, name := range names {
			addr := &net.UDPAddr{IP: net.IPv4(10, 0, 0, byte(i+1)), Port: 4000}
			settings := simnet.NodeBiDiLinkSettings{Latency: 10 * time.Millisecond}
			if path != nil {
				settings.Latency = 0
			}
			var conn net.PacketConn = m.net.NewEndpoint(addr, settings)
			if path != nil {
				links := map[string]*impair.Link{}
				for _, to := range names {
					links[to] = path(name, to)
				}
				conn = impair.Conn(conn, func(to net.Addr) *impair.Link { return links[m.nameOf(to)] })
			}
			m.nodes[name] = &node{mesh: m, name: name, addr: addr, gate: &gate{PacketConn: conn}}
		}
		if err := m.net.Start(); err != nil {
			t.Fatal(err)
		}
		for _, n := range m.nodes {
			n.start()
		}
		defer func() {
			for _, n := range m.nodes {
				n.stop()
			}
			if err := m.net.Close(); err != nil {
				t.Error(err)
			}
		}()
		f(t, m)
	})
}

func certificate(t *testing.T) tls.Certificate {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, pub, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

var quicConfig = &quic.Config{EnableDatagrams: true, EnableStreamResetPartialDelivery: true, MaxIncomingUniStreams: 512, RequireStreamCreditRelease: true}

func (m *mesh) tls() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{m.cert}, NextProtos: []string{"stentor-relay/1"}, InsecureSkipVerify: true}
}

func (n *node) start() {
	n.transport = &quic.Transport{Conn: n.gate}
	n.config = quicConfig.Clone()
	var windows *window.Windows
	if n.mesh.owned {
		windows = window.New(window.Config{Registerer: prometheus.NewRegistry()})
		n.config.Tracer = windows.Tracer
	}
	r, err := New(Config{
		Windows: windows,
		Node:    n.name, Logger: slog.New(slog.NewTextHandler(logs{n.mesh.t}, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", n.name), Dial: n.dial, Parent: n.parent, Standby: n.standby, Better: n.best, Registerer: prometheus.NewRegistry(),
		Carried: func(id wire.TrackID, epoch uint64, path []string, delay time.Duration, on bool) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.carried = append(n.carried, fmt.Sprint(id, epoch, path, on))
		},
	})
	if err != nil {
		n.mesh.t.Fatal(err)
	}
	n.Relay = r
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	listener, err := n.transport.Listen(n.mesh.tls(), n.config)
	if err != nil {
		n.mesh.t.Fatal(err)
	}
	n.wg.Go(func() { _ = r.Run(ctx) })
	n.wg.Go(func() {
		for {
			conn, err := listener.Accept(ctx)
			if err != nil {
				return
			}
			n.wg.Go(func() { _ = r.Accept(ctx, conn, n.mesh.nameOf(conn.RemoteAddr())) })
		}
	})
}

func (n *node) stop() {
	n.cancel()
	n.wg.Wait()
	_ = n.transport.Close()
	_ = n.gate.PacketConn.Close()
}

func (m *mesh) nameOf(a net.Addr) string {
	for name, n := range m.nodes {
		if n.addr.String() == a.String() {
			return name
		}
	}
	return "unknown"
}

func (n *node) dial(ctx context.Context, name string) (*quic.Conn, error) {
	return n.transport.Dial(ctx, n.mesh.nodes[name].addr, n.mesh.tls(), n.config)
}

func (n *node) parent(_ wire.TrackID, exclude func(string) bool) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.parents {
		if !exclude(p) {
			return p, true
		}
	}
	return "", false
}

func (n *node) standby(_ wire.TrackID, _ string, _ []string, exclude func(string) bool) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.spares {
		if !exclude(p) {
			return p, true
		}
	}
	return "", false
}

func (n *node) best(_ wire.TrackID, _ string, exclude func(string) bool) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.better, n.better != "" && !exclude(n.better)
}

func (n *node) keeps(spares ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.spares = spares
}

func (n *node) prefers(better string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.better = better
}

func (n *node) follows(parents ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.parents = parents
}

func (n *node) heard() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.carried...)
}

var (
	videoID   = wire.TrackID{Webinar: "w_abcdefghijklmnop", Stream: "main", Name: "video"}
	audioID   = wire.TrackID{Webinar: "w_abcdefghijklmnop", Stream: "main", Name: "audio"}
	videoInfo = wire.TrackInfo{
		Kind: wire.Video, Mime: "video/H264", Clock: 90000, PayloadType: 96,
		Fmtp:       "packetization-mode=1",
		Extensions: []wire.Extension{{ID: 5, URI: rtp.CaptureURI}},
	}
	audioInfo = wire.TrackInfo{Kind: wire.Audio, Mime: "audio/opus", Clock: 48000, Channels: 2, PayloadType: 111}
)

// A camera makes the packets of one H.264 layer.
type camera struct {
	seq  uint16
	time uint32
	ssrc uint32
}

// frame returns the packets of the next frame; each is different.
func (c *camera) frame(key bool, packets int) [][]byte {
	c.time += 3000
	var all [][]byte
	for i := range packets {
		b := make([]byte, 12, 1200)
		b[0], b[1] = 0x80, 96
		if i == packets-1 {
			b[1] |= 0x80
		}
		binary.BigEndian.PutUint16(b[2:], c.seq)
		binary.BigEndian.PutUint32(b[4:], c.time)
		binary.BigEndian.PutUint32(b[8:], c.ssrc)
		switch {
		case key && i == 0:
			b = append(b, 0x67) // SPS
		case key:
			b = append(b, 0x65)
		default:
			b = append(b, 0x41)
		}
		b = binary.BigEndian.AppendUint64(b, uint64(c.time)<<16|uint64(c.seq))
		b = append(b, make([]byte, 700+int(c.seq)%300)...)
		all = append(all, b)
		c.seq++
	}
	return all
}

func write(t *testing.T, track *Track, packets ...[]byte) {
	t.Helper()
	for _, p := range packets {
		if err := track.Write(0, p, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
}

func publish(t *testing.T, n *node, id wire.TrackID, info wire.TrackInfo, epoch uint64, keyframe func(int)) *Track {
	t.Helper()
	track, err := n.Publish(id, info, epoch, keyframe)
	if err != nil {
		t.Fatal(err)
	}
	return track
}

func subscribe(t *testing.T, n *node, id wire.TrackID) *Subscription {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := n.Subscribe(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// drain reads until nothing comes for a second, and returns the packets by sequence number.
func drain(t *testing.T, r *Reader) map[uint64]*rtp.Packet {
	t.Helper()
	got := map[uint64]*rtp.Packet{}
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		p, err := r.Next(ctx)
		cancel()
		switch {
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.EOF):
			return got
		case err != nil:
			t.Fatal(err)
		}
		if got[p.Seq] != nil {
			t.Errorf("packet %d came twice", p.Seq)
		}
		got[p.Seq] = p
	}
}

// beside runs f beside the test; what it has written may be read once the function that is returned has come back.
func beside(f func()) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	return func() { <-done }
}

func status(n *node, id wire.TrackID) (TrackStatus, bool) {
	for _, s := range n.Status() {
		if s.ID == id {
			return s, true
		}
	}
	return TrackStatus{}, false
}

// holds returns how many entries and links the node has.
func (n *node) holds() (entries, links int) {
	n.Relay.mu.Lock()
	defer n.Relay.mu.Unlock()
	return len(n.entries), len(n.links)
}

func (n *node) linksEnded(reason string) float64 {
	return testutil.ToFloat64(n.metrics.linksEnded.WithLabelValues(reason))
}

func counter(c prometheus.Collector) float64 { return testutil.ToFloat64(c) }

// logs shows what relays log when a test fails.
type logs struct{ t *testing.T }

func (l logs) Write(b []byte) (int, error) {
	l.t.Logf("%s", b)
	return len(b), nil
}
