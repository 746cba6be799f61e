package relay

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// asks is when a publisher was asked for key frames. The race detector sees no order between what timers do and who
// waits for them by synctest.Wait, hence the lock.
type asks struct {
	mu    sync.Mutex // guards the following
	times []time.Duration
}

func (a *asks) all() []time.Duration {
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.times)
}

// asking returns a video track, and when its publisher was asked for key frames.
func asking(t *testing.T) (*Track, *asks) {
	track := newVideo()
	t.Cleanup(track.Close)
	start, asked := time.Now(), &asks{}
	track.keyframe = func(int) {
		asked.mu.Lock()
		defer asked.mu.Unlock()
		asked.times = append(asked.times, time.Since(start))
	}
	return track, asked
}

func times(t *testing.T, asked *asks, want ...time.Duration) {
	t.Helper()
	if got := asked.all(); !slices.Equal(got, want) {
		t.Fatalf("asked at %v, want %v", got, want)
	}
}

const ms = time.Millisecond

func TestRequestThatIsLostIsRepeatedWhileAReaderWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		track, asked := asking(t)
		c := &camera{}
		write(t, track, c.frame(false, 2)...)
		r, gone := track.Reader(0), track.Reader(0)
		defer r.Close()
		time.Sleep(1200 * ms) // the publisher hears nothing
		track.RequestKeyFrame(0)
		time.Sleep(500 * ms)
		times(t, asked, 500*ms, 1000*ms, 1500*ms)
		write(t, track, c.frame(true, 2)...)
		if len(read(r, 0)) != 2 {
			t.Error("no key frame")
		}
		time.Sleep(10 * time.Second)
		times(t, asked, 500*ms, 1000*ms, 1500*ms)
		gone.Close()
	})
}

func TestNobodyWaitsAnyMoreNobodyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		track, asked := asking(t)
		r := track.Reader(0)
		time.Sleep(600 * ms)
		r.Close()
		time.Sleep(10 * time.Second)
		times(t, asked, 500*ms, 1000*ms) // the second was on its way
	})
}

func TestReaderThatComesWhenTheKeyFrameIsOverwrittenAsksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		track, asked := asking(t)
		c := &camera{}
		write(t, track, c.frame(true, 1)...)
		for range videoSlots {
			write(t, track, c.frame(false, 1)...)
		}
		times(t, asked) // nobody reads
		r := track.Reader(0)
		defer r.Close()
		times(t, asked, 0)
		time.Sleep(600 * ms)
		times(t, asked, 0, 500*ms)
	})
}

func TestKeyFrameIsKeptInTheRingAsLongAsSomebodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		track, asked := asking(t)
		r := track.Reader(0)
		defer r.Close()
		c := &camera{}
		write(t, track, c.frame(true, 1)...)
		for len(asked.all()) == 0 && c.seq < videoSlots {
			write(t, track, c.frame(false, 1)...)
			time.Sleep(ms)
		}
		if c.seq < videoSlots*3/4 || c.seq > videoSlots*3/4+2 {
			t.Errorf("asked after %d packets of %d", c.seq, videoSlots)
		}
		for range 900 { // in no time, so that all requests are one
			write(t, track, c.frame(false, 1)...)
		}
		if len(asked.all()) != 1 {
			t.Errorf("asked %d times at one time", len(asked.all()))
		}
		write(t, track, c.frame(true, 2)...)
		time.Sleep(time.Second)
		if len(asked.all()) != 1 {
			t.Errorf("asked again though a key frame came")
		}
		late := track.Reader(0)
		defer late.Close()
		if len(read(late, 0)) != 2 {
			t.Error("a late reader does not start at once")
		}
	})
}
