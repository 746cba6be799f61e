package rtcclient

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"stentor/demo/clip"
)

// sent is a packet with the time at which it went out.
type sent struct {
	rtp.Packet
	at time.Duration // since the start
}

const testCapture = 5

// play runs a source in virtual time and returns what it sent.
func play(t *testing.T, s *source, how time.Duration) []sent {
	t.Helper()
	var out []sent
	start := time.Now()
	s.capture, s.seq, s.base = testCapture, 65000, 1<<32-90000 // both wrap on the way
	s.write = func(p *rtp.Packet) error {
		out = append(out, sent{*p, time.Since(start)})
		return nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), how)
	defer cancel()
	if err := s.run(ctx, start); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("run ended with %v", err)
	}
	return out
}

func loadClip(t *testing.T) *clip.Clip {
	t.Helper()
	c, err := clip.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// loops is how often the clip goes round in a test.
const loops = 3

func TestTheLoopHasNoSeam(t *testing.T) {
	c := loadClip(t)
	for _, track := range []struct {
		name   string
		source *source
		frame  time.Duration // exact to the nanosecond below
		ticks  uint32
	}{
		{"video", videoSource(c), time.Second / 30, 3000},
		{"audio", audioSource(c), 20 * time.Millisecond, 960},
	} {
		t.Run(track.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				packets := play(t, track.source, loops*c.Duration()-time.Millisecond)
				frames, first := 0, packets[0]
				for i, p := range packets {
					if want := first.SequenceNumber + uint16(i); p.SequenceNumber != want {
						t.Fatalf("packet %d has number %d, not %d", i, p.SequenceNumber, want)
					}
					if i > 0 && p.Timestamp == packets[i-1].Timestamp {
						continue
					}
					if want := first.Timestamp + uint32(frames)*track.ticks; p.Timestamp != want {
						t.Fatalf("frame %d has time %d, not %d", frames, p.Timestamp, want)
					}
					due := time.Duration(frames) * time.Second / time.Duration(track.source.rate)
					if p.at != due {
						t.Fatalf("frame %d began after %v, not %v", frames, p.at, due)
					}
					if got := captured(&p.Packet, testCapture); got.Sub(start.Add(due)).Abs() > time.Microsecond {
						t.Fatalf("frame %d says that it was taken at %v, not %v", frames, got, start.Add(due))
					}
					frames++
				}
				if want := loops * len(track.source.frames); frames != want {
					t.Errorf("%d frames in %d rounds, not %d", frames, loops, want)
				}
			})
		})
	}
}

func TestAKeyFrameIsNoBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		packets := play(t, videoSource(loadClip(t)), 2*time.Second-time.Millisecond)
		perInstant := make(map[time.Duration]int)
		largest, inFrame := 0, 0
		var began time.Duration
		for i, p := range packets {
			if len(p.Payload) > maxPayload {
				t.Fatalf("packet %d has %d bytes", i, len(p.Payload))
			}
			if perInstant[p.at]++; perInstant[p.at] > burst {
				t.Fatalf("more than %d packets at %v", burst, p.at)
			}
			if i == 0 || packets[i-1].Marker {
				began, inFrame = p.at, 0
			}
			inFrame++
			largest = max(largest, inFrame)
			if took := p.at - began; took > time.Second/30*3/4 {
				t.Fatalf("packet %d left %v after its frame began", i, took)
			}
			if last := i == len(packets)-1 || packets[i+1].Timestamp != p.Timestamp; p.Marker != last {
				t.Fatalf("packet %d: marker is %v", i, p.Marker)
			}
		}
		if largest < 200 {
			t.Errorf("the largest frame had %d packets; this test was to see a 4K key frame", largest)
		}
	})
}

func TestASourceThatWasHeldUpGoesOnAtAKeyFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := videoSource(loadClip(t))
		held := false
		var jump []sent
		start := time.Now()
		s.write = func(p *rtp.Packet) error {
			now := time.Since(start)
			if now >= time.Second && !held {
				held = true
				time.Sleep(2500 * time.Millisecond) // the machine was suspended
			} else if held && p.Timestamp > 40*3000 {
				jump = append(jump, sent{*p, now})
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_ = s.run(ctx, start)
		// The first frame after it is the key frame due at 4 s, at its time.
		if len(jump) == 0 || jump[0].Timestamp != 4*90000 || jump[0].at != 4*time.Second {
			t.Fatalf("went on with %d packets, the first %+v", len(jump), jump[:min(1, len(jump))])
		}
	})
}

func TestSpacing(t *testing.T) {
	const frame = time.Second / 30
	for _, c := range []struct {
		packets int
		want    time.Duration
	}{{1, time.Millisecond}, {12, time.Millisecond}, {24, time.Millisecond}, {1200, 250 * time.Microsecond}} {
		if got := spacing(c.packets, frame); got.Round(time.Microsecond) != c.want {
			t.Errorf("%d packets: %v, want %v", c.packets, got, c.want)
		}
	}
}
