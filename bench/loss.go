package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"stentor/bench/impair"
)

// lossScenario measures which frames are there in time after a hop that loses packets.
type lossScenario struct {
	Seconds int    `help:"How long each measurement lasts." default:"10"`
	Rounds  int    `help:"How often all of it is done, with other seeds; medians count." default:"3"`
	Only    string `help:"Run only the condition with this name." placeholder:"NAME"`
	Ways    []way  `help:"Which ways of carrying are compared." default:"relay,relay without parity,relay with stock window,plain streams,plain datagrams"`
	Seed    uint64 `help:"Of what is lost." default:"1"`
}

// A condition is one bad link, and what is expected of it.
type condition struct {
	name    string
	profile impair.Profile
	goals   map[string]string // row -> goal
}

// What is looked at: times above the link's own delay, but for the first, which counts from the writing.
var lateness = []struct {
	row    string
	within time.Duration
	whole  bool // counted from the writing
}{
	{"within 400 ms of the writing", 400 * time.Millisecond, true},
	{"within 50 ms above the link", 50 * time.Millisecond, false},
	{"within 100 ms above the link", 100 * time.Millisecond, false},
	{"within 200 ms above the link", 200 * time.Millisecond, false},
	{"ever", time.Hour, false},
}

func conditions() []condition {
	far, near := impair.Symmetric(200*time.Millisecond, 0), impair.Symmetric(150*time.Millisecond, 0.01)
	with := func(p impair.Profile, loss, burst float64) impair.Profile {
		p.Loss, p.Burst = loss, burst
		return p
	}
	in400 := func(goal string) map[string]string { return map[string]string{lateness[0].row: goal} }
	return []condition{
		{"200ms-0.1%", with(far, 0.001, 0), in400(">= 99.9 %")},
		{"200ms-1%", with(far, 0.01, 0), in400(">= 99.9 %")},
		{"200ms-3%", with(far, 0.03, 0), in400(">= 99 %")},
		{"200ms-5%", with(far, 0.05, 0), in400(">= 99 %")},
		{"200ms-1%-bursts", with(far, 0.01, 20), in400("bursts of 20 packets")},
		{"150ms-1%", near, map[string]string{lateness[1].row: ">= 99 % (relay)", lateness[3].row: ">= 99 % (without parity)"}},
		{"60ms-clean", impair.Symmetric(60*time.Millisecond, 0), map[string]string{lateness[1].row: "100 %"}},
	}
}

// Run runs the scenario.
func (s *lossScenario) Run(ctx context.Context) error {
	fmt.Printf("One 4K stream (20 Mbps, 30 frames a second, a key frame of 750 kB each 2 s, frames written at once) over one hop through\nan impairment proxy, which loses in both directions; all ways at once, each by its own proxy with the same seed: %d rounds of %d s.\n",
		s.Rounds, s.Seconds)
	for _, c := range conditions() {
		if s.Only != "" && s.Only != c.name {
			continue
		}
		b := &board{columns: s.Ways}
		fmt.Printf("\n%s: each way %v\n\n", c.name, c.profile)
		for round := range s.Rounds {
			if err := s.round(ctx, b, c, s.Seed+uint64(100*round)); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
		b.print()
	}
	return nil
}

// round runs all ways at the same time.
func (s *lossScenario) round(ctx context.Context, b *board, c condition, seed uint64) error {
	var wg sync.WaitGroup
	runs := make([]lossRun, len(b.columns))
	for i, w := range b.columns {
		wg.Go(func() { runs[i].err = runs[i].run(ctx, w, c.profile, seed, time.Duration(s.Seconds)*time.Second) })
	}
	wg.Wait()
	for i, r := range runs {
		if r.err != nil {
			return fmt.Errorf("%s: %w", b.columns[i], r.err)
		}
		r.show(b, b.columns[i], c)
	}
	return nil
}

// A lossRun is what one way made of one condition.
type lossRun struct {
	ages ages    // above the link
	wire float64 // bytes down the link for each byte of the source, both with all headers
	back float64 // share of the lost packets that parity brought back
	link time.Duration
	err  error
}

func (r *lossRun) run(ctx context.Context, w way, p impair.Profile, seed uint64, d time.Duration) (err error) {
	t := &tap{}
	defer t.close()
	l, err := openLine(ctx, w, []string{"video"}, []string{"origin", "leaf"}, t.open(ctx, p, seed))
	if err != nil {
		return err
	}
	defer l.stop()
	if err := l.measure(ctx, d, t.mark); err != nil {
		return err
	}
	source := float64(l.after[0].Sent-l.before[0].Sent) / videoPacket * (videoPacket + srtpTag + udpHeaders)
	down, _ := t.moved()
	r.wire, r.link = down/source, p.Delay
	r.back = float64(l.after[1].Tellings.Recovered-l.before[1].Tellings.Recovered) / float64(max(1, t.lost()))
	if r.ages, err = l.ages(ctx, p.Delay); err == nil && r.ages.all < int(d/time.Second)*videoFPS*9/10 {
		err = errors.New("the source could not keep up: this machine is too busy to measure")
	}
	return err
}

func (r *lossRun) show(b *board, w way, c condition) {
	for _, l := range lateness {
		within := l.within
		if l.whole {
			within -= r.link
		}
		b.note("frames complete "+l.row, "%.2f %%", c.goals[l.row], w, r.ages.within(within))
	}
	b.note("age of complete frames above the link, p50", "%.1f ms", "", w, r.ages.at(0.5))
	b.note("... p99", "%.1f ms", "", w, r.ages.at(0.99))
	if w == wayRelay {
		b.note("lost packets (parity is among them) that parity brought back", "%.1f %%", "", w, 100*r.back)
	}
	b.note("bytes on the wire / the source's", "%.3f", "", w, r.wire)
}
