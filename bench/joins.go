package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"
)

// joinsScenario measures joins while a 4K stream runs: one after the other, step by step, and many at once.
type joinsScenario struct {
	Single int `help:"How many join one after the other." default:"30"`
	Many   int `help:"How many join then, in a crowd." default:"300"`
	Crowd  int `help:"How many are under way at once." default:"16"`
	Server int `help:"The core of the server." default:"0"`
	Load   int `help:"The core of the viewers." default:"1"`
	Never  int `help:"How many ask before, and never come." default:"0"`
}

// joinSteps are the moments of one join, after the call, as the viewer's socket saw them; 0: not yet.
type joinSteps struct {
	answer time.Duration // the answer to the offer is there
	check  time.Duration // the first connectivity check is answered
	hello  time.Duration // the first DTLS record of the server
	hands  time.Duration // the last one before media
}

// answered notes when the answer came.
func (v *crowded) answered(at time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.steps.answer = at.Sub(v.joined)
}

// step notes a packet that is no media, by its first two bytes (RFC 7983).
func (v *crowded) step(a, b byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := time.Since(v.joined)
	switch {
	case a == 1 && b == 1 && v.steps.check == 0: // a STUN success
		v.steps.check = now
		go v.nominate()
	case a >= 20 && a <= 63 && v.first == 0:
		if v.steps.hello == 0 {
			v.steps.hello = now
		}
		v.steps.hands = now
	}
}

// nominate has pion nominate the pair whose check was answered. Browsers nominate with their first check, and look again
// after 48 ms; pion looks each 200 ms, and whenever it is given a candidate, so it is given some that lead nowhere.
func (v *crowded) nominate() {
	for port := 1; port < 40 && v.pc.ICEConnectionState() != webrtc.ICEConnectionStateConnected; port++ {
		time.Sleep(2 * time.Millisecond) // until pion has read the answer to its check
		_ = v.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: fmt.Sprintf("candidate:9 1 udp 1 127.0.0.1 %d typ host", port)})
	}
}

// Run runs the scenario.
func (s *joinsScenario) Run(ctx context.Context) error {
	if err := pin(os.Getpid(), s.Load); err != nil {
		return err
	}
	seat, err := openSendSeat(ctx, wayStentor, s.Server, nil)
	if err != nil {
		return err
	}
	defer seat.stop()
	if _, err := seat.ask(sendQuestion{Begin: true}); err != nil {
		return err
	}
	if err := sleep(ctx, 3*time.Second); err != nil { // a key frame is there
		return err
	}
	if err := s.never(seat); err != nil {
		return err
	}
	var single crowd
	defer single.leave()
	for range s.Single {
		v, err := single.arrive(ctx, seat)
		if err != nil {
			return err
		}
		v.leave()
	}
	fmt.Printf("Joins while a 4K stream runs (key frames of 750 kB at 50 Mbps), the server on core %d, viewers of pion that nominate at once, as browsers do, on core %d.\n\n"+
		"| step, ms after the call | p50 | p99 |\n|---|---|---|\n", s.Server, s.Load)
	single.table()
	return s.crowd(ctx, seat)
}

// never has many ask who never come, and prints what they cost.
func (s *joinsScenario) never(seat *sendSeat) error {
	if s.Never == 0 {
		return nil
	}
	api, err := viewerAPI(webrtc.SettingEngine{})
	if err != nil {
		return err
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return err
	}
	defer pc.Close()
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		return err
	}
	offer, err := described(pc, pc.CreateOffer)
	if err != nil {
		return err
	}
	before, err := seat.ask(sendQuestion{})
	if err != nil {
		return err
	}
	began := time.Now()
	var after sendAnswer
	for range s.Never {
		if after, err = seat.ask(sendQuestion{Offer: offer}); err != nil {
			return err
		}
	}
	fmt.Printf("%d asked before and never came: %.1f s, %.2f ms of the server's core each, %.0f KiB each, %d goroutines more.\n\n", s.Never, time.Since(began).Seconds(),
		(after.CPU-before.CPU).Seconds()*1e3/float64(s.Never), (after.Memory-before.Memory)/1024/float64(s.Never), after.Routines-before.Routines)
	return nil
}

// arrive lets one in and waits for its first whole frame.
func (c *crowd) arrive(ctx context.Context, seat *sendSeat) (*crowded, error) {
	v, err := c.add()
	if err != nil {
		return nil, err
	}
	if err := v.call(ctx, seat, wayStentor); err != nil {
		return nil, err
	}
	_, _, err = v.saw(ctx)
	return v, err
}

// table prints the steps of all who came.
func (c *crowd) table() {
	row := func(name string, of func(*crowded) time.Duration) {
		var all []float64
		for _, v := range c.viewers {
			all = append(all, of(v).Seconds()*1e3)
		}
		slices.Sort(all)
		fmt.Printf("| %s | %.1f | %.1f |\n", name, all[len(all)/2], all[len(all)*99/100])
	}
	row("answer", func(v *crowded) time.Duration { return v.steps.answer })
	row("first check answered", func(v *crowded) time.Duration { return v.steps.check })
	row("first DTLS record of the server", func(v *crowded) time.Duration { return v.steps.hello })
	row("last DTLS record of the server", func(v *crowded) time.Duration { return v.steps.hands })
	row("first media", func(v *crowded) time.Duration { return v.first })
	row("first frame whole, a key frame", func(v *crowded) time.Duration { return v.frame })
}

// crowd lets many in, some at once, and takes the CPU time of the server for them.
func (s *joinsScenario) crowd(ctx context.Context, seat *sendSeat) error {
	before, err := seat.ask(sendQuestion{})
	if err != nil {
		return err
	}
	var many crowd
	defer many.leave()
	var left atomic.Int64
	left.Store(int64(s.Many))
	failed := make(chan error, s.Crowd)
	began := time.Now()
	var work sync.WaitGroup
	for range s.Crowd {
		work.Go(func() {
			for left.Add(-1) >= 0 {
				v, err := many.arrive(ctx, seat)
				if err != nil {
					failed <- err
					return
				}
				v.leave()
			}
		})
	}
	work.Wait()
	took := time.Since(began).Seconds()
	select {
	case err := <-failed:
		return err
	default:
	}
	after, err := seat.ask(sendQuestion{})
	if err != nil {
		return err
	}
	fmt.Printf("\n%d joins, %d at once, each until its key frame was whole: %.0f a second (what the two cores gave), %.1f ms of the server's core each, media included\n\n"+
		"| step, ms after the call | p50 | p99 |\n|---|---|---|\n", s.Many, s.Crowd, float64(s.Many)/took, (after.CPU-before.CPU).Seconds()*1e3/float64(s.Many))
	many.table()
	return nil
}
