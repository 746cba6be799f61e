package node

import (
	"slices"
	"time"

	"stentor/cluster"
	"stentor/cluster/route"
	"stentor/control/webinar"
	"stentor/relay/wire"
)

// routing picks parents for tracks: the replicated state says where a stream
// enters the mesh, gossip says who else carries it and who is alive.
type routing struct {
	self   string
	store  store
	gossip interface {
		Carriers(track string) []cluster.Announcement
		Member(node string) (cluster.Member, bool)
	}
}

// parent returns the node to pull a track from.
func (r *routing) parent(id wire.TrackID, exclude func(node string) bool) (string, bool) {
	candidates := slices.DeleteFunc(r.candidates(id), func(c route.Candidate) bool { return exclude(c.Node) })
	return route.Choose(r.self, candidates, "")
}

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
	out := []route.Candidate{r.candidate(s.Origin, []string{s.Origin}, 0)}
	for _, a := range r.gossip.Carriers(id.String()) {
		if a.Epoch == s.Epoch && a.Node != s.Origin && a.Node != r.self {
			out = append(out, r.candidate(a.Node, a.Path, a.Delay))
		}
	}
	return out
}

func (r *routing) candidate(node string, path []string, delay time.Duration) route.Candidate {
	c := route.Candidate{Node: node, Path: path, Delay: delay, Carries: true}
	m, ok := r.gossip.Member(node)
	if !ok || !m.Alive {
		c.Load = 1 // worth a try only when there is nobody else: gossip may be wrong
		return c
	}
	c.RTT, c.Load, c.Draining = m.RTT, float64(m.Load), m.Draining
	return c
}
