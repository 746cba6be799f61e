// The tests of this file run in a synctest bubble (bubble): they sleep in virtual time.

package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"stentor/control"
)

// trial is a cluster with clients, whose voters die and are cut off meanwhile.
type trial struct {
	c     *cluster
	rng   *rand.Rand
	h     *history
	edges []*following

	mu   sync.Mutex // guards the following
	dead map[string]bool
}

// run lets clients ask for some time while faults happen, then heals everything, and
// returns when all nodes have the same state.
func (tr *trial) run(t *testing.T, lasts time.Duration, read func(context.Context, *running) (*control.State, error)) {
	t.Helper()
	c := tr.c
	c.three()
	level2(t, c.leader())
	begin := time.Now()
	// Each has two seconds, so that no history of one is long.
	of := func() string { return fmt.Sprint("w_", int(time.Since(begin)/(2*time.Second))) }
	for i := range int(lasts/(2*time.Second)) + 2 {
		must(t, c.leader(), openRegistration(fmt.Sprint("w_", i)))
	}
	begin = time.Now()
	for i := range 2 {
		tr.edges = append(tr.edges, c.follow(fmt.Sprint("e", i+1)))
	}
	ctx, stop := context.WithTimeout(t.Context(), lasts)
	defer stop()
	var wg sync.WaitGroup
	for i := range 8 {
		cl := &client{id: i, own: i, rng: rand.New(rand.NewPCG(tr.rng.Uint64(), 1)), h: tr.h, read: func(ctx context.Context) (*control.State, error) {
			v := tr.any()
			if v == nil {
				return nil, errCut
			}
			return read(ctx, v)
		}}
		wg.Go(func() { tr.ask(ctx, cl, of) })
	}
	tr.faults(t, ctx)
	wg.Wait()
	tr.heal()
	must(t, c.leader(), create("w_end"))
	tr.agree(t)
	for _, e := range tr.edges {
		e.end(t)
	}
}

func (tr *trial) ask(ctx context.Context, cl *client, of func() string) {
	last := ""
	for ctx.Err() == nil {
		w := of()
		if w != last {
			last, cl.own, cl.banned = w, cl.id, false
		}
		var at proposer = tr.edges[cl.id%2].Follower
		if v := tr.any(); cl.id >= 3 && v != nil {
			at = v.Voter
		}
		cl.propose = at.Propose
		ask, cancel := context.WithTimeout(ctx, time.Second+time.Duration(cl.rng.IntN(2000))*time.Millisecond)
		if cl.own < 64 {
			cl.step(ask, w)
		}
		cancel()
		time.Sleep(time.Duration(1+cl.rng.IntN(60)) * time.Millisecond)
	}
}

// any returns a voter that is not dead, for all that its clients know.
func (tr *trial) any() *running {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, i := range rand.Perm(len(names)) {
		if !tr.dead[names[i]] {
			return tr.c.voter(names[i])
		}
	}
	return nil
}

// faults kills the leader, cuts off the leader or another, and lets them come back.
func (tr *trial) faults(t *testing.T, ctx context.Context) {
	for ctx.Err() == nil {
		time.Sleep(time.Duration(500+tr.rng.IntN(1500)) * time.Millisecond)
		name := names[tr.rng.IntN(len(names))]
		if tr.rng.IntN(2) == 0 {
			name = tr.c.leader().cfg.Node
		}
		if tr.rng.IntN(2) == 0 {
			tr.c.net.isolate(name, true)
			time.Sleep(time.Duration(100+tr.rng.IntN(3000)) * time.Millisecond)
			tr.c.net.isolate(name, false)
			continue
		}
		tr.mark(name, true)
		tr.c.kill(tr.c.voter(name))
		time.Sleep(time.Duration(tr.rng.IntN(2000)) * time.Millisecond)
		tr.c.start(name)
		tr.mark(name, false)
	}
}

func (tr *trial) mark(name string, dead bool) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.dead[name] = dead
}

func (tr *trial) heal() {
	for _, name := range names {
		tr.c.net.isolate(name, false)
	}
}

// agree fails unless all nodes have the same state.
func (tr *trial) agree(t *testing.T) {
	t.Helper()
	leader := tr.c.leader()
	for _, name := range names {
		v := tr.c.voter(name)
		wait(t, v, func(s *control.State) bool { return s.Index() >= leader.State().Index() })
		if v.State().Hash() != leader.State().Hash() {
			t.Errorf("%s has another state than %s", name, leader.cfg.Node)
		}
	}
	for _, e := range tr.edges {
		same(t, e, leader)
	}
}

func linear(ctx context.Context, v *running) (*control.State, error) { return v.Read(ctx) }

func TestRegistrationsAndBansAreLinearizable(t *testing.T) {
	trials, lasts := 3, 60*time.Second
	if testing.Short() { // processes of their own get 3 x 60 s in each run of the tests (TestChaosAgainstRealProcesses)
		trials, lasts = 1, 30*time.Second
	}
	total, unknown := 0, 0
	for seed := range trials {
		bubble(t, func(t *testing.T, c *cluster) {
			tr := &trial{c: c, rng: rand.New(rand.NewPCG(uint64(seed), 3)), h: &history{}, dead: map[string]bool{}}
			tr.run(t, lasts, linear)
			if got := porcupine.CheckOperationsTimeout(model(), tr.h.ops, 0); got != porcupine.Ok {
				t.Errorf("seed %d: %d operations are %s", seed, len(tr.h.ops), got)
			}
			total, unknown = total+len(tr.h.ops), unknown+tr.h.unknown
		})
	}
	t.Logf("%d operations in %d x %v, of %d nobody knows what became of them", total, trials, lasts, unknown)
	if total < trials*2000*int(lasts/time.Second)/60 || unknown == 0 {
		t.Error("that is too little, or no fault did anything")
	}
}

func TestAStaleReadIsFound(t *testing.T) {
	stale := func(_ context.Context, v *running) (*control.State, error) { return v.State(), nil }
	for seed := range 5 {
		found := false
		bubble(t, func(t *testing.T, c *cluster) {
			tr := &trial{c: c, rng: rand.New(rand.NewPCG(uint64(seed), 4)), h: &history{}, dead: map[string]bool{}}
			tr.run(t, 20*time.Second, stale)
			found = porcupine.CheckOperationsTimeout(model(), tr.h.ops, 0) == porcupine.Illegal
		})
		if found {
			return
		}
	}
	t.Error("reads of whatever a voter has are taken for linearizable: this test tests nothing")
}
