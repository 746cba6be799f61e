// Package relay is the cascade: it carries tracks from the node of their publisher to the nodes of their readers, one
// copy per layer over each link.
//
// A [Track] is a ring of packets for each layer. At the origin a publisher fills it; elsewhere a pull does, over a link
// to a parent that has the track. Links are QUIC connections between neighbours, used both ways; package wire draws what
// crosses them. Demand flows up (nothing is pulled that nobody reads, and a pull ends three seconds after its last
// reader), media flows down. When a parent dies the track and its readers live on and the next parent goes on at the
// frame where the last one stopped.
//
// The package does not choose parents (Config.Parent does), does not authenticate neighbours (who hands it a connection
// has done that), does not decrypt, decode or rewrite packets, and knows nothing of webinars' rules.
package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/quic-go/quic-go"

	"stentor/relay/window"
	"stentor/relay/wire"
)

// linger is how long demand outlives its last reader: a viewer who reloads the page must not cost a new pull.
const linger = 3 * time.Second

// defaultChildren is how many children a track feeds: at 20 Mbps of 4K a machine's 2 Gbps are full by far less than double.
const defaultChildren = 64

// Parity repairs packets that a link lost, by sending more than was there.
type Parity interface {
	// Protect sends that many packets of parity with each 20 of data to the peer; 0 ends that.
	Protect(peer netip.AddrPort, parity int)
	// Stats returns what was counted of the peer.
	Stats(peer netip.AddrPort) ParityStats
	// Knock sends the peer a packet that means nothing, to learn by ICMP whether somebody is there. It does not block.
	Knock(peer netip.AddrPort)
}

// ParityStats counts packets to and from one peer.
type ParityStats struct {
	Data, Parity  uint64  // sent
	Loss          float64 // share of Data of the last seconds that did not reach the peer by itself, if it tells
	Recovered     uint64  // that were lost on their way here, and came back by parity
	Unrecoverable uint64  // that were lost with more others than parity covers
}

// A Config says who a relay is and gives it what it needs from the rest of the node.
type Config struct {
	Node string // its name in the mesh

	// Dial opens a connection to a neighbour with ALPN stentor-relay/1, and vouches that it is that node. Its
	// quic.Config must have EnableDatagrams, and should have EnableStreamResetPartialDelivery and room for a few
	// hundred unidirectional streams.
	Dial func(ctx context.Context, node string) (*quic.Conn, error)

	// Parent chooses the node to pull a track from, and never one for which exclude says true. It must not block.
	Parent func(id wire.TrackID, exclude func(node string) bool) (node string, ok bool)

	// Standby chooses a node that can take parent's place for a track at once: another host, whose path to the origin
	// has as little in common with path (of this node's track, origin first, this node last) as possible, and none for
	// which exclude says true. Nil keeps no standby. It must not block.
	Standby func(id wire.TrackID, parent string, path []string, exclude func(node string) bool) (node string, ok bool)

	// Better is asked every few seconds whether a better parent is to be had than the current one; that the change
	// is worth it is its business. Nil stays. It must not block.
	Better func(id wire.TrackID, current string, exclude func(node string) bool) (node string, ok bool)

	MaxChildren int             // children that one track feeds, others are refused; 0 is 64
	Windows     *window.Windows // owns the congestion windows of links; nil leaves them to QUIC
	Parity      Parity          // repairs what links lose, without asking; nil does not

	// Carried hears, in order, when this node begins to have a track for others, gets it another way, and ends to
	// have it. Delay is the time from the origin to here. Nil when nobody wants to know.
	Carried func(id wire.TrackID, epoch uint64, path []string, delay time.Duration, on bool)

	Logger     *slog.Logger          // nil discards
	Registerer prometheus.Registerer // nil counts for nobody
	Now        func() time.Time      // wall clock that delays are measured with; nil is time.Now
}

// A Relay holds the tracks of one node and its links to others.
type Relay struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	born    time.Time // from which ticks are counted, see inStep

	ctx    context.Context // of everything that runs; ends with Run
	cancel context.CancelFunc
	wg     sync.WaitGroup

	parted bell // rung when a child has left

	lawless bool // the rule of order.go does not hold: for the test that shows that it is needed

	mu       sync.Mutex // guards the following
	closed   bool
	draining bool
	entries  map[wire.TrackID]*entry
	links    map[string]*link
	dials    map[string]chan struct{} // closed when the dial is over
	news     []carried                // for Config.Carried
	newsC    chan struct{}
}

// carried is one call of Config.Carried.
type carried struct {
	id    wire.TrackID
	epoch uint64
	way   way
	on    bool
}

// New returns a relay that does nothing until [Relay.Run].
func New(cfg Config) (*Relay, error) {
	if cfg.Node == "" || len(cfg.Node) > wire.MaxText {
		return nil, fmt.Errorf("relay: node name %q", cfg.Node)
	}
	if cfg.Dial == nil || cfg.Parent == nil {
		return nil, errors.New("relay: Dial and Parent are needed")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxChildren == 0 {
		cfg.MaxChildren = defaultChildren
	}
	r := &Relay{
		cfg: cfg, log: cfg.Logger, metrics: newMetrics(), born: time.Now(),
		entries: map[wire.TrackID]*entry{},
		links:   map[string]*link{},
		dials:   map[string]chan struct{}{},
		newsC:   make(chan struct{}, 1),
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	if cfg.Registerer != nil {
		if err := errors.Join(r.metrics.register(cfg.Registerer), cfg.Registerer.Register(&collector{r})); err != nil {
			return nil, fmt.Errorf("relay: metrics: %w", err)
		}
	}
	return r, nil
}

// Run keeps the relay going until ctx is done, then ends its tracks and links, and returns once nothing of it runs.
func (r *Relay) Run(ctx context.Context) error {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-r.newsC:
			r.tell()
		case <-tick.C:
			r.sample()
		case <-ctx.Done():
			running = false
		}
	}
	r.mu.Lock()
	r.closed = true
	var tracks []*Track
	for _, e := range r.entries {
		if e.track != nil {
			tracks = append(tracks, e.track)
		}
	}
	r.mu.Unlock()
	for _, t := range tracks {
		t.end(ErrClosed)
	}
	r.cancel()
	r.wg.Wait()
	r.tell()
	return context.Cause(ctx)
}

// spawn runs f as part of the relay, unless the relay has ended. r.mu is held.
func (r *Relay) spawn(f func()) bool {
	if r.closed {
		return false
	}
	r.wg.Go(f)
	return true
}

// tell calls Config.Carried for what has happened.
func (r *Relay) tell() {
	r.mu.Lock()
	news := r.news
	r.news = nil
	r.mu.Unlock()
	if r.cfg.Carried == nil {
		return
	}
	for _, n := range news {
		r.cfg.Carried(n.id, n.epoch, n.way.path, n.way.delay, n.on)
	}
}

// announce queues a call of Config.Carried. r.mu is held.
func (r *Relay) announce(t *Track, on bool) {
	r.news = append(r.news, carried{t.id, t.epoch, *t.way.Load(), on})
	select {
	case r.newsC <- struct{}{}:
	default:
	}
}

// Publish makes this node the origin of a track, whose packets the caller writes. Keyframe is called, from any goroutine,
// when a key frame of a layer is wanted; it may be nil and must not block. A track of a lower epoch, published here or
// pulled from elsewhere, is superseded; one of the same or a higher epoch makes it fail with [ErrTaken]. Close the track
// to end it.
func (r *Relay) Publish(id wire.TrackID, info wire.TrackInfo, epoch uint64, keyframe func(layer int)) (*Track, error) {
	if err := errors.Join(id.Check(), info.Check()); err != nil {
		return nil, fmt.Errorf("relay: publish: %w", err)
	}
	t := newTrack(id, info, epoch, rand.Uint64()>>2, r.metrics)
	t.keyframe = keyframe
	t.way.Store(&way{path: []string{r.cfg.Node}})

	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil, ErrClosed
	}
	e := r.entry(id)
	old := e.track
	if old != nil && old.epoch >= epoch && old.Err() == nil {
		r.mu.Unlock()
		return nil, ErrTaken
	}
	t.closed = func(error) { r.unpublish(e, t) }
	if e.pull != nil {
		e.pull.cancel()
		e.pull = nil
	}
	if old != nil {
		r.announce(old, false)
	}
	e.origin = true
	e.set(t)
	r.announce(t, true)
	r.mu.Unlock()

	if old != nil {
		old.end(ErrSuperseded)
	}
	return t, nil
}

// unpublish forgets a track whose publisher has closed it.
func (r *Relay) unpublish(e *entry, t *Track) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.track != t {
		return
	}
	r.announce(t, false)
	e.origin = false
	e.set(nil)
	r.settle(e)
}
