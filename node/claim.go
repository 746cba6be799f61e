package node

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
	"stentor/node/signal"
	"stentor/relay"
	"stentor/relay/wire"
)

// tidyEvery is how often the stage looks for streams that the state says are at
// this node and that nobody here sends.
const tidyEvery = time.Second

// tidyWithin bounds one attempt to give a stream's name back.
const tidyWithin = 2 * time.Second

// stage puts publishers on the stage and finds for viewers what is on it. Who
// holds which stream name is replicated state, so two publishers of one name are
// never mixed, wherever they connect.
type stage struct {
	node  string
	epoch uint64 // this node's incarnation
	store store
	relay *relay.Relay
	dead  func(node string, epoch uint64) bool // that incarnation of a node is gone
	log   *slog.Logger
	freed chan struct{} // a claim was released

	carried func(id wire.TrackID) bool // some node is known to have the track

	// flows asks a node whether packets come in by a claim there; nil: no other node is asked.
	flows func(ctx context.Context, node string, epoch uint64) bool

	// name asks a node who publishes there is; nil: nobody has a name.
	name func(ctx context.Context, node, webinar, participant string) (string, error)

	mu       sync.Mutex // guards the following
	claims   map[uint64]*claim
	claiming map[streamName]int // proposals on their way
}

type streamName struct{ webinar, stream string }

func newStage(node string, epoch uint64, s store, r *relay.Relay, dead func(string, uint64) bool, carried func(wire.TrackID) bool, log *slog.Logger) *stage {
	return &stage{
		node: node, epoch: epoch, store: s, relay: r, dead: dead, carried: carried, log: log, freed: make(chan struct{}, 1),
		claims: make(map[uint64]*claim), claiming: make(map[streamName]int),
	}
}

// Claim takes a stream name for a publisher at this node. It is refused with
// webinar.ErrStreamTaken while another live publisher holds the name, unless Takeover is
// set, or it is the publisher's own from before.
func (g *stage) Claim(ctx context.Context, b signal.Bid) (signal.Claim, error) {
	name := streamName{b.Webinar, b.Stream}
	if b.Resume != 0 && !b.Takeover {
		if err := g.Continues(ctx, b); err != nil {
			return nil, err
		}
	}
	takeover := b.Takeover || g.yields(ctx, b)
	g.begin(name, 1)
	defer g.begin(name, -1)
	res, err := g.store.Propose(ctx, &controlpb.Command{
		Principal: b.Participant,
		Kind: &controlpb.Command_ClaimStream{ClaimStream: &controlpb.ClaimStream{
			Webinar: b.Webinar, Name: b.Stream, Node: g.node, NodeEpoch: g.epoch, Participant: b.Participant, Takeover: takeover,
		}},
	})
	if err != nil {
		return nil, err
	}
	c := &claim{stage: g, streamName: name, epoch: res.Index, since: time.Now()}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	g.mu.Lock()
	g.claims[c.epoch] = c
	g.mu.Unlock()
	go c.watch()
	return c, nil
}

func (g *stage) begin(name streamName, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.claiming[name] += n; g.claiming[name] == 0 {
		delete(g.claiming, name)
	}
}

// ghost reports whether the state says that this node has a stream which it has
// not: its publisher left while nothing could be written, or gave up before the
// claim was answered.
func (g *stage) ghost(name streamName, s webinar.Stream) bool {
	if s.Origin != g.node || s.NodeEpoch > g.epoch {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.claims[s.Epoch] == nil && g.claiming[name] == 0
}

// Run gives back the names of streams that nobody here sends any more, until ctx is
// done; then of all that are left.
func (g *stage) Run(ctx context.Context) error {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	seen := uint64(0)
	for {
		select {
		case <-ctx.Done():
			g.releaseAll()
			g.tidy(context.WithoutCancel(ctx))
			return nil
		case <-g.freed:
		case <-tick.C:
			if g.store.State().Index() == seen {
				continue
			}
		}
		seen = g.tidy(ctx)
	}
}

// releaseAll ends every claim: the node stops.
func (g *stage) releaseAll() {
	g.mu.Lock()
	held := slices.Collect(maps.Values(g.claims))
	g.mu.Unlock()
	for _, c := range held {
		c.Release()
	}
}

// tidy releases the ghosts, and returns the index of a state without any, or zero.
func (g *stage) tidy(ctx context.Context) uint64 {
	ctx, cancel := context.WithTimeout(ctx, tidyWithin)
	defer cancel()
	s := g.store.State()
	clean := s.Index()
	for w := range s.Webinars() {
		for held := range w.Streams() {
			name := streamName{w.ID, held.Name}
			if !g.ghost(name, held) {
				continue
			}
			clean = 0 // look again, also when it was released: the state has moved on
			if err := g.release(ctx, name, held.Epoch); err != nil {
				g.log.Warn("a stream that ended is still on the stage; once more soon", "webinar", w.ID, "stream", held.Name, "err", err)
			}
		}
	}
	return clean
}

func (g *stage) release(ctx context.Context, name streamName, epoch uint64) error {
	_, err := g.store.Propose(ctx, &controlpb.Command{
		Kind: &controlpb.Command_ReleaseStream{ReleaseStream: &controlpb.ReleaseStream{
			Webinar: name.webinar, Name: name.stream, Epoch: epoch,
		}},
	})
	return err
}

// claim is one publisher's right to a stream name.
type claim struct {
	stage *stage
	streamName
	epoch  uint64
	since  time.Time // it was made
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu     sync.Mutex // guards the following
	tracks []*relay.Track
}

// Context is done when the claim was released, or another publisher took over; then
// its cause is webinar.ErrStreamTaken.
func (c *claim) Context() context.Context { return c.ctx }

// Epoch is the log index of the claim.
func (c *claim) Epoch() uint64 { return c.epoch }

// Track opens one flow of the stream, for the publisher's packets.
func (c *claim) Track(name string, info wire.TrackInfo, keyframe func(layer int)) (*relay.Track, error) {
	id := wire.TrackID{Webinar: c.webinar, Stream: c.stream, Name: name}
	track, err := c.stage.relay.Publish(id, info, c.epoch, keyframe)
	if err == nil {
		c.mu.Lock()
		c.tracks = append(c.tracks, track)
		c.mu.Unlock()
	}
	return track, err
}

// Release gives the name back.
func (c *claim) Release() {
	g := c.stage
	g.mu.Lock()
	delete(g.claims, c.epoch)
	g.mu.Unlock()
	c.cancel(nil)
	select {
	case g.freed <- struct{}{}:
	default:
	}
}

// watch ends the claim when the state says that someone else holds the name, or that
// nobody does: its publisher was removed.
func (c *claim) watch() {
	for {
		changed := c.stage.store.Changed()
		if why := c.lost(c.stage.store.State()); why != nil {
			c.cancel(why)
			return
		}
		select {
		case <-changed:
		case <-c.ctx.Done():
			return
		}
	}
}

func (c *claim) lost(s *control.State) error {
	w := s.Webinar(c.webinar)
	switch {
	case s.Index() < c.epoch: // this node has not applied the claim itself yet
		return nil
	case w == nil:
		return webinar.ErrNotFound
	}
	if held, ok := w.Stream(c.stream); !ok || held.Epoch != c.epoch {
		return webinar.ErrStreamTaken
	}
	return nil
}
