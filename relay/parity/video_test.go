package parity

// All of this runs in a synctest bubble.

import (
	"context"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/qlogwriter"

	"stentor/bench/impair"
	"stentor/relay/window"
)

// video sends frames of 4K at 20 Mbps from a to b, a stream each, and returns how long each took. Those of the first seconds, until
// the window and the parity have found their size, are left out.
func video(t *testing.T, a, b *end, frames, skip int) (took []time.Duration) {
	t.Helper()
	sent := make([]time.Time, frames)
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			s, err := b.conn.AcceptUniStream(ctx)
			if err != nil {
				return
			}
			wg.Go(func() {
				d, err := io.ReadAll(s)
				mu.Lock()
				defer mu.Unlock()
				if i := int(d[0]) | int(d[1])<<8; err == nil && i >= skip {
					took = append(took, time.Since(sent[i]))
				}
			})
		}
	})
	for i := range frames {
		d := make([]byte, 70_000)
		if i%60 == 0 {
			d = make([]byte, 750_000) // a key frame each two seconds
		}
		d[0], d[1] = byte(i), byte(i>>8)
		mu.Lock()
		sent[i] = time.Now()
		mu.Unlock()
		s, err := a.conn.OpenUniStreamSync(ctx)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { _, _ = s.Write(d); _ = s.Close() })
		time.Sleep(time.Second / 30)
	}
	time.Sleep(2 * time.Second)
	cancel()
	wg.Wait()
	slices.Sort(took)
	return took
}

// regulate does what the relay does: every 100 ms it gives a's parity the dose that the link needs. It returns the levels.
func regulate(ctx context.Context, a, b *end, w *window.Window) (levels []int) {
	var d Dose
	b.Protect(a.port(), 0)
	for {
		select {
		case <-ctx.Done():
			return levels
		case <-time.After(100 * time.Millisecond):
		}
		q := w.Stats()
		level := d.Next(Sample{
			Loss: max(q.Loss, a.Stats(b.port()).Loss), RTT: q.RTT, MinRTT: q.MinRTT, Budget: 200 * time.Millisecond,
		}, time.Now())
		a.Protect(b.port(), level)
		levels = append(levels, level)
	}
}

// TestVideoOverALossyPath is the goal of issue 4: 20 Mbps over a round trip of 150 ms with 1 % loss, 99 % of the frames within
// 50 ms of the way, by parity that finds its own dose; and the dose stays when QUIC sees no loss any more.
// Time is virtual, but in which order goroutines run at one time is not fixed, so the last percent is chance: where the
// first seed misses, two others have to meet the figure, which makes it that of the median of three.
func TestVideoOverALossyPath(t *testing.T) {
	for _, c := range []struct {
		name     string
		path     impair.Profile
		parity   bool
		min, max int // of 100 frames within 50 ms of the way
	}{
		{"without parity most frames wait for a retransmission", impair.Profile{Loss: 0.01}, false, 0, 80},
		{"with it they do not", impair.Profile{Loss: 0.01}, true, 99, 100},
		{"nor when packets are lost four in a row", impair.Profile{Loss: 0.01, Burst: 4}, true, 97, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.path.Delay = 75 * time.Millisecond
			missed := func(seed uint64) bool {
				share, levels := lossy(t, c.path, seed, c.parity)
				if c.parity && slices.Min(levels[30:100]) < 2 {
					t.Errorf("the dose falls when parity works: %v", levels)
				}
				return share < c.min || share > c.max
			}
			if missed(1) && (missed(2) || missed(3)) {
				t.Errorf("of two seeds of three not %d to %d %% of the frames are there within 50 ms of the way", c.min, c.max)
			}
		})
	}
}

// lossy sends some seconds of video over a path, and returns how many of 100 frames were there within 50 ms of the way, and the
// levels of parity.
func lossy(t *testing.T, path impair.Profile, seed uint64, protect bool) (share int, levels []int) {
	var windows *window.Windows // made in the bubble
	defer func(q *quic.Config) { settings = q }(settings)
	settings = settings.Clone()
	settings.MaxIncomingUniStreams, settings.MaxStreamReceiveWindow, settings.MaxConnectionReceiveWindow = 8192, 8<<20, 48<<20
	settings.Tracer = func(ctx context.Context, client bool, id quic.ConnectionID) qlogwriter.Trace {
		if windows == nil {
			windows = window.New(window.Config{})
		}
		return windows.Tracer(ctx, client, id)
	}
	between(t, path, seed, func(t *testing.T, a, b *end) {
		w := windows.Own(a.conn, []byte{0})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		if protect {
			wg.Go(func() { levels = regulate(ctx, a, b, w) })
		}
		frames := 300
		if !protect { // of which nothing has to settle
			frames = 150
		}
		took := video(t, a, b, frames, 90)
		cancel()
		wg.Wait()
		good, _ := slices.BinarySearch(took, path.Delay+50*time.Millisecond)
		share = 100 * good / (frames - 90)
		t.Logf("%d of %d frames, p99 %v; %+v, levels %v", good, len(took), took[len(took)*99/100], a.Stats(b.port()), levels)
	})
	return share, levels
}
