package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"stentor/bench/rig"
	"stentor/control/client"
	"stentor/demo/rtcclient"
)

// failoverScenario kills the leader again and again, and measures how long writes stay
// away, what joins at an edge take meanwhile, and whether the picture goes on there.
type failoverScenario struct {
	Kills int `help:"How often the leader is killed." default:"20"`
}

// The stream comes in at an edge, so that no kill hits it, and is watched at another.
const (
	failVoters = 3
	failOrigin = 3
	failEdge   = 4
)

// Run runs the scenario.
func (s *failoverScenario) Run(ctx context.Context, g *grammar) error {
	dir, err := os.MkdirTemp("", "stentor-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m, err := rig.StartMesh(ctx, g.Binary, dir, failVoters, 2)
	if err != nil {
		return err
	}
	defer m.Stop()
	api, err := m.Client(0)
	if err != nil {
		return err
	}
	w, err := api.CreateWebinar(ctx, client.CreateWebinar{Title: "Failover", GeneratePIN: true})
	if err != nil {
		return err
	}
	stop, err := onAirAt(ctx, api, m, w, failOrigin)
	if err != nil {
		return err
	}
	defer stop()
	watching, err := s.watch(ctx, m, w)
	if err != nil {
		return err
	}
	defer watching.close()
	var away []time.Duration
	for range s.Kills {
		d, err := killLeader(ctx, m, w)
		if err != nil {
			return err
		}
		away = append(away, d)
	}
	slices.Sort(away)
	fmt.Printf("| %-58s | %s |\n|---|---|\n", "what", "figure")
	figure(fmt.Sprintf("leader killed %d times: until a write is acknowledged again", s.Kills), "p50 %.0f ms, p90 %.0f ms, worst %.0f ms",
		ms(away[len(away)/2]), ms(away[len(away)*9/10]), ms(away[len(away)-1]))
	watching.figures()
	return nil
}

// killLeader kills the leader, measures, and waits until it is back.
func killLeader(ctx context.Context, m *rig.Mesh, w client.Webinar) (time.Duration, error) {
	n, err := leader(ctx, m)
	if err != nil {
		return 0, err
	}
	m.Kill(n)
	began := time.Now()
	var back time.Duration
	err = rig.Poll(ctx, 5*time.Millisecond, func() (bool, error) {
		c, err := m.Client((n + 1) % failVoters)
		if err != nil {
			return false, err
		}
		try, cancel := context.WithTimeout(ctx, 15*time.Second)
		defer cancel()
		text := fmt.Sprint("leader ", n, " is gone")
		_, err = c.EditWebinar(try, w.ID, client.EditWebinar{Description: &text})
		back = time.Since(began)
		return err == nil, nil
	})
	if err != nil {
		return 0, err
	}
	if err := m.Restart(n); err != nil {
		return 0, err
	}
	if err := m.Ready(ctx, n); err != nil {
		return 0, err
	}
	time.Sleep(time.Second) // it has caught up
	return back, nil
}

// leader is the node that leads.
func leader(ctx context.Context, m *rig.Mesh) (n int, err error) {
	err = rig.Poll(ctx, 100*time.Millisecond, func() (bool, error) {
		c, err := m.Client(failEdge)
		if err != nil {
			return false, err
		}
		s, err := c.Status(ctx)
		if err != nil {
			return false, nil
		}
		n = slices.IndexFunc(m.Nodes, func(p *rig.Process) bool { return p.Name == s.Leader })
		return n >= 0 && m.Alive(n), nil
	})
	return n, err
}

// spectator joins and watches at one edge all the time.
type spectator struct {
	player *rtcclient.Player
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex // guards the following
	joins  []time.Duration
	failed int
	last   time.Time // of a whole frame
	gap    time.Duration
}

func (s *failoverScenario) watch(ctx context.Context, m *rig.Mesh, w client.Webinar) (*spectator, error) {
	edge, err := m.Client(failEdge)
	if err != nil {
		return nil, err
	}
	out := &spectator{}
	out.player, err = rtcclient.Play(ctx, rtcclient.PlayerConfig{URL: m.Nodes[failEdge].URL + "/whep/" + w.Link, Bearer: w.PIN, OnFrame: out.frame})
	if err != nil {
		return nil, err
	}
	ctx, out.cancel = context.WithCancel(ctx)
	out.done.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			began := time.Now()
			_, err := edge.Join(ctx, w.Link, client.Knock{Name: "Guest", PIN: w.PIN, Device: fmt.Sprint(i)})
			out.joined(time.Since(began), err)
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return out, nil
}

func (o *spectator) frame(rtcclient.Frame) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if !o.last.IsZero() {
		o.gap = max(o.gap, now.Sub(o.last))
	}
	o.last = now
}

func (o *spectator) joined(d time.Duration, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		o.joins = append(o.joins, d)
	} else if !errors.Is(err, context.Canceled) {
		o.failed++
	}
}

func (o *spectator) close() {
	o.cancel()
	o.done.Wait()
	o.player.Close()
}

func (o *spectator) figures() {
	o.mu.Lock()
	defer o.mu.Unlock()
	slices.Sort(o.joins)
	if n := len(o.joins); n > 0 {
		figure(fmt.Sprintf("joins with a PIN at an edge meanwhile: %d, of which failed", n+o.failed), "%d; p50 %.1f ms, p99 %.1f ms, worst %.0f ms",
			o.failed, ms(o.joins[n/2]), ms(o.joins[n*99/100]), ms(o.joins[n-1]))
	}
	st := o.player.Stats()
	figure("picture at that edge meanwhile: frames whole / all, longest gap", "%d / %d, %.0f ms", st.WholeFrames, st.Frames, ms(o.gap))
}
