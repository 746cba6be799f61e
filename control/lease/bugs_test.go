package lease

import (
	"slices"
	"time"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// bug is something wrong with the world that the checker must find. Most are mistakes
// that were nearly made.
type bug int

const (
	none bug = iota
	// In the log's rules.
	transferForgetsWhereFrom
	restartKeepsTheLease
	latecomersCount
	grantsWhatIsAsked
	transferLeavesTheSeat
	limitIsReadLate
	// In what the voters take back.
	silentMeansGone
	strictIsReclaimedEarly
	jumpsOfTheClockCount
	// At the edge.
	seatIsFreeBeforeItIsCommitted
	unknownMeansNotDone
	refusedMeansNeverDone
	supersededGoesOn
	supersededEndsLater
	answersCountBeforeTheSnapshot
	snapshotsOutOfOrder
	fenceIsIgnored
	fenceIsLate
	clockStopsWhilePaused
	lastSeatBug
	// Rules: bans.
	tokensAreNotAsked
	feedDropsBansOfAbsent
	sweepIsLate
	resumesAtTheEnd
	nobodyIsAskedAgain
	// Rules: the proof at entry.
	oldRulesAreAsked
	unlookedPINsOpen
	feedDropsStatuses
	feedForgetsDeletes
	// Rules: a PIN beside a registration.
	pinLooksAtNothing
	registrationLooksAtNothing
	// Rules: windows.
	sendersStampCommands
	edgesHaveWindows
	nobodyTicks
	// Rules: ghosts.
	rosterOutlivesSessions
	deadConnectionsStay
	expiryForgetsSeats
	lastRuleBug
	// Guesses, for TestM8Attack.
	wrongPINsAreReturned
	answersCountTwice
	everyEdgeHasABudget
	lastBug
)

var bugNames = map[bug]string{
	transferForgetsWhereFrom:      "a transferred seat forgets where it was taken from",
	restartKeepsTheLease:          "what an older incarnation had stays leased",
	latecomersCount:               "proposals count twice and out of order",
	grantsWhatIsAsked:             "a node gets what it asks for",
	transferLeavesTheSeat:         "a transfer leaves the old node its seat",
	limitIsReadLate:               "grants are counted against a limit of a while ago",
	silentMeansGone:               "a silent node is taken for a dead one",
	strictIsReclaimedEarly:        "a strict webinar takes seats back after 20 s",
	jumpsOfTheClockCount:          "jumps of the leader's clock count as silence",
	seatIsFreeBeforeItIsCommitted: "a seat is given again before the leave is committed",
	unknownMeansNotDone:           "a proposal without an answer is forgotten",
	refusedMeansNeverDone:         "a proposal that was refused is forgotten, with a copy of it on its way",
	supersededGoesOn:              "who was superseded stays inside",
	supersededEndsLater:           "who was superseded is reported before they are gone",
	answersCountBeforeTheSnapshot: "seats are counted by answers beside the snapshot",
	snapshotsOutOfOrder:           "the replica goes back",
	fenceIsIgnored:                "an edge does not fence itself",
	fenceIsLate:                   "an edge ends its sessions after the voters took the seats back",
	clockStopsWhilePaused:         "the edge's clock stops while it is paused",
	wrongPINsAreReturned:          "wrong PINs give their guess back",
	answersCountTwice:             "a doubled answer counts twice",
	everyEdgeHasABudget:           "every edge has guesses of its own",
}

// forgetsRequests reports whether the bug is hidden by the table of requests.
func (b bug) forgetsRequests() bool { return b == latecomersCount }

// misread is the log that does not look at the order of proposals.
func (w *world) misread(c *controlpb.Command) *controlpb.Command {
	if w.bug != latecomersCount {
		return c
	}
	fix := func(node string, epoch uint64, seq *uint64) {
		if l, ok := w.hall().Lease(node); ok && epoch == w.head().Node(node).GetEpoch() {
			*seq = max(*seq, l.Seq+1)
		}
	}
	switch k := c.GetKind().(type) {
	case *controlpb.Command_AcquireSeats:
		fix(k.AcquireSeats.Node, k.AcquireSeats.Epoch, &k.AcquireSeats.Seq)
	case *controlpb.Command_ReturnSeats:
		fix(k.ReturnSeats.Node, k.ReturnSeats.Epoch, &k.ReturnSeats.Seq)
	case *controlpb.Command_ReportSeats:
		fix(k.ReportSeats.Node, k.ReportSeats.Epoch, &k.ReportSeats.Seq)
	case *controlpb.Command_TransferSeat:
		fix(k.TransferSeat.Node, k.TransferSeat.Epoch, &k.TransferSeat.Seq)
	}
	return c
}

// misapply is the log whose rules are wrong: next is corrected to what they would give.
func (w *world) misapply(before, next *control.State, c *controlpb.Command, r *control.Result) *control.State {
	was, is := before.Webinar(hall), next.Webinar(hall)
	if was == nil {
		return next
	}
	puts := w.misrule(before, c, r)
	if r.Err != nil {
		return next
	}
	lease := func(l webinar.SeatLease) {
		puts = append(puts, &controlpb.Record{Kind: &controlpb.Record_Lease{Lease: &controlpb.LeaseRecord{
			Webinar: hall, Node: l.Node, Epoch: l.Epoch, Granted: uint32(l.Granted), Seq: l.Seq}}})
	}
	switch {
	case w.bug == expiryForgetsSeats && c.GetTick() != nil:
		kept := slices.DeleteFunc(slices.Clone(r.Change.Deletes), func(k control.Key) bool { return k.Kind == control.KindSeat || k.Kind == control.KindLease })
		if len(kept) == len(r.Change.Deletes) || next.Webinar(hall).State != webinar.Ended {
			break
		}
		r.Change.Deletes = kept
		puts = append(puts, next.Record(control.Key{Kind: control.KindWebinar, Webinar: hall}))
	case w.bug == restartKeepsTheLease && c.GetRegisterNode() != nil:
		r.Change.Deletes = nil
		puts = append(puts, &controlpb.Record{Kind: &controlpb.Record_Node{Node: next.Node(c.GetRegisterNode().GetNode())}})
		r.Change.Puts = nil
	case w.bug == transferForgetsWhereFrom:
		for s := range is.Seats() {
			if len(s.Echoes) > 0 {
				puts = append(puts, &controlpb.Record{Kind: &controlpb.Record_Seat{Seat: &controlpb.SeatRecord{
					Webinar: hall, Participant: s.Participant, Node: s.Node}}})
			}
		}
	case w.bug == grantsWhatIsAsked && c.GetAcquireSeats() != nil:
		l, _ := is.Lease(c.GetAcquireSeats().GetNode())
		old, _ := was.Lease(l.Node)
		l.Granted = old.Granted + int(c.GetAcquireSeats().GetWant())
		lease(l)
	case w.bug == limitIsReadLate && c.GetAcquireSeats() != nil && is.SeatsFree() <= 0:
		l, _ := is.Lease(c.GetAcquireSeats().GetNode())
		if past := w.history[max(0, len(w.history)-6)].Webinar(hall); past != nil && past.SeatsFree() > 0 {
			l.Granted++
			lease(l)
		}
	case w.bug == transferLeavesTheSeat && c.GetTransferSeat() != nil:
		for l := range was.Leases() {
			if now, ok := is.Lease(l.Node); ok && now.Granted < l.Granted {
				now.Granted = l.Granted
				lease(now)
			}
		}
	case w.bug == jumpsOfTheClockCount && c.GetTick() != nil:
		for n := range before.Nodes() {
			after := next.Node(n.GetNode())
			if passed := next.Time().UnixNano() - n.GetWatched(); len(after.GetFenced()) > 0 && after.GetSilent() > n.GetSilent() {
				fixed := copyNode(after)
				fixed.Silent = n.GetSilent() + passed
				puts = append(puts, &controlpb.Record{Kind: &controlpb.Record_Node{Node: fixed}})
			}
		}
	case w.bug == strictIsReclaimedEarly && c.GetTick() != nil && is.Partition == webinar.Strict:
		for n := range next.Nodes() {
			if next.Time().Sub(time.Unix(0, n.GetRenewed())) > 20*time.Second && len(n.GetFenced()) > 0 {
				return w.vacate(next, n.GetNode())
			}
		}
	}
	if len(puts) == 0 {
		return next
	}
	fixed, err := before.ApplyChange(control.Change{Index: next.Index(), Time: next.Time(), Puts: append(r.Change.Puts, puts...), Deletes: r.Change.Deletes})
	if err != nil {
		w.fail("planted: %v", err)
		return next
	}
	return fixed
}

// vacate takes everything from a node, which may be there.
func (w *world) vacate(s *control.State, node string) *control.State {
	change := control.Change{Index: s.Index() + 1, Time: s.Time()}
	c := s.Webinar(hall).Vacate(node, true)
	for _, n := range c.Nodes {
		l, _ := c.After.Lease(n)
		change.Puts = append(change.Puts, &controlpb.Record{Kind: &controlpb.Record_Lease{Lease: &controlpb.LeaseRecord{
			Webinar: hall, Node: l.Node, Epoch: l.Epoch, Granted: uint32(l.Granted), Seq: l.Seq}}})
	}
	for _, p := range c.Participants {
		if t, ok := c.After.Seat(p); ok {
			change.Puts = append(change.Puts, &controlpb.Record{Kind: &controlpb.Record_Seat{Seat: &controlpb.SeatRecord{
				Webinar: hall, Participant: p, Node: t.Node, Echoes: t.Echoes}}})
		} else {
			change.Deletes = append(change.Deletes, control.Key{Kind: control.KindSeat, Webinar: hall, ID: p})
		}
	}
	next, err := s.ApplyChange(change)
	if err != nil {
		w.fail("planted: %v", err)
		return s
	}
	return next
}

// mishear is the edge that makes too much, or too little, of an answer.
func (w *world) mishear(e *edge, l letter) {
	t := e.tenant
	switch {
	case w.bug == unknownMeansNotDone && !l.ok && t.flight != nil && t.flight.c == l.c:
		t.flight.seq = 0
		t.land(w.clock(e))
	case w.bug == refusedMeansNeverDone && l.refuse && t.flight != nil && t.flight.refused:
		t.flight.seq = 0
		t.land(w.clock(e))
	case w.bug == answersCountBeforeTheSnapshot && l.ok && l.c.GetAcquireSeats() != nil:
		t.granted += l.n
	case w.bug == answersCountTwice && l.ok && l.c.GetAcquireGuesses() != nil:
		t.guesses.left += l.n
	}
}

func copyNode(n *controlpb.NodeRecord) *controlpb.NodeRecord {
	return copyOfNode(&controlpb.Record{Kind: &controlpb.Record_Node{Node: n}})
}
