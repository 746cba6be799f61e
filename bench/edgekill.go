package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"stentor/bench/rig"
	"stentor/control/client"
)

// edgekillScenario kills the node that a browser watches at, again and again.
type edgekillScenario struct {
	Kills     int  `help:"How often." default:"10"`
	Presenter bool `help:"Kill the node that a presenter's page sends to instead, and measure at a viewer elsewhere."`
	Stop      bool `help:"Stop the process (SIGSTOP) instead: no connection is reset, the node only falls silent."`
}

// The stream comes in at the voter; the page is opened at the first edge, which dies.
const (
	killOrigin = 0
	killEdge   = 1
)

// Run runs the scenario.
func (s *edgekillScenario) Run(ctx context.Context, g *grammar) error {
	if inside, why, err := rig.InNamespace(os.Args[1:]...); !inside {
		return errors.Join(err, reason(why))
	}
	dir, err := os.MkdirTemp("", "stentor-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m, err := rig.StartMesh(ctx, g.Binary, dir, 1, 2)
	if err != nil {
		return err
	}
	defer m.Stop()
	api, err := m.Client(0)
	if err != nil {
		return err
	}
	w, err := api.CreateWebinar(ctx, client.CreateWebinar{Title: "Killed edges", GeneratePIN: true})
	if err != nil {
		return err
	}
	if s.Presenter {
		gaps, control, err := s.presenters(ctx, api, m, w)
		if err != nil {
			return err
		}
		fmt.Printf("\n| %-58s | %s |\n|---|---|\n", "what", "figure")
		figure(fmt.Sprintf("a presenter's edge killed %d times: without frames elsewhere", s.Kills), "p50 %.0f ms, p99 (worst) %.0f ms; without a death %.0f, %.0f", gaps[len(gaps)/2], gaps[len(gaps)-1], control[len(control)/2], control[len(control)-1])
		return nil
	}
	off, err := onAirAt(ctx, api, m, w, killOrigin)
	if err != nil {
		return err
	}
	defer off()
	b, err := rig.OpenBrowser(ctx)
	if err != nil {
		return err
	}
	defer b.Close()
	var gaps []float64
	for i := range s.Kills {
		gap, err := s.kill(ctx, m, b, w)
		if err != nil {
			return fmt.Errorf("kill %d: %w", i+1, err)
		}
		fmt.Printf("kill %d: %.0f ms without frames\n", i+1, gap)
		gaps = append(gaps, gap)
	}
	slices.Sort(gaps)
	fmt.Printf("\n| %-58s | %s |\n|---|---|\n", "what", "figure")
	figure(fmt.Sprintf("edge killed under a browser %d times: without frames", s.Kills), "p50 %.0f ms, p99 (worst) %.0f ms", gaps[len(gaps)/2], gaps[len(gaps)-1])
	return nil
}

func reason(why string) error {
	if why == "" {
		return nil
	}
	return errors.New(why)
}

// frameClock measures on the page the longest time between two frames that were shown.
const frameClock = `(() => {
	const video = document.querySelector("stentor-stage video");
	window.gap = 0;
	let last = performance.now();
	const next = () => {
		const now = performance.now();
		window.gap = Math.max(window.gap, now - last);
		last = now;
		video.requestVideoFrameCallback(next);
	};
	video.requestVideoFrameCallback(next);
	return true;
})()`

// kill watches in a new tab, kills the edge that it watches at, and returns how long there was no frame, in ms.
func (s *edgekillScenario) kill(ctx context.Context, m *rig.Mesh, b *rig.Browser, w client.Webinar) (float64, error) {
	page, err := b.Open(m.Nodes[killEdge].URL+w.JoinPath, 1440, 900)
	if err != nil {
		return 0, err
	}
	defer page.Close()
	if err := page.Join("Ada Lovelace", w.PIN); err != nil {
		return 0, err
	}
	until := func(what, expression string) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if err := rig.Poll(ctx, 50*time.Millisecond, func() (bool, error) { return page.True(expression) }); err != nil {
			text, _ := page.Text()
			return fmt.Errorf("%s: %w: %s", what, err, text)
		}
		return nil
	}
	if err := until("it plays", `stentor.stats().then((s) => s.framesDecoded > 30)`); err != nil {
		return 0, err
	}
	if err := until("the clock runs", frameClock); err != nil {
		return 0, err
	}
	if err := sleep(ctx, 2*time.Second); err != nil { // what the clock says until then is what playing is like
		return 0, err
	}
	if s.Stop {
		m.Pause(killEdge)
	} else {
		m.Kill(killEdge)
	}
	err = until("it goes on elsewhere", `stentor.node !== location.origin && stentor.state === "watching" && stentor.stats().then((s) => s.framesDecoded > 30)`)
	if err != nil {
		return 0, err
	}
	gap, err := page.Number("window.gap")
	if err != nil {
		return 0, err
	}
	if err := page.Click("[aria-label='Leave']"); err != nil {
		return 0, err
	}
	if s.Stop {
		m.Kill(killEdge)
	}
	if err := m.Restart(killEdge); err != nil {
		return 0, err
	}
	if err := m.Ready(ctx, killEdge); err != nil {
		return 0, err
	}
	return gap, sleep(ctx, 2*time.Second) // it is known to the others again
}
