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
	} else if index < e.replica {
		return
	}
	e.replica = index
	s := w.history[index]
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

// take is the door.
func (w *world) take(e *edge, p string) {
	now := w.clock(e)
	strict := w.history[e.replica].Webinar(hall) != nil && w.history[e.replica].Webinar(hall).Partition == webinar.Strict
	switch {
	case e.tenant == nil:
		return
	case w.bug != fenceIsIgnored && (e.fence.Closed(hall, now) || strict && w.now-e.fresh >= ClosedAfter):
		e.tenant.Abandon(p, now)
		delete(e.waits, p)
		return
	}
	switch e.tenant.Take(p, now) {
	case In:
		delete(e.waits, p)
		w.enter(e, p)
	case Full:
		delete(e.waits, p)
	case Wait:
		if _, ok := e.waits[p]; !ok {
			e.waits[p] = w.now + time.Second
		}
	}
}

func (w *world) leave(e *edge, p string) {
	w.out(e, p)
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
	for p, at := range e.leaving {
		if w.now >= at {
			w.out(e, p)
		}
	}
	for _, p := range sorted(e.waits) {
		if w.now >= e.waits[p] {
			delete(e.waits, p)
			if e.tenant != nil {
				e.tenant.Abandon(p, now)
			}
		}
	}
	if w.history[e.replica].Node(e.name).GetEpoch() < e.epoch && !e.registers {
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
