package node

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"stentor/cluster/mesh"
	"stentor/control/webinar"
	"stentor/node/signal"
)

const (
	// quietFor is how long nothing comes from a publisher that has gone: sound comes fifty
	// times a second, and where it is not sent while nobody speaks, a picture does.
	quietFor = 1500 * time.Millisecond
	// settlesWithin is how long a publisher that was just answered may take to send.
	settlesWithin = 10 * time.Second
	// flowsWithin is how long the node that has a stream may take to say whether it comes in
	// there: a round trip around the world, and its loss. Who does not answer has none, to the
	// one participant whose stream it is.
	flowsWithin = 600 * time.Millisecond
	// reachWithin is how long it is waited for the state that a publisher speaks of: a node
	// that is in touch has it within a second.
	reachWithin = 2 * time.Second
)

// Continues reports whether a publisher may go on with what it sent by an earlier claim, here
// or elsewhere: nobody has taken the name since.
func (g *stage) Continues(ctx context.Context, b signal.Bid) error {
	g.reach(ctx, b.Resume)
	if s, ok := g.held(b); ok && (s.Epoch != b.Resume || s.Participant != b.Participant) {
		return webinar.ErrStreamTaken
	}
	return nil
}

// reach waits for the state of an index, for a while.
func (g *stage) reach(ctx context.Context, index uint64) {
	ctx, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	for {
		changed := g.store.Changed()
		if g.store.State().Index() >= index {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// held is who has the name, by the state that is here.
func (g *stage) held(b signal.Bid) (webinar.Stream, bool) {
	w := g.store.State().Webinar(b.Webinar)
	if w == nil {
		return webinar.Stream{}, false
	}
	return w.Stream(b.Stream)
}

// yields reports whether the name can be taken from who has it: its node is dead or has not
// got it, or it is the publisher's own, of which nothing comes in any more. That is an encoder
// that connects anew, here, before its node is known to be dead or its connection to be lost.
func (g *stage) yields(ctx context.Context, b signal.Bid) bool {
	s, ok := g.held(b)
	switch {
	case !ok:
		return false
	case g.dead(s.Origin, s.NodeEpoch) || g.ghost(streamName{b.Webinar, b.Stream}, s):
		return true
	case s.Participant != b.Participant || b.Stream == webinar.TalkStream: // every node speaks as talk
		return false
	case b.Resume != 0:
		return s.Epoch == b.Resume
	case s.Origin == g.node:
		return !g.comes(s.Epoch)
	}
	return g.flows != nil && !g.flows(ctx, s.Origin, s.Epoch)
}

// comes reports whether packets come in by a claim at this node, or soon may.
func (g *stage) comes(epoch uint64) bool {
	g.mu.Lock()
	c := g.claims[epoch]
	g.mu.Unlock()
	return c != nil && c.comes(time.Now())
}

func (c *claim) comes(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	begun := false
	for _, t := range c.tracks {
		newest := t.Newest()
		if now.Sub(newest) < quietFor {
			return true
		}
		begun = begun || newest.After(c.since)
	}
	return !begun && now.Sub(c.since) < settlesWithin
}

// flows asks a node whether packets come in by a claim there. One that answers something else is
// of an older version, and is believed to have it.
func (n *Node) flows(ctx context.Context, node string, epoch uint64) bool {
	ctx, cancel := context.WithTimeout(ctx, flowsWithin)
	defer cancel()
	var comes bool
	err := n.call(ctx, node, "/flows?epoch="+strconv.FormatUint(epoch, 10), &comes)
	if s := (*statusError)(nil); errors.As(err, &s) {
		return true
	}
	return err == nil && comes
}

// serveFlows tells another node whether packets come in by a claim here.
func (n *Node) serveFlows(w http.ResponseWriter, r *http.Request) {
	epoch, err := strconv.ParseUint(r.URL.Query().Get("epoch"), 10, 64)
	if _, ok := mesh.PeerOf(r.Context()); !ok || err != nil {
		http.Error(w, "malformed", http.StatusBadRequest)
		return
	}
	answer(w, n.stage.comes(epoch))
}
