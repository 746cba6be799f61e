package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// sendScenario measures what a viewer costs: one 4K stream to many of them, the server on one core, the viewers on the
// other.
type sendScenario struct {
	Viewers []int  `help:"How many viewers, one figure for each." default:"10,20,30"`
	Seconds int    `help:"How long each measurement lasts." default:"10"`
	Rounds  int    `help:"How often all of it is done; medians count." default:"3"`
	Server  int    `help:"The core of the server." default:"0"`
	Load    int    `help:"The core of the viewers." default:"1"`
	Profile string `help:"A folder that gets a CPU profile of each server." type:"existingdir"`
}

// The ways of serving that are compared.
var sendWays = []string{wayStentor, wayPion, wayBare}

const (
	wayStentor = "stentor" // node/sfu, as a node runs it
	wayPion    = "pion"    // TrackLocalStaticRTP and the default interceptors: the SFU of pion's examples
	wayBare    = "bare"    // copy, seal and send by runs, and nothing else: the limit
)

// A sendFigure is what one run showed.
type sendFigure struct {
	cost     float64 // CPU seconds per GB of SRTP that arrived
	cpu      float64 // share of the core
	loss     float64 // of packets
	p50, p99 float64 // ms from the writing of a frame's last packet to its arrival
	memory   float64 // KiB per viewer, resident, above the empty server
	routines float64 // goroutines per viewer
}

// Run runs the scenario.
func (s *sendScenario) Run(ctx context.Context) error {
	if err := pin(os.Getpid(), s.Load); err != nil {
		return err
	}
	fmt.Printf("One 4K stream (20 Mbps, 30 frames a second, a key frame of 750 kB each 2 s, paced at 50 Mbps as libwebrtc does)\n"+
		"to viewers on loopback, which charges the sender with half of their work; the server on core %d, the viewers on core %d;\n"+
		"AES-GCM, no feedback: medians of %d rounds of %d s. The stream is made within the server, at the same cost for all.\n\n",
		s.Server, s.Load, s.Rounds, s.Seconds)
	fmt.Println("| viewers | way | CPU s/GB | of a core | lost | last packet of a frame p50 / p99 | memory, goroutines per viewer |\n|---|---|---|---|---|---|---|")
	for _, n := range s.Viewers {
		all := make(map[string][]sendFigure)
		for range s.Rounds {
			for _, way := range sendWays { // in turns, so that the machine's moods fall on all
				f, err := s.round(ctx, way, n)
				if err != nil {
					return fmt.Errorf("%s with %d viewers: %w", way, n, err)
				}
				all[way] = append(all[way], f)
			}
		}
		for _, way := range sendWays {
			f := all[way]
			fmt.Printf("| %d | %s | %.2f | %.0f %% | %.2f %% | %.1f / %.1f ms | %.0f KiB, %.1f |\n", n, way,
				median(f, func(f sendFigure) float64 { return f.cost }), 100*median(f, func(f sendFigure) float64 { return f.cpu }),
				100*median(f, func(f sendFigure) float64 { return f.loss }), median(f, func(f sendFigure) float64 { return f.p50 }),
				median(f, func(f sendFigure) float64 { return f.p99 }), median(f, func(f sendFigure) float64 { return f.memory }),
				median(f, func(f sendFigure) float64 { return f.routines }))
		}
	}
	return nil
}

func median(figures []sendFigure, of func(sendFigure) float64) float64 {
	var all []float64
	for _, f := range figures {
		all = append(all, of(f))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// round serves n viewers in one way.
func (s *sendScenario) round(ctx context.Context, way string, n int) (f sendFigure, err error) {
	seat, err := openSendSeat(ctx, way, s.Server, s.profile(way, n))
	if err != nil {
		return f, err
	}
	defer seat.stop()
	empty, err := seat.ask(sendQuestion{})
	if err != nil {
		return f, err
	}
	var crowd crowd
	defer crowd.leave()
	for range n {
		if err := crowd.join(ctx, seat, way == wayBare); err != nil {
			return f, err
		}
	}
	full, err := seat.ask(sendQuestion{Begin: true})
	if err != nil {
		return f, err
	}
	f.memory, f.routines = (full.Memory-empty.Memory)/1024/float64(n), float64(full.Routines-empty.Routines)/float64(n)
	if err := sleep(ctx, 2*time.Second); err != nil { // joins are over, buffers have grown
		return f, err
	}
	before, err := seat.ask(sendQuestion{})
	if err != nil {
		return f, err
	}
	crowd.reset()
	began := time.Now()
	if err := sleep(ctx, time.Duration(s.Seconds)*time.Second); err != nil {
		return f, err
	}
	after, err := seat.ask(sendQuestion{})
	if err != nil {
		return f, err
	}
	took := time.Since(began).Seconds()
	bytes, lost, ages, err := crowd.count()
	if err != nil {
		return f, err
	}
	cpu := (after.CPU - before.CPU).Seconds()
	f.cost, f.cpu, f.loss = cpu/(float64(bytes)/1e9), cpu/took, lost
	slices.Sort(ages)
	f.p50, f.p99 = ages[len(ages)/2].Seconds()*1e3, ages[len(ages)*99/100].Seconds()*1e3
	return f, nil
}

// profile returns the arguments that make a server write a profile.
func (s *sendScenario) profile(way string, n int) []string {
	if s.Profile == "" {
		return nil
	}
	return []string{"--profile", filepath.Join(s.Profile, fmt.Sprintf("%s-%d.pprof", way, n))}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pin keeps all threads of a process on one core.
func pin(pid, core int) error {
	if out, err := exec.Command("taskset", "-a", "-c", "-p", strconv.Itoa(core), strconv.Itoa(pid)).CombinedOutput(); err != nil {
		return fmt.Errorf("taskset: %w: %s", err, out)
	}
	return nil
}
