package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"stentor/bench/chaos"
	"stentor/bench/rig"
)

// chaosScenario kills, pauses and cuts off nodes of a mesh of real processes, and holds
// what clients were told against one copy of the state.
type chaosScenario struct {
	For     time.Duration `help:"How long one run takes." default:"60s"`
	Runs    int           `help:"How many runs, each with the next seed." default:"3"`
	Seed    uint64        `help:"Of the first run's faults." default:"1"`
	Voters  int           `help:"How many voters." default:"3"`
	Edges   int           `help:"How many edges." default:"2"`
	Clients int           `help:"How many clients." default:"6"`
}

// Run runs the scenario, in a network namespace of its own where this machine can.
func (s *chaosScenario) Run(ctx context.Context, g *grammar) error {
	inside, why, err := rig.InNamespace(os.Args[1:]...)
	if !inside && why == "" {
		return err
	}
	if why != "" {
		fmt.Println("nodes are killed and paused, and not cut off:", why)
	}
	var away []time.Duration
	bad := 0
	for n := range s.Runs {
		r, err := s.one(ctx, g, s.Seed+uint64(n), inside)
		if err != nil {
			return err
		}
		fmt.Printf("seed %d: %d operations, %d with a lost answer, faults %v, linearizable %t, same state %t\n",
			s.Seed+uint64(n), r.Operations, r.Unknown, r.Faults, r.Linearizable, r.Same)
		fmt.Println("answers:", r.Answers)
		if r.Unchecked {
			fmt.Println("the checker gave up: neither proven nor refuted")
		}
		if !r.Linearizable || !r.Same {
			bad++
			fmt.Println(r.Hashes)
			if r.Wrong != nil {
				fmt.Print(r.Wrong)
			}
		}
		away = append(away, r.Away...)
	}
	slices.Sort(away)
	if len(away) > 0 {
		figure(fmt.Sprintf("leader killed: writes back, %d times", len(away)), "p50 %.0f ms, worst %.0f ms", ms(away[len(away)/2]), ms(away[len(away)-1]))
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d runs are wrong", bad, s.Runs)
	}
	return nil
}

func (s *chaosScenario) one(ctx context.Context, g *grammar, seed uint64, cuts bool) (chaos.Report, error) {
	dir, err := os.MkdirTemp("", "stentor-chaos-")
	if err != nil {
		return chaos.Report{}, err
	}
	defer os.RemoveAll(dir)
	m, err := rig.StartMesh(ctx, g.Binary, dir, s.Voters, s.Edges)
	if err != nil {
		return chaos.Report{}, err
	}
	defer m.Stop()
	return chaos.Run(ctx, chaos.Config{
		Mesh: m, Seed: seed, For: s.For, Clients: s.Clients, Cuts: cuts,
		Print: func(format string, args ...any) { fmt.Printf(format+"\n", args...) },
	})
}
