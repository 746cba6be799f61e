package lease

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
)

var (
	schedules = flag.Int("simulate.schedules", 0, "how many schedules to simulate; 0: 10,000, or 1,000 with -short, which is how they run under the race detector")
	seedFlag  = flag.Uint64("simulate.seed", 1, "the first schedule's seed; the others follow")
	hunt      = flag.Int("simulate.hunt", 20_000, "how many schedules a planted bug may hide in")
	budget    = flag.Duration("simulate.budget", 5*time.Minute, "stop after this")
)

// asked is how many schedules are to be simulated.
func asked() int {
	switch {
	case *schedules > 0:
		return *schedules
	case testing.Short():
		return 1_000
	}
	return 10_000
}

func copyOfNode(r *controlpb.Record) *controlpb.NodeRecord { return proto.CloneOf(r).GetNode() }

// run plays one schedule and returns what went wrong, or nothing.
func run(seed uint64, b bug) (failure string, w *world) {
	w = newWorld(seed, b)
	for range 60 + w.rng.IntN(160) {
		w.step()
		if w.failure != "" {
			return w.failure, w
		}
	}
	w.heal()
	return w.failure, w
}

// elapse lets time pass: edges keep their promises in it, and the leader ticks.
func (w *world) elapse(d time.Duration) {
	for d > 0 {
		step := min(d, 2*time.Second)
		w.now += step
		d -= step
		w.fences()
		if w.head().Due(w.leaderTime()) {
			w.commit(&controlpb.Command{Kind: &controlpb.Command_Tick{Tick: &controlpb.Tick{}}})
		}
	}
}

// mood is what a schedule has more of, in per cent, so that also rare things come together.
type mood struct {
	slow   int // letters that take up to a minute and a half
	lost   int // letters that are lost
	refuse int // letters that the leader does not have: its cluster is of an older version
	known  int // guests who were here before
	breaks int
	leaps  int // steps of up to half a minute
}

func (w *world) draw() mood {
	one := func(usual, much int) int {
		if w.chance(25) {
			return much
		}
		return usual
	}
	return mood{slow: one(3, 30), lost: one(5, 30), refuse: one(0, 30), known: one(30, 90), breaks: one(12, 30), leaps: one(4, 15)}
}

// step lets some time pass, and something happen.
func (w *world) step() {
	switch {
	case w.chance(w.mood.leaps):
		w.elapse(w.some(30 * time.Second))
	case w.chance(30):
		w.elapse(w.some(2 * time.Second))
	default:
		w.elapse(w.some(100 * time.Millisecond))
	}
	e := w.edges[w.rng.IntN(len(w.edges))]
	switch n := w.rng.IntN(100); {
	case n < 40:
		w.guests(e)
	case n < 52:
		w.leaves(e)
	case n < 60:
		w.moves(e)
	case n < 60+w.mood.breaks:
		w.breaks(e)
	case n < 64+w.mood.breaks:
		w.repairs(e)
	case n < 66+w.mood.breaks:
		w.skews()
	case n < 68+w.mood.breaks:
		w.edits()
	case n < 70+w.mood.breaks && e.awake(w.now):
		w.try(e, w.chance(20))
	}
	w.passes()
}

// passes is what goes on by itself.
func (w *world) passes() {
	w.deliver()
	for _, e := range w.edges {
		if !e.awake(w.now) {
			continue
		}
		w.turn(e) // what time alone asks for comes before anything else
		if !e.deaf {
			behind := len(w.history) - 1 - e.replica
			if w.chance(70) {
				behind = w.rng.IntN(behind + 1)
				w.hear(e, len(w.history)-1-behind)
			} else {
				w.hear(e, len(w.history)-1)
			}
		}
		w.turn(e)
	}
}

// fences has edges end what they must by the time that has passed. One that was paused
// does that first of all.
func (w *world) fences() {
	for _, e := range w.edges {
		if !e.awake(w.now) || e.tenant == nil {
			continue
		}
		w.obey(e)
		if e.sleeps {
			e.sleeps = false
			w.check()
		}
	}
}

func (w *world) guests(e *edge) {
	if !e.awake(w.now) {
		return
	}
	for range 1 + w.rng.IntN(3) {
		p := fmt.Sprintf("p%d", w.people)
		if w.chance(w.mood.known) && w.people > 3 { // someone who was here before, perhaps elsewhere
			p = fmt.Sprintf("p%d", w.rng.IntN(w.people))
			if len(w.recent) > 0 && w.chance(50) {
				p = w.recent[w.rng.IntN(len(w.recent))]
			}
		} else {
			w.people++
		}
		w.take(e, p)
	}
}

func (w *world) anyone(e *edge) (string, bool) {
	all := sorted(e.inside)
	if len(all) == 0 {
		return "", false
	}
	return all[w.rng.IntN(len(all))], true
}

func (w *world) leaves(e *edge) {
	if p, ok := w.anyone(e); ok && e.awake(w.now) {
		w.leave(e, p)
		if w.chance(40) {
			w.take(e, p) // and is back at once
		}
	}
}

// moves has somebody come to another edge, with or without leaving the first one.
func (w *world) moves(e *edge) {
	p, ok := w.anyone(e)
	to := w.edges[w.rng.IntN(len(w.edges))]
	if !ok || to == e || !to.awake(w.now) {
		return
	}
	w.take(to, p)
	if w.chance(50) && e.awake(w.now) {
		w.leave(e, p)
	}
}

func (w *world) breaks(e *edge) {
	switch w.rng.IntN(6) {
	case 0:
		e.deaf = true
	case 1:
		e.mute = true
	case 2:
		e.unheard = true
	case 3:
		e.deaf, e.mute, e.unheard = true, true, true
	case 4:
		if e.up {
			from := max(e.until, w.now)
			e.until = max(from, w.now+w.some(100*time.Second))
			e.slept += e.until - from
			e.sleeps = true
		}
	case 5:
		if e.up {
			w.crash(e)
			if w.chance(50) { // somebody starts it again at once
				w.boot(e)
			}
		}
	}
	if w.bug == silentMeansGone && e.deaf && e.up {
		w.history = append(w.history, w.vacate(w.head(), e.name))
	}
}

func (w *world) repairs(e *edge) {
	e.deaf, e.mute, e.unheard = false, false, false
	if !e.up {
		w.boot(e)
	}
}

// skews has another leader, whose clock is another one. A clock that is ahead stays
// within what four changes of leader are allowed for, or is far off.
func (w *world) skews() {
	was := w.skew
	w.skew += w.some(3600*time.Second) - 1800*time.Second
	w.jumped += max(w.skew-was, 0)
}

func (w *world) edits() {
	s := &controlpb.Settings{GuestLimit: uint32(1 + w.rng.IntN(9))}
	c := &controlpb.EditWebinar{Webinar: hall, Settings: s, Mask: []string{"guest_limit"}}
	if w.chance(30) {
		s.Partition, c.Mask = "keep", []string{"partition"}
		if w.chance(50) {
			s.Partition = "strict"
		}
	}
	w.commit(&controlpb.Command{Principal: "ada", Kind: &controlpb.Command_EditWebinar{EditWebinar: c}})
}

// heal repairs everything, and sees whether the seats can be used again.
func (w *world) heal() {
	w.mood.slow, w.mood.lost, w.mood.refuse = 0, 0, 0
	for _, e := range w.edges {
		w.repairs(e)
	}
	calm := func(d, step time.Duration) {
		for until := w.now + d; w.now < until && w.failure == ""; {
			w.elapse(step)
			w.deliver()
			for _, e := range w.edges {
				if e.awake(w.now) {
					w.turn(e)
					w.hear(e, len(w.history)-1)
					w.turn(e)
				}
			}
		}
	}
	calm(100*time.Second, 5*time.Second) // all pauses and old letters are over
	calm(5*time.Second, 500*time.Millisecond)
	for _, e := range w.edges { // whoever is inside twice sits on two seats
		for _, p := range sorted(e.inside) {
			if w.inside[p] > 1 {
				w.leave(e, p)
			}
		}
	}
	limit := w.hall().SeatLimit()
	for range 30 {
		if w.failure != "" || len(w.inside) >= limit {
			break
		}
		e := w.edges[w.rng.IntN(len(w.edges))]
		for range limit {
			w.people++
			w.take(e, fmt.Sprintf("p%d", w.people))
		}
		calm(2*time.Second, 100*time.Millisecond)
	}
	calm(3*time.Second, 500*time.Millisecond)
	if len(w.inside) < (limit*99+99)/100 && w.failure == "" {
		w.fail("after the heal %d of %d seats can be used: %s", len(w.inside), limit, w.dump())
	}
	for t := range w.hall().Seats() {
		if len(t.Echoes) > 0 || w.inside[t.Participant] == 0 {
			w.fail("a ghost: %v: %s", t, w.dump())
		}
	}
}

// TestM1Simulate plays schedules of partitions, pauses, crashes and skew, and expects
// that the limit holds in each of them and that the seats are there after the heal.
func TestM1Simulate(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	var next, failed, entered, commands atomic.Int64
	begun := time.Now()
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for failed.Load() < 3 && time.Since(begun) < *budget {
				n := next.Add(1)
				if n > int64(asked()) {
					return
				}
				seed := *seedFlag + uint64(n)
				failure, w := run(seed, none)
				entered.Add(int64(w.entered))
				commands.Add(int64(len(w.history)))
				if failure != "" {
					failed.Add(1)
					t.Errorf("seed %d: %s", seed, failure)
				}
			}
		})
	}
	wg.Wait()
	played := min(next.Load(), int64(asked()))
	t.Logf("%d schedules, %.0f a second, %d entered, %d commands", played,
		float64(played)/time.Since(begun).Seconds(), entered.Load(), commands.Load())
	if failed.Load() == 0 && played < int64(asked()) {
		t.Errorf("the budget of %v ended after %d schedules", *budget, played)
	}
}

// TestM1TheCheckerFindsWhatIsPlanted expects each planted bug to be found.
func TestM1TheCheckerFindsWhatIsPlanted(t *testing.T) {
	for b := none + 1; b < lastSeatBug; b++ {
		t.Run(bugNames[b], func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(*hunt) {
				if failure, _ := run(seed, b); failure != "" {
					t.Logf("seed %d: %.160s", seed, failure)
					return
				}
			}
			t.Errorf("not found in %d schedules", *hunt)
		})
	}
}
