package mesh

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/quic-go/quic-go/testutils/simnet"

	"stentor/cluster/pki"
)

// latency is one way; every packet takes it.
const latency = 10 * time.Millisecond

// world is a network in virtual time with an authority and nodes on it.
type world struct {
	*testing.T
	net   *simnet.Simnet
	links []*simnet.SimulatedLink
	ca    *pki.Authority
	wg    sync.WaitGroup
	ctx   context.Context

	removed atomic.Pointer[string]

	mu    sync.Mutex
	addrs map[string]string
}

// inWorld runs f in a bubble; whatever was made with the world is ended after it.
func inWorld(t *testing.T, f func(w *world)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		w := &world{T: t, net: &simnet.Simnet{Router: &simnet.PerfectRouter{}}, ca: authority(t), ctx: ctx, addrs: map[string]string{}}
		defer func() {
			cancel()
			w.wg.Wait()
			for _, l := range w.links {
				l.Close()
			}
		}()
		f(w)
	})
}

func authority(t *testing.T) *pki.Authority {
	t.Helper()
	ca, err := pki.NewAuthority("test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// socket is a UDP socket in the simulated network.
func (w *world) socket(addr string) *simnet.SimConn {
	link := &simnet.SimulatedLink{Latency: latency, UploadPacket: w.net.Router}
	udp := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr))
	c := simnet.NewBlockingSimConn(udp, link)
	link.Start()
	w.net.Router.AddNode(udp, link)
	w.links = append(w.links, link)
	return c
}

func credentials(t *testing.T, ca *pki.Authority, id pki.Identity, now time.Time) *pki.Credentials {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return sign(t, ca, id, pub, key, now)
}

func sign(t *testing.T, ca *pki.Authority, id pki.Identity, pub ed25519.PublicKey, key ed25519.PrivateKey, now time.Time) *pki.Credentials {
	t.Helper()
	der, err := ca.Sign(pub, id, now)
	if err != nil {
		t.Fatal(err)
	}
	c, err := pki.NewCredentials(der, key, ca.Cert, now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// node is a port that runs.
type node struct {
	*Port
	addr string
	cred atomic.Pointer[pki.Credentials]
	conn *simnet.SimConn
	reg  *prometheus.Registry
	stop func()
}

func (w *world) node(name, addr string, role pki.Role) *node {
	return w.nodeWith(addr, credentials(w.T, w.ca, pki.Identity{Node: name, Role: role}, time.Now()), nil)
}

func (w *world) nodeWith(addr string, cred *pki.Credentials, conn *simnet.SimConn) *node {
	w.Helper()
	if conn == nil {
		conn = w.socket(addr)
	}
	n := &node{addr: addr, conn: conn, reg: prometheus.NewRegistry()}
	n.cred.Store(cred)
	var log *slog.Logger
	if os.Getenv("TEST_LOG") != "" {
		log = slog.Default()
	}
	p, err := New(Config{Conn: conn, Credentials: n.cred.Load, Resolve: w.resolve, Removed: w.isRemoved, Registerer: n.reg, Logger: log})
	if err != nil {
		w.Fatal(err)
	}
	n.Port = p
	w.mu.Lock()
	w.addrs[cred.Identity.Node] = addr
	w.mu.Unlock()
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan struct{})
	w.wg.Go(func() {
		defer close(done)
		defer conn.Close()
		if err := p.Run(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
			w.Errorf("%s: %v", cred.Identity.Node, err)
		}
	})
	n.stop = func() { cancel(); <-done }
	synctest.Wait()
	return n
}

// crash takes a node off the network without a word, and ends it.
func (n *node) crash() {
	n.conn.Close()
	n.stop()
}

// isRemoved reports whether a test has put a node out of the cluster.
func (w *world) isRemoved(node string) bool {
	name := w.removed.Load()
	return name != nil && *name == node
}

func (w *world) resolve(node string) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, ok := w.addrs[node]
	return a, ok
}

func count(c prometheus.Collector) int { return int(testutil.ToFloat64(c)) }
