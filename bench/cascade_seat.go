package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"runtime/pprof"
	"sync"
	"syscall"
	"time"

	"github.com/quic-go/quic-go"
	"golang.org/x/sync/errgroup"

	"stentor/cluster/mesh"
	"stentor/cluster/pki"
)

// seatCommand is one node's media part in a process of its own: mesh port, relay, window and parity, composed as node
// composes them, without a control plane. The scenario that started it speaks JSON-RPC over its standard input and
// output; it ends with its input.
type seatCommand struct{}

// Run serves the scenario.
func (*seatCommand) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &seat{ctx: ctx, peers: map[string]string{}}
	server := rpc.NewServer()
	if err := server.RegisterName("Seat", s); err != nil {
		return fmt.Errorf("seat: %w", err)
	}
	server.ServeCodec(jsonrpc.NewServerCodec(stdio{}))
	cancel()
	s.run.Wait()
	return nil
}

// stdio is standard input and output as one connection.
type stdio struct{}

func (stdio) Read(b []byte) (int, error)  { return os.Stdin.Read(b) }
func (stdio) Write(b []byte) (int, error) { return os.Stdout.Write(b) }
func (stdio) Close() error                { return os.Stdin.Close() }

// A way is how media crosses a link.
type way string

const (
	wayRelay     way = "relay"
	wayNoParity  way = "relay without parity"
	wayStock     way = "relay with stock window"
	wayStreams   way = "plain streams"
	wayDatagrams way = "plain datagrams"
)

// A SeatConfig says who a seat is.
type SeatConfig struct {
	Name          string
	Way           way
	Cert, Key, CA []byte   // PEM
	Listen        string   // "" any port of loopback
	Parents       []string // the best first
	Spares        []string // who may stand by, the best first
	Debug         bool     // log all to standard error
	Profile       string   // a folder for a profile of the process, "" none
}

func (c SeatConfig) listen() netip.AddrPort {
	if addr, err := netip.ParseAddrPort(c.Listen); err == nil {
		return addr
	}
	return netip.MustParseAddrPort("127.0.0.1:0")
}

// A carrier brings films from their origin to whoever plays them, in one of the ways.
type carrier interface {
	run(ctx context.Context) error
	accept(ctx context.Context, conn *quic.Conn, peer string)
	publish(f film) (sink, error)                    // this seat is the origin
	play(ctx context.Context, meters []*meter) error // returns when ctx is done
	follow(parents, spares []string)                 // from now on, the best first
	drain(ctx context.Context) error                 // sends the children elsewhere
	tell() Tellings
}

// Tellings are what a carrier knows of itself.
type Tellings struct {
	Recovered uint64   // packets that were lost on their way here, and came back by parity
	Parent    string   // of "video"
	Path      []string // of "video"
	Children  int      // of "video"
}

// A seat is what the scenario calls.
type seat struct {
	ctx context.Context
	run sync.WaitGroup

	mu      sync.Mutex // guards the following
	peers   map[string]string
	cfg     SeatConfig
	port    *mesh.Port
	carrier carrier
	meters  map[string]*meter
	stop    context.CancelFunc // of the readers
	sources map[string]*source
}

// Nothing is the argument or the answer of a call that has none.
type Nothing struct{}

var errOpen = errors.New("seat: not open")

// Open composes the seat and answers its address.
func (s *seat) Open(c SeatConfig, addr *string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	cred, err := pki.LoadCredentials(c.Cert, c.Key, c.CA)
	if err != nil {
		return err
	}
	socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(c.listen()))
	if err != nil {
		return err
	}
	_ = socket.SetReadBuffer(4 << 20) // as node/listen.go does
	_ = socket.SetWriteBuffer(4 << 20)
	level := slog.LevelWarn
	if c.Debug {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})).With("seat", c.Name, "way", string(c.Way))
	s.cfg = c
	if err := s.profile(c); err != nil {
		return err
	}
	if err := s.compose(socket, cred, log); err != nil {
		return err
	}
	*addr = socket.LocalAddr().String()
	return nil
}

// profile writes where the process spends its time, until it ends, when that was asked for.
func (s *seat) profile(c SeatConfig) error {
	if c.Profile == "" {
		return nil
	}
	f, err := os.CreateTemp(c.Profile, c.Name+"-*.pprof")
	if err != nil {
		return fmt.Errorf("seat: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return fmt.Errorf("seat: %w", err)
	}
	s.run.Go(func() {
		<-s.ctx.Done()
		pprof.StopCPUProfile()
		f.Close()
	})
	return nil
}

// compose puts the parts together. s.mu is held.
func (s *seat) compose(socket *net.UDPConn, cred *pki.Credentials, log *slog.Logger) error {
	under, err := lay(s.cfg.Way, socket, log)
	if err != nil {
		return err
	}
	s.port, err = mesh.New(mesh.Config{
		Conn: under.conn, Credentials: func() *pki.Credentials { return cred }, Resolve: s.resolve, Logger: log, QUIC: under.quic,
	})
	if err != nil {
		return err
	}
	dial := func(ctx context.Context, node string) (*quic.Conn, error) {
		return s.port.Dial(ctx, node, mesh.ALPNRelay)
	}
	switch s.cfg.Way {
	case wayStreams, wayDatagrams:
		s.carrier = newPlain(s.cfg, dial, s.fail)
	default:
		if s.carrier, err = newRelayed(s.cfg, dial, under); err != nil {
			return err
		}
	}
	g, ctx := errgroup.WithContext(s.ctx)
	g.Go(func() error { return s.port.Run(ctx) })
	g.Go(func() error { return s.carrier.run(ctx) })
	g.Go(func() error { return s.acceptLinks(ctx) })
	s.run.Go(func() {
		if err := g.Wait(); err != nil && s.ctx.Err() == nil {
			log.Error("the seat ended", "err", err)
			os.Exit(1)
		}
		socket.Close()
	})
	return nil
}

func (s *seat) acceptLinks(ctx context.Context) error {
	l := s.port.Listen(mesh.ALPNRelay)
	for {
		conn, err := l.Accept(ctx)
		if err != nil {
			return nil
		}
		peer, err := mesh.Peer(conn)
		if err != nil {
			conn.CloseWithError(0, "no identity")
			continue
		}
		s.run.Go(func() { s.carrier.accept(ctx, conn, peer.Node) })
	}
}

func (s *seat) resolve(node string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	addr, ok := s.peers[node]
	return addr, ok
}

// Peers says where other seats are.
func (s *seat) Peers(addrs map[string]string, _ *Nothing) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, addr := range addrs {
		s.peers[name] = addr
	}
	return nil
}

// Neighbours are whom a seat may pull from, and who may stand by, the best first.
type Neighbours struct{ Parents, Spares []string }

// Follow says which neighbours this seat has from now on.
func (s *seat) Follow(n Neighbours, _ *Nothing) error {
	s.carrier.follow(n.Parents, n.Spares)
	return nil
}

// Play begins to read films, with new meters.
func (s *seat) Play(names []string, _ *Nothing) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.carrier == nil {
		return errOpen
	}
	if s.stop != nil {
		s.stop()
	}
	ctx, cancel := context.WithCancel(s.ctx)
	s.stop, s.meters = cancel, map[string]*meter{}
	var all []*meter
	for _, name := range names {
		m := newMeter(filmOf(name))
		s.meters[name], all = m, append(all, m)
	}
	s.run.Go(func() { s.fail(ctx, s.carrier.play(ctx, all)) })
	return nil
}

// fail ends the process when a reader ended though neither it nor the seat was told to: the scenario would measure nothing.
func (s *seat) fail(ctx context.Context, err error) {
	if s.ctx.Err() == nil && ctx.Err() == nil { // the seat's first: it is done before what was made of it
		fmt.Fprintln(os.Stderr, "seat: a reader ended:", err)
		os.Exit(1)
	}
}

// Stop ends what Play began; the meters keep what they have.
func (s *seat) Stop(Nothing, *Nothing) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
	return nil
}

// A Showing says which films a seat publishes, and how fast a frame is written.
type Showing struct {
	Films []string
	Pace  int64 // see source
}

// Show makes this seat the origin of films, which begin now.
func (s *seat) Show(w Showing, _ *Nothing) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.carrier == nil {
		return errOpen
	}
	s.sources = map[string]*source{}
	for _, name := range w.Films {
		to, err := s.carrier.publish(filmOf(name))
		if err != nil {
			return err
		}
		from := &source{film: filmOf(name), pace: w.Pace}
		s.sources[name] = from
		s.run.Go(func() { from.run(s.ctx, 0, to) })
	}
	return nil
}

func (s *seat) meter(name string) (*meter, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.meters[name]; m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("seat: %s does not play %s", s.cfg.Name, name)
}

// First waits until a picture was whole.
func (s *seat) First(within time.Duration, _ *Nothing) error {
	m, err := s.meter("video")
	if err != nil {
		return err
	}
	select {
	case <-m.whole:
		return nil
	case <-time.After(within):
		return fmt.Errorf("seat: no whole frame at %s within %v", s.cfg.Name, within)
	}
}

// A Question asks for the frames of a film from a number on.
type Question struct {
	Film string
	From uint32
}

// Takes answers what became of frames.
func (s *seat) Takes(q Question, out *[]Take) error {
	m, err := s.meter(q.Film)
	if err != nil {
		return err
	}
	*out = m.since(q.From)
	return nil
}

// A Usage is what a seat has used and moved until now.
type Usage struct {
	CPU      time.Duration // user and system, of the process
	Sent     uint64        // bytes of RTP that the sources have written
	Received uint64        // bytes of RTP that the readers have read
	Last     uint32        // the newest frame of "video" that its source has written
	Tellings Tellings
}

// Use answers what has been used.
func (s *seat) Use(_ Nothing, out *Usage) error {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	*out = Usage{CPU: time.Duration(u.Utime.Nano() + u.Stime.Nano())}
	for name, from := range s.sources {
		out.Sent += from.bytes.Load()
		if name == "video" {
			out.Last = from.last.Load()
		}
	}
	for _, m := range s.meters {
		m.mu.Lock()
		out.Received += m.bytes
		m.mu.Unlock()
	}
	if s.carrier != nil {
		out.Tellings = s.carrier.tell()
	}
	return nil
}

// Drain sends the children elsewhere and returns when none is left.
func (s *seat) Drain(within time.Duration, _ *Nothing) error {
	ctx, cancel := context.WithTimeout(s.ctx, within)
	defer cancel()
	return s.carrier.drain(ctx)
}
