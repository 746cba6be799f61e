// Package cluster knows which nodes there are, how far away they are and which
// tracks they carry, by gossip (hashicorp/memberlist) on the mesh port.
//
// It is never authority: who may speak comes from certificates (package pki),
// who votes from Raft, whether media flows from the links of the relay. What
// gossip says may be old by seconds, and is used to choose, not to admit.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/coordinate"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/quic-go/quic-go"

	"stentor/cluster/mesh"
	"stentor/cluster/pki"
)

// Port is what gossip needs of the mesh port; [*mesh.Port] is one.
type Port interface {
	ReadPacket(ctx context.Context, b []byte) (int, net.Addr, error)
	WritePacket(b []byte, addr net.Addr) (int, error)
	Garbage(reason string)
	Listen(alpn string) *mesh.Listener
	DialNode(ctx context.Context, node, addr, alpn string) (*quic.Conn, error)
	Credentials() *pki.Credentials
}

var _ Port = (*mesh.Port)(nil)

// Config is what Gossip is made of.
type Config struct {
	// Meta is what the others hear about this node. Mesh is where they reach
	// its port; Epoch must grow with every start.
	Meta Meta
	// Key seals every packet and stream: 32 bytes, the same on all nodes.
	// [Gossip.Rotate] changes it, also before Run.
	Key  []byte
	Port Port
	// Join are mesh addresses ("host:port") of some members. They are tried
	// until one answers, and again whenever one of them is not a member.
	Join []string
	// Signed reports whether all nodes of the cluster are of a version that signs
	// (v0.3 on), as the replicated state knows: what is not signed is refused from
	// then on. Until then, and when it is nil, a node that has never signed is
	// believed without.
	Signed func() bool
	// Removed says whether a node was put out of the cluster; nil: none was. It
	// still holds the gossip key, until that is rotated.
	Removed func(node string) bool

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Member is a node as gossip sees it.
type Member struct {
	Meta
	RTT   time.Duration // estimated by Vivaldi coordinates; 0 is not known yet
	Alive bool
	Left  bool      // it said goodbye (and is not Alive)
	Since time.Time // of its being alive, or not

	// Signed: what it says of itself and its tracks was signed by it. False for
	// v0.2, and until a voter of v0.3 has renewed its certificate.
	Signed bool
	// Keys are the ids of its gossip keys, the one that seals first; none of v0.2.
	Keys []KeyID

	sealed bool // of v0.3 or later
}

// Gossip is this node's part of the gossip. Make it with [New], run it with Run;
// the other methods may be used from any goroutine at any time.
type Gossip struct {
	config  Config
	log     *slog.Logger
	metrics *metrics
	vivaldi *coordinate.Client
	keys    *keyring
	wake    chan struct{} // Meta has changed
	queue   *memberlist.TransmitLimitedQueue
	count   atomic.Int64 // members alive

	doubt    chan struct{} // a member died without a goodbye
	overflow chan struct{} // there is more to tell than packets carry
	brought  atomic.Int64  // words and members that were news

	publishing chan struct{} // holds one while metadata are being told

	mu       sync.Mutex // guards the following
	meta     Meta
	seq      uint64         // of what was said last about this node; from Epoch on
	at       netip.AddrPort // where the others reach it, as memberlist tells them
	heard    map[string]*heard
	older    int              // members of v0.2 that are alive
	signedBy *pki.Credentials // what was said last
	arrivals int              // members that came since the last exchanges
	members  map[string]*Member
	addrs    map[string]netip.AddrPort // of members, as memberlist resolved them
	coords   map[string]*coordinate.Coordinate
	tracks   *tracks
	changed  chan struct{} // closed at the next change
}

// New makes the gossip of a node, and refuses a configuration that would leave it
// open or unreachable.
func New(c Config) (*Gossip, error) {
	keys := &keyring{}
	if err := keys.set([][]byte{c.Key}); err != nil {
		return nil, err
	}
	if c.Port == nil {
		return nil, errors.New("cluster: gossip needs the mesh port")
	}
	if who := c.Port.Credentials().Identity; who.Node != c.Meta.Node || who.Role != c.Meta.Role {
		return nil, fmt.Errorf("cluster: this node's certificate is for %s, its configuration says %s (%s)", who, c.Meta.Node, c.Meta.Role)
	}
	if _, err := c.Meta.append(nil); err != nil {
		return nil, err
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	vivaldi, err := coordinate.NewClient(coordinate.DefaultConfig())
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	g := &Gossip{
		config:   c,
		log:      c.Logger,
		vivaldi:  vivaldi,
		keys:     keys,
		wake:     make(chan struct{}, 1),
		overflow: make(chan struct{}, 1),
		doubt:    make(chan struct{}, 1),

		publishing: make(chan struct{}, 1),
		heard:      map[string]*heard{},
		seq:        c.Meta.Epoch,
		signedBy:   c.Port.Credentials(),
		meta:       c.Meta,
		members:    map[string]*Member{},
		addrs:      map[string]netip.AddrPort{},
		coords:     map[string]*coordinate.Coordinate{},
		tracks:     newTracks(c.Meta.Node, c.Meta.Epoch),
		changed:    make(chan struct{}),
	}
	g.tracks.sign = g.signWord
	g.queue = &memberlist.TransmitLimitedQueue{NumNodes: func() int { return min(int(g.count.Load()), announceScale) }, RetransmitMult: announceMult}
	g.metrics = newMetrics(c.Registerer, g)
	return g, nil
}

// Members are all nodes known, this one too, sorted by name. Nodes that died or
// left stay for a while, as not Alive.
func (g *Gossip) Members() []Member {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := make([]Member, 0, len(g.members))
	for _, m := range g.members {
		list = append(list, g.view(m))
	}
	slices.SortFunc(list, func(a, b Member) int { return strings.Compare(a.Node, b.Node) })
	return list
}

// Member is one node, if it is known.
func (g *Gossip) Member(node string) (Member, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.members[node]
	if m == nil {
		return Member{}, false
	}
	return g.view(m), true
}

// Resolve is where a node's mesh port is, for [mesh.Config].
func (g *Gossip) Resolve(node string) (addr string, ok bool) {
	m, ok := g.Member(node)
	return m.Mesh, ok && m.Mesh != ""
}

// view fills in what changes by itself; g.mu is held.
func (g *Gossip) view(m *Member) Member {
	v := *m
	v.Keys = slices.Clone(m.Keys)
	if c := g.coords[m.Node]; c != nil && m.Node != g.meta.Node {
		v.RTT = g.vivaldi.DistanceTo(c)
	}
	return v
}

// UpdateMeta changes what the others hear about this node. Node, Role, Mesh and
// Epoch stay as they are. A change that makes it too large is dropped and logged.
func (g *Gossip) UpdateMeta(change func(*Meta)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.meta
	change(&m)
	m.Node, m.Role, m.Mesh, m.Epoch, m.leaving = g.meta.Node, g.meta.Role, g.meta.Mesh, g.meta.Epoch, g.meta.leaving
	if m == g.meta {
		return
	}
	if _, err := m.append(nil); err != nil {
		g.log.Error("metadata not changed", "err", err)
		return
	}
	g.meta = m
	if own := g.members[m.Node]; own != nil {
		own.Meta = m
		g.notify()
	}
	g.tell()
}

// Changed is closed at the next change of members, metadata or carried tracks.
func (g *Gossip) Changed() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.changed
}

// notify wakes who waits for Changed; g.mu is held.
func (g *Gossip) notify() {
	close(g.changed)
	g.changed = make(chan struct{})
}
