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
	Viewers []int    `help:"How many viewers, one figure for each." default:"10,20,30"`
	Seconds int      `help:"How long each measurement lasts." default:"10"`
	Rounds  int      `help:"How often all of it is done; medians count." default:"3"`
	Server  int      `help:"The core of the server." default:"0"`
	Load    int      `help:"The core of the viewers." default:"1"`
	Profile string   `help:"A folder that gets profiles of each server: CPU, and what it holds at the end." type:"existingdir"`
	RPS     bool     `help:"Put the receiving half of loopback on the viewers' core, as a network would (Receive Packet Steering; needs root). Else the sender pays for it." name:"rps"`
	Late    int      `help:"How many join while the stream runs, for the time to their first picture." default:"10"`
	Ways    []string `help:"Which ways are compared (stentor, pion, livekit, bare, idle); all of them by default."`

	Livekit       string `help:"The program of bench/livekit, to measure livekit-server in the same run (cd bench/livekit && go build -o /tmp/livekit-signal .)" type:"existingfile"`
	LivekitServer string `help:"The livekit-server program (go install github.com/livekit/livekit-server/cmd/server@v1.13.5)" type:"existingfile"`
}

// The ways of serving that are compared.
func (s *sendScenario) ways() []string {
	if len(s.Ways) > 0 {
		return s.Ways
	}
	ways := []string{wayStentor, wayPion, wayBare, wayIdle}
	if s.Livekit != "" && s.LivekitServer != "" {
		ways = slices.Insert(ways, 2, wayLivekit)
	}
	return ways
}

const (
	wayStentor = "stentor" // node/sfu, as a node runs it
	wayPion    = "pion"    // TrackLocalStaticRTP and the default interceptors: the SFU of pion's examples
	wayLivekit = "livekit" // livekit-server, by way of bench/livekit
	wayBare    = "bare"    // copy, seal and send by runs, and nothing else: the limit
	wayIdle    = "idle"    // pion's ICE and DTLS and no media: what a viewer needs before any costs
)

// A sendFigure is what one run showed.
type sendFigure struct {
	cost     float64 // CPU seconds per GB of SRTP that arrived
	cpu      float64 // share of the core
	loss     float64 // of packets
	p50, p99 float64 // ms from the writing of a frame's last packet to its arrival
	memory   float64 // KiB of all viewers, resident, above the empty server
	held     float64 // KiB per viewer of heap and stacks that are in use; 0 where that cannot be asked
	routines float64 // goroutines per viewer, 0 where they cannot be counted
	join     float64 // ms of the core for one join; 0 where other work hides it
	first    float64 // ms from the call of a late viewer to its first packet, p50
	frame    float64 // and to the end of its first frame
}

// Run runs the scenario.
func (s *sendScenario) Run(ctx context.Context) error {
	if err := pin(os.Getpid(), s.Load); err != nil {
		return err
	}
	receiving := "charges the sender with half of their work"
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
		receiving = "charges them with what they receive (RPS)"
	}
	fmt.Printf("One 4K stream (20 Mbps, 30 frames a second, a key frame of 750 kB each 2 s, paced at 50 Mbps as libwebrtc does)\n"+
		"to viewers on loopback, which %s; the server on core %d, the viewers on core %d;\n"+
		"AES-GCM, no feedback: medians of %d rounds of %d s. The stream is made within the server, at the same cost for all\n"+
		"(but livekit, which gets it by WebRTC). First picture: of %d who join while it runs.\n\n",
		receiving, s.Server, s.Load, s.Rounds, s.Seconds, s.Late)
	fmt.Println("| viewers | way | CPU s/GB | of a core | lost | last packet of a frame p50 / p99 | memory per viewer, all / each further one / held, goroutines | CPU per join | first packet, first frame p50 |\n|---|---|---|---|---|---|---|---|---|")
	full := make(map[string]bool)     // ways that have lost too much
	fewer := make(map[string]sendRow) // what was measured with fewer viewers
	for _, n := range s.Viewers {
		all := make(map[string][]sendFigure)
		for range s.Rounds {
			for _, way := range s.ways() { // in turns, so that the machine's moods fall on all
				if full[way] {
					continue
				}
				f, err := s.round(ctx, way, n)
				if err != nil && way == wayLivekit { // it lets nobody in any more when its core is full
					fmt.Fprintf(os.Stderr, "%s with %d viewers: %v\n", way, n, err)
					continue
				}
				if err != nil {
					return fmt.Errorf("%s with %d viewers: %w", way, n, err)
				}
				all[way] = append(all[way], f)
			}
		}
		for _, way := range s.ways() {
			f := all[way]
			if len(f) == 0 && !full[way] {
				fmt.Printf("| %d | %s | did not let all of them in | | | | | | |\n", n, way)
				full[way] = true
			}
			if len(f) > 0 {
				fewer[way] = printSend(n, way, f, fewer[way])
				full[way] = fewer[way].lost > 0.01
			}
		}
	}
	return nil
}

// A sendRow is what of a row the next one refers to.
type sendRow struct {
	viewers      int
	memory, lost float64
}

// printSend prints the medians of one way. What each further viewer needs is the difference to the row with fewer: the
// rest is needed once, the code that is read into memory and the ring among it.
func printSend(n int, way string, f []sendFigure, fewer sendRow) sendRow {
	m := func(of func(sendFigure) float64) float64 { return median(f, of) }
	row := sendRow{viewers: n, lost: m(func(f sendFigure) float64 { return f.loss }), memory: m(func(f sendFigure) float64 { return f.memory })}
	further := "-"
	if fewer.viewers > 0 {
		further = fmt.Sprintf("%.0f", (row.memory-fewer.memory)/float64(n-fewer.viewers))
	}
	memory := fmt.Sprintf("%.0f / %s / %.0f KiB, %.1f", row.memory/float64(n), further, m(func(f sendFigure) float64 { return f.held }), m(func(f sendFigure) float64 { return f.routines }))
	if way == wayIdle {
		fmt.Printf("| %d | %s | | | | | %s | | |\n", n, way, memory)
		return row
	}
	fmt.Printf("| %d | %s | %.2f | %.0f %% | %.2f %% | %.1f / %.1f ms | %s | %.1f ms | %.0f, %.0f ms |\n", n, way,
		m(func(f sendFigure) float64 { return f.cost }), 100*m(func(f sendFigure) float64 { return f.cpu }), 100*row.lost,
		m(func(f sendFigure) float64 { return f.p50 }), m(func(f sendFigure) float64 { return f.p99 }), memory,
		m(func(f sendFigure) float64 { return f.join }), m(func(f sendFigure) float64 { return f.first }), m(func(f sendFigure) float64 { return f.frame }))
	return row
}

func median(figures []sendFigure, of func(sendFigure) float64) float64 {
	var all []float64
	for _, f := range figures {
		all = append(all, of(f))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// open starts a server.
func (s *sendScenario) open(ctx context.Context, way string, n int) (*sendSeat, error) {
	if way == wayLivekit {
		seat, err := s.openLivekit(ctx)
		for again := 0; err != nil && again < 4; again++ { // its publisher waits for ever, too, now and then: see crowd.join
			seat, err = s.openLivekit(ctx)
		}
		return seat, err
	}
	return openSendSeat(ctx, way, s.Server, s.profile(way, n))
}

// round serves n viewers in one way.
func (s *sendScenario) round(ctx context.Context, way string, n int) (f sendFigure, err error) {
	seat, err := s.open(ctx, way, n)
	if err != nil {
		return f, err
	}
	defer seat.stop()
	empty, err := seat.ask(sendQuestion{Hold: true})
	if err != nil {
		return f, err
	}
	var crowd crowd
	defer crowd.leave()
	for range n {
		if err := crowd.join(ctx, seat, way); err != nil {
			return f, err
		}
	}
	full, err := seat.ask(sendQuestion{Begin: true})
	if err != nil {
		return f, err
	}
	if way != wayLivekit { // its stream runs already
		f.join = (full.CPU - empty.CPU).Seconds() * 1e3 / float64(n)
	}
	f.routines = max(0, float64(full.Routines-empty.Routines)/float64(n))
	if err := sleep(ctx, 3*time.Second); err != nil { // joins are over, buffers have grown
		return f, err
	}
	if way != wayIdle {
		if err := s.watch(ctx, seat, &crowd, &f); err != nil {
			return f, err
		}
	}
	after, err := seat.ask(sendQuestion{})
	if err != nil {
		return f, err
	}
	f.memory = (after.Memory - empty.Memory) / 1024
	held, err := seat.ask(sendQuestion{Hold: true})
	if err != nil {
		return f, err
	}
	f.held = (held.Heap + held.Stacks - empty.Heap - empty.Stacks) / 1024 / float64(n)
	if way == wayBare || way == wayIdle || s.Late == 0 {
		return f, nil
	}
	f.first, f.frame, err = s.late(ctx, seat, way)
	return f, err
}

// watch measures what comes for a while.
func (s *sendScenario) watch(ctx context.Context, seat *sendSeat, crowd *crowd, f *sendFigure) error {
	before, err := seat.ask(sendQuestion{})
	if err != nil {
		return err
	}
	crowd.reset()
	began := time.Now()
	if err := sleep(ctx, time.Duration(s.Seconds)*time.Second); err != nil {
		return err
	}
	after, err := seat.ask(sendQuestion{})
	if err != nil {
		return err
	}
	took := time.Since(began).Seconds()
	bytes, lost, ages, err := crowd.count()
	if err != nil {
		return err
	}
	cpu := (after.CPU - before.CPU).Seconds()
	f.cost, f.cpu, f.loss = cpu/(float64(bytes)/1e9), cpu/took, lost
	slices.Sort(ages)
	f.p50, f.p99 = ages[len(ages)/2].Seconds()*1e3, ages[len(ages)*99/100].Seconds()*1e3
	return nil
}

// late lets some more in, one after the other, and returns what it took until they had something: medians, in ms.
func (s *sendScenario) late(ctx context.Context, seat *sendSeat, way string) (first, frame float64, err error) {
	var late crowd
	defer late.leave()
	var firsts, frames []float64
	for i := range s.Late {
		if err := late.join(ctx, seat, way); err != nil {
			return 0, 0, err
		}
		a, b, err := late.viewers[i].saw(ctx)
		if err != nil {
			return 0, 0, err
		}
		firsts, frames = append(firsts, a.Seconds()*1e3), append(frames, b.Seconds()*1e3)
	}
	slices.Sort(firsts)
	slices.Sort(frames)
	return firsts[len(firsts)/2], frames[len(frames)/2], nil
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
