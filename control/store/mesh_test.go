package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

var clusterKey = []byte("0123456789abcdef0123456789abcdef")

// meshNet is a network of nodes inside the process: streams between them, which can be
// cut.
type meshNet struct {
	mu        sync.Mutex // guards the following
	listeners map[string]*listener
	cut       map[string]bool // a node that nobody reaches, and that reaches nobody
	open      map[net.Conn][2]string
}

func newMeshNet() *meshNet {
	return &meshNet{listeners: map[string]*listener{}, cut: map[string]bool{}, open: map[net.Conn][2]string{}}
}

func (m *meshNet) isolate(node string, cut bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut[node] = cut
	for conn, ends := range m.open {
		if cut && (ends[0] == node || ends[1] == node) {
			conn.Close()
			delete(m.open, conn)
		}
	}
}

var errCut = errors.New("cut off")

func (m *meshNet) reaches(a, b string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cut[a] || m.cut[b] {
		return errCut
	}
	return nil
}

func (m *meshNet) pipe(a, b string) (net.Conn, net.Conn, error) {
	x, y := net.Pipe()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cut[a] || m.cut[b] { // looked at under the lock that isolate has: no pipe is made across a cut
		return nil, nil, errCut
	}
	m.open[x], m.open[y] = [2]string{a, b}, [2]string{a, b}
	return x, y, nil
}

func (m *meshNet) listen(node string) *listener {
	l := &listener{conns: make(chan net.Conn), done: make(chan struct{})}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listeners[node] = l
	return l
}

func (m *meshNet) dial(ctx context.Context, from, to string) (net.Conn, error) {
	x, y, err := m.pipe(from, to)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	l := m.listeners[to]
	m.mu.Unlock()
	if l == nil {
		return nil, errCut
	}
	select {
	case l.conns <- y:
		return x, nil
	case <-l.done:
		return nil, errCut
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type listener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *listener) Addr() net.Addr { return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// cluster is voters and what runs them.
type cluster struct {
	t   testing.TB
	net *meshNet
	dir string

	mu     sync.Mutex // guards the following
	voters map[string]*running
	edges  sync.WaitGroup
}

type running struct {
	*Voter
	stop  context.CancelFunc
	ended chan error
	exit  error // what Exit was called with; read after ended
}

// bubble runs f in virtual time, with a cluster that is stopped after it.
func bubble(t *testing.T, f func(t *testing.T, c *cluster)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		c := &cluster{t: t, net: newMeshNet(), dir: dir, voters: map[string]*running{}}
		f(t, c)
		c.stopAll()
		c.edges.Wait()
	})
}

func initial() []*controlpb.Command {
	return []*controlpb.Command{
		{Principal: "init", RequestId: "init-cluster", Kind: &controlpb.Command_SetClusterInfo{SetClusterInfo: &controlpb.SetClusterInfo{Id: "c_1", Name: "test"}}},
		{Principal: "init", RequestId: "init-token", Kind: &controlpb.Command_CreateApiToken{CreateApiToken: &controlpb.CreateAPIToken{Id: "t_1", Name: "host", Hash: hash("sta_1")}}},
	}
}

func hash(s string) []byte { h := sha256.Sum256([]byte(s)); return h[:] }

func (c *cluster) voter(node string) *running {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.voters[node]
}

// start starts a voter on its own folder, which is the one it had before.
func (c *cluster) start(node string, change ...func(*VoterConfig)) *running {
	c.t.Helper()
	c.net.isolate(node, false)
	r := &running{ended: make(chan error, 1)}
	cfg := VoterConfig{
		Node: node, Dir: fmt.Sprint(c.dir, "/", node), Bootstrap: node == "n1", Init: initial(), PINKey: clusterKey,
		Streams: NewStreamLayer(c.net.listen(node), func(ctx context.Context, to string) (net.Conn, error) { return c.net.dial(ctx, node, to) }),
		Forward: func(ctx context.Context, to string, b []byte) ([]byte, error) { return c.forward(ctx, node, to, b) },
		Exit:    func(err error) { r.exit = err },
		Boot:    new(sleeper).boot, // the real one runs on while virtual time stands
	}
	for _, f := range change {
		f(&cfg)
	}
	v, err := OpenVoter(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(c.t.Context())
	r.Voter, r.stop = v, stop
	go func() { r.ended <- v.Run(ctx) }()
	c.mu.Lock()
	c.voters[node] = r
	c.mu.Unlock()
	return r
}

// three starts three voters, and returns when they agree on a leader.
func (c *cluster) three(change ...func(*VoterConfig)) {
	c.t.Helper()
	first := c.start("n1", change...)
	wait(c.t, first, func(s *control.State) bool { return s.Cluster().ID != "" })
	for _, node := range []string{"n2", "n3"} {
		v := c.start(node, change...)
		if err := first.AddVoter(c.t.Context(), node); err != nil {
			c.t.Fatal(err)
		}
		wait(c.t, v, func(s *control.State) bool { return s.Index() == first.State().Index() })
	}
}

func (c *cluster) forward(ctx context.Context, from, to string, b []byte) ([]byte, error) {
	v := c.voter(to)
	if err := c.net.reaches(from, to); err != nil || v == nil {
		return nil, errCut
	}
	return v.HandlePropose(ctx, b)
}

// leader returns the voter that leads, when there is one.
func (c *cluster) leader() *running {
	c.t.Helper()
	for range 10_000 {
		c.mu.Lock()
		for _, v := range c.voters {
			if v.Status().Role == "leader" && c.net.reaches(v.cfg.Node, v.cfg.Node) == nil {
				c.mu.Unlock()
				return v
			}
		}
		c.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	c.t.Fatal("no leader within ten seconds")
	return nil
}

// kill takes a voter off the network at once, and then ends it.
func (c *cluster) kill(v *running) {
	c.net.isolate(v.cfg.Node, true)
	c.end(v)
}

// end ends a voter the way it is meant to, and returns how long that took.
func (c *cluster) end(v *running) time.Duration {
	start := time.Now()
	v.stop()
	if err := <-v.ended; err != nil && v.exit == nil {
		c.t.Errorf("%s ended: %v", v.cfg.Node, err)
	}
	c.mu.Lock()
	delete(c.voters, v.cfg.Node)
	c.mu.Unlock()
	return time.Since(start)
}

func (c *cluster) stopAll() {
	c.mu.Lock()
	var all []*running
	for _, v := range c.voters {
		all = append(all, v)
	}
	c.mu.Unlock()
	for _, v := range all {
		c.end(v)
	}
}

// following is an edge's replica that runs.
type following struct {
	*Follower
	stop  context.CancelFunc
	ended chan error

	mu    sync.Mutex // guards the following
	voter string     // whom it follows
}

func (f *following) at() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.voter
}

// follow starts an edge, which follows the first voter of want that it reaches, and
// any other after that.
func (c *cluster) follow(node string, want ...string) *following {
	c.t.Helper()
	return c.followWith(node, func(*FollowerConfig) {}, want...)
}

func (c *cluster) followWith(node string, change func(*FollowerConfig), want ...string) *following {
	c.t.Helper()
	f := &following{ended: make(chan error, 1)}
	cfg := FollowerConfig{
		Node: node, Dir: fmt.Sprint(c.dir, "/", node), Key: clusterKey,
		Dial: func(ctx context.Context) (net.Conn, string, error) { return c.watch(ctx, node, f, want) },
		Forward: func(ctx context.Context, to string, b []byte) ([]byte, error) {
			return c.forward(ctx, node, to, b)
		},
		Boot: new(sleeper).boot,
	}
	change(&cfg)
	fl, err := NewFollower(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(c.t.Context())
	f.Follower, f.stop = fl, stop
	go func() { f.ended <- fl.Run(ctx) }()
	return f
}

func (f *following) end(t *testing.T) {
	t.Helper()
	f.stop()
	if err := <-f.ended; err != nil {
		t.Error(err)
	}
}

func (c *cluster) watch(ctx context.Context, node string, f *following, want []string) (net.Conn, string, error) {
	for _, name := range append(want, "n1", "n2", "n3") {
		v := c.voter(name)
		if v == nil || name == f.at() {
			continue
		}
		x, y, err := c.net.pipe(node, name)
		if err != nil {
			continue
		}
		c.edges.Go(func() { v.ServeWatch(ctx, y, node) })
		f.mu.Lock()
		f.voter = name
		f.mu.Unlock()
		return x, name, nil
	}
	f.mu.Lock()
	f.voter = ""
	f.mu.Unlock()
	return nil, "", errCut
}

// wait waits until the replica's state is as ok says, for ten seconds at most.
func wait(t testing.TB, r replica, ok func(*control.State) bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		changed := r.Changed()
		if ok(r.State()) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("not within ten seconds: the state is at %d", r.State().Index())
		}
	}
}

type proposer interface {
	Propose(context.Context, *controlpb.Command) (control.Result, error)
}

func must(t testing.TB, p proposer, c *controlpb.Command) control.Result {
	t.Helper()
	r, err := p.Propose(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func create(id string) *controlpb.Command {
	return &controlpb.Command{Principal: "host", Kind: &controlpb.Command_CreateWebinar{CreateWebinar: &controlpb.CreateWebinar{
		Id: id, Link: "link-" + id, Title: "About " + id,
		Pin: &controlpb.PIN{Verifier: webinar.Verifier(webinar.DeriveKey(clusterKey, id), "48151623")}}}}
}

func ban(w, participant, device string) *controlpb.Command {
	return &controlpb.Command{Principal: "host", Kind: &controlpb.Command_Disconnect{Disconnect: &controlpb.Disconnect{
		Webinar: w, Participant: participant, Keys: &controlpb.Keys{Keys: []string{"device:" + device}}, Ban: &controlpb.NewBan{Id: "b_" + participant}}}}
}

// same fails unless the edge holds what is left of v's state when it is filtered.
func same(t *testing.T, f replica, v *running) {
	t.Helper()
	wait(t, f, func(s *control.State) bool { return s.Index() >= v.State().Index() })
	got, want := f.State(), v.State().Edge(clusterKey, nil)
	if got.Hash() != want.Hash() || got.Index() != want.Index() {
		t.Errorf("the edge at %d is not the leader's state at %d", got.Index(), want.Index())
	}
}

// step names a part of a test; a bubble has no subtests.
func step(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Log(name)
	f(t)
}
