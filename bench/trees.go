package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"stentor/bench/trees"
)

// treesScenario grows the trees that nodes on the cities of the world choose, scores and
// draws them. Nothing of it runs on the network: it is a simulation.
type treesScenario struct {
	Sizes   []int  `help:"How many nodes." default:"10,100,1000,5000"`
	Worlds  int    `help:"How many worlds of each size; medians count, the first is drawn." default:"3"`
	Changes int    `help:"How many nodes die or join in each." default:"200"`
	Origin  string `help:"The city of the publisher." default:"Frankfurt"`
	Seed    uint64 `help:"Of the first world." default:"0"`
	Out     string `help:"A folder for the drawings." type:"path" placeholder:"DIR"`
}

// Run runs the scenario.
func (s *treesScenario) Run(ctx context.Context) error {
	if s.Out != "" {
		if err := os.MkdirAll(s.Out, 0o755); err != nil {
			return err
		}
	}
	fmt.Printf("origin %s; medians of %d worlds; latency = great circle x 1.6 / (2/3 c) + 1 to 3 ms at each end\n\n", s.Origin, s.Worlds)
	fmt.Println("| nodes | copies | between regions (least) | out of the origin | 1000 km of links (star) | depth, mean | stretch p50 | stretch p99 | added p99 | moves to settle, per node | moves per change: forced, chosen | took |")
	fmt.Println("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, n := range s.Sizes {
		began := time.Now()
		var scores []trees.Score
		for w := range uint64(s.Worlds) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			score, err := s.world(n, s.Seed+w, w == 0)
			if err != nil {
				return err
			}
			scores = append(scores, score)
		}
		treeRow(scores, time.Since(began))
	}
	return nil
}

func (s *treesScenario) world(n int, seed uint64, draw bool) (trees.Score, error) {
	m := trees.Grow(trees.Place(n, s.Origin, seed), seed, 10)
	score := m.Score()
	if draw && s.Out != "" {
		path := filepath.Join(s.Out, fmt.Sprintf("tree-%d.svg", n))
		if err := os.WriteFile(path, m.Draw(fmt.Sprintf("%s nodes, the publisher in %s", trees.Thousands(n), s.Origin)), 0o644); err != nil {
			return score, err
		}
	}
	score.Forced, score.Chosen = m.Churn(s.Changes)
	if dark := m.Score().Dark; dark > 0 {
		return score, fmt.Errorf("%d of %d nodes found no parent", dark, n)
	}
	return score, nil
}

func treeRow(scores []trees.Score, took time.Duration) {
	f := func(of func(trees.Score) float64) float64 {
		var all []float64
		for _, s := range scores {
			all = append(all, of(s))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	i := func(of func(trees.Score) int) int {
		return int(f(func(s trees.Score) float64 { return float64(of(s)) }))
	}
	fmt.Printf("| %d | %d | %d (%d) | %d | %.0f (%.0f) | %d, %.2f | %.2f | %.2f | %.0f ms | %.3f | %.2f, %.2f | %.1f s |\n",
		scores[0].Nodes, i(func(s trees.Score) int { return s.Copies }), i(func(s trees.Score) int { return s.Abroad }), i(func(s trees.Score) int { return s.Regions }),
		i(func(s trees.Score) int { return s.Origin }), f(func(s trees.Score) float64 { return s.Length }), f(func(s trees.Score) float64 { return s.Star }),
		i(func(s trees.Score) int { return s.Depth }), f(func(s trees.Score) float64 { return s.Hops }), f(func(s trees.Score) float64 { return s.Median }),
		f(func(s trees.Score) float64 { return s.Stretch }), f(func(s trees.Score) float64 { return float64(s.Added.Milliseconds()) }),
		f(func(s trees.Score) float64 { return s.Settling }), f(func(s trees.Score) float64 { return s.Forced }), f(func(s trees.Score) float64 { return s.Chosen }), took.Seconds())
}
