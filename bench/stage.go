package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"stentor/bench/rig"
	"stentor/control/client"
)

// stageScenario measures how long it takes until somebody who comes to the stage is seen by everybody, without another
// description: a real node, viewers who joined by its door and hear of the stage by their own connections, and no media
// but what little two speakers send.
type stageScenario struct {
	Viewers int  `help:"How many watch." default:"1000"`
	Crowd   int  `help:"How many of them join at once." default:"16"`
	Changes int  `help:"How often somebody comes to the stage." default:"3"`
	Server  int  `help:"The core of the node." default:"0"`
	Load    int  `help:"The core of the viewers." default:"1"`
	RPS     bool `help:"Put the receiving half of loopback on the viewers' core, as a network would (needs root)." name:"rps"`
}

// Run runs the scenario.
func (s *stageScenario) Run(ctx context.Context, g *grammar) error {
	if err := pin(os.Getpid(), s.Load); err != nil {
		return err
	}
	if s.RPS {
		back, err := steer(s.Load)
		if err != nil {
			return err
		}
		defer func() {
			if err := back(); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}()
	}
	dir, err := os.MkdirTemp("", "stentor-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m, err := rig.StartMesh(ctx, g.Binary, dir, 1, 0)
	if err != nil {
		return err
	}
	defer m.Stop()
	if err := pin(m.PID(0), s.Server); err != nil {
		return err
	}
	api, err := m.Client(0)
	if err != nil {
		return err
	}
	w, err := api.CreateWebinar(ctx, client.CreateWebinar{Title: "Stage", GeneratePIN: true})
	if err != nil {
		return err
	}
	first, err := s.speak(ctx, api, m, w, "main")
	if err != nil {
		return err
	}
	defer first.leave()
	empty, err := weigh(ctx, m)
	if err != nil {
		return err
	}
	audience, err := s.fill(ctx, m, w)
	defer audience.leave()
	if err != nil {
		return err
	}
	full, err := weigh(ctx, m)
	if err != nil {
		return err
	}
	n := float64(s.Viewers)
	figure(fmt.Sprintf("%d viewers: of the node, each", s.Viewers), "%.0f KiB resident, %.0f KiB of heap and stacks, %.1f goroutines",
		(full.resident-empty.resident)/n/1024, (full.used-empty.used)/n/1024, (full.routines-empty.routines)/n)
	for i := range s.Changes {
		if err := s.change(ctx, api, m, w, audience, i); err != nil {
			return err
		}
	}
	return nil
}

// fill lets the viewers in, and waits until each has seen the first speaker.
func (s *stageScenario) fill(ctx context.Context, m *rig.Mesh, w client.Webinar) (*audience, error) {
	a := &audience{}
	a.http = &http.Client{Transport: &counting{inner: &http.Transport{MaxIdleConnsPerHost: s.Crowd}, count: &a.asked}}
	var left atomic.Int64
	left.Store(int64(s.Viewers))
	failed := make(chan error, s.Crowd)
	began := time.Now()
	var work sync.WaitGroup
	for range s.Crowd {
		work.Go(func() {
			for i := left.Add(-1); i >= 0; i = left.Add(-1) {
				if err := a.join(ctx, m, w, int(i)); err != nil {
					failed <- fmt.Errorf("viewer %d: %w", i, err)
					return
				}
			}
		})
	}
	work.Wait()
	select {
	case err := <-failed:
		return a, err
	default:
	}
	fmt.Printf("%d viewers joined in %.1f s, the node on core %d, they on core %d.\n\n| %-58s | %s |\n|---|---|\n", s.Viewers, time.Since(began).Seconds(), s.Server, s.Load, "what", "figure")
	return a, a.until(ctx, "shown the first speaker", (*watcher).begun)
}

// change has somebody come to the stage, and prints when who heard and saw.
func (s *stageScenario) change(ctx context.Context, api *client.Client, m *rig.Mesh, w client.Webinar, a *audience, i int) error {
	name := fmt.Sprint("guest-", i)
	a.expect(name)
	asked := a.asked.Load()
	p, err := s.speak(ctx, api, m, w, name)
	if err != nil {
		return err
	}
	if err := a.until(ctx, "shown the new speaker", func(v *watcher) bool { told, seen := v.saw(); return !told.IsZero() && !seen.IsZero() }); err != nil {
		p.leave()
		return err
	}
	var told, seen []float64
	for _, v := range a.watchers {
		t, s := v.saw()
		told, seen = append(told, ms(t.Sub(p.began))), append(seen, ms(s.Sub(p.began)))
	}
	slices.Sort(told)
	slices.Sort(seen)
	at := func(all []float64, share int) float64 { return all[(len(all)-1)*share/100] }
	figure(fmt.Sprintf("change %d: who is in which section, after the first packet", i+1), "p50 %.0f ms, p99 %.0f ms, last %.0f ms", at(told, 50), at(told, 99), at(told, 100))
	figure(fmt.Sprintf("change %d: the new speaker's first packet, after the same", i+1), "p50 %.0f ms, p99 %.0f ms, last %.0f ms", at(seen, 50), at(seen, 99), at(seen, 100))
	figure(fmt.Sprintf("change %d: requests of all viewers meanwhile, SDP among them", i+1), "%d", a.asked.Load()-asked)
	p.leave()
	a.forget()
	if err := a.until(ctx, "told that they went", (*watcher).begun); err != nil {
		return err
	}
	return sleep(ctx, time.Second) // nothing of theirs is on its way any more
}

// A weight is what a process has.
type weight struct{ resident, used, routines float64 }

var gauge = regexp.MustCompile(`(?m)^(go_goroutines|go_memstats_heap_alloc_bytes|go_memstats_stack_inuse_bytes|process_resident_memory_bytes) (\S+)$`)

// weigh asks the first node.
func weigh(ctx context.Context, m *rig.Mesh) (out weight, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.Nodes[0].IP+":9100/metrics", nil)
	if err != nil {
		return out, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return out, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return out, err
	}
	for _, f := range gauge.FindAllSubmatch(b, -1) {
		v, _ := strconv.ParseFloat(string(f[2]), 64)
		switch string(f[1]) {
		case "go_goroutines":
			out.routines = v
		case "process_resident_memory_bytes":
			out.resident = v
		default:
			out.used += v
		}
	}
	if out == (weight{}) {
		return out, errors.New("the node says nothing of its memory")
	}
	return out, nil
}

// counting counts requests.
type counting struct {
	inner http.RoundTripper
	count *atomic.Int64
}

// RoundTrip makes one.
func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.count.Add(1)
	return c.inner.RoundTrip(r)
}
