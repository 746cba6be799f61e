// Package nodetest runs whole meshes inside one process, in virtual time: real
// nodes with real quic-go, hashicorp/raft and memberlist, joined by join tokens,
// over a network of the package's own that can cut a node off. It is for tests
// inside a testing/synctest bubble; it serves no media to browsers.
package nodetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	controlstore "stentor/control/store"
	"stentor/node"
)

// Mesh is a mesh under test.
type Mesh struct {
	t     *testing.T
	dir   string
	net   *network
	nodes map[string]*Member
	order []string
	token string // admin

	// Children bounds how many nodes may pull a track from each node that is started from
	// now on; 0 is the default.
	Children int
}

// Member is one node of it.
type Member struct {
	*node.Node
	Name string
	ip   netip.Addr
	stop context.CancelFunc
	done chan error
	down atomic.Bool
}

// New returns a mesh of no nodes. Call Stop before the bubble ends.
func New(t *testing.T) *Mesh {
	return &Mesh{t: t, dir: t.TempDir(), net: newNetwork(), nodes: make(map[string]*Member)}
}

// Start starts a node and waits until it is ready. The first one makes the
// cluster; the others join it with a token for role.
func (m *Mesh) Start(name, role string) *Member {
	m.t.Helper()
	c := m.config(name)
	if len(m.order) == 0 {
		if err := node.Init(c.Data, name); err != nil {
			m.t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(c.Data, "admin.token"))
		if err != nil {
			m.t.Fatal(err)
		}
		m.token = string(bytes.TrimSpace(b))
	} else {
		m.join(c, role)
	}
	return m.run(c)
}

// config places a node: n1 is 10.0.0.1, and so on.
func (m *Mesh) config(name string) node.Config {
	c := node.Defaults()
	c.Name, c.Data = name, filepath.Join(m.dir, name)
	ip := fmt.Sprintf("10.0.0.%d", len(m.order)+1)
	c.Mesh, c.Watch, c.RTC = ip+":7443", ip+":7443", ip+":8443"
	if m.Children > 0 {
		c.Relay.Children = m.Children
	}
	if len(m.order) > 0 {
		c.Join = "10.0.0.1:7443"
	}
	return c
}

// join gets a token from the first node and shows it to it.
func (m *Mesh) join(c node.Config, role string) {
	m.t.Helper()
	var made struct{ Token string }
	m.Call(m.order[0], "POST", "/api/v1/join-tokens", map[string]any{"role": role}, &made)
	c.TokenFile = filepath.Join(m.dir, c.Name+".token")
	if err := os.WriteFile(c.TokenFile, []byte(made.Token), 0o600); err != nil {
		m.t.Fatal(err)
	}
	if err := m.tryJoin(c); err != nil {
		m.t.Fatalf("join of %s: %v", c.Name, err)
	}
}

// tryJoin asks the cluster to let a node in.
func (m *Mesh) tryJoin(c node.Config) error {
	addr := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(c.Mesh))
	socket := simnet.NewSimConn(addr, m.net)
	m.net.AddNode(addr, socket)
	defer m.net.RemoveNode(addr)
	defer socket.Close()
	return node.Join(context.Background(), c, socket)
}

func (m *Mesh) run(c node.Config) *Member {
	m.t.Helper()
	keys, err := node.LoadKeyring(c.Data)
	if err != nil {
		m.t.Fatal(err)
	}
	addr := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(c.Mesh))
	socket := simnet.NewSimConn(addr, m.net)
	m.net.AddNode(addr, socket)
	ip := netip.MustParseAddrPort(c.Mesh).Addr()
	var logs io.Writer = io.Discard
	if testing.Verbose() && os.Getenv("STENTOR_LOGS") != "" {
		logs = os.Stderr
	}
	n, err := node.New(node.Parts{
		Config: c, Build: node.Build{Version: "v0.0.0", Commit: "test"}, Keys: keys,
		Sockets: node.Sockets{Mesh: socket, Watch: m.net.listen(c.Watch)},
		Logger:  slog.New(slog.NewTextHandler(logs, nil)).With("node", c.Name),
		DialWatch: func(ctx context.Context, addr string) (net.Conn, error) {
			return m.net.dial(ctx, ip, addr)
		},
		Boot: func() time.Duration { return 0 },
		Store: func(v *controlstore.VoterConfig) {
			v.Exit = func(err error) { m.t.Errorf("%s: the log failed: %v", c.Name, err) }
		},
	})
	if err != nil {
		m.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	member := &Member{Node: n, Name: c.Name, ip: ip, stop: stop, done: make(chan error, 1)}
	go func() { member.done <- n.Run(ctx) }()
	m.nodes[c.Name] = member
	m.order = append(m.order, c.Name)
	m.Eventually(c.Name+" is ready", func() bool { return m.Status(c.Name, "/readyz") == http.StatusOK })
	return member
}

// Node returns a node by its name.
func (m *Mesh) Node(name string) *Member { return m.nodes[name] }

// Crash takes a node away without a goodbye: its packets are lost from now on.
func (m *Mesh) Crash(name string) {
	n := m.nodes[name]
	m.net.setCut(n.ip, true)
	n.down.Store(true)
	n.stop()
}

// Cut cuts a node off from all others, or heals it.
func (m *Mesh) Cut(name string, cut bool) { m.net.setCut(m.nodes[name].ip, cut) }

// settleFor is how long memberlist's last probe may outlive its node; it ends before
// the bubble does.
const settleFor = 30 * time.Second

// Stop stops all nodes, the newest first, and reports what they ended with.
func (m *Mesh) Stop() {
	m.t.Helper()
	for i := len(m.order) - 1; i >= 0; i-- {
		n := m.nodes[m.order[i]]
		n.stop()
		if err := <-n.done; err != nil && !n.down.Load() {
			m.t.Errorf("%s ended: %v", n.Name, err)
		}
	}
	time.Sleep(settleFor)
}

// patience is how long Eventually waits, in virtual time.
const patience = 60 * time.Second

// Eventually waits until ok, and fails the test if that takes a virtual minute. It
// returns how long it took.
func (m *Mesh) Eventually(what string, ok func() bool) time.Duration {
	m.t.Helper()
	begin := time.Now()
	for !ok() {
		if time.Since(begin) > patience {
			m.t.Fatalf("never: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(begin)
}

// Status makes a request without a body and returns the status code.
func (m *Mesh) Status(name, path string) int {
	w := httptest.NewRecorder()
	m.nodes[name].Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code
}

// ErrAnswer is an answer of the control API that is not a success.
var ErrAnswer = errors.New("nodetest: refused")

// Try calls the control API of a node with the admin's token.
func (m *Mesh) Try(name, method, path string, body, to any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r := httptest.NewRequest(method, path, bytes.NewReader(b))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+m.token)
	w := httptest.NewRecorder()
	m.nodes[name].Handler().ServeHTTP(w, r)
	if w.Code >= 300 {
		return fmt.Errorf("%w: %d %s", ErrAnswer, w.Code, w.Body.String())
	}
	if to == nil {
		return nil
	}
	return json.Unmarshal(w.Body.Bytes(), to)
}

// Call is Try, and fails the test where the answer is no success.
func (m *Mesh) Call(name, method, path string, body, to any) {
	m.t.Helper()
	if err := m.Try(name, method, path, body, to); err != nil {
		m.t.Fatalf("%s %s at %s: %v", method, path, name, err)
	}
}
