package node

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"stentor/control/controlpb"
	"stentor/control/webinar"
	"stentor/node/sfu"
	"stentor/node/signal"
	"stentor/relay"
	"stentor/relay/wire"
)

// releaseWithin bounds how long the end of a stream may take to be written. It is
// not waited for by anyone: a stream that could not be released is taken over.
const releaseWithin = 5 * time.Second

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
}

// Claim takes a stream name for a publisher at this node. It is refused with
// webinar.ErrStreamTaken while another live publisher holds the name, unless
// takeover is set.
func (g *stage) Claim(ctx context.Context, id, stream, participant string, takeover bool) (signal.Claim, error) {
	if w := g.store.State().Webinar(id); w != nil {
		if s, ok := w.Stream(stream); ok && g.dead(s.Origin, s.NodeEpoch) {
			takeover = true // nobody is there to be taken from
		}
	}
	res, err := g.store.Propose(ctx, &controlpb.Command{
		Principal: participant,
		Kind: &controlpb.Command_ClaimStream{ClaimStream: &controlpb.ClaimStream{
			Webinar: id, Name: stream, Node: g.node, NodeEpoch: g.epoch, Participant: participant, Takeover: takeover,
		}},
	})
	if err != nil {
		return nil, err
	}
	cctx, cancel := context.WithCancelCause(context.Background())
	c := &claim{stage: g, webinar: id, stream: stream, epoch: res.Index, ctx: cctx, cancel: cancel}
	go c.watch()
	return c, nil
}

// claim is one publisher's right to a stream name.
type claim struct {
	stage   *stage
	webinar string
	stream  string
	epoch   uint64
	ctx     context.Context
	cancel  context.CancelCauseFunc
}

// Context is done when the claim was released, or another publisher took over; then
// its cause is webinar.ErrStreamTaken.
func (c *claim) Context() context.Context { return c.ctx }

// Track opens one flow of the stream, for the publisher's packets.
func (c *claim) Track(name string, info wire.TrackInfo, keyframe func(layer int)) (*relay.Track, error) {
	id := wire.TrackID{Webinar: c.webinar, Stream: c.stream, Name: name}
	return c.stage.relay.Publish(id, info, c.epoch, keyframe)
}

// Release gives the name back.
func (c *claim) Release() {
	if c.ctx.Err() != nil {
		return
	}
	c.cancel(nil)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), releaseWithin)
		defer cancel()
		_, err := c.stage.store.Propose(ctx, &controlpb.Command{
			Kind: &controlpb.Command_ReleaseStream{ReleaseStream: &controlpb.ReleaseStream{
				Webinar: c.webinar, Name: c.stream, Epoch: c.epoch,
			}},
		})
		if err != nil {
			c.stage.log.Warn("stream was not released; the next publisher takes it over", "webinar", c.webinar, "stream", c.stream, "err", err)
		}
	}()
}

// watch ends the claim when the state says that someone else holds the name.
func (c *claim) watch() {
	for {
		changed := c.stage.store.Changed()
		w := c.stage.store.State().Webinar(c.webinar)
		if w == nil {
			c.cancel(webinar.ErrNotFound)
			return
		}
		if s, ok := w.Stream(c.stream); ok && s.Epoch > c.epoch {
			c.cancel(webinar.ErrStreamTaken)
			return
		}
		select {
		case <-changed:
		case <-c.ctx.Done():
			return
		}
	}
}

// findWithin bounds how long a viewer waits for a stream that is on the stage but
// whose flows this node does not know yet: a dial and a round trip to the parent.
const findWithin = 2 * time.Second

// alsoWithin is how long the other flow of a stream is waited for once one is
// known: a publisher may send only sound or only a picture.
const alsoWithin = 300 * time.Millisecond

// Sources returns the flows that are on the stage of a webinar, those of the
// stream "main" first. It starts pulling them, so that they are on their way
// while the viewer still negotiates. It fails with webinar.ErrNotLive when nobody
// publishes.
func (g *stage) Sources(ctx context.Context, id string) ([]sfu.Source, error) {
	w := g.store.State().Webinar(id)
	if w == nil {
		return nil, webinar.ErrNotFound
	}
	var streams []string
	for s := range w.Streams() {
		if s.Name == signal.DefaultStream {
			streams = append([]string{s.Name}, streams...)
		} else {
			streams = append(streams, s.Name)
		}
	}
	for _, name := range streams {
		if sources := g.find(ctx, id, name); len(sources) > 0 {
			return sources, nil
		}
	}
	return nil, webinar.ErrNotLive
}

// find subscribes to the flows of a stream and returns those that are there.
func (g *stage) find(ctx context.Context, id, stream string) []sfu.Source {
	ctx, cancel := context.WithTimeout(ctx, findWithin)
	defer cancel()
	flows := []string{"video", "audio"}
	found := make(chan *relay.Subscription, len(flows))
	for _, flow := range flows {
		go func() {
			sub, err := g.relay.Subscribe(ctx, wire.TrackID{Webinar: id, Stream: stream, Name: flow})
			if err != nil {
				sub = nil
			}
			found <- sub
		}()
	}
	var sources []sfu.Source
	for range flows {
		sub := <-found
		if sub == nil {
			continue
		}
		defer sub.Close() // the pull goes on for a while, and the viewer's own subscription takes it over
		track := sub.Track()
		sources = append(sources, sfu.Source{
			Name: strings.Join([]string{stream, track.ID().Name}, "-"),
			Info: track.Info(),
			Subscribe: func(ctx context.Context) (*relay.Subscription, error) {
				return g.relay.Subscribe(ctx, track.ID())
			},
		})
		time.AfterFunc(alsoWithin, cancel)
	}
	return sources
}
