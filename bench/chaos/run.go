package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"stentor/bench/rig"
	"stentor/control/client"
)

// Config says what a run does. The mesh must be in a network namespace of its own (see
// [rig.InNamespace]) for Cuts.
type Config struct {
	Mesh    *rig.Mesh
	Seed    uint64 // of the faults; the clients and the machine are not repeatable
	For     time.Duration
	Clients int
	Cuts    bool // cut nodes off, beside killing and pausing them
	Print   func(format string, args ...any)
}

// Report is what came of a run.
type Report struct {
	Operations, Unknown int
	Faults              map[string]int
	Answers             map[string]int // what was answered, and what it was taken for
	Linearizable        bool
	Unchecked           bool              // the checker gave up: neither proven nor refuted
	Wrong               *Wrong            // why it is not linearizable; nil: it is, or nobody knows
	Hashes              map[string]string // node -> hash of its state after all is healed
	Same                bool              // all voters have one hash, and all edges
	Away                []time.Duration   // how long writes stayed away after the leader was killed
}

// The world that the clients live in: small, so that they collide.
const (
	maximum   = 30              // registrants of one webinar
	addresses = 60              // that sign up for it
	people    = 4               // that are banned
	rotation  = 3 * time.Second // a new webinar comes so often
	opWithin  = 4 * time.Second
)

// run is one run.
type run struct {
	Config
	began   time.Time
	webinar atomic.Pointer[client.Webinar]
	clients [][]*client.Client // worker, node

	mu      sync.Mutex // guards the following
	calls   []Call
	sent    int // of calls
	unknown int // of those
	faults  map[string]int
	away    []time.Duration
	odd     error // an answer that no fault explains
}

// Run runs clients and faults for a while, heals everything, and judges.
func Run(ctx context.Context, c Config) (Report, error) {
	r := &run{Config: c, began: time.Now(), faults: make(map[string]int)}
	if err := r.connect(); err != nil {
		return Report{}, err
	}
	if err := r.newWebinar(ctx); err != nil {
		return Report{}, err
	}
	working, stop := context.WithTimeout(ctx, c.For)
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { r.rotate(working) })
	for i := range c.Clients {
		wg.Go(func() { r.work(working, i) })
	}
	wg.Go(func() { r.torment(working) })
	wg.Wait()
	if err := errors.Join(r.odd, r.heal(ctx)); err != nil {
		return Report{}, err
	}
	return r.judge(ctx)
}

// connect makes clients with source addresses of their own, as people have: the limits
// on requests are per address.
func (r *run) connect() error {
	for i := range r.Clients + 1 {
		from := &net.TCPAddr{IP: net.IPv4(127, 0, 2, byte(i+1))}
		h := &http.Client{Timeout: opWithin, Transport: &http.Transport{
			DialContext: (&net.Dialer{LocalAddr: from, Timeout: time.Second}).DialContext, MaxIdleConnsPerHost: 2,
		}}
		var to []*client.Client
		for n := range r.Mesh.Nodes {
			c, err := r.Mesh.Client(n, client.HTTP(h))
			if err != nil {
				return err
			}
			to = append(to, c)
		}
		r.clients = append(r.clients, to)
	}
	return nil
}

// newWebinar makes the next webinar, at whichever node answers.
func (r *run) newWebinar(ctx context.Context) error {
	own := r.clients[r.Clients]
	for try := 0; ; try++ {
		c := own[try%len(own)]
		w, err := c.CreateWebinar(ctx, client.CreateWebinar{Title: "Chaos"})
		if err == nil {
			w, err = c.SetRegistration(ctx, w.ID, client.SetRegistration{Window: "always", Maximum: maximum})
		}
		if err == nil {
			r.webinar.Store(&w)
			return nil
		}
		if ctx.Err() != nil || try > 200 {
			return fmt.Errorf("chaos: no webinar: %w", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (r *run) rotate(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(rotation):
		}
		if err := r.newWebinar(ctx); err != nil && ctx.Err() == nil {
			r.Print("no new webinar: %v", err)
		}
	}
}

// work asks one thing after the other of random nodes.
func (r *run) work(ctx context.Context, worker int) {
	random := rand.New(rand.NewPCG(r.Seed, uint64(worker)+1))
	for ctx.Err() == nil {
		node := random.IntN(len(r.Mesh.Nodes))
		w := r.webinar.Load()
		call := Call{Client: worker, Node: r.Mesh.Nodes[node].Name}
		call.Input = Input{Webinar: w.ID, Op: Register, Key: fmt.Sprintf("p%d@example.org", random.IntN(addresses))}
		if n := random.IntN(4); n < 2 {
			call.Op, call.Key = Ban+Op(n), fmt.Sprintf("p_%d", random.IntN(people))
		}
		call.From = time.Since(r.began)
		err := ask(context.WithoutCancel(ctx), r.clients[worker][node], w, &call)
		call.To = time.Since(r.began)
		r.note(call, err)
		if call.Answer == Unknown || call.Answer == NotSent {
			time.Sleep(20 * time.Millisecond) // a node that is down answers at once
		}
	}
}

func (r *run) note(c Call, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil && r.odd == nil {
		r.odd = err
	}
	r.calls = append(r.calls, c)
	switch c.Answer {
	case NotSent:
		return
	case Unknown:
		r.unknown++
	}
	r.sent++
}

// judge waits until every node has the same, and checks the history.
func (r *run) judge(ctx context.Context) (Report, error) {
	out := Report{Operations: r.sent, Unknown: r.unknown, Faults: r.faults, Away: r.away, Answers: make(map[string]int)}
	for _, c := range r.calls {
		out.Answers[reason(c)]++
	}
	var result porcupine.CheckResult
	result, out.Wrong = verdict(r.calls, maximum, 2*time.Minute)
	out.Linearizable, out.Unchecked = result == porcupine.Ok, result == porcupine.Unknown
	var err error
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for !out.Same && ctx.Err() == nil {
		if out.Hashes, out.Same, err = r.hashes(ctx); err != nil {
			out.Same = false
		}
		time.Sleep(100 * time.Millisecond)
	}
	return out, err
}

// hashes returns the hash of each node's state, and whether those of the voters, and
// those of the edges, are of one index and equal.
func (r *run) hashes(ctx context.Context) (map[string]string, bool, error) {
	s, err := r.clients[r.Clients][0].Status(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("chaos: status: %w", err)
	}
	hashes, first, same := make(map[string]string), make(map[string]client.NodeStatus), len(s.Unreachable) == 0
	for _, n := range s.Nodes {
		hashes[n.Node] = fmt.Sprintf("%d %.16s", n.Index, n.Hash)
		if f, ok := first[n.Role]; ok && (f.Hash != n.Hash || f.Index != n.Index) {
			same = false
		} else {
			first[n.Role] = n
		}
	}
	return hashes, same && len(s.Nodes) == len(r.Mesh.Nodes), nil
}
