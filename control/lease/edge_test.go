package lease

import (
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func copyOf(c *controlpb.Command) *controlpb.Command { return proto.CloneOf(c) }

// bare is c as if nobody remembered that it was answered before.
func bare(c *controlpb.Command) *controlpb.Command {
	c = copyOf(c)
	c.RequestId = ""
	return c
}

// sorted returns the keys of m in order, so that a schedule is the same each time.
func sorted[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

func (e *edge) awake(now time.Duration) bool { return e.up && now >= e.until }

// hear brings an edge's replica up to an index, and has it act on that.
func (w *world) hear(e *edge, index int) {
	if index >= len(w.history)-1 {
		index, e.fresh = len(w.history)-1, w.now
	}
	if w.bug == snapshotsOutOfOrder && w.chance(10) {
		index = max(index-w.rng.IntN(8), 0)
		e.state, e.replica, e.apart = w.replica(index), index, false
	} else if index < e.replica {
		return
	} else {
		w.follow(e, index)
	}
	w.act(e)
}

// act has an edge act on what it holds now.
func (w *world) act(e *edge) {
	s := e.state
	w.sweep(e)
	w.lawful(e)
	n := s.Node(e.name)
	if n.GetEpoch() != e.epoch {
		return
	}
	e.fence.Observe(n)
	if e.tenant == nil {
		e.tenant = New(hall, e.name, e.epoch)
	}
	for _, p := range e.tenant.Observe(s.Webinar(hall), w.clock(e)) {
		switch w.bug {
		case supersededGoesOn:
		case supersededEndsLater:
			e.leaving[p] = w.now + 20*time.Second
		default:
			w.out(e, p)
		}
	}
	if w.chance(30) { // they have not heard it yet
		w.turn(e)
	}
	for _, p := range sorted(e.waits) {
		w.take(e, p)
	}
}

// take is the door: the rules, and then a seat for those who need one.
func (w *world) take(e *edge, p string) {
	if listed := e.sessions[p]; listed != nil && w.bug != rosterOutlivesSessions {
		return
	}
	hall := e.state.Webinar(hall)
	if e.tenant == nil || hall == nil {
		return
	}
	now := w.clock(e)
	s := e.candidates[p]
	if s == nil {
		s = w.knock(e, w.persons[p])
	}
	if s == nil || w.bug != fenceIsIgnored && (e.fence.Closed(hall.ID, now) || hall.Partition == webinar.Strict && w.now-e.fresh >= ClosedAfter) {
		w.givesUp(e, p)
		return
	}
	switch {
	case s.lobby:
		w.givesUp(e, p)
		e.sessions[p] = s
		return
	case !s.standing.Guest:
		delete(e.candidates, p)
		w.admit(e, s)
		return
	}
	switch e.tenant.Take(p, now) {
	case In:
		delete(e.waits, p)
		delete(e.candidates, p)
		w.admit(e, s)
	case Full:
		delete(e.waits, p)
		delete(e.candidates, p)
	case Wait:
		e.candidates[p] = s
		if _, ok := e.waits[p]; !ok {
			e.waits[p] = w.now + time.Second
		}
	}
}

func (w *world) givesUp(e *edge, p string) {
	delete(e.waits, p)
	delete(e.candidates, p)
	if e.tenant != nil {
		e.tenant.Abandon(p, w.clock(e))
	}
}

func (w *world) leave(e *edge, p string) {
	seated := e.inside[p]
	w.out(e, p)
	if !seated {
		return
	}
	if w.recent = append(w.recent, p); len(w.recent) > 3 {
		w.recent = w.recent[1:]
	}
	if e.tenant == nil {
		return
	}
	e.tenant.Leave(p, w.clock(e))
	if s, ok := e.tenant.seats[p]; ok && w.bug == seatIsFreeBeforeItIsCommitted {
		s.named, s.joining = false, false
		e.tenant.set(p, s, w.clock(e))
	}
}

// obey has an edge keep its promise.
func (w *world) obey(e *edge) {
	now := w.clock(e)
	if w.bug == fenceIsLate {
		now = now.Add(-time.Minute)
	}
	if len(e.fence.Broken(now)) > 0 && w.bug != fenceIsIgnored {
		for p := range e.inside {
			w.out(e, p)
		}
		e.tenant.Evict(now)
	}
}

// turn lets an edge do what it does by itself: end what it must, give up, propose.
func (w *world) turn(e *edge) {
	if !e.awake(w.now) {
		return
	}
	now := w.clock(e)
	w.notice(e)
	for _, p := range sorted(e.leaving) {
		if w.now >= e.leaving[p] {
			w.out(e, p)
		}
	}
	for _, p := range sorted(e.waits) {
		if w.now >= e.waits[p] {
			w.givesUp(e, p)
		}
	}
	if e.state.Node(e.name).GetEpoch() < e.epoch && !e.registers {
		e.registers = true
		w.send(e, &controlpb.Command{Kind: &controlpb.Command_RegisterNode{RegisterNode: &controlpb.RegisterNode{
			Node: e.name, Epoch: e.epoch, Role: "edge"}}})
	}
	if e.tenant == nil {
		return
	}
	if c, _ := e.fence.Next(w.promises(e), now); c != nil {
		w.send(e, c)
	}
	if c, _ := e.tenant.Next(now); c != nil {
		w.send(e, c)
	}
}

// promises are the strict webinars that an edge has seats in.
func (w *world) promises(e *edge) []string {
	if e.tenant.Strict() {
		return []string{hall}
	}
	return nil
}

// try is one PIN at an edge.
func (w *world) try(e *edge, right bool) bool {
	if e.tenant == nil {
		return false
	}
	if w.bug == everyEdgeHasABudget && e.tenant.guesses.left == 0 && w.chance(50) {
		e.tenant.guesses.left = 10
	}
	if !e.tenant.Spend() {
		e.tenant.AwaitGuess(1)
		w.turn(e)
		e.tenant.AwaitGuess(-1)
		return false
	}
	if right {
		w.right++
	} else {
		w.wrong++
	}
	e.tenant.SettleGuess(right || w.bug == wrongPINsAreReturned, true)
	w.check()
	return true
}
