package cluster

import (
	"time"

	"github.com/hashicorp/memberlist"
)

// maxQueued is how many words wait to be sent in packets at most; ten packets take
// a hundred. When more come at once (a mesh that heals, a voter that restarts with
// thousands of tracks), what was sent most often is dropped, and exchanges carry
// the rest: see exchange.go.
const maxQueued = 512

// Announce says that this node carries a track; a later one about the same track
// replaces it. Node is this one, whatever a says. Small changes of the delay alone
// are not worth a packet and are held back.
func (g *Gossip) Announce(a Announcement) {
	a.Node = g.config.Meta.Node
	if err := a.check(); err != nil {
		g.log.Error("not announced", "track", a.Track, "err", err)
		return
	}
	g.say(a, false)
}

// Withdraw says that it carries the track no more.
func (g *Gossip) Withdraw(track string) { g.say(Announcement{Track: track}, true) }

func (g *Gossip) say(a Announcement, gone bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if own := g.tracks.own(); !gone && len(own.tracks) >= maxTracks {
		if _, known := own.tracks[a.Track]; !known {
			g.log.Error("not announced: too many tracks", "track", a.Track, "limit", maxTracks)
			return
		}
	}
	w, ok := g.tracks.say(a, gone, time.Now())
	if !ok {
		return
	}
	g.broadcast(w)
	g.notify()
}

// Carriers are the living nodes that say they carry a track, this one too, sorted
// by name.
func (g *Gossip) Carriers(track string) []Announcement {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tracks.carriers(track, g.current)
}

// broadcast queues a record; a later one about the same track takes its place.
// Members of v0.2 hear this node's own words in their way, too: they pass on nothing
// else. g.mu is held, and stands above the queue's lock.
func (g *Gossip) broadcast(w record) {
	name := w.Node + "\x00" + w.Track
	g.queue.QueueBroadcast(&broadcast{name: name, msg: w.append(nil)})
	if g.older > 0 && w.Node == g.config.Meta.Node && w.signature != nil {
		g.queue.QueueBroadcast(&broadcast{name: name + "\x00", msg: w.unsigned().append(nil)})
	}
	if g.queue.NumQueued() <= maxQueued {
		return
	}
	g.queue.Prune(maxQueued)
	g.spread()
}

type broadcast struct {
	name string
	msg  []byte
}

var _ memberlist.NamedBroadcast = (*broadcast)(nil)

func (b *broadcast) Name() string { return b.name }
func (b *broadcast) Invalidates(o memberlist.Broadcast) bool {
	n, ok := o.(*broadcast)
	return ok && n.name == b.name
}
func (b *broadcast) Message() []byte { return b.msg }
func (b *broadcast) Finished()       {}
