package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"stentor/bench/rig"
	"stentor/control/client"
	"stentor/demo/rtcclient"
)

// smaller has the page of a presenter take less than the 4K of Chromium's false camera, which
// two cores cannot encode beside all the rest.
const smaller = `(() => {
	const own = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
	navigator.mediaDevices.getUserMedia = () => own({ video: { width: 1280, height: 720, frameRate: 30 }, audio: true });
	return true;
})()`

// stillness is the longest time between two whole pictures of a player.
type stillness struct {
	mu   sync.Mutex // guards the following
	last time.Time
	gap  time.Duration
}

func (s *stillness) frame(f rtcclient.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if !s.last.IsZero() {
		s.gap = max(s.gap, now.Sub(s.last))
	}
	s.last = now
}

// take returns the gap so far, and begins anew.
func (s *stillness) take() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	gap := s.gap
	s.gap = 0
	return gap
}

// presenters kills the node that a presenter's page sends to, again and again, and returns for
// how long viewers elsewhere had no picture, each time and without a death, in ms.
func (s *edgekillScenario) presenters(ctx context.Context, api *client.Client, m *rig.Mesh, w client.Webinar) (gaps, control []float64, err error) {
	for i := range s.Kills {
		invite, err := api.Invite(ctx, w.ID, client.CreateInvite{Name: "Presenter", Role: "presenter"}) // another person, or they would be inside already
		if err != nil {
			return nil, nil, err
		}
		b, err := rig.OpenBrowser(ctx)
		if err != nil {
			return nil, nil, err
		}
		gap, before, err := s.killPresenter(ctx, m, b, w, invite.LinkPath)
		b.Close()
		if err != nil {
			return nil, nil, fmt.Errorf("kill %d: %w", i+1, err)
		}
		fmt.Printf("kill %d: %.0f ms without frames, %.0f ms before\n", i+1, gap, before)
		gaps, control = append(gaps, gap), append(control, before)
	}
	slices.Sort(gaps)
	slices.Sort(control)
	return gaps, control, nil
}

func (s *edgekillScenario) killPresenter(ctx context.Context, m *rig.Mesh, b *rig.Browser, w client.Webinar, invite string) (gap, before float64, err error) {
	page, err := b.Open(m.Nodes[killEdge].URL+invite, 1280, 800)
	if err != nil {
		return 0, 0, err
	}
	defer page.Close()
	until := func(what, expression string) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if err := rig.Poll(ctx, 20*time.Millisecond, func() (bool, error) { return page.True(expression) }); err != nil {
			text, _ := page.Text()
			return fmt.Errorf("%s: %w: %s", what, err, text)
		}
		return nil
	}
	if err := errors.Join(page.Click("#join button[type=submit]"), until("a smaller camera", smaller), page.Click("stentor-publish .row .button"),
		until("a preview", `document.querySelector(".preview")?.videoWidth > 0`), page.Click("#on-air"),
		until("it sends", `stentor.stats().then((s) => s.outbound.framesEncoded > 30)`)); err != nil {
		return 0, 0, err
	}
	still := &stillness{}
	p, err := rtcclient.Play(ctx, rtcclient.PlayerConfig{URL: m.Nodes[killOrigin].URL + "/whep/" + w.Link, Bearer: w.PIN, OnFrame: still.frame})
	if err != nil {
		return 0, 0, err
	}
	defer p.Close()
	seconds := func(n int) error {
		within, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		had := p.Stats().WholeFrames
		_, err := p.Wait(within, func(s rtcclient.PlayerStats) bool { return s.WholeFrames >= had+30*n })
		return err
	}
	if err := seconds(1); err != nil {
		return 0, 0, fmt.Errorf("it does not play: %w", err)
	}
	still.take()
	if err := seconds(3); err != nil {
		return 0, 0, err
	}
	before = float64(still.take().Milliseconds())
	lost := p.Stats().Lost
	m.Kill(killEdge)
	if err := errors.Join(until("it sends elsewhere", `stentor.sends && stentor.sends !== location.origin`), seconds(2)); err != nil {
		return 0, 0, err
	}
	if now := p.Stats(); now.Lost != lost {
		fmt.Printf("packets lost: %d\n", now.Lost-lost)
	}
	gap = float64(still.take().Milliseconds())
	if err := errors.Join(m.Restart(killEdge), m.Ready(ctx, killEdge)); err != nil {
		return 0, 0, err
	}
	return gap, before, errors.Join(page.Click("#off-air"), sleep(ctx, 2*time.Second))
}
