package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"stentor/control/client"
)

// Between two faults the mesh has time to show that it healed, and not always enough.
const (
	calm    = 3 * time.Second
	trouble = 2500 * time.Millisecond
)

// torment makes one fault after the other until ctx is done.
func (r *run) torment(ctx context.Context) {
	random := rand.New(rand.NewPCG(r.Seed, 0))
	kinds := []func(context.Context, *rand.Rand) (string, error){r.killLeader, r.killAny, r.pause}
	if r.Cuts {
		kinds = append(kinds, r.isolate, r.oneWay, r.cutWatch)
	}
	for i := 0; ; i++ {
		if !pause(ctx, calm/2+time.Duration(random.Int64N(int64(calm)))) {
			return
		}
		kind := kinds[random.IntN(len(kinds))]
		if i == 0 {
			kind = r.killLeader // the one that every run has
		}
		what, err := kind(ctx, random)
		if err != nil && ctx.Err() == nil {
			r.Print("fault: %s: %v", what, err)
		}
		r.mu.Lock()
		r.faults[what]++
		r.mu.Unlock()
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// leader is the index of the node that leads, by what any node says.
func (r *run) leader(ctx context.Context) (int, error) {
	for i, c := range r.clients[r.Clients] {
		if !r.Mesh.Alive(i) {
			continue
		}
		ask, cancel := context.WithTimeout(ctx, time.Second)
		s, err := c.Status(ask)
		cancel()
		if err != nil {
			continue
		}
		for n, p := range r.Mesh.Nodes {
			if p.Name == s.Leader {
				return n, nil
			}
		}
	}
	return 0, errors.New("nobody knows a leader")
}

// killLeader kills the leader with SIGKILL, notes how long writes stay away, and starts
// it again.
func (r *run) killLeader(ctx context.Context, _ *rand.Rand) (string, error) {
	const what = "leader killed"
	n, err := r.leader(ctx)
	if err != nil {
		return what, err
	}
	w := r.webinar.Load()
	r.Mesh.Kill(n)
	away, err := r.writesBack(ctx, n, w)
	if err == nil {
		r.mu.Lock()
		r.away = append(r.away, away)
		r.mu.Unlock()
	}
	return what, errors.Join(err, r.Mesh.Restart(n))
}

// writesBack measures until a write at another voter is acknowledged. Each attempt is
// made at once, so the longest wait is counted as people feel it.
func (r *run) writesBack(ctx context.Context, dead int, w *client.Webinar) (time.Duration, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for i := 0; ctx.Err() == nil; i++ {
		n := i % len(r.Mesh.Nodes)
		if n == dead || r.Mesh.Nodes[n].Role != "voter" {
			continue
		}
		text := fmt.Sprint("after leader ", dead)
		if _, err := r.clients[r.Clients][n].EditWebinar(ctx, w.ID, client.EditWebinar{Description: &text}); err == nil {
			return time.Since(began), nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return 0, ctx.Err()
}

// killAny kills any node and starts it again a while later.
func (r *run) killAny(ctx context.Context, random *rand.Rand) (string, error) {
	n := random.IntN(len(r.Mesh.Nodes))
	r.Mesh.Kill(n)
	pause(ctx, time.Duration(random.Int64N(int64(trouble))))
	return "node killed", r.Mesh.Restart(n)
}

// pause stops any node in its tracks: its clock runs on, it does not.
func (r *run) pause(ctx context.Context, random *rand.Rand) (string, error) {
	n := random.IntN(len(r.Mesh.Nodes))
	r.Mesh.Pause(n)
	pause(ctx, trouble/2+time.Duration(random.Int64N(int64(trouble))))
	r.Mesh.Resume(n)
	return "node paused", nil
}

// isolate cuts any node off from all others.
func (r *run) isolate(ctx context.Context, random *rand.Rand) (string, error) {
	n := random.IntN(len(r.Mesh.Nodes))
	var err error
	for other := range r.Mesh.Nodes {
		if other != n {
			err = errors.Join(err, r.Mesh.Cut(n, other, false))
		}
	}
	pause(ctx, trouble/2+time.Duration(random.Int64N(int64(trouble))))
	return "node cut off", errors.Join(err, r.Mesh.Heal())
}

// oneWay drops what one node sends to another, and not what comes back.
func (r *run) oneWay(ctx context.Context, random *rand.Rand) (string, error) {
	n := random.IntN(len(r.Mesh.Nodes))
	err := r.Mesh.Cut(n, (n+1+random.IntN(len(r.Mesh.Nodes)-1))%len(r.Mesh.Nodes), true)
	pause(ctx, trouble/2+time.Duration(random.Int64N(int64(trouble))))
	return "one way cut", errors.Join(err, r.Mesh.Heal())
}

// cutWatch cuts the followers of a voter off it.
func (r *run) cutWatch(ctx context.Context, random *rand.Rand) (string, error) {
	for n, p := range r.Mesh.Nodes {
		if p.Role == "voter" && random.IntN(2) == 0 {
			if err := r.Mesh.CutWatch(n); err != nil {
				return "watch cut", err
			}
		}
	}
	pause(ctx, trouble/2+time.Duration(random.Int64N(int64(trouble))))
	return "watch cut", r.Mesh.Heal()
}

// heal ends every fault and waits until all nodes are ready.
func (r *run) heal(ctx context.Context) error {
	var err error
	if r.Cuts {
		err = r.Mesh.Heal()
	}
	for n := range r.Mesh.Nodes {
		r.Mesh.Resume(n)
		if !r.Mesh.Alive(n) {
			err = errors.Join(err, r.Mesh.Restart(n))
		}
	}
	for n := range r.Mesh.Nodes {
		err = errors.Join(err, r.Mesh.Ready(ctx, n))
	}
	return err
}
