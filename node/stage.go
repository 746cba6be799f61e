package node

import (
	"context"
	"time"

	"stentor/control/webinar"
	"stentor/node/sfu"
	"stentor/node/sfu/slots"
	"stentor/relay"
	"stentor/relay/wire"
)

// findWithin bounds how long a viewer waits for a stream that is on the stage but
// whose flows this node does not know yet: a dial and a round trip to the parent.
const findWithin = 2 * time.Second

// alsoWithin is how long the other flow of a stream is waited for once one is
// there, if nobody in the mesh is known to have it: a publisher may send only sound
// or only a picture. One that somebody has is waited for as long as the first, since a
// viewer who is answered without it never gets it.
const alsoWithin = 300 * time.Millisecond

// Sources returns the flows of the most important stream on the stage of a webinar, which is
// "main" where there is one; Watch tells of the others. It starts pulling them, so that they are on their way
// while the viewer still negotiates. It fails with webinar.ErrNotLive when nobody
// publishes.
func (g *stage) Sources(ctx context.Context, id string) ([]sfu.Source, error) {
	w := g.store.State().Webinar(id)
	if w == nil {
		return nil, webinar.ErrNotFound
	}
	for _, s := range streamsOf(w) {
		if sources := g.find(ctx, id, s.Name); len(sources) > 0 {
			return sources, nil
		}
	}
	return nil, webinar.ErrNotLive
}

// streamsOf are the streams that can be seen or heard, the most important first.
func streamsOf(w *webinar.Webinar) (out []slots.Stream) {
	for s := range w.Streams() {
		if s.Name != webinar.TalkStream {
			out = append(out, slots.Stream{Name: s.Name, Since: s.Since})
		}
	}
	slots.Order(out)
	return out
}

// find subscribes to the flows of a stream and returns those that are there.
func (g *stage) find(ctx context.Context, id, stream string) []sfu.Source {
	ctx, cancel := context.WithTimeout(ctx, findWithin)
	defer cancel()
	flows := []string{"video", "audio"}
	found := make(chan *relay.Subscription, len(flows))
	waited, enough := context.WithCancel(ctx) // alsoWithin is over
	defer enough()
	for _, flow := range flows {
		go func() {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			id := wire.TrackID{Webinar: id, Stream: stream, Name: flow}
			defer context.AfterFunc(waited, func() {
				if !g.carried(id) {
					cancel()
				}
			})()
			sub, err := g.relay.Subscribe(ctx, id)
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
		sources = append(sources, g.source(track.ID(), track.Info()))
		defer time.AfterFunc(alsoWithin, enough).Stop()
	}
	return sources
}

// source is a flow as viewers are given it; without an info it is still to come.
func (g *stage) source(id wire.TrackID, info wire.TrackInfo) sfu.Source {
	return sfu.Source{Name: id.Stream + "/" + id.Name, Info: info, Subscribe: func(ctx context.Context) (*relay.Subscription, error) {
		return g.relay.Subscribe(ctx, id)
	}}
}
