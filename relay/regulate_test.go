// The tests of this file run in a synctest bubble (onPaths): they sleep in virtual time.

package relay

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"stentor/bench/impair"
	"stentor/relay/wire"
)

// A narrow is a path between n1 and n2 whose way down can be changed.
type narrow struct{ down *impair.Link }

// onNarrow runs f with two nodes, n2 a child of n1, 20 ms of delay each way, and mbps from n1 to n2; once with QUIC's own
// congestion window and once with ours.
func onNarrow(t *testing.T, mbps float64, f func(t *testing.T, n1, n2 *node, n *narrow)) {
	t.Run("window of QUIC", func(t *testing.T) { onNarrowWindow(t, mbps, false, f) })
	t.Run("window of ours", func(t *testing.T) { onNarrowWindow(t, mbps, true, f) })
}

func onNarrowWindow(t *testing.T, mbps float64, owned bool, f func(t *testing.T, n1, n2 *node, n *narrow)) {
	n := &narrow{}
	path := func(from, to string) *impair.Link {
		p := impair.Profile{Delay: 20 * time.Millisecond}
		if from == "n1" {
			p.Rate = int64(mbps * 1e6)
			n.down = impair.New(p, 7)
			return n.down
		}
		return impair.New(p, 8)
	}
	onPaths(t, path, owned, func(t *testing.T, m *mesh) {
		m.nodes["n2"].follows("n1")
		f(t, m.nodes["n1"], m.nodes["n2"], n)
	}, "n1", "n2")
}

func (n *narrow) widen(mbps float64) {
	n.down.Set(impair.Profile{Delay: 20 * time.Millisecond, Rate: int64(mbps * 1e6)})
}

// shoot writes 30 frames a second of the given rates in Mbps for each layer, with a key frame every second or when asked.
func shoot(ctx context.Context, track *Track, mbps ...float64) {
	cams := make([]camera, len(mbps))
	tick := time.NewTicker(time.Second / 30)
	defer tick.Stop()
	for i := 0; ; i++ {
		for layer, rate := range mbps {
			cams[layer].ssrc = uint32(layer + 1)
			for _, p := range cams[layer].frame(i%30 == 0, max(1, int(rate*1e6/8/30/875))) {
				_ = track.Write(layer, p, time.Now())
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// A onlooker counts what a reader gets.
type onlooker struct {
	mu      sync.Mutex
	packets map[time.Duration]int // by second
	delays  []time.Duration
}

func (w *onlooker) run(ctx context.Context, origin *Track, layer int, r *Reader) {
	defer r.Close()
	start := time.Now()
	for {
		p, err := r.Next(ctx)
		if err != nil {
			return
		}
		w.mu.Lock()
		w.packets[time.Since(start).Truncate(time.Second)]++
		if o := origin.Packet(layer, p.Seq); o != nil {
			w.delays = append(w.delays, time.Duration(p.Arrived-o.Arrived))
		}
		w.mu.Unlock()
	}
}

// between returns the packets of some seconds.
func (w *onlooker) between(from, to int) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for s := from; s < to; s++ {
		n += w.packets[time.Duration(s)*time.Second]
	}
	return n
}

func follow(wg *sync.WaitGroup, ctx context.Context, origin, here *Track, layer int) *onlooker {
	w := &onlooker{packets: map[time.Duration]int{}}
	r := here.Reader(layer)
	wg.Go(func() { w.run(ctx, origin, layer, r) })
	return w
}

var twoLayers = func() wire.TrackInfo {
	info := videoInfo
	info.Layers = []wire.Layer{{RID: "q"}, {RID: "f"}}
	return info
}()

func TestLinkThatIsTooSmallSendsOneLayerLessUntilItIsWide(t *testing.T) {
	onNarrow(t, 4, func(t *testing.T, n1, n2 *node, path *narrow) {
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		origin := publish(t, n1, videoID, twoLayers, 1, nil)
		sub := subscribe(t, n2, videoID)
		defer sub.Close()
		base, top := follow(&wg, ctx, origin, sub.Track(), 0), follow(&wg, ctx, origin, sub.Track(), 1)
		wg.Go(func() { shoot(ctx, origin, 1, 6) })
		time.Sleep(10 * time.Second)
		if n := top.between(5, 10); n != 0 {
			t.Errorf("%d packets of the top layer came over a link that has no room for it", n)
		}
		s, _ := status(n2, videoID)
		if s.Shed != 1 {
			t.Errorf("the child was told of %d layers", s.Shed)
		}
		links := n1.Links()
		if len(links) != 1 || links[0].Shed != 1 || links[0].Loss > illLoss {
			t.Errorf("links: %+v", links)
		}
		want := 30 * 5 * 4
		if n := base.between(5, 10); n < want || n > want+8 {
			t.Errorf("%d packets of the base in five seconds, %d were sent", n, want)
		}
		path.widen(20)
		time.Sleep(25 * time.Second)
		if n := top.between(30, 35); n < 30*5*25 {
			t.Errorf("%d packets of the top layer in five seconds after the link is wide", n)
		}
		if s, _ := status(n2, videoID); s.Shed != 0 {
			t.Error("the child was not told that the layer is back")
		}
		if counter(n1.metrics.padding) == 0 {
			t.Error("it came back without padding")
		}
		if n := base.between(0, 35); n < 30*35*4-60 {
			t.Errorf("the base lost packets: %d of %d", n, 30*35*4)
		}
	})
}

func TestAudioAndBaseCrossALinkThatIsTooSmallUnharmed(t *testing.T) {
	onNarrow(t, 3, func(t *testing.T, n1, n2 *node, _ *narrow) {
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		video := publish(t, n1, videoID, videoInfo, 1, nil)
		voice := publish(t, n1, audioID, audioInfo, 1, nil)
		vs, as := subscribe(t, n2, videoID), subscribe(t, n2, audioID)
		defer vs.Close()
		defer as.Close()
		seen, heard := follow(&wg, ctx, video, vs.Track(), 0), follow(&wg, ctx, voice, as.Track(), 0)
		time.Sleep(500 * time.Millisecond)
		wg.Go(func() { shoot(ctx, video, 6) }) // one layer, twice as much as fits
		wg.Go(func() {
			cam := camera{}
			for ctx.Err() == nil {
				_ = voice.Write(0, cam.frame(false, 1)[0][:200], time.Now())
				time.Sleep(20 * time.Millisecond)
			}
		})
		time.Sleep(20 * time.Second)
		// Datagrams are not sent again, and the queue of the path drops one of anything now and then.
		if n := heard.between(1, 20); n < 19*50*98/100 {
			t.Errorf("%d packets of audio in 19 seconds, %d were sent", n, 19*50)
		}
		heard.mu.Lock()
		for _, d := range heard.delays[50:] {
			if d > 300*time.Millisecond { // the path's queue holds 250 ms
				t.Errorf("audio took %v", d)
				break
			}
		}
		heard.mu.Unlock()
		if n := seen.between(5, 20); n < 15*100 {
			t.Errorf("%d packets of video in 15 seconds", n)
		}
		if counter(n1.metrics.thinned) == 0 {
			t.Error("nothing was left out: frames die one by one")
		}
		if n1.linksEnded("silent")+n2.linksEnded("silent") != 0 {
			t.Error("the link ended")
		}
	})
}

func TestStreamGoesOnAtOnceAfterALinkStoodStill(t *testing.T) {
	onNarrow(t, 20, func(t *testing.T, n1, n2 *node, path *narrow) {
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		origin := publish(t, n1, videoID, videoInfo, 1, nil)
		sub := subscribe(t, n2, videoID)
		defer sub.Close()
		w := follow(&wg, ctx, origin, sub.Track(), 0)
		wg.Go(func() { shoot(ctx, origin, 6) })
		time.Sleep(3 * time.Second)
		path.widen(1) // heartbeats get through, the stream does not
		time.Sleep(2 * time.Second)
		path.widen(20)
		time.Sleep(5 * time.Second)
		w.mu.Lock()
		defer w.mu.Unlock()
		for i, d := range w.delays[len(w.delays)-200:] {
			if d > 200*time.Millisecond {
				t.Fatalf("packet %d after the link is well again took %v", i, d)
			}
		}
		s, _ := status(n2, videoID)
		if s.Late == 0 || s.Whole < 60 || n1.Links()[0].Late == 0 {
			t.Errorf("late %d, whole %d, links %+v", s.Late, s.Whole, n1.Links())
		}
		if got := testutil.ToFloat64(n2.metrics.frames.WithLabelValues("late")); got != float64(s.Late) {
			t.Errorf("%v frames late in the metrics, %d in the status", got, s.Late)
		}
		if s.Buffer < 3*time.Second || s.Buffer > 6*time.Second {
			t.Errorf("the ring reaches %v back", s.Buffer)
		}
	})
}

func TestNewcomerGetsThePastAtABoundedRate(t *testing.T) {
	onNarrow(t, 1000, func(t *testing.T, n1, n2 *node, _ *narrow) {
		origin := publish(t, n1, videoID, videoInfo, 1, nil)
		cam := camera{}
		for i := range 60 {
			write(t, origin, cam.frame(i == 0, 60)...) // 3 MB of the past
			time.Sleep(33 * time.Millisecond)
		}
		start := time.Now()
		sub := subscribe(t, n2, videoID)
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		n, first, bytes := 0, time.Duration(0), 0
		for n < 3600 {
			p, err := r.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 60 {
				first = time.Since(start)
			}
			bytes += len(p.Raw)
		}
		all := time.Since(start)
		if first > 300*time.Millisecond {
			t.Errorf("the key frame took %v", first)
		}
		if rate := float64(bytes) * 8 / all.Seconds(); rate > 1.3*max(backfillLeast, backfillTimes*float64(origin.bitrate.Load())) {
			t.Errorf("%.0f Mbps of the past at once", rate/1e6)
		}
		if all > 2*time.Second {
			t.Errorf("all of it took %v", all)
		}
	})
}

// A protector notes what a relay asks of it.
type protector struct {
	mu    sync.Mutex
	asked []int
	loss  float64
	knock int
}

func (p *protector) Knock(netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.knock++
}

func (p *protector) Protect(_ netip.AddrPort, parity int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, parity)
}

func (p *protector) Stats(netip.AddrPort) ParityStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return ParityStats{Loss: p.loss, Recovered: 11}
}

func TestLossyLinkOfLongWayGetsParityAndTheChildHearsOfIt(t *testing.T) {
	for _, c := range []struct {
		name   string
		rtt    time.Duration
		loss   float64
		parity bool
	}{
		{"no loss, no parity", 160 * time.Millisecond, 0, false},
		{"a short way sends again", 20 * time.Millisecond, 0.03, false},
		{"a long way needs parity", 160 * time.Millisecond, 0.03, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := func(from, _ string) *impair.Link {
				p := impair.Profile{Delay: c.rtt / 2}
				if from == "n1" {
					p.Loss = c.loss
				}
				return impair.New(p, 3)
			}
			onPaths(t, path, true, func(t *testing.T, m *mesh) {
				n1, n2 := m.nodes["n1"], m.nodes["n2"]
				guard := &protector{}
				n1.Relay.cfg.Parity = guard
				n2.follows("n1")
				ctx, cancel := context.WithCancel(context.Background())
				var wg sync.WaitGroup
				defer wg.Wait()
				defer cancel()
				origin := publish(t, n1, videoID, videoInfo, 1, nil)
				sub := subscribe(t, n2, videoID)
				defer sub.Close()
				follow(&wg, ctx, origin, sub.Track(), 0)
				wg.Go(func() { shoot(ctx, origin, 2) })
				time.Sleep(10 * time.Second)
				guard.mu.Lock()
				asked := slices.Clone(guard.asked)
				guard.mu.Unlock()
				// Once with 0, so that nothing goes on that protected an earlier link.
				if len(asked) == 0 || asked[0] != 0 || (slices.Max(asked) > 0) != c.parity {
					t.Errorf("asked for %v", asked)
				}
				out, in := n1.Links()[0], n2.Links()[0]
				if c.parity && out.Parity != asked[len(asked)-1] || out.Feeds != 1 || in.Pulls != 1 || out.Version != wire.Version {
					t.Errorf("out %+v, in %+v", out, in)
				}
				if in.InSent < 1000 || (in.InLost > 0) != (c.loss > 0) || in.InLoss > 3*c.loss {
					t.Errorf("the child was told of %d packets, %d lost, %v", in.InSent, in.InLost, in.InLoss)
				}
				if out.RTT < c.rtt || out.BytesOut < 1e6 || in.BytesIn < 1e6 || !in.Dialled || out.Dialled {
					t.Errorf("out %+v, in %+v", out, in)
				}
			}, "n1", "n2")
		})
	}
}

func TestPaddingIsReadAndDropped(t *testing.T) {
	onNarrow(t, 100, func(t *testing.T, n1, n2 *node, _ *narrow) {
		origin := publish(t, n1, videoID, videoInfo, 1, nil)
		sub := subscribe(t, n2, videoID)
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		n1.Relay.mu.Lock()
		l := n1.links["n2"]
		n1.Relay.mu.Unlock()
		p := l.startProbe(8e6)
		time.Sleep(time.Second)
		p.stop()
		if got := counter(n1.metrics.padding); got < 0.9e6 || got > 1.3e6 {
			t.Errorf("%v bytes of padding in a second at 8 Mbps", got)
		}
		cam := camera{}
		write(t, origin, cam.frame(true, 5)...)
		if len(drain(t, r)) != 5 || counter(n2.metrics.resets.WithLabelValues("sender")) != 0 {
			t.Error("padding was taken for something")
		}
		l.version.Store(1)
		before := counter(n1.metrics.padding)
		l.startProbe(8e6).stop()
		if counter(n1.metrics.padding) != before {
			t.Error("a neighbour of version 1 got padding")
		}
	})
}

func TestFramesThatNothingDependsOnAreNamed(t *testing.T) {
	track := newVideo()
	s := newSender(&feed{}, track, 0, nil)
	for _, c := range []struct {
		nal  byte
		key  bool
		want wire.Flags
	}{{0x01, false, wire.FlagDiscardable}, {0x41, false, 0}, {0x67, true, wire.FlagKey | wire.FlagSwitch}} {
		cam := camera{}
		raw := bytes.Clone(cam.frame(false, 1)[0])
		raw[12] = c.nal
		binary.BigEndian.PutUint16(raw[2:], 7)
		_ = track.Write(0, raw, time.Now())
		p := track.layers[0].ring.at(track.layers[0].ring.head.Load() - 1)
		q := *p
		q.Key = c.key
		if got := s.header(&q).Flags; got != c.want {
			t.Errorf("NAL %#x: flags %d", c.nal, got)
		}
		track = newVideo()
		s = newSender(&feed{}, track, 0, nil)
	}
}
