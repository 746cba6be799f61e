// Package node is one running node: it reads its keys, opens its ports, puts the
// parts together and runs them. It is the only place where the control plane, the
// cluster, the relay and the media meet; none of them knows another.
//
// [Run] is the table of contents. The rules are in control, the formats in relay
// and cluster, the media in node/sfu; what stands here is how they are connected.
package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"stentor/cluster"
	"stentor/cluster/mesh"
	"stentor/cluster/pki"
	"stentor/control"
	"stentor/control/api/account"
	"stentor/control/api/mail"
	"stentor/control/api/webhook"
	"stentor/control/personal"
	controlstore "stentor/control/store"
	"stentor/node/lease"
	"stentor/node/record"
	"stentor/node/session"
	"stentor/node/sfu"
	"stentor/node/signal"
	"stentor/node/talk"
	"stentor/relay"
	"stentor/relay/parity"
	"stentor/relay/window"
)

// Build says which software this is.
type Build struct {
	Version string // "v0.1.0"
	Commit  string // of git, or "unknown"
}

// Node is one running node.
type Node struct {
	cfg     Config
	build   Build
	keys    *Keyring
	cred    atomic.Pointer[pki.Credentials] // replaced by renew
	epoch   uint64                          // this incarnation: the time of its start, in nanoseconds
	now     func() time.Time
	log     *slog.Logger
	reg     *prometheus.Registry
	sockets Sockets

	watchRefused prometheus.Counter
	watching     watching      // the streams of this voter's followers
	pulled       chan struct{} // a track came or went
	draining     sync.Mutex    // over telling the others and telling the children
	stopping     chan struct{} // closed when Run is to end

	windows    *window.Windows
	parity     *parity.Conn // on the mesh's socket
	port       *mesh.Port
	rpc        *mesh.RPC
	peers      http.RoundTripper // http://NODE/path to the calls of a node
	electors   http.RoundTripper // the same, for what only voters may see
	gossip     *cluster.Gossip
	gossipKeys *gossipKeys
	voter      *controlstore.Voter    // nil on an edge
	follower   *controlstore.Follower // nil on a voter
	store      store                  // whichever of both it is
	routing    *routing
	relay      *relay.Relay
	door       *session.Door
	others     *others // whom the door asks
	seats      *lease.Keeper
	talk       *talk.Talk
	personal   *personal.Keeper  // nil on an edge
	accounts   *account.Accounts // nil on an edge
	mailer     *mail.Mailer      // nil without a server for mails
	webhooks   *webhook.Webhooks // nil on an edge
	recorder   *record.Recorder
	attendance *attendance
	stage      *stage
	sfu        *sfu.SFU       // nil without a socket for it: a test of the mesh alone
	signal     *signal.Server // nil like it
	api        http.Handler
	public     http.Handler
}

// Parts are what a node is made of from outside; tests hand in their own network.
type Parts struct {
	Config  Config
	Build   Build
	Keys    *Keyring
	Sockets Sockets
	Logger  *slog.Logger
	// DialWatch connects to the watch port of a voter; nil means TCP.
	DialWatch func(ctx context.Context, addr string) (net.Conn, error)
	// Store changes how a voter keeps its log; nil leaves the defaults.
	Store func(*controlstore.VoterConfig)
	// Boot is how long the machine is up, its suspensions included; nil asks it. In
	// virtual time it stands still.
	Boot func() time.Duration
}

// Run runs a node as c says until ctx is done, and returns once it has let go of
// everything. A node without keys joins the cluster first, if c says how.
func Run(ctx context.Context, c Config, b Build, logs io.Writer) error {
	if err := c.Check(); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelInfo})).With("node", c.Name)
	keys, err := LoadKeyring(c.Data)
	if c.Join != "" && (errors.Is(err, os.ErrNotExist) || err == nil && keys.expired(time.Now())) {
		if err = Join(ctx, c, nil); err == nil {
			keys, err = LoadKeyring(c.Data)
		}
	}
	if err != nil {
		return err
	}
	if id := keys.Credentials.Identity.Node; id != c.Name {
		return usage(fmt.Errorf("%s holds the keys of %s, not of %s", c.Data, id, c.Name), "every node has a folder of its own; check --data and --name")
	}
	if err := keys.refresh(c.Data, time.Now()); err != nil {
		return err
	}
	sockets, err := Listen(c, keys.Credentials.Identity.Role == pki.Voter)
	if err != nil {
		return err
	}
	n, err := New(Parts{Config: c, Build: b, Keys: keys, Sockets: sockets, Logger: log})
	if err != nil {
		sockets.Close()
		return err
	}
	return n.Run(ctx)
}

// New puts a node together. It starts nothing; the sockets are the node's from
// now on.
func New(p Parts) (*Node, error) {
	n := &Node{
		cfg: p.Config, build: p.Build, keys: p.Keys, sockets: p.Sockets, log: p.Logger,
		now: time.Now, reg: prometheus.NewRegistry(), pulled: make(chan struct{}, 1),
		stopping: make(chan struct{}),
	}
	if p.Boot == nil {
		p.Boot = controlstore.Boottime
	}
	n.epoch = uint64(n.now().UnixNano())
	n.cred.Store(p.Keys.Credentials)
	n.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	n.watchRefused = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "stentor_node_watch_refused_total", Help: "Connections to the watch port that were no TLS, or not of a node of this cluster.",
	})
	n.reg.MustRegister(buildInfo(p.Build), n.watchRefused)

	for _, step := range []func(Parts) error{n.openMesh, n.openStore, n.openPeople, n.openMedia, n.openRecorder, n.openDoor, n.openTalk, n.openPublic} {
		if err := step(p); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// openMesh makes the port that relay, Raft and gossip share, and who is on it.
func (n *Node) openMesh(p Parts) (err error) {
	n.windows = window.New(window.Config{Logger: n.log, Registerer: n.reg})
	quic := mesh.QUICConfig()
	quic.Tracer = n.windows.Tracer
	if n.parity, err = parity.Wrap(p.Sockets.Mesh, parity.Config{Logger: n.log, Registerer: n.reg, Unreachable: n.unreachable}); err != nil {
		return err
	}
	n.port, err = mesh.New(mesh.Config{
		Conn: n.parity.Socket(), Credentials: n.credentials, Resolve: n.resolve, Removed: n.removed, QUIC: quic, Logger: n.log, Registerer: n.reg,
	})
	if err != nil {
		return err
	}
	n.rpc = mesh.NewRPC(n.port)
	n.peers, n.electors = n.rpc.Transport(), n.rpc.VoterTransport()
	join := loadPeers(n.cfg.Data)
	if n.cfg.Join != "" {
		join = append(join, n.cfg.Join)
	}
	n.gossip, err = cluster.New(cluster.Config{
		Meta: cluster.Meta{
			Node: n.cfg.Name, Role: n.role(), Region: n.cfg.Region, Version: n.build.Version, Epoch: n.epoch,
			Mesh: n.cfg.public(n.cfg.Mesh), Watch: n.cfg.public(n.cfg.Watch), HTTP: n.cfg.baseURL(),
		},
		Key: n.keys.GossipKeys[0], Port: n.port, Join: join, Signed: n.signs, Removed: n.removed, Logger: n.log, Registerer: n.reg,
	})
	if err != nil {
		return err
	}
	n.gossipKeys = &gossipKeys{keys: n.keys.GossipKeys, known: join}
	return n.gossip.Rotate(n.keys.GossipKeys)
}

// openStore opens this node's copy of the state.
func (n *Node) openStore(p Parts) (err error) {
	if n.role() == pki.Voter {
		n.voter, err = n.openVoter(p)
		n.store = n.voter
		return err
	}
	n.follower, err = n.openFollower(p)
	n.store = n.follower
	return err
}

func (n *Node) openVoter(p Parts) (*controlstore.Voter, error) {
	first, err := firstCommands(n.cfg.Data, n.keys)
	if err != nil {
		return nil, err
	}
	c := controlstore.VoterConfig{
		Node: n.cfg.Name, Dir: filepath.Join(n.cfg.Data, "raft"), Bootstrap: first != nil, Init: first,
		Streams: controlstore.NewStreamLayer(n.rpc.Listener(mesh.KindRaft), func(ctx context.Context, node string) (net.Conn, error) {
			return n.rpc.Open(ctx, node, mesh.KindRaft)
		}),
		Forward: n.forward, PINKey: n.keys.PINKey, Sign: n.sign, Occurrences: n.occurrences, Rotation: rotation{n}, Boot: p.Boot, Logger: n.log, Registerer: n.reg,
		Exit: func(err error) {
			n.log.Error("the log cannot be written; the process ends, so that nothing is acknowledged that is not kept", "err", err)
			os.Exit(1)
		},
	}
	if p.Store != nil {
		p.Store(&c)
	}
	return controlstore.OpenVoter(c)
}

// openMedia makes the relay and the SFU.
func (n *Node) openMedia(p Parts) (err error) {
	n.routing = &routing{self: n.cfg.Name, region: n.cfg.Region, store: n.store, gossip: n.gossip}
	n.relay, err = relay.New(relay.Config{
		Node: n.cfg.Name, Parent: n.routing.parent, Standby: n.routing.standby, Better: n.routing.better, Carried: n.carried,
		MaxChildren: n.cfg.Relay.Children, Windows: n.windows, Parity: protection{n.parity}, Logger: n.log, Registerer: n.reg, Dial: n.dialRelay,
	})
	if err != nil {
		return err
	}
	n.stage = newStage(n.cfg.Name, n.epoch, n.store, n.relay, n.dead, n.routing.carried, n.log)
	n.stage.name, n.stage.flows = n.nameOf, n.flows
	if p.Sockets.RTC == nil {
		return nil
	}
	if p.Sockets.RTCTCP == nil && n.cfg.RTCTCP {
		n.log.Warn("media comes by UDP only: something else has the TCP port of rtc")
	}
	n.sfu, err = sfu.New(sfu.Config{
		Conn: p.Sockets.RTC, Streams: p.Sockets.RTCTCP, Advertise: n.cfg.advertiseAll(n.cfg.RTC), Logger: n.log, Registerer: n.reg,
	})
	return err
}

// openDoor makes the door, which asks this node's own copy of the state.
func (n *Node) openDoor(p Parts) (err error) {
	n.seats, err = lease.New(lease.Config{
		Node: n.cfg.Name, Epoch: n.epoch, Role: string(n.role()), State: n.store.State, Changed: n.store.Changed,
		Propose: n.store.Propose, Fresh: func() time.Duration { return n.store.Status().Staleness },
		Superseded: func(webinar, participant string) { n.door.Superseded(webinar, participant) },
		Fenced:     func(webinar string) { n.door.Fenced(webinar) },
		Now:        unsuspended(p.Boot), Logger: n.log, Registerer: n.reg,
	})
	if err != nil {
		return err
	}
	n.attendance = newAttendance(n.reportStays, n.log, n.reg)
	n.others = n.newOthers()
	n.door = session.NewDoor(session.Config{
		Node: n.cfg.Name, State: func() session.State { return n.store.State() }, Changed: n.store.Changed,
		PINKey: n.store.PINKey, Credentials: n.credentials, Newest: n.store.Newest, Limits: n.cfg.Door.limits(), Seats: n.seats, Attend: n.attendance.note,
		Elsewhere: n.others.elsewhere, Supersede: n.others.supersede, Removed: n.removed, Logger: n.log, Registerer: n.reg,
	})
	return nil
}

// Run runs the parts until ctx is done: from the bottom up, so that what a part
// depends on is there first, and down again in the other order.
func (n *Node) Run(ctx context.Context) error {
	defer n.sockets.Close()
	defer context.AfterFunc(ctx, func() { close(n.stopping) })()
	mesh := []part{
		{"mesh", n.port.Run},
		{"mesh calls", n.rpc.Run},
		{"calls", serveHTTP(n.rpc.Listener(mesh.KindHTTP), n.calls(), n.log, func(s *http.Server) { s.ConnContext = n.rpc.ConnContext })},
	}
	state := []part{
		{"gossip", n.runGossip},
		{"gossip keys", n.followKeys},
		{"store", n.store.Run},
		{"watch", n.serveWatch},
		{"join", func(ctx context.Context) error { return n.port.ServeJoin(ctx, n.admitNode) }},
		{"renew", n.renew},
		{"peers", n.keepPeers},
		{"removed", n.cutOff},
	}
	if n.voter != nil {
		state = append(state, part{"become voter", n.becomeVoter}, part{"feature level", n.raiseLevel})
	}
	media := []part{
		{"relay", n.relay.Run},
		{"relay links", n.acceptLinks},
		{"stage", n.stage.Run},
		{"recheck", n.recheck},
		{"load", n.tellLoad},
		{"recorder", n.recorder.Run},
	}
	if n.sfu != nil {
		media = append(media, part{"sfu", n.sfu.Run})
	}
	people := []part{{"door", n.door.Run}, {"others", n.others.Run}, {"talk", n.talk.Run}}
	state = append(state, part{"seats", n.seats.Run}, part{"attendance", n.attendance.Run})
	if n.signal != nil {
		people = append(people, part{"signal", n.signal.Run})
	}
	people = append(people, n.messengers()...)
	people = append(people, n.servers()...)
	n.log.Info("node starts", "version", n.build.Version, "role", n.role(), "mesh", n.cfg.Mesh, "http", n.cfg.HTTP)
	// Before anything else stops, while all of it still runs.
	last := []part{{"leave", func(ctx context.Context) error { <-ctx.Done(); n.leave(); return nil }}}
	err := runLayers(ctx, mesh, state, media, people, last)
	n.log.Info("node has stopped", "err", err)
	return err
}

// servers are the listeners of people and of operators' tools.
func (n *Node) servers() []part {
	var out []part
	if l := n.sockets.HTTP; l != nil {
		out = append(out, part{"http", serveHTTP(l, n.public, n.log, nil)})
	}
	admin := adminMux(n.reg, http.HandlerFunc(n.health))
	if l := n.sockets.Metrics; l != nil {
		out = append(out, part{"metrics", serveHTTP(l, admin, n.log, nil)})
	}
	if l := n.sockets.Admin; l != nil {
		out = append(out, part{"admin socket", serveHTTP(l, withProfiles(adminMux(n.reg, http.HandlerFunc(n.health))), n.log, nil)})
	}
	return out
}

func (n *Node) credentials() *pki.Credentials { return n.cred.Load() }

func (n *Node) role() pki.Role { return n.keys.Credentials.Identity.Role }

// Handler is what the node serves over HTTP.
func (n *Node) Handler() http.Handler { return n.public }

// Metrics is what the node serves to a Prometheus.
func (n *Node) Metrics() http.Handler { return adminMux(n.reg, http.HandlerFunc(n.health)) }

// State is the node's own copy of the replicated state.
func (n *Node) State() *control.State { return n.store.State() }

// Door is the node's door.
func (n *Node) Door() *session.Door { return n.door }

// Stage is what the node's publishers and viewers come to.
func (n *Node) Stage() signal.Stage { return n.stage }

// resolve returns the mesh address of a node.
func (n *Node) resolve(node string) (string, bool) {
	m, ok := n.gossip.Member(node)
	return m.Mesh, ok
}

// gossipSettles is how long after its start a node does not take its own ignorance
// of another for that one's death.
const gossipSettles = 30 * time.Second

// dead reports whether that incarnation of a node is surely gone: a live publisher
// must not lose the stage to someone who came to a node that just started.
func (n *Node) dead(node string, epoch uint64) bool {
	m, ok := n.gossip.Member(node)
	if !ok {
		return n.now().Sub(time.Unix(0, int64(n.epoch))) > gossipSettles
	}
	return !m.Alive || m.Epoch > epoch
}

// voters returns the nodes that vote, those that gossip believes alive, the
// leader first where it is known.
func (n *Node) voters() []string {
	var out []string
	leader := n.store.Status().Leader
	for _, m := range n.gossip.Members() {
		switch {
		case m.Role != pki.Voter || !m.Alive || m.Node == n.cfg.Name:
		case m.Node == leader:
			out = append([]string{m.Node}, out...)
		default:
			out = append(out, m.Node)
		}
	}
	return out
}

// buildInfo is the constant metric that names the software.
func buildInfo(b Build) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "stentor_build_info", Help: "Always 1; the labels say which software runs.",
		ConstLabels: prometheus.Labels{"version": b.Version, "commit": b.Commit},
	})
	g.Set(1)
	return g
}
