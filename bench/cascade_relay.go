package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"golang.org/x/sync/errgroup"

	"stentor/cluster/mesh"
	"stentor/relay"
	"stentor/relay/window"
	"stentor/relay/wire"
)

// under makes what stands between a mesh port and its socket in that way: the socket that QUIC uses, QUIC's settings and
// what the relay is told of both.
func under(w way, socket *net.UDPConn, log *slog.Logger) (net.PacketConn, *quic.Config, relay.Config) {
	config, extras := mesh.QUICConfig(), relay.Config{Logger: log}
	if w == wayRelay || w == wayNoParity {
		extras.Windows = window.New(window.Config{Logger: log})
		config.Tracer = extras.Windows.Tracer
	}
	return socket, config, extras
}

// relayed is the real relay.
type relayed struct {
	relay *relay.Relay

	mu      sync.Mutex // guards the following
	parents []string
}

func newRelayed(c SeatConfig, dial func(context.Context, string) (*quic.Conn, error), rc relay.Config) (*relayed, error) {
	r := &relayed{parents: c.Parents}
	rc.Node, rc.Dial, rc.Parent = c.Name, dial, r.parent
	var err error
	r.relay, err = relay.New(rc)
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

func (r *relayed) follow(parents []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parents = parents
}

// parent is the first that is not excluded: the scenario says what routing would.
func (r *relayed) parent(_ wire.TrackID, exclude func(string) bool) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.IndexFunc(r.parents, func(p string) bool { return !exclude(p) }); i >= 0 {
		return r.parents[i], true
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

func (r *relayed) drain(context.Context) error { return errors.New("the relay cannot drain yet") }

func (r *relayed) tell() (t Tellings) {
	for _, s := range r.relay.Status() {
		if s.ID.Name == "video" {
			t.Parent, t.Path, t.Children = s.Parent, s.Path, len(s.Children)
		}
	}
	return t
}
