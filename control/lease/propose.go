package lease

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"stentor/control/controlpb"
)

const (
	// batchFor is how long names are collected before they are told, and batchMost how
	// many go at once: a name is needed only to follow its owner to another edge.
	batchFor  = time.Second
	batchMost = 500
	// batchFull is how long leaves are collected while all seats are leased: elsewhere
	// somebody is refused for each.
	batchFull = 100 * time.Millisecond
	// resendAfter is when a proposal that nobody answered is sent again. The first answer
	// that counts is the snapshot.
	resendAfter = time.Second
	// refusedMost bounds the pause after a refusal that no snapshot explains: a version that
	// the cluster is not at, or a mistake of ours. It begins with resendAfter and doubles, so
	// that an edge that is wrong costs the log a command a minute, not one each second.
	refusedMost = time.Minute
	// askPause is the first pause before an edge asks again where there are no seats; it
	// doubles up to askPauseMost. Each asking recalls idle seats from all.
	askPause     = 250 * time.Millisecond
	askPauseMost = 2 * time.Second
	// recallFor is how long after a recall every seat that gets idle goes back at once.
	recallFor = 2 * time.Second
	// An edge keeps a quarter more seats than it has guests, within bounds: with less it
	// would turn to the voters in the middle of a rush, with more others would.
	aheadLeast, aheadMost = 4, 256
	blockUnlimited        = 64
)

// flight is a proposal whose outcome is not known.
type flight struct {
	c         *controlpb.Command
	seq       uint64
	returning int
	joined    []string
	left      []string
	acquires  bool
	refused   bool // c only puts the numbers in order: see Refused
	sent      time.Time
	busy      bool // somebody still waits for its answer
}

// Next returns a command to propose now, or nil, and how long nothing will change by
// time alone; 0: for ever. The caller proposes it as it is and calls Answered.
func (t *Tenant) Next(now time.Time) (*controlpb.Command, time.Duration) {
	if t.w == nil {
		return nil, 0
	}
	if wait := t.resume.Sub(now); wait > 0 {
		return nil, wait
	}
	if f := t.flight; f != nil {
		switch wait := f.sent.Add(resendAfter).Sub(now); {
		case f.busy:
			return nil, 0
		case wait > 0:
			return nil, wait
		}
		f.sent, f.busy = now, true
		return f.c, 0
	}
	c := &controlpb.Command{}
	f := &flight{c: c, seq: t.seq + 1, sent: now, busy: true}
	wait := t.plan(f, now)
	if c.GetKind() == nil {
		return nil, wait
	}
	t.seq++
	t.flight = f
	c.Principal = "node:" + t.node
	c.RequestId = fmt.Sprintf("%s/%d/%d", t.id, t.epoch, f.seq)
	return c, 0
}

// Answered says how the proposal of that command ended. ok: it was committed, and n is
// the number that it was answered with. Otherwise it may or may not have been.
func (t *Tenant) Answered(c *controlpb.Command, ok bool, n int, now time.Time) {
	if seq := c.GetAcquireGuesses().GetSeq(); ok && seq != 0 && seq == t.guesses.pending {
		t.guesses.pending = 0
		t.guesses.left += n
		if n == 0 {
			t.guesses.again = now.Add(guessPause)
		}
	}
	if f := t.flight; f != nil && f.c == c {
		f.busy, f.sent = false, now
	} else if seq := c.GetAcquireGuesses().GetSeq(); !ok && seq == t.guesses.pending {
		t.guesses.pending = 0 // nobody will say how many there were: they are lost
	}
}

// Refused is Answered for a proposal that the voters will not have as it is, for another
// reason than its number: to send it again would be of no use. A copy of it that is still
// on its way may count all the same one day, so what it would do is not forgotten: in its
// place goes one that does nothing and has a higher number, and once a snapshot shows that
// one, the first can never count.
func (t *Tenant) Refused(c *controlpb.Command, now time.Time) {
	f := t.flight
	if f == nil || f.c != c {
		t.Answered(c, false, 0, now)
		return
	}
	if f.seq == t.guesses.pending {
		t.guesses.pending, t.guesses.again = 0, now.Add(guessPause)
	}
	t.seq++
	f.seq, f.sent, f.busy, f.acquires, f.refused = t.seq, time.Time{}, false, false, true
	f.c = &controlpb.Command{
		Principal: "node:" + t.node, RequestId: fmt.Sprintf("%s/%d/%d", t.id, t.epoch, f.seq),
		Kind: &controlpb.Command_AcquireSeats{AcquireSeats: &controlpb.AcquireSeats{
			Webinar: t.id, Node: t.node, Epoch: t.epoch, Seq: f.seq}},
	}
	t.rest = min(max(2*t.rest, resendAfter), refusedMost)
	t.resume = now.Add(t.rest)
}

// land settles the proposal under way: the snapshot says that it was applied, or never
// will be.
func (t *Tenant) land(now time.Time) {
	f := t.flight
	t.flight = nil
	if !f.refused {
		t.rest = 0
	}
	if f.seq == t.guesses.pending && !f.busy {
		t.guesses.pending = 0
	}
	for _, p := range f.joined {
		s := t.seats[p]
		s.joining = false
		t.set(p, s, now)
	}
	for _, p := range f.left {
		s := t.seats[p]
		s.leaving = false
		t.set(p, s, now)
	}
	if f.acquires && t.w.SeatsFree() <= 0 && t.Idle() <= 0 {
		t.pause = min(max(2*t.pause, askPause), askPauseMost)
		t.ask = now.Add(t.pause)
	}
}

// plan fills f with the most urgent proposal, if there is one, and returns how long there
// is none.
func (t *Tenant) plan(f *flight, now time.Time) time.Duration {
	if t.guesses.need(now) {
		g := &t.guesses
		g.pending, g.spent = f.seq, false
		f.c.Kind = &controlpb.Command_AcquireGuesses{AcquireGuesses: &controlpb.AcquireGuesses{
			Webinar: t.id, Node: t.node, Epoch: t.epoch, Seq: f.seq, Want: g.want(), Right: uint32(min(g.right, mostRight))}}
		g.right -= min(g.right, mostRight)
		return 0
	}
	if who := t.followers(); len(who) > 0 {
		f.c.Kind = &controlpb.Command_TransferSeat{TransferSeat: &controlpb.TransferSeat{
			Webinar: t.id, Node: t.node, Epoch: t.epoch, Seq: f.seq, Participant: who[0], Others: who[1:]}}
		return 0
	}
	recalled := t.w.Recall > t.recall || now.Sub(t.called) < recallFor && !t.called.IsZero()
	batch := batchFor
	if t.w.SeatsFree() <= 0 && t.used > t.held {
		batch = batchFull
	}
	due := t.since.Add(batch).Sub(now)
	wait := due
	if len(t.news) == 0 {
		wait = 0
	} else if due <= 0 || len(t.news) >= batchMost || (recalled || len(t.waits) > 0) && t.used > t.held {
		if t.report(f, now); f.c.GetKind() != nil {
			return 0
		}
		wait = batchFor
	}
	if n := t.surplus(recalled); n > 0 {
		f.returning = n
		f.c.Kind = &controlpb.Command_ReturnSeats{ReturnSeats: &controlpb.ReturnSeats{
			Webinar: t.id, Node: t.node, Epoch: t.epoch, Seq: f.seq, Count: uint32(n)}}
		return 0
	}
	t.recall = t.w.Recall
	n := t.want()
	if n == 0 {
		return wait
	}
	if pause := t.ask.Sub(now); pause > 0 && t.w.SeatsFree() <= 0 {
		return sooner(wait, pause)
	}
	f.acquires = true
	f.c.Kind = &controlpb.Command_AcquireSeats{AcquireSeats: &controlpb.AcquireSeats{
		Webinar: t.id, Node: t.node, Epoch: t.epoch, Seq: f.seq, Want: uint32(n)}}
	return 0
}

// sooner returns the shorter wait, where 0 is for ever.
func sooner(a, b time.Duration) time.Duration {
	if a <= 0 || b > 0 && b < a {
		return b
	}
	return a
}

// followers are those whose seat is elsewhere and should come here: they wait for it, or
// sit on another one in the meantime.
func (t *Tenant) followers() []string {
	var who []string
	if len(t.waits)+len(t.moves) == 0 {
		return nil
	}
	for _, set := range []map[string]struct{}{t.waits, t.moves} {
		for _, p := range slices.Sorted(maps.Keys(set)) {
			if t.elsewhere(p) && len(who) < batchMost {
				who = append(who, p)
			}
		}
	}
	clear(t.moves) // once: if it fails they have a seat all the same
	return who
}

// report proposes the news. Who sits here on a seat of ours while they have one elsewhere
// is no news: the name is on that one.
func (t *Tenant) report(f *flight, now time.Time) {
	r := &controlpb.ReportSeats{Webinar: t.id, Node: t.node, Epoch: t.epoch, Seq: f.seq}
	for _, p := range slices.Sorted(maps.Keys(t.news)) {
		s := t.seats[p]
		switch {
		case len(r.Joined)+len(r.Left) >= batchMost:
		case s.echo, !s.in:
			r.Left = append(r.Left, p)
		case !t.elsewhere(p):
			r.Joined = append(r.Joined, p)
		}
	}
	t.since = now // for what is left of them
	if len(r.Joined)+len(r.Left) == 0 {
		return
	}
	f.joined, f.left = r.Joined, r.Left
	for _, p := range r.Joined {
		s := t.seats[p]
		s.joining = true
		t.set(p, s, now)
	}
	for _, p := range r.Left {
		s := t.seats[p]
		s.leaving = true
		t.set(p, s, now)
	}
	f.c.Kind = &controlpb.Command_ReportSeats{ReportSeats: r}
}

// ahead is how many idle seats the edge likes to have.
func (t *Tenant) ahead() int {
	switch {
	case t.held == 0 && len(t.waits) == 0:
		return 0
	case t.unlimited():
		return max(blockUnlimited, t.held/2)
	}
	return min(max(t.held/4, aheadLeast), aheadMost)
}

// surplus is how many idle seats should go back. Where all seats are leased that is all
// that nobody here waits for, and otherwise what is far more than the edge likes to have.
func (t *Tenant) surplus(recalled bool) int {
	idle := t.Idle()
	switch free := t.w.SeatsFree(); {
	case free < 0:
		return max(idle, 0)
	case recalled, free == 0:
		return max(idle-len(t.waits), 0)
	}
	if keep := t.ahead(); idle > 2*keep {
		return idle - keep
	}
	return 0
}

// want is how many seats to ask for: those that visitors wait for, and where there are
// enough for all a few ahead.
func (t *Tenant) want() int {
	n := 0
	for p := range t.waits {
		if !t.elsewhere(p) {
			n++
		}
	}
	free, keep := t.w.SeatsFree(), t.ahead()
	if free < 0 {
		return 0
	}
	if free >= 2*max(1, t.w.Lessees()) && t.Idle()-n < (keep+1)/2 {
		n += keep
	}
	return max(n-max(t.Idle(), 0), 0)
}
