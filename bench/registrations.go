package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"stentor/bench/rig"
	"stentor/control/client"
)

// registrationScenario measures how many people sign up in a second, exactly up to the
// maximum, beside what etcd makes of the same number of durable writes.
type registrationScenario struct {
	Clients int    `help:"How many sign up at once, each from an address of its own." default:"200"`
	Maximum int    `help:"The webinar's maximum." default:"4000"`
	Try     int    `help:"How many try." default:"4400"`
	Rounds  int    `help:"How often all of it is done; the median counts." default:"3"`
	Etcd    string `help:"The program of bench/etcd, to run in the same minute (cd bench/etcd && go build -o /tmp/etcd .)" placeholder:"PATH"`
}

// Run runs the scenario.
func (s *registrationScenario) Run(ctx context.Context, g *grammar) error {
	dir, err := os.MkdirTemp("", "stentor-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m, err := rig.StartMesh(ctx, g.Binary, filepath.Join(dir, "mesh"), 3, 0)
	if err != nil {
		return err
	}
	defer m.Stop()
	var rates []float64
	for round := range s.Rounds {
		people, err := s.people(m, round)
		if err != nil {
			return err
		}
		rate, err := s.round(ctx, m, people, round)
		if err != nil {
			return err
		}
		rates = append(rates, rate)
		if s.Etcd != "" {
			cmd := exec.CommandContext(ctx, s.Etcd, "-clients", fmt.Sprint(s.Clients), "-writes", fmt.Sprint(s.Maximum))
			cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("etcd: %w", err)
			}
		}
	}
	slices.Sort(rates)
	figure(fmt.Sprintf("registrations a second, %d clients, 3 voters, median of %d", s.Clients, len(rates)), "%.0f (%.0f to %.0f)",
		rates[len(rates)/2], rates[0], rates[len(rates)-1])
	return nil
}

// people makes clients with addresses of their own, other ones in every round: what one
// address may do in a minute is bounded.
func (s *registrationScenario) people(m *rig.Mesh, round int) ([]*client.Client, error) {
	var out []*client.Client
	for i := range s.Clients {
		from := &net.TCPAddr{IP: net.IPv4(127, byte(1+round%250), 2+byte(i/250), byte(1+i%250))}
		h := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: (&net.Dialer{LocalAddr: from}).DialContext}}
		c, err := m.Client(i%len(m.Nodes), client.HTTP(h))
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func (s *registrationScenario) round(ctx context.Context, m *rig.Mesh, people []*client.Client, round int) (float64, error) {
	api, err := m.Client(0)
	if err != nil {
		return 0, err
	}
	w, err := api.CreateWebinar(ctx, client.CreateWebinar{Title: fmt.Sprint("Round ", round)})
	if err == nil {
		_, err = api.SetRegistration(ctx, w.ID, client.SetRegistration{Window: "always", Maximum: s.Maximum})
	}
	if err != nil {
		return 0, err
	}
	var next, full, failed atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	var last error
	var wg sync.WaitGroup
	began := time.Now()
	for _, c := range people {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(s.Try); n = next.Add(1) {
				at := time.Now()
				_, err := c.Register(ctx, w.Link, client.Register{FirstName: "Ada", LastName: fmt.Sprint("Number ", n), Email: fmt.Sprintf("ada%d@example.org", n)})
				problem := (*client.Problem)(nil)
				mu.Lock()
				switch {
				case err == nil:
					took = append(took, time.Since(at))
				case errors.As(err, &problem) && problem.Code == "registration_full":
					full.Add(1)
				default:
					failed.Add(1)
					last = err
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	wall := time.Since(began)
	if len(took) == 0 {
		return 0, fmt.Errorf("nobody got in: %w", last)
	}
	slices.Sort(took)
	w, err = api.Webinar(ctx, w.ID)
	if err != nil {
		return 0, err
	}
	rate := float64(s.Try) / wall.Seconds()
	fmt.Printf("stentor: %d answers by %d clients: %.0f a second, p50 %s, p99 %s; %d approved of a maximum of %d (state: %d), %d told full, %d failed (%v)\n",
		s.Try, len(people), rate, took[len(took)/2].Round(100*time.Microsecond), took[len(took)*99/100].Round(100*time.Microsecond),
		len(took), s.Maximum, w.Registration.Approved, full.Load(), failed.Load(), last)
	return rate, nil
}
