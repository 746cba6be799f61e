package lease

import (
	"bytes"
	"slices"
	"time"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// clusterKey is the one that pinKey is derived from.
var clusterKey = []byte("0123456789abcdef0123456789abcdef")

// appliesWithin is the bound of a ban (M2): what the voters have committed holds at every
// edge that is awake and has a watch stream after so long, counted from the commit, the
// heal or the wake, whichever is last. An edge without a stream goes on by what it knows:
// that is what the webinar's partition policy chooses, and what it knows it enforces in
// the same turn.
const appliesWithin = time.Second

// push makes s the voters' next state. Edges hear of it by c, as the real streams carry it.
func (w *world) push(s *control.State, c *controlpb.Change) {
	w.history = append(w.history, s)
	w.changes = append(w.changes, c)
	w.times = append(w.times, w.now)
}

// carried is the change as an edge gets it.
func (w *world) carried(c control.Change) *controlpb.Change {
	e := c.Edge(clusterKey, nil)
	switch w.bug {
	case feedDropsBansOfAbsent:
		e.Puts = slices.DeleteFunc(e.Puts, func(r *controlpb.Record) bool {
			return r.GetBan() != nil && w.inside[r.GetBan().GetParticipant()] == 0 ||
				r.GetRemoval() != nil && w.inside[r.GetRemoval().GetParticipant()] == 0
		})
	case feedDropsStatuses:
		for i, r := range e.Puts {
			if g := r.GetRegistrant(); g != nil {
				e.Puts[i] = &controlpb.Record{Kind: &controlpb.Record_Registrant{Registrant: &controlpb.RegistrantRecord{
					Webinar: g.Webinar, Id: g.Id, Hash: g.Hash, Status: string(webinar.Approved), Account: g.Account, Index: g.Index}}}
			}
		}
	case feedForgetsDeletes:
		e.Deletes = slices.DeleteFunc(e.Deletes, func(k control.Key) bool { return k.Kind == control.KindInvite })
	}
	return e.Encode()
}

// replica is what an edge holds that has heard everything up to index. It is the same
// value for all of them, so it is made once.
func (w *world) replica(index int) *control.State {
	for len(w.chain) <= index {
		n := len(w.chain)
		if w.changes[n] == nil { // a planted bug made that state
			w.chain = append(w.chain, w.history[n].Edge(clusterKey, nil))
			continue
		}
		next, err := w.chain[n-1].ApplyChange(control.DecodeChange(w.changes[n]))
		if err != nil {
			w.fail("feed: change %d does not fit: %v", n, err)
			next = w.history[n].Edge(clusterKey, nil)
		}
		w.chain = append(w.chain, next)
	}
	return w.chain[index]
}

// follow brings what an edge holds up to index, by changes.
func (w *world) follow(e *edge, index int) {
	switch {
	case !e.apart:
		e.state = w.replica(index)
	default:
		for n := e.replica + 1; n <= index; n++ {
			if w.changes[n] == nil {
				e.state, e.apart = w.replica(index), false
				break
			}
			next, err := e.state.ApplyChange(control.DecodeChange(w.changes[n]))
			if err != nil {
				w.fail("feed: after a snapshot change %d does not fit: %v", n, err)
				break
			}
			e.state = next
		}
	}
	e.replica = index
}

// resync gives an edge a snapshot, as a voter does whose feed no longer holds what came
// since; from there it goes on by changes. Both ways lead to the same state.
func (w *world) resync(e *edge) {
	last := len(w.history) - 1
	if w.bug == resumesAtTheEnd { // and what came between is lost
		if last > e.replica && w.changes[last] != nil {
			if next, err := e.state.ApplyChange(control.DecodeChange(w.changes[last])); err == nil {
				e.state, e.apart, e.replica = next, true, last
			}
		}
		return
	}
	var b bytes.Buffer
	if err := w.history[last].Edge(clusterKey, nil).Snapshot(&b); err != nil {
		w.fail("feed: %v", err)
		return
	}
	s, err := control.Restore(&b)
	if err != nil {
		w.fail("feed: %v", err)
		return
	}
	if !w.bug.inTheFeed() && s.Hash() != w.replica(last).Hash() {
		w.fail("feed: an edge with a snapshot at %d holds something else than one with the changes", last)
	}
	e.state, e.apart, e.replica = s, true, last
}

// connected reports whether an edge has a stream that delivers within the bound.
func (e *edge) connected() bool { return !e.deaf && !e.slow }

// since is when the last thing happened that an edge's bound counts from, beside commits.
func (e *edge) since() time.Duration { return max(e.joined, e.until) }

// deliveredWithin leaves a connected edge a tenth of the bound for acting on it.
const deliveredWithin = appliesWithin - appliesWithin/10

// stream delivers to every edge what must not take longer, and returns how long nothing
// has to be delivered after that.
func (w *world) stream() time.Duration {
	pause := 2 * time.Second
	for _, e := range w.edges {
		switch {
		case !e.up || !e.connected() || e.replica == len(w.history)-1:
		case w.now < e.until:
			pause = min(pause, e.until-w.now)
		default:
			due := max(w.times[e.replica+1], e.since()) + deliveredWithin
			if w.now >= due {
				w.hear(e, len(w.history)-1)
			} else {
				pause = min(pause, due-w.now)
			}
		}
	}
	return pause
}
