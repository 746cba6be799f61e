package main

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"golang.org/x/sync/errgroup"

	"stentor/cluster/mesh"
	"stentor/relay"
	"stentor/relay/parity"
	"stentor/relay/window"
	"stentor/relay/wire"
)

// A foundation is what stands between a mesh port and its socket, and what a relay is told of it.
type foundation struct {
	conn   net.PacketConn // the socket that QUIC uses
	quic   *quic.Config
	relay  relay.Config                 // what belongs to the foundation; the rest is empty
	parity *protection                  // nil when the way has none
	hears  *atomic.Pointer[relay.Relay] // what ICMP says, once it is there
}

// lay makes the foundation of a way, as node does it for the relay's.
func lay(w way, socket *net.UDPConn, log *slog.Logger) (foundation, error) {
	f := foundation{conn: socket, quic: mesh.QUICConfig(), relay: relay.Config{Logger: log}, hears: &atomic.Pointer[relay.Relay]{}}
	if w != wayRelay && w != wayNoParity {
		f.quic.RequireStreamCreditRelease = w == wayStock // plain QUIC does as it does by itself
		return f, nil
	}
	f.relay.Windows = window.New(window.Config{Logger: log})
	f.quic.Tracer = f.relay.Windows.Tracer
	wrapped, err := parity.Wrap(socket, parity.Config{Logger: log, Unreachable: func(peer netip.AddrPort) {
		if r := f.hears.Load(); r != nil {
			r.Unreachable(peer)
		}
	}})
	if err != nil {
		return f, err
	}
	f.conn = wrapped.Socket()
	if w == wayRelay {
		f.parity = &protection{conn: wrapped, peers: map[netip.AddrPort]bool{}}
		f.relay.Parity = f.parity
	}
	return f, nil
}

// protection is parity as a relay wants it, which remembers the peers for the figures.
type protection struct {
	conn *parity.Conn

	mu    sync.Mutex // guards the following
	peers map[netip.AddrPort]bool
}

func (p *protection) Protect(peer netip.AddrPort, packets int) {
	p.meet(peer)
	p.conn.Protect(peer, packets)
}

func (p *protection) Stats(peer netip.AddrPort) relay.ParityStats {
	p.meet(peer)
	s := p.conn.Stats(peer)
	return relay.ParityStats{Data: s.Data, Parity: s.Parity, Loss: s.Loss, Recovered: s.Recovered, Unrecoverable: s.Unrecoverable}
}

func (p *protection) Knock(peer netip.AddrPort) { p.conn.Knock(peer) }

func (p *protection) meet(peer netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.peers[peer] = true
}

// recovered returns how many packets came back by parity, of all peers.
func (p *protection) recovered() (n uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for peer := range p.peers {
		n += p.conn.Stats(peer).Recovered
	}
	return n
}

// relayed is the real relay.
type relayed struct {
	relay  *relay.Relay
	parity *protection

	mu      sync.Mutex // guards the following
	parents []string
	spares  []string
}

func newRelayed(c SeatConfig, dial func(context.Context, string) (*quic.Conn, error), on foundation) (*relayed, error) {
	r, rc := &relayed{parity: on.parity, parents: c.Parents, spares: c.Spares}, on.relay
	rc.Node, rc.Dial, rc.Parent, rc.Standby = c.Name, dial, r.parent, r.standby
	var err error
	r.relay, err = relay.New(rc)
	on.hears.Store(r.relay)
	return r, err
}

func (r *relayed) run(ctx context.Context) error {
	if err := r.relay.Run(ctx); ctx.Err() == nil {
		return err
	}
	return nil
}

func (r *relayed) accept(ctx context.Context, conn *quic.Conn, peer string) {
	_ = r.relay.Accept(ctx, conn, peer) // the relay has logged what there is to say
}

func (r *relayed) follow(parents, spares []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parents, r.spares = parents, spares
}

// parent is the first that is not excluded: the scenario says what routing would.
func (r *relayed) parent(_ wire.TrackID, exclude func(string) bool) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return first(r.parents, exclude)
}

// standby is the first spare that is neither excluded nor the parent.
func (r *relayed) standby(_ wire.TrackID, parent string, _ []string, exclude func(string) bool) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return first(r.spares, func(node string) bool { return node == parent || exclude(node) })
}

func first(nodes []string, exclude func(string) bool) (string, bool) {
	if i := slices.IndexFunc(nodes, func(n string) bool { return !exclude(n) }); i >= 0 {
		return nodes[i], true
	}
	return "", false
}

func (r *relayed) publish(f film) (sink, error) {
	t, err := r.relay.Publish(f.id(), f.info, 1, nil)
	return trackSink{t}, err
}

// trackSink writes a film into a track.
type trackSink struct{ track *relay.Track }

func (t trackSink) begin(uint32)                   {}
func (t trackSink) packet(b []byte, now time.Time) { _ = t.track.Write(0, b, now) }
func (t trackSink) end()                           {}

func (r *relayed) play(ctx context.Context, meters []*meter) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, m := range meters {
		g.Go(func() error { return r.read(ctx, m) })
	}
	return g.Wait()
}

// read reads one film until ctx is done.
func (r *relayed) read(ctx context.Context, m *meter) error {
	sub, err := r.relay.Subscribe(ctx, m.film.id())
	if err != nil {
		return err
	}
	defer sub.Close()
	reader := sub.Track().Reader(0)
	defer reader.Close()
	for {
		p, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		if err := m.note(p.Raw, time.Now()); err != nil {
			return err
		}
	}
}

func (r *relayed) drain(ctx context.Context) error { return r.relay.Drain(ctx) }

func (r *relayed) tell() (t Tellings) {
	for _, s := range r.relay.Status() {
		if s.ID.Name == "video" {
			t.Parent, t.Path, t.Children = s.Parent, s.Path, len(s.Children)
		}
	}
	if r.parity != nil {
		t.Recovered = r.parity.recovered()
	}
	return t
}
