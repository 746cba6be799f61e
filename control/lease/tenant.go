// Package lease decides for one edge who gets a seat of a webinar, and what the edge asks
// the voters for. It is a machine without clock, network or randomness: time comes in,
// commands go out, and a [Tenant] sees the webinar as the edge's replica has it, however
// old that is.
//
// The law it keeps: those inside at an edge are never more than the edge's seats, counting
// as lost whatever the edge cannot know to have kept. So the distinct guests inside over
// all edges are never more than the limit (M1). That rests on four things:
//
//   - Its seats and the names on them are read from one snapshot of the replica, never
//     pieced together from answers.
//   - Somebody whose seat has their name on it, or may have, keeps it until a snapshot
//     says that they left: until then another node may take that seat over.
//   - At most one proposal about a webinar is under way. It is sent again, the same, until
//     a snapshot shows its number or a newer one; until then it counts as done where that
//     is worse, and as not done where that is.
//   - A seat that was taken over ends its holder's stay here before the edge says so, and
//     until it has said so the seat is nobody else's ([webinar.Seat.Echoes]).
package lease

import (
	"slices"
	"time"

	"stentor/control/webinar"
)

// Answer is what somebody who wants a seat hears.
type Answer int

// The answers.
const (
	In   Answer = iota // they have one
	Wait               // ask again when the replica has changed
	Full               // there is none, and nobody here knows of one that could come
)

// seat is what an edge knows of a participant.
type seat struct {
	in      bool // here, with a seat
	named   bool // the snapshot has their seat here
	joining bool // a proposal may name them
	leaving bool // a proposal may say that they left
	echo    bool // the snapshot has their seat elsewhere, and us as its echo
}

// weight is how many of our seats a participant takes, at worst. One that has a name on
// it is theirs whether they are here or not. Whoever came back while we may have said
// that they left takes another: the first may go to somebody else by that.
func (s seat) weight() int {
	n := 0
	if s.named || s.joining {
		n = 1
	}
	if s.in && (n == 0 || s.leaving) {
		n++
	}
	return n
}

// Tenant is one webinar's seats and guesses at one incarnation of an edge. It is not
// safe for concurrent use.
type Tenant struct {
	id, node string
	epoch    uint64

	w       *webinar.Webinar // as it was observed last; nil: not yet, or gone
	granted int              // of it
	seats   map[string]seat
	used    int // the weight of all seats
	held    int // those in
	named   int // those whose name is on a seat of ours
	echoes  map[string]struct{}

	news   map[string]struct{} // those who came, left or were taken over, which nobody was told yet
	since  time.Time           // since when there are any
	moves  map[string]struct{} // who is in on a seat of ours, and has one elsewhere that should follow
	waits  map[string]struct{}
	recall uint64    // the newest recall that was answered
	called time.Time // when the newest recall was seen
	ask    time.Time // when it is worth asking for seats again, though there are none
	pause  time.Duration
	resume time.Time // when it is worth proposing again, after a refusal
	rest   time.Duration

	seq    uint64
	flight *flight

	guesses guesses
}

// New returns the machine for a webinar at an incarnation of a node.
func New(id, node string, epoch uint64) *Tenant {
	return &Tenant{id: id, node: node, epoch: epoch, seats: make(map[string]seat),
		news: make(map[string]struct{}), moves: make(map[string]struct{}), waits: make(map[string]struct{})}
}

// Holds reports whether a participant has a seat here.
func (t *Tenant) Holds(participant string) bool { return t.seats[participant].in }

// Held is the number of those who have a seat here.
func (t *Tenant) Held() int { return t.held }

// Idle is how many more the edge could let in by itself. It is negative when it has lost
// seats that are still in use.
func (t *Tenant) Idle() int {
	idle := t.granted - t.used
	if t.flight != nil {
		idle -= t.flight.returning
	}
	return idle
}

// Unused reports whether nothing would be lost with t. What is under way about a webinar
// that is gone is nothing.
func (t *Tenant) Unused() bool {
	return len(t.seats) == 0 && len(t.waits) == 0 && (t.flight == nil || t.w == nil) && t.granted == 0 && !t.guesses.held()
}

// Strict reports whether the edge has something to lose in a strict webinar: it should
// promise to fence itself.
func (t *Tenant) Strict() bool {
	return t.w != nil && t.w.Partition == webinar.Strict && (t.granted > 0 || t.held > 0)
}

// unlimited reports whether nobody needs to wait for a seat.
func (t *Tenant) unlimited() bool { return t.w != nil && t.w.GuestLimit <= 0 }

// elsewhere reports whether a participant's seat is at another node.
func (t *Tenant) elsewhere(participant string) bool {
	if t.w == nil {
		return false
	}
	s, ok := t.w.Seat(participant)
	return ok && s.Node != t.node
}

// Take gives a participant a seat, if there is one. Whoever is told to wait is waited
// for: [Tenant.Next] asks for a seat until they have one or Abandon is called.
func (t *Tenant) Take(participant string, now time.Time) Answer {
	s := t.seats[participant]
	if s.in {
		return In
	}
	if t.w == nil {
		return Wait
	}
	after := s
	after.in = true
	cost := after.weight() - s.weight()
	elsewhere := t.elsewhere(participant)
	// With their name on it the seat is theirs. One that a proposal may put it on must still
	// be ours: the voters may have taken it back since.
	kept := cost == 0 && (s.named || t.Idle() >= 0)
	switch {
	case kept, t.unlimited(), cost > 0 && t.Idle() >= cost && t.w.SeatsFree() >= 0:
		delete(t.waits, participant)
		t.set(participant, after, now)
		if elsewhere {
			t.moves[participant] = struct{}{}
		}
		return In
	case !elsewhere && t.hopeless():
		t.Abandon(participant, now)
		return Full
	}
	t.waits[participant] = struct{}{}
	return Wait
}

// hopeless reports whether no seat can come: all have names on them, or more are leased
// than there should be. Those who have left here, which nobody was told yet, are hope.
func (t *Tenant) hopeless() bool {
	if t.w.SeatsFree() < 0 {
		return true
	}
	return t.Idle() <= 0 && t.used <= t.held && t.w.AllSeated()
}

// Abandon says that a participant no longer waits.
func (t *Tenant) Abandon(participant string, now time.Time) {
	if _, ok := t.waits[participant]; ok {
		delete(t.waits, participant)
		t.note(participant, t.seats[participant], now) // a seat may have come for them
	}
}

// Waiting is the number of those who wait.
func (t *Tenant) Waiting() int { return len(t.waits) }

// Leave says that a participant is not here any more. Without a name on it their seat is
// free at once.
func (t *Tenant) Leave(participant string, now time.Time) {
	s := t.seats[participant]
	s.in = false
	t.set(participant, s, now)
}

// Evict is Leave for everybody: the sessions of all guests have ended.
func (t *Tenant) Evict(now time.Time) {
	for _, p := range names(t.seats, nil) {
		t.Leave(p, now)
	}
}

// set changes what is known of a participant, and what is to be told.
func (t *Tenant) set(participant string, s seat, now time.Time) {
	old := t.seats[participant]
	t.used += s.weight() - old.weight()
	switch {
	case s.in && !old.in:
		t.held++
	case !s.in && old.in:
		t.held--
	}
	switch {
	case s.named && !old.named:
		t.named++
	case !s.named && old.named:
		t.named--
	}
	if s == (seat{}) {
		delete(t.seats, participant)
	} else {
		t.seats[participant] = s
	}
	if !s.in {
		delete(t.moves, participant)
	}
	t.note(participant, s, now)
}

// note puts a participant on the list of news, or takes them off it.
func (t *Tenant) note(participant string, s seat, now time.Time) {
	joined := s.in && !s.named && !s.joining && !t.unlimited()
	_, waits := t.waits[participant]
	left := !s.in && s.named && !s.leaving && !waits // who waits is about to sit on it
	if !joined && !left && (!s.echo || s.leaving) {
		delete(t.news, participant)
		return
	}
	if len(t.news) == 0 {
		t.since = now
	}
	t.news[participant] = struct{}{}
}

// Observe takes the webinar as the replica has it now, nil if it has none. Snapshots come
// in order. It returns those whose seat is at another node now: their stay here has ended
// when the next command is proposed.
func (t *Tenant) Observe(w *webinar.Webinar, now time.Time) (superseded []string) {
	before := t.w
	if w == before {
		return nil
	}
	if w != nil && w.State == webinar.Ended { // its leases are nobody's concern any more
		w, t.flight = nil, nil
		for _, p := range names(t.seats, nil) {
			t.set(p, seat{in: t.seats[p].in}, now)
		}
		t.echoes = nil
	}
	t.w = w
	if w == nil {
		t.granted = 0
		return nil
	}
	lease, ok := w.Lease(t.node)
	mine := ok && lease.Epoch == t.epoch
	if !mine {
		lease = webinar.SeatLease{}
	}
	t.granted, t.seq = lease.Granted, max(t.seq, lease.Seq)
	if t.flight != nil && lease.Seq >= t.flight.seq {
		t.land(now)
	}
	if before == nil || !w.SameSeats(before, t.node) || !mine {
		superseded = t.rename(mine, now)
	}
	if before == nil || (before.GuestLimit <= 0) != (w.GuestLimit <= 0) {
		for _, p := range names(t.seats, nil) {
			t.note(p, t.seats[p], now)
		}
	}
	if w.Recall > t.recall && (before == nil || w.Recall > before.Recall) {
		t.called = now
	}
	if w.SeatsFree() > 0 {
		t.ask, t.pause = time.Time{}, 0
	}
	return superseded
}

// rename brings the names on our seats, and the echoes, to what the snapshot says. It
// looks at who is new, and at everybody only if somebody is gone.
func (t *Tenant) rename(mine bool, now time.Time) (superseded []string) {
	count, echoes := 0, make(map[string]struct{})
	if mine {
		count = t.w.SeatedCount(t.node)
		for p := range t.w.Seated(t.node) {
			if s := t.seats[p]; !s.named {
				s.named = true
				t.set(p, s, now)
			}
		}
		for p := range t.w.Echoed(t.node) {
			echoes[p] = struct{}{}
		}
	}
	if t.named > count {
		gone := func(p string) bool {
			at, _ := t.w.Seat(p)
			return t.seats[p].named && (!mine || at.Node != t.node)
		}
		for _, p := range names(t.seats, gone) {
			s := t.seats[p]
			s.named = false
			t.set(p, s, now)
		}
	}
	for _, p := range names(t.echoes, func(p string) bool { _, still := echoes[p]; return !still }) {
		s := t.seats[p]
		s.echo = false
		t.set(p, s, now)
	}
	for _, p := range names(echoes, nil) {
		if s := t.seats[p]; !s.echo {
			if s.in {
				superseded = append(superseded, p)
			}
			s.in, s.echo = false, true
			t.set(p, s, now)
		}
	}
	t.echoes = echoes
	return superseded
}

// names are those of a table that are wanted, nil: all, in order: since when there is
// news hangs on who comes first, and the same story must always end the same.
func names[V any](of map[string]V, wanted func(string) bool) []string {
	var out []string
	for p := range of {
		if wanted == nil || wanted(p) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}
