package lease

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"time"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

var epochBegin = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

const hall = "w_1"

// world is a cluster in virtual time: one log of the real state, edges with the real
// machine, and a network that loses, delays, doubles and reorders. What is wrong with it
// is in bug. It is the truth about who is inside, which the machine does not see.
type world struct {
	seed uint64
	pcg  *rand.PCG
	rng  *rand.Rand
	bug  bug
	now  time.Duration

	history              []*control.State    // by index
	changes              []*controlpb.Change // as edges get them, by index
	times                []time.Duration     // of the commits, by index
	facts                []fact              // by index
	chain                []*control.State    // replicas by index, as far as they were needed
	banned               map[webinar.Key][]held
	gone                 map[string][]held
	persons              map[string]*person
	met                  []*person
	devices              [][32]byte
	invites, registrants []string
	signed, asked        int
	trace                *[]string     // nil: nobody looks
	last                 int           // the step that failed; -1: none
	skew                 time.Duration // of the leader's clock
	jumped               time.Duration // how far that has gone ahead in all
	edges                []*edge
	mail                 []letter
	people               int
	recent               []string // who left somewhere, the last ones
	strict               bool
	mood                 mood

	inside       map[string]int // distinct guests -> edges that they are inside at
	entered      int
	wrong, right int
	failure      string
}

// letter is a proposal on its way to the leader, or the answer to one.
type letter struct {
	at     time.Duration
	from   *edge
	life   uint64 // epoch of the sender
	c      *controlpb.Command
	answer bool
	ok     bool
	refuse bool // the voters do not have it, whatever its number
	n      int
}

// edge is one node, with what is true of it.
type edge struct {
	name    string
	epoch   uint64
	up      bool
	skew    time.Duration // of its wall clock
	slow    bool          // its stream delivers when it likes
	joined  time.Duration // when it got a stream that delivers
	until   time.Duration // paused until then
	sleeps  bool          // paused, or has not had its turn since: nobody hears anything from it
	slept   time.Duration // for how long, in all
	replica int
	state   *control.State   // what it holds, of that index
	apart   bool             // from a snapshot, and not the one that all share
	swept   *webinar.Webinar // what its sessions were last asked about
	fresh   time.Duration    // when the replica was surely the newest
	deaf    bool             // gets no changes
	mute    bool             // its proposals are lost
	unheard bool             // answers to it are lost

	tenant     *Tenant
	fence      *Fence
	inside     map[string]bool          // guests with a seat
	sessions   map[string]*session      // the roster
	candidates map[string]*session      // who waits for a seat
	leaving    map[string]time.Duration // planted: whose session ends too late
	waits      map[string]time.Duration // guest -> gives up
	registers  bool
}

func newWorld(seed uint64, b bug) *world {
	w := &world{seed: seed, pcg: rand.NewPCG(seed, 1), bug: b, inside: make(map[string]int), persons: make(map[string]*person),
		banned: make(map[webinar.Key][]held), gone: make(map[string][]held)}
	w.rng = rand.New(w.pcg)
	w.push(control.NewState(), nil)
	w.chain, w.facts = []*control.State{control.NewState()}, []fact{{}}
	w.commit(&controlpb.Command{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: 2}}})
	if w.mood = w.draw(); b > none && b < lastSeatBug { // hunted where no host disturbs, as in a quarter of the schedules
		w.mood.hosts = 0
	}
	w.strict = w.rng.IntN(3) == 0
	partition := "keep"
	if w.strict {
		partition = "strict"
	}
	w.commit(&controlpb.Command{Principal: "ada", Kind: &controlpb.Command_CreateWebinar{CreateWebinar: &controlpb.CreateWebinar{
		Id: hall, Link: "hall", Title: "Hall", Owner: "ada",
		Settings: &controlpb.Settings{Title: "Hall", GuestLimit: uint32(1 + w.rng.IntN(9)), Partition: partition, RetentionDays: 1}}}})
	for i := range 2 + w.rng.IntN(3) {
		e := &edge{name: fmt.Sprintf("n%d", i), waits: make(map[string]time.Duration), leaving: make(map[string]time.Duration),
			skew: w.some(time.Hour) - 30*time.Minute, state: w.chain[0]}
		w.edges = append(w.edges, e)
		w.boot(e)
	}
	return w
}

func (w *world) head() *control.State               { return w.history[len(w.history)-1] }
func (w *world) hall() *webinar.Webinar             { return w.head().Webinar(hall) }
func (w *world) leaderTime() time.Time              { return epochBegin.Add(w.now + w.skew) }
func (w *world) chance(percent int) bool            { return w.rng.IntN(100) < percent }
func (w *world) some(d time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(d))) }

func (w *world) fail(format string, a ...any) {
	if w.failure == "" {
		w.say(format, a...)
		w.failure = fmt.Sprintf("at %v: ", w.now) + fmt.Sprintf(format, a...)
	}
}

// say adds a line to the trace, if somebody wants one.
func (w *world) say(format string, a ...any) {
	if w.trace != nil {
		*w.trace = append(*w.trace, fmt.Sprintf("%12v  ", w.now)+fmt.Sprintf(format, a...))
	}
}

// clock is the edge's own, which starts anywhere and goes on while it is paused.
func (w *world) clock(e *edge) time.Time {
	t := w.now
	if w.bug == clockStopsWhilePaused {
		t -= e.slept
	}
	return time.Unix(1000, 0).Add(t)
}

// boot starts a new incarnation, which knows what it had on disk.
func (w *world) boot(e *edge) {
	e.epoch++
	e.up, e.tenant, e.fence = true, nil, NewFence(e.name, e.epoch)
	e.inside, e.fresh = make(map[string]bool), -time.Hour
	e.sessions, e.candidates, e.joined = make(map[string]*session), make(map[string]*session), w.now
	if back := w.rng.IntN(6); w.chance(30) && e.replica > back { // the disk is a little older than what it had heard
		e.replica -= back
		e.state, e.apart = w.replica(e.replica), false
	}
}

func (w *world) crash(e *edge) {
	w.say("%s crashes", e.name)
	for p := range e.inside {
		w.out(e, p)
	}
	clear(e.sessions)
	clear(e.candidates)
	e.swept = nil
	e.up, e.tenant, e.registers, e.sleeps, e.until = false, nil, false, false, 0
	clear(e.waits)
}

// enter and out keep the truth.
func (w *world) enter(e *edge, p string) {
	if e.inside[p] {
		return
	}
	e.inside[p] = true
	w.inside[p]++
	w.entered++
	w.check()
}

func (w *world) out(e *edge, p string) {
	delete(e.leaving, p)
	delete(e.sessions, p)
	if !e.inside[p] {
		return
	}
	delete(e.inside, p)
	if w.inside[p]--; w.inside[p] == 0 {
		delete(w.inside, p)
	}
}

// check is the law.
func (w *world) check() {
	hall := w.hall()
	if most := max(hall.SeatLimit(), hall.SeatsGranted()); len(w.inside) > most && w.served() > most {
		w.fail("%d distinct guests inside, %d seats: %s", w.served(), most, w.dump())
	}
	budget := webinar.GuessesPerHour*(1+(w.now+w.jumped).Hours()) + float64(w.right)/10
	if float64(w.wrong) > budget {
		w.fail("%d wrong PINs, the budget is %.1f", w.wrong, budget)
	}
}

// served is how many distinct guests are inside at edges that are not paused.
func (w *world) served() int {
	guests := make(map[string]bool)
	for _, e := range w.edges {
		if !e.sleeps {
			maps.Copy(guests, e.inside)
		}
	}
	return len(guests)
}

func (w *world) dump() string {
	s := ""
	for l := range w.hall().Leases() {
		s += fmt.Sprintf(" %s/%d:%d", l.Node, l.Epoch, l.Granted)
	}
	for t := range w.hall().Seats() {
		s += fmt.Sprintf(" %s@%s%v", t.Participant, t.Node, t.Echoes)
	}
	for _, e := range w.edges {
		s += fmt.Sprintf("\n  %s/%d up %v inside %v", e.name, e.epoch, e.up, e.inside)
	}
	return s
}

// commit appends a command to the log.
func (w *world) commit(c *controlpb.Command) control.Result {
	s := w.head()
	at := w.leaderTime()
	if s.Time().After(at) {
		at = s.Time()
	}
	c.ProposedAt = at.UnixNano()
	if w.bug == sendersStampCommands && c.GetRegister() != nil {
		c.ProposedAt = w.wall(w.edges[w.rng.IntN(len(w.edges))]).UnixNano()
	}
	before := s.Webinar(hall)
	c = w.misread(c)
	next, r := s.Apply(s.Index()+1, c)
	if r.Halt != nil {
		w.fail("halt: %v", r.Halt)
		return r
	}
	applied := next
	next = w.misapply(s, next, c, &r)
	if next == applied {
		w.push(next, w.carried(r.Change))
	} else {
		w.push(next, nil)
	}
	if w.trace != nil {
		w.say("%d %v -> %s %v", next.Index(), c, r.Subject, r.Err)
	}
	w.note(s, c, r, at)
	if before != nil {
		after := next.Webinar(hall)
		if g := after.SeatsGranted(); g > max(after.SeatLimit(), before.SeatsGranted()) {
			w.fail("%d seats are in leases of %d, by %v", g, after.SeatLimit(), c)
		}
		for l := range after.Leases() {
			if l.Granted < after.SeatedCount(l.Node) {
				w.fail("%s has %d seats, and %d names on them, by %v", l.Node, l.Granted, after.SeatedCount(l.Node), c)
			}
		}
		w.check()
	}
	return r
}

// send puts a proposal on its way, perhaps twice and out of order.
func (w *world) send(e *edge, c *controlpb.Command) {
	l := letter{from: e, life: e.epoch, c: c}
	delay := func() time.Duration {
		if w.chance(w.mood.slow) {
			return w.some(90 * time.Second)
		}
		return w.some(60 * time.Millisecond)
	}
	arrives := !e.mute && !w.chance(w.mood.lost)
	if arrives {
		l.at = w.now + delay()
		w.mail = append(w.mail, l)
	}
	if arrives && w.chance(6) {
		l.at = w.now + delay()
		w.mail = append(w.mail, l)
	}
	l.answer, l.ok, l.at = true, false, w.now+3*time.Second // gives up by then
	if w.chance(w.mood.slow) {
		l.at = w.now + time.Minute // or has more patience
	}
	w.mail = append(w.mail, l)
}

// deliver handles the mail that is due.
func (w *world) deliver() {
	for i := 0; i < len(w.mail); {
		l := w.mail[i]
		if l.at > w.now || l.answer && w.now < l.from.until {
			i++
			continue
		}
		w.mail[i] = w.mail[len(w.mail)-1]
		w.mail = w.mail[:len(w.mail)-1]
		if l.answer {
			w.answered(l)
			continue
		}
		c := l.c
		if host := c.GetPrincipal() == "ada" || c.GetRegister() != nil; !host && (w.bug.forgetsRequests() || w.chance(25)) { // the table of requests has forgotten it
			c = bare(c)
		} else {
			c = copyOf(c)
		}
		if refuse := w.chance(w.mood.refuse); refuse && c.GetRenewLease() == nil && c.GetRegisterNode() == nil && c.GetRegister() == nil && c.GetPrincipal() != "ada" {
			l.answer, l.refuse, l.at = true, true, w.now+w.some(40*time.Millisecond)
			w.mail = append(w.mail, l)
			continue
		}
		r := w.commit(c)
		if l.from.unheard || w.chance(w.mood.lost) {
			continue
		}
		l.answer, l.ok, l.at = true, r.Err == nil, w.now+w.some(40*time.Millisecond)
		if w.chance(w.mood.slow) {
			l.at = w.now + w.some(50*time.Second)
		}
		l.n, _ = strconv.Atoi(r.Subject)
		w.mail = append(w.mail, l)
	}
}

func (w *world) answered(l letter) {
	e := l.from
	if !e.up || e.epoch != l.life || l.c.GetRegister() != nil || l.c.GetPrincipal() == "ada" {
		return
	}
	if l.c.GetRenewLease() != nil {
		if l.c.GetRenewLease().GetSeq() == e.fence.seq && e.fence.busy {
			e.fence.Answered(l.ok)
		}
		return
	}
	if l.c.GetRegisterNode() != nil {
		e.registers = false
		return
	}
	if e.tenant != nil {
		if l.refuse {
			e.tenant.Refused(l.c, w.clock(e))
		} else {
			e.tenant.Answered(l.c, l.ok, l.n, w.clock(e))
		}
		w.mishear(e, l)
	}
}
