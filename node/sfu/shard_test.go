package sfu

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"stentor/relay"
)

// audience is courses of one shard, through the track of the first.
type audience struct {
	*bench
	shard   *shard
	all     []*bench
	courses []*course
	left    int
	stop    context.CancelCauseFunc
}

// newAudience lets n viewers watch one track, from within a bubble.
func newAudience(t *testing.T, n int) *audience {
	a := &audience{bench: newBench(t, h264Info), shard: newShard()}
	a.now = time.Now()
	ctx, cancel := context.WithCancelCause(t.Context())
	a.stop = cancel
	a.frame(true, 2)
	for range n {
		b := newBench(t, h264Info)
		b.f.viewer.peer.sfu.now = time.Now
		b.f.viewer.peer.sfu.log = slog.New(slog.DiscardHandler)
		b.f.source.Subscribe = func(context.Context) (*relay.Subscription, error) { return nil, errors.New("gone for good") }
		b.f.places[b.f.nth%recent] = place{a.track, 0}
		c := &course{
			forward: b.f, ctx: ctx, leave: func() { a.left++ }, track: a.track, reader: a.track.Reader(0), unwatch: func() bool { return true },
		}
		if !b.f.viewer.peer.hold() {
			t.Fatal("the peer has ended")
		}
		a.all, a.courses = append(a.all, b), append(a.courses, c)
		a.shard.join(c)
	}
	return a
}

// film is frame with the bubble's time.
func (a *audience) film(key bool, n int) {
	a.now = time.Now()
	a.frame(key, n)
	synctest.Wait()
}

// had is how many packets each viewer got.
func (a *audience) had() (had []int) {
	for _, b := range a.all {
		b.f.mu.Lock()
		had = append(had, len(b.out.packets))
		b.f.mu.Unlock()
	}
	return had
}

func each(n, v int) (all []int) {
	for range n {
		all = append(all, v)
	}
	return all
}

func TestAShardCarriesEveryoneWithOneGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const viewers = 100
		a := newAudience(t, viewers)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); a.shard.run(ctx, false) }()
		synctest.Wait()
		if had := a.had(); !slices.Equal(had, each(viewers, 2)) { // at once, from the ring
			t.Fatalf("from the ring: %v", had)
		}
		a.film(false, 40)
		if had := a.had(); !slices.Equal(had, each(viewers, 42)) {
			t.Fatalf("after a frame: %v", had)
		}
		for _, b := range a.all {
			if n := b.out.flushes; n < 1+3 || n > 1+6 { // of 16, 32 and 40 packets, and what had been written of each when the shard came
				t.Fatalf("%d flushes", b.out.flushes)
			}
		}
		a.shard.leave(a.courses[3])
		a.shard.leave(a.courses[3]) // as when it ended just then
		a.film(false, 1)
		want := each(viewers, 43)
		want[3] = 42
		if had := a.had(); !slices.Equal(had, want) || a.shard.load.Load() != viewers-1 || a.left != 1 {
			t.Fatalf("after one left: %v, %d left", had, a.left)
		}
		stop()
		<-done
		if a.left != viewers || a.shard.load.Load() != 0 || len(a.shard.crowds) != 0 {
			t.Errorf("%d let go of the track", a.left)
		}
		a.stop(io.EOF)
	})
}

func TestAShardSpreadsAKeyFrameOutOfTheRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAudience(t, 2)
		a.payload = 1180
		a.film(true, 600)
		began := time.Now()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go a.shard.run(ctx, false)
		synctest.Wait()
		burst := a.had()
		for _, n := range burst {
			if n < 56 || n > 90 { // of 1,200 bytes: 64 KB, what a pause of 2 ms is worth, and a batch
				t.Errorf("at once: %v", burst)
			}
		}
		a.film(false, 1) // what comes meanwhile waits behind it
		if had := a.had(); !slices.Equal(had, burst) {
			t.Errorf("the next frame came between: %v after %v", had, burst)
		}
		for !slices.Equal(a.had(), each(2, 603)) {
			time.Sleep(time.Millisecond)
			if time.Since(began) > time.Second {
				t.Fatalf("never got all: %v", a.had())
			}
		}
		if d := time.Since(began); d < 45*time.Millisecond || d > 60*time.Millisecond {
			t.Errorf("720 kB took %v at 100 Mbps", d)
		}
		a.stop(io.EOF)
	})
}

func TestACourseEndsWithItsTrackAfterWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAudience(t, 3)
		a.film(false, 3)
		a.track.Close() // before anybody had a turn
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go a.shard.run(ctx, false)
		synctest.Wait()
		if had := a.had(); !slices.Equal(had, each(3, 5)) || a.left != 3 {
			t.Errorf("%v, %d let go", had, a.left)
		}
		// Who is still there looks for the next track, again and again, less and less often.
		time.Sleep(time.Minute)
		synctest.Wait()
		if a.all[0].f.retry != lastPause {
			t.Errorf("asks again after %v", a.all[0].f.retry)
		}
		a.stop(io.EOF)
		synctest.Wait()
		for _, b := range a.all {
			b.f.viewer.peer.work.Wait()
		}
	})
}

func TestAShardForOneEndsWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAudience(t, 1)
		done := make(chan struct{})
		go func() { defer close(done); a.shard.run(context.Background(), true) }()
		synctest.Wait()
		a.stop(io.EOF)
		a.shard.leave(a.courses[0])
		<-done
	})
}

func TestTheLightestShardIsNext(t *testing.T) {
	shards := []*shard{newShard(), newShard(), newShard()}
	var loads []int64
	for range 7 {
		lightest(shards).load.Add(1)
	}
	for _, s := range shards {
		loads = append(loads, s.load.Load())
	}
	if !slices.Equal(loads, []int64{3, 2, 2}) {
		t.Errorf("%v", loads)
	}
}
