package node

import (
	"net"
	"slices"
	"sync/atomic"
	"time"

	"stentor/cluster"
	"stentor/cluster/route"
	"stentor/control/webinar"
	"stentor/relay"
	"stentor/relay/wire"
)

// routing picks parents for tracks: the replicated state says where a stream
// enters the mesh, gossip says who else carries it and who is alive.
type routing struct {
	self   string
	region string
	store  store
	known  atomic.Pointer[known] // nil before the first look
	gossip interface {
		Carriers(track string) []cluster.Announcement
		Member(node string) (cluster.Member, bool)
	}
}

// parent returns the node to pull a track from.
func (r *routing) parent(id wire.TrackID, exclude func(node string) bool) (string, bool) {
	self, candidates := r.choice(id, exclude)
	self.Delay, self.Told = 0, 0 // it has no parent, and lets its children go when it must
	return self.Choose(candidates, "")
}

// standby returns the node that is to go on when parent dies: one that may do so without this node's children having to go
// elsewhere first, if there is one.
func (r *routing) standby(id wire.TrackID, parent string, path []string, exclude func(node string) bool) (string, bool) {
	self, candidates := r.choice(id, exclude)
	return spare(self, candidates, parent, path)
}

func spare(self route.Self, candidates []route.Candidate, parent string, path []string) (string, bool) {
	if node, ok := self.Standby(candidates, parent, path); ok {
		return node, true
	}
	self.Told = 0
	return self.Standby(candidates, parent, path)
}

// better returns a parent that is worth leaving the current one for.
func (r *routing) better(id wire.TrackID, current string, exclude func(node string) bool) (string, bool) {
	self, candidates := r.choice(id, func(node string) bool { return node != current && exclude(node) }, current)
	return self.Better(candidates, current)
}

// choice is who chooses a track's parent, and among whom; keep stays on the list
// whatever it costs.
func (r *routing) choice(id wire.TrackID, exclude func(node string) bool, keep ...string) (route.Self, []route.Candidate) {
	epoch, _ := r.current(id)
	self := route.Self{Node: r.self, Region: r.region, Epoch: epoch}
	if k := r.known.Load(); k != nil {
		self.Delay, self.Told = k.delay[id], k.told[id]
	}
	candidates := slices.DeleteFunc(r.candidates(id), func(c route.Candidate) bool { return exclude(c.Node) })
	return self, self.Shortlist(candidates, shortlist, nil, keep...)
}

// shortlist is how many nodes are looked at closely: a region's hubs and a few of
// the others. A mesh has thousands that carry a track.
const shortlist = 16

// current returns the epoch of the stream that a track belongs to, if it is on the
// stage at all.
func (r *routing) current(id wire.TrackID) (epoch uint64, ok bool) {
	w := r.store.State().Webinar(id.Webinar)
	if w == nil || w.State == webinar.Ended {
		return 0, false
	}
	s, ok := w.Stream(id.Stream)
	return s.Epoch, ok
}

// carried reports whether gossip says of any node that it has the track.
func (r *routing) carried(id wire.TrackID) bool {
	epoch, ok := r.current(id)
	return ok && slices.ContainsFunc(r.gossip.Carriers(id.String()), func(a cluster.Announcement) bool { return a.Epoch == epoch })
}

// candidates returns the nodes that carry the track, the origin among them.
func (r *routing) candidates(id wire.TrackID) []route.Candidate {
	w := r.store.State().Webinar(id.Webinar)
	if w == nil {
		return nil
	}
	s, ok := w.Stream(id.Stream)
	if !ok || s.Origin == r.self {
		return nil
	}
	out := []route.Candidate{r.candidate(s.Origin, s.Epoch, []string{s.Origin}, 0)}
	for _, a := range r.gossip.Carriers(id.String()) {
		if a.Epoch == s.Epoch && a.Node != s.Origin && a.Node != r.self {
			out = append(out, r.candidate(a.Node, a.Epoch, a.Path, a.Delay))
		}
	}
	return out
}

func (r *routing) candidate(node string, epoch uint64, path []string, delay time.Duration) route.Candidate {
	c := route.Candidate{Node: node, Epoch: epoch, Path: path, Delay: delay, Carries: true}
	m, ok := r.gossip.Member(node)
	if !ok || !m.Alive {
		c.Load = 1 // worth a try only when there is nobody else: gossip may be wrong
		return c
	}
	c.Region, c.RTT, c.Load, c.Draining, c.Full, c.Children = m.Region, m.RTT, float64(m.Load), m.Draining, m.Full, int(m.Children)
	if k := r.known.Load(); k != nil && k.rtt[node] > 0 {
		c.RTT, c.Measured = k.rtt[node], true
	}
	c.Host, _, _ = net.SplitHostPort(m.Mesh)
	return c
}

// known is what this node has measured itself.
type known struct {
	rtt   map[string]time.Duration       // the least of the links that there are; gossip guesses the others
	delay map[wire.TrackID]time.Duration // from a track's origin to here
	told  map[wire.TrackID]time.Duration // the least that children of a track were told of that; nothing where there are none
}

// measure takes what the relay knows of its links and tracks.
func (r *routing) measure(links []relay.LinkStatus, tracks []relay.TrackStatus) {
	k := &known{rtt: make(map[string]time.Duration, len(links)), delay: map[wire.TrackID]time.Duration{}, told: map[wire.TrackID]time.Duration{}}
	for _, l := range links {
		k.rtt[l.Peer] = l.MinRTT
	}
	for _, t := range tracks {
		k.delay[t.ID], k.told[t.ID] = t.Delay, t.Told
	}
	r.known.Store(k)
}
