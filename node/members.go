package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"time"

	"github.com/quic-go/quic-go"
	"google.golang.org/protobuf/proto"

	"stentor/cluster"
	"stentor/cluster/mesh"
	"stentor/cluster/pki"
	"stentor/control/controlpb"
	controlstore "stentor/control/store"
	"stentor/relay/wire"
)

// voterRetry is how often a new voter asks to be counted.
const voterRetry = time.Second

// becomeVoter asks the leader for the log, and, once it has come, to be counted: a
// node that the leader cannot reach must never be part of the quorum. The first node
// of a cluster counts itself.
func (n *Node) becomeVoter(ctx context.Context) error {
	for !n.isVoter(n.store.Status()) {
		ask := &controlpb.Request{Kind: &controlpb.Request_AddLearner{AddLearner: n.cfg.Name}}
		if n.store.State().Cluster().ID != "" {
			ask = &controlpb.Request{Kind: &controlpb.Request_AddVoter{AddVoter: n.cfg.Name}}
		}
		if err := n.askVoters(ctx, ask); err != nil {
			n.log.Debug("not a voter yet", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-n.store.Changed():
		case <-time.After(voterRetry):
		}
	}
	n.log.Info("voter")
	<-ctx.Done()
	return nil
}

func (n *Node) askVoters(ctx context.Context, ask *controlpb.Request) error {
	body, err := proto.Marshal(ask)
	if err != nil {
		return err
	}
	err = errors.New("no voter is known")
	for _, node := range n.voters() {
		var out []byte
		if out, err = n.forward(ctx, node, body); err != nil {
			continue
		}
		var res controlpb.Response
		if err = proto.Unmarshal(out, &res); err == nil && !res.GetNotLeader() && res.GetFailure() == "" {
			return nil
		}
	}
	return err
}

func (n *Node) isVoter(s controlstore.Status) bool { return slices.Contains(s.Voters, n.cfg.Name) }

// openFollower opens an edge's copy of the state, fed by the watch stream of any
// voter.
func (n *Node) openFollower(p Parts) (*controlstore.Follower, error) {
	dial := p.DialWatch
	if dial == nil {
		dial = func(ctx context.Context, addr string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		}
	}
	return controlstore.NewFollower(controlstore.FollowerConfig{
		Node: n.cfg.Name, Dir: filepath.Join(n.cfg.Data, "follower"), Key: sealKey(n.keys.Credentials.Key),
		Dial: func(ctx context.Context) (net.Conn, string, error) { return n.dialWatch(ctx, dial) },
		Forward: func(ctx context.Context, leader string, body []byte) ([]byte, error) {
			return n.forwardAny(ctx, leader, body)
		},
		Verify: n.verify, Boot: p.Boot,
		Logger: n.log, Registerer: n.reg,
	})
}

// A follower races the voters for its watch stream: the next one is tried after
// watchStagger, and none for longer than watchWithin, since an edge that was cut
// off has to know of bans within a second of the heal (M2). Both suit an RTT of
// 300 ms, in which TCP and TLS take 600.
const (
	watchStagger = 100 * time.Millisecond
	watchWithin  = 800 * time.Millisecond
)

type watchDial = func(ctx context.Context, addr string) (net.Conn, error)

// dialWatch connects to the watch port of a voter: those that gossip believes
// alive first, but also the others, since gossip takes longer to heal.
func (n *Node) dialWatch(ctx context.Context, dial watchDial) (net.Conn, string, error) {
	ctx, cancel := context.WithTimeout(ctx, watchWithin)
	defer cancel()
	type result struct {
		conn  net.Conn
		voter string
		err   error
	}
	members := n.watchable()
	results := make(chan result, len(members))
	for i, m := range members {
		go func() {
			select {
			case <-time.After(time.Duration(i) * watchStagger):
			case <-ctx.Done():
			}
			conn, err := n.dialVoter(ctx, dial, m)
			results <- result{conn, m.Node, err}
		}()
	}
	err := errors.New("no voter is known yet")
	for i := range members {
		r := <-results
		if r.err != nil {
			err = r.err
			continue
		}
		cancel()
		for range members[i+1:] { // those that come too late
			if late := <-results; late.conn != nil {
				late.conn.Close()
			}
		}
		return r.conn, r.voter, nil
	}
	return nil, "", fmt.Errorf("node: watch: %w", err)
}

// watchable returns the voters in the order in which they are tried.
func (n *Node) watchable() []cluster.Member {
	members := slices.DeleteFunc(n.gossip.Members(), func(m cluster.Member) bool {
		return m.Role != pki.Voter || m.Node == n.cfg.Name
	})
	rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	slices.SortStableFunc(members, func(a, b cluster.Member) int {
		switch {
		case a.Alive == b.Alive:
			return 0
		case a.Alive:
			return -1
		}
		return 1
	})
	return members
}

func (n *Node) dialVoter(ctx context.Context, dial watchDial, m cluster.Member) (net.Conn, error) {
	raw, err := dial(ctx, m.Watch)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, n.watchTLS(m.Node))
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return conn, nil
}

// watchALPN is the protocol on the watch port.
const watchALPN = "stentor-watch/1"

// watchTLS is the TLS of watch streams: both sides show their certificates. peer
// is the node that must be at the other end, empty on the serving side.
func (n *Node) watchTLS(peer string) *tls.Config {
	own := func() (*tls.Certificate, error) { c := n.credentials().TLS(); return &c, nil }
	return &tls.Config{
		MinVersion:           tls.VersionTLS13,
		NextProtos:           []string{watchALPN},
		ClientAuth:           tls.RequireAnyClientCert,
		InsecureSkipVerify:   true, // nodes have names, not host names: VerifyConnection checks those
		GetCertificate:       func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own() },
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own() },
		VerifyConnection: func(s tls.ConnectionState) error {
			id, err := n.identify(s.PeerCertificates)
			switch {
			case err != nil:
				return err
			case peer != "" && (id.Node != peer || id.Role != pki.Voter):
				return fmt.Errorf("node: %s answered where voter %s was expected", id, peer)
			}
			return nil
		},
	}
}

// identify returns whose certificate it is, if it is of this cluster and valid.
func (n *Node) identify(chain []*x509.Certificate) (pki.Identity, error) {
	if len(chain) == 0 {
		return pki.Identity{}, errors.New("node: no certificate")
	}
	id, _, err := pki.Verify(chain[0].Raw, n.credentials().CA, n.now())
	if err == nil && n.removed(id.Node) {
		err = errRemoved
	}
	return id, err
}

// serveWatch feeds the edges that follow this voter. On an edge it only keeps the
// port closed to everyone.
func (n *Node) serveWatch(ctx context.Context) error {
	l := n.sockets.Watch
	if l == nil || n.voter == nil {
		<-ctx.Done()
		return nil
	}
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		raw, err := l.Accept()
		switch {
		case err == nil:
			go n.serveWatcher(ctx, raw)
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default: // out of file descriptors, say: that passes, and must not end the node
			n.log.Warn("watch port", "err", err)
			select {
			case <-time.After(acceptRetry):
			case <-ctx.Done():
			}
		}
	}
}

// acceptRetry is how long a listener rests after an error that may pass.
const acceptRetry = 200 * time.Millisecond

func (n *Node) serveWatcher(ctx context.Context, raw net.Conn) {
	defer raw.Close()
	conn := tls.Server(raw, n.watchTLS(""))
	hctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	if err := conn.HandshakeContext(hctx); err != nil {
		n.watchRefused.Inc()
		n.log.Debug("watch stream refused", "from", raw.RemoteAddr(), "err", err)
		return
	}
	id, err := n.identify(conn.ConnectionState().PeerCertificates)
	if err != nil {
		return
	}
	defer n.watching.enter(id.Node, conn)()
	if n.removed(id.Node) { // since the handshake
		return
	}
	if err := n.voter.ServeWatch(ctx, conn, id.Node); err != nil && ctx.Err() == nil {
		n.log.Info("watch stream ended", "node", id.Node, "err", err)
	}
}

// forwardAny sends a proposal to the leader, or to any voter where it is not known.
func (n *Node) forwardAny(ctx context.Context, leader string, body []byte) ([]byte, error) {
	nodes := n.voters()
	if leader != "" {
		nodes = append([]string{leader}, slices.DeleteFunc(nodes, func(v string) bool { return v == leader })...)
	}
	err := errors.New("node: no voter is known")
	for _, node := range nodes {
		var out []byte
		if out, err = n.forward(ctx, node, body); err == nil {
			return out, nil
		}
		if errors.Is(err, controlstore.ErrForbidden) {
			break
		}
	}
	return nil, err
}

// dialRelay connects to a neighbour for media.
func (n *Node) dialRelay(ctx context.Context, node string) (*quic.Conn, error) {
	return n.port.Dial(ctx, node, mesh.ALPNRelay)
}

// acceptLinks serves the relay links that others open.
func (n *Node) acceptLinks(ctx context.Context) error {
	l := n.port.Listen(mesh.ALPNRelay)
	for {
		conn, err := l.Accept(ctx)
		if err != nil {
			return nil // the port is closed, or the node stops
		}
		peer, err := mesh.Peer(conn)
		if err != nil {
			conn.CloseWithError(0, "no identity")
			continue
		}
		go func() {
			if err := n.relay.Accept(ctx, conn, peer.Node); err != nil && ctx.Err() == nil {
				n.log.Info("relay link ended", "peer", peer.Node, "err", err)
			}
		}()
	}
}

// recheck ends what this node pulls and the state no longer has: a publisher who was
// removed is off the air here also when its own node does not know yet, or lies.
func (n *Node) recheck(ctx context.Context) error {
	for {
		changed := n.store.Changed()
		n.relay.Recheck(n.routing.current)
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-n.pulled:
		}
	}
}

// carried tells the mesh which tracks this node has for others. What is new is held
// against the state as well: the parent may have been behind.
func (n *Node) carried(id wire.TrackID, epoch uint64, path []string, delay time.Duration, on bool) {
	select {
	case n.pulled <- struct{}{}:
	default:
	}
	if !on {
		n.gossip.Withdraw(id.String())
		return
	}
	n.gossip.Announce(cluster.Announcement{Node: n.cfg.Name, Track: id.String(), Epoch: epoch, Path: path, Delay: delay})
}
