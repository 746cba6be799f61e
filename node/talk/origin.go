package talk

import (
	"context"
	"time"

	"stentor/control/webinar"
	"stentor/relay"
)

const (
	// claimWithin bounds one attempt to become the origin: a few elections of the voters.
	claimWithin = 3 * time.Second
	// together is how long entries wait for others after a message went out, so that ten thousand votes in a second are
	// twenty messages. The first of them does not wait.
	together = 50 * time.Millisecond
	// againAfter is after how many packets everything is told again. A state comes to at most 1,800 packets: told twice, with
	// this many in between, that is what a ring of 4,096 holds, so that it always holds one telling whole.
	againAfter = 400
	// packetSize is how much of a message goes into one packet; see relay.Track.Append.
	packetSize = 1180
)

// origin is what a room has while this node is the origin of its talk. It is guarded by room.mu.
type origin struct {
	track   *relay.Track
	pending []Entry
	packets int // since everything was told
	kick    chan struct{}
}

// reign claims the talk and is its origin until the claim is lost, or ctx done.
//
// With takeover another node has it, which is gone.
func (r *room) reign(ctx context.Context, takeover bool) {
	t := r.talk
	within, cancel := context.WithTimeout(ctx, claimWithin)
	claim, err := t.cfg.Claim(within, r.id, takeover)
	cancel()
	if err != nil {
		t.cfg.Logger.Debug("talk not claimed", "webinar", r.id, "err", err)
		r.mu.Lock()
		r.failed = err
		r.mu.Unlock()
		pause(ctx, retryAfter)
		return
	}
	defer claim.Release()
	track, err := claim.Track(trackOf(r.id).Name, trackInfo, nil)
	if err != nil {
		t.cfg.Logger.Warn("talk not published", "webinar", r.id, "err", err)
		pause(ctx, retryAfter)
		return
	}
	defer track.Close()
	o := &origin{track: track, kick: make(chan struct{}, 1)}
	r.mu.Lock()
	if !r.state.Empty() {
		t.metrics.takeovers.Inc()
	}
	r.origin, r.wanted, r.failed, r.claimable, r.all = o, false, nil, time.Time{}, pace{}
	o.again(r.state)
	r.mu.Unlock()
	t.cfg.Logger.Info("origin of a talk", "webinar", r.id)
	r.tell(ctx, claim, o)
	r.mu.Lock()
	r.origin = nil
	o.flush(r.state)
	r.mu.Unlock()
}

// tell appends what was decided to the track.
func (r *room) tell(ctx context.Context, claim Claim, o *origin) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-claim.Context().Done():
			return
		case <-o.kick:
			r.mu.Lock()
			o.flush(r.state)
			r.mu.Unlock()
			pause(ctx, together)
		}
	}
}

// add queues entries for the track.
func (o *origin) add(entries []Entry) {
	for _, e := range entries {
		if !o.joined(e) {
			o.pending = append(o.pending, e)
		}
	}
	select {
	case o.kick <- struct{}{}:
	default:
	}
}

// joined adds a vote or a reaction to an entry of the same kind that waits, if there is one among the last; a caption takes
// the place of its draft.
func (o *origin) joined(e Entry) bool {
	for i := len(o.pending) - 1; i >= max(0, len(o.pending)-2*MaxOptions); i-- {
		p := &o.pending[i]
		switch {
		case e.Kind == Marks && p.Kind == Marks && p.Of == e.Of && p.Choice == e.Choice && len(p.Marks)+len(e.Marks) <= marksAtOnce*markSize:
			p.Marks = append(p.Marks[:len(p.Marks):len(p.Marks)], e.Marks...)
			return true
		case e.Kind == Reaction && p.Kind == Reaction:
			sum := make(map[string]int)
			for _, counts := range []map[string]int{p.Counts, e.Counts} {
				for name, n := range counts {
					sum[name] += n
				}
			}
			p.Counts = sum
			return true
		case e.Kind == Caption && p.Kind == Caption && p.ID == e.ID && p.Draft:
			*p = e // which was written later
			return true
		}
	}
	return false
}

// flush appends what waits.
func (o *origin) flush(s *State) {
	o.append(o.pending)
	o.pending = nil
	if o.packets > againAfter {
		o.again(s)
	}
}

// again tells everything.
func (o *origin) again(s *State) {
	o.append(s.Entries())
	o.append([]Entry{{Kind: Reign}})
	o.packets = 0
}

func (o *origin) append(entries []Entry) {
	for _, message := range pack(entries) {
		if o.track.Append(message) != nil {
			return // the track has ended, and with it this origin
		}
		o.packets += (len(message) + packetSize - 1) / packetSize
	}
}

// accept decides about what somebody says, at the origin.
func (r *room) accept(who Speaker, said Said) ([]Entry, error) {
	now := r.talk.cfg.Now()
	w := r.talk.cfg.Webinar(r.id)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.origin == nil {
		return nil, errElsewhere
	}
	if err := allowed(w, who, said, r.state.polls.by[said.Of] != nil, now); err != nil {
		return nil, err
	}
	role := w.RoleOf(who.Standing)
	if !r.state.knows(idOf(who.Participant, said.Key)) {
		if err := r.all.pass(w, role, who.Participant, said.Act, now); err != nil {
			return nil, err
		}
	}
	entries, err := decide(r.state, role, who, said, now)
	if err != nil {
		return nil, err
	}
	if fresh := r.applied(entries); len(fresh) > 0 {
		r.all.wrote(who.Participant, said.Act, now)
		r.origin.add(fresh)
		for _, e := range fresh {
			r.talk.metrics.entries.WithLabelValues(string(e.Kind)).Inc()
		}
	}
	return entries, nil
}

// knows reports whether that was said before.
func (s *State) knows(id string) bool {
	return s.lines.by[id] != nil || s.questions.by[id] != nil || s.polls.by[id] != nil
}

// ahead is how far another node's clock may be before this one's.
const ahead = time.Minute

// take takes what another node knows of the time before this origin.
func (r *room) take(entries []Entry) error {
	now := r.talk.cfg.Now()
	w := r.talk.cfg.Webinar(r.id)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.origin == nil || w == nil || w.State == webinar.Ended {
		return errElsewhere
	}
	var could []Entry
	for _, e := range entries {
		late := e.At > now.Add(ahead).UnixMilli() || e.Changed > now.Add(ahead).UnixMilli()
		if !late && e.Kind != Reaction && !(e.By != "" && w.Banned(e.By, nil, now)) {
			could = append(could, e)
		}
	}
	r.origin.add(r.applied(could))
	return nil
}
