package cluster

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/quic-go/quic-go/testutils/simnet"

	"stentor/cluster/mesh"
	"stentor/cluster/pki"
)

// world is a network in virtual time: real quic-go and real memberlist on it.
type world struct {
	*testing.T
	ca  *pki.Authority
	net *simnet.Simnet
	key []byte
	ctx context.Context
	wg  sync.WaitGroup

	links []*simnet.SimulatedLink

	issue    func(pki.Identity) *pki.Credentials // nil: credentials
	disguise string                              // the name that the next node runs under
}

func inWorld(t *testing.T, f func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		ca, err := pki.NewAuthority("test", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		// A test that waits for ever would keep virtual time running for ever.
		ctx, cancel := context.WithTimeout(context.Background(), 24*time.Hour)
		w := &world{T: t, ca: ca, net: &simnet.Simnet{Router: &simnet.PerfectRouter{}}, key: slices.Repeat([]byte{7}, 32), ctx: ctx}
		defer func() {
			cancel()
			w.wg.Wait()
			// memberlist's last probe and push/pull end by their own timeouts.
			time.Sleep(streamTimeout + awareness*probeInterval)
			for _, l := range w.links {
				l.Close()
			}
		}()
		f(w)
	})
}

// awareness is how far memberlist stretches a probe of a node that feels ill.
const awareness = 8

// member is a node of the test: a port and its gossip.
type member struct {
	*Gossip
	w      *world
	name   string
	port   *mesh.Port
	conn   *filtered
	cred   *atomic.Pointer[pki.Credentials]
	reg    *prometheus.Registry
	cancel context.CancelFunc
	done   chan struct{}
	goAway context.CancelFunc // of the port
}

// filtered loses what a cut says, in both directions, and of what comes the gossip while
// it is deaf.
type filtered struct {
	*simnet.SimConn
	deaf atomic.Bool
	mu   sync.Mutex
	cut  func(other string) bool
}

func (f *filtered) isCut(addr net.Addr) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cut != nil && f.cut(addr.String())
}

func (f *filtered) setCut(cut func(other string) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut = cut
}

func (f *filtered) WriteTo(b []byte, to net.Addr) (int, error) {
	if f.isCut(to) {
		return len(b), nil
	}
	return f.SimConn.WriteTo(b, to)
}

func (f *filtered) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := f.SimConn.ReadFrom(b)
		gossip := n > 0 && b[0]&0x40 == 0 // RFC 9000, 17.2: QUIC sets it
		if err != nil || !f.isCut(from) && !(gossip && f.deaf.Load()) {
			return n, from, err
		}
	}
}

func addr(i int) string { return fmt.Sprintf("1.0.0.%d:4000", i) }

type option func(*Config)

// start runs node i with so much latency to everyone, one way.
func (w *world) start(i int, latency time.Duration, epoch uint64, options ...option) *member {
	w.Helper()
	name := fmt.Sprintf("n%d", i)
	udp := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr(i)))
	link := &simnet.SimulatedLink{Latency: latency, UploadPacket: w.net.Router}
	m := &member{w: w, name: name, reg: prometheus.NewRegistry(), done: make(chan struct{})}
	m.conn = &filtered{SimConn: simnet.NewBlockingSimConn(udp, link)}
	link.Start()
	w.net.Router.AddNode(udp, link)
	w.links = append(w.links, link)

	issue := w.issue
	if issue == nil {
		issue = w.credentials
	}
	m.cred = &atomic.Pointer[pki.Credentials]{}
	m.cred.Store(issue(pki.Identity{Node: name, Role: pki.Edge}))
	port, err := mesh.New(mesh.Config{Conn: m.conn, Credentials: m.cred.Load, Registerer: m.reg})
	if err != nil {
		w.Fatal(err)
	}
	m.port = port
	c := Config{
		Meta: Meta{Node: name, Role: pki.Edge, Region: "r", Version: "1", Mesh: addr(i), HTTP: "https://" + name, Epoch: epoch},
		Key:  w.key, Port: port, Join: []string{addr(1), addr(2)}, Registerer: m.reg,
	}
	if os.Getenv("TEST_LOG") != "" {
		c.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("at", name)
	}
	for _, o := range options {
		o(&c)
	}
	if m.Gossip, err = New(c); err != nil {
		w.Fatal(err)
	}
	if w.disguise != "" {
		m.config.Meta.Node, m.meta.Node, m.tracks.self = w.disguise, w.disguise, w.disguise
		w.disguise = ""
	}
	ctx, cancel := context.WithCancel(w.ctx)
	m.cancel = cancel
	portCtx, goAway := context.WithCancel(context.Background()) // outlives the gossip
	m.goAway = goAway
	w.wg.Go(func() {
		defer m.conn.Close()
		if err := port.Run(portCtx); err != nil && !errors.Is(err, net.ErrClosed) {
			w.Errorf("%s: port: %v", name, err)
		}
	})
	w.wg.Go(func() {
		defer goAway()
		defer close(m.done)
		if err := m.Run(ctx); err != nil {
			w.Errorf("%s: %v", name, err)
		}
	})
	return m
}

func (w *world) credentials(id pki.Identity) *pki.Credentials { return w.signed(id, time.Now()) }

// signed are credentials that were signed at some time.
func (w *world) signed(id pki.Identity, at time.Time) *pki.Credentials {
	w.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	der, err := w.ca.Sign(pub, id, at)
	if err != nil {
		w.Fatal(err)
	}
	c, err := pki.NewCredentials(der, key, w.ca.Cert, time.Now())
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// crash takes the node off the network without a word.
func (m *member) crash() {
	m.conn.setCut(func(string) bool { return true })
	m.cancel()
	<-m.done
}

// leave stops it as an operator does.
func (m *member) leave() {
	m.cancel()
	<-m.done
}

func (m *member) sees() string {
	var names []string
	for _, o := range m.Members() {
		if o.Alive {
			names = append(names, o.Node)
		}
	}
	return strings.Join(names, " ")
}

func (m *member) carriers(track string) string {
	var names []string
	for _, a := range m.Carriers(track) {
		names = append(names, a.Node)
	}
	return strings.Join(names, " ")
}

// await waits by Changed until all say that ok, and returns how long it took.
func (w *world) await(limit time.Duration, all []*member, ok func(m *member) bool) time.Duration {
	w.Helper()
	start := time.Now()
	ctx, cancel := context.WithTimeout(w.ctx, limit)
	defer cancel()
	for _, m := range all {
		for {
			changed := m.Changed()
			if ok(m) {
				break
			}
			select {
			case <-changed:
			case <-ctx.Done():
				w.Fatalf("%s after %v: sees %q", m.name, limit, m.sees())
			}
		}
	}
	return time.Since(start)
}

func (w *world) five(options ...option) []*member {
	w.Helper()
	var all []*member
	for i := range 5 {
		all = append(all, w.start(i+1, 20*time.Millisecond, 1, options...))
	}
	took := w.await(10*time.Second, all, func(m *member) bool { return m.sees() == "n1 n2 n3 n4 n5" })
	w.Logf("five nodes saw each other after %v", took)
	return all
}
