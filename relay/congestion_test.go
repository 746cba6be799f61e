package relay

import (
	"math"
	"testing"
	"time"

	"stentor/relay/wire"
)

// carry lets a congestion carry layers of tracks, as senders would.
func carry(c *congestion, counts ...int) (all []*sender) {
	for _, layers := range counts {
		info := videoInfo
		for range layers {
			info.Layers = append(info.Layers, wire.Layer{})
		}
		track := NewTrack(videoID, info, 1)
		for i := range layers {
			s := newSender(nil, track, i, nil)
			c.joined(s)
			all = append(all, s)
		}
	}
	return all
}

func TestWhatALinkLeavesOutFirst(t *testing.T) {
	const none = 8
	for _, c := range []struct {
		name   string
		tracks []int    // their layers
		steps  [][2]int // layers below this are sent; how much single ones are thinned
	}{
		{"the top layer, then the middle, never the base", []int{3}, [][2]int{{2, 0}, {1, 0}, {1, 0}, {1, 0}}},
		{"of all tracks the topmost", []int{3, 2}, [][2]int{{2, 0}, {1, 0}, {1, 0}}},
		{"of a track of one layer what nothing depends on, then groups", []int{1}, [][2]int{{none, 1}, {none, 2}, {none, 2}}},
		{"layers before groups of pictures", []int{1, 2}, [][2]int{{1, 0}, {1, 1}, {1, 2}, {1, 2}}},
		{"of audio alone nothing", nil, [][2]int{{none, 0}, {none, 0}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var cong congestion
			carry(&cong, c.tracks...)
			audio := newSender(nil, NewTrack(audioID, audioInfo, 1), 0, nil)
			cong.joined(audio)
			sent := func() (n int) {
				for n < none && !cong.sheds(n) {
					n++
				}
				return n
			}
			for i, want := range c.steps {
				cong.less(cong.weigh(time.Second))
				if got := [2]int{sent(), int(cong.thins())}; got != want {
					t.Fatalf("after step %d: %v, want %v", i+1, got, want)
				}
			}
			if cong.sheds(0) {
				t.Error("the base is left out")
			}
			for i := 0; cong.weigh(time.Second).held; i++ {
				if i > 10 {
					t.Fatal("it never comes back")
				}
				cong.more()
			}
			if cong.thins() != 0 || cong.held() != 0 {
				t.Error("something stays behind")
			}
		})
	}
}

func TestWhatComesBackIsTriedAtItsRate(t *testing.T) {
	var c congestion
	senders := carry(&c, 3)
	c.less(c.weigh(time.Second))
	senders[0].layer.bytes.Add(25_000)
	senders[1].layer.bytes.Add(125_000)
	senders[2].layer.bytes.Add(1_000_000)
	if b := c.weigh(500 * time.Millisecond); b.restored != 16_000_000 || b.highest != 1 || !b.held {
		t.Errorf("%+v", b)
	}
	if b := c.weigh(500 * time.Millisecond); b.restored != 0 {
		t.Errorf("what came before counts twice: %+v", b)
	}
	c.left(senders[2])
	if b := c.weigh(time.Second); b.held {
		t.Error("a layer that nobody wants is held back")
	}
}

func TestBacklogIsTheWorstSinceTheLastLook(t *testing.T) {
	var c congestion
	s := carry(&c, 1)[0]
	now := time.Unix(100, 0)
	if c.backlog(now) != 0 || c.slow.Load() {
		t.Error("behind from the start")
	}
	c.waited(30 * time.Millisecond)
	c.waited(10 * time.Millisecond)
	if d := c.backlog(now); d != 30*time.Millisecond || !c.slow.Load() || !c.tastes() {
		t.Errorf("%v behind, slow %v", d, c.slow.Load())
	}
	s.behind.Store(now.Add(-time.Second).UnixNano())
	if d := c.backlog(now); d != time.Second {
		t.Errorf("a sender that waits counts for %v", d)
	}
	s.behind.Store(0)
	c.padding.Store(now.Add(-2 * time.Second).UnixNano())
	if d := c.backlog(now); d != 2*time.Second {
		t.Errorf("padding that waits counts for %v", d)
	}
	c.padding.Store(0)
	c.due.Store(false)
	tasted := 0
	for range 30 {
		if c.backlog(now) != 0 || c.slow.Load() {
			t.Fatal("behind for ever")
		}
		for range 5 {
			if c.tastes() {
				tasted++
			}
		}
	}
	if tasted != 30/tasteEvery {
		t.Errorf("%d writes of 150 had to wait", tasted)
	}
}

func TestBucketLetsABurstThroughAndThenARate(t *testing.T) {
	var b bucket
	now := time.Unix(0, 0)
	start, sent := now, 0
	for sent < 5_000_000 {
		b.fill(now, 10e6, 500_000)
		pause := b.take(1200)
		sent += 1200
		if sent < 500_000 && pause != 0 {
			t.Fatalf("waits after %d bytes", sent)
		}
		now = now.Add(pause)
	}
	if d := now.Sub(start); d < 449*time.Millisecond || d > 452*time.Millisecond {
		t.Errorf("4.5 MB over the burst took %v at 10 MB/s", d)
	}
	now = now.Add(time.Hour)
	b.fill(now, 10e6, 500_000)
	if b.level != 500_000 {
		t.Errorf("an hour gave %v bytes", b.level)
	}
}

func TestPulseForgetsAWayThatIsNoMore(t *testing.T) {
	var p pulse
	now := time.Unix(0, 0)
	at := func(seconds int, rtt time.Duration) time.Duration {
		var least time.Duration
		for range seconds * 10 {
			now = now.Add(regulateEvery)
			least = p.minimum(rtt, now)
		}
		return least
	}
	if got := p.minimum(0, now); got != 0 {
		t.Errorf("%v before the first round trip", got)
	}
	if got := at(10, 20*ms); got != 20*ms {
		t.Errorf("%v", got)
	}
	if got := at(25, 80*ms); got != 20*ms {
		t.Errorf("a queue of 25 s makes the way %v long", got)
	}
	if got := at(40, 80*ms); got != 80*ms {
		t.Errorf("%v a minute after the way became longer", got)
	}
	if got := at(1, 10*ms); got != 10*ms {
		t.Errorf("%v after it became shorter", got)
	}
}

func TestShareOfPacketsLost(t *testing.T) {
	for _, c := range []struct {
		name                     string
		lost, before, sent, then uint64
		want                     float64
	}{
		{"one in a hundred", 11, 10, 200, 100, 0.01},
		{"too few packets say nothing", 5, 0, 10, 0, 0},
		{"a neighbour that counts backwards says nothing", 5, 10, 200, 100, 0},
		{"nor one whose link began anew", 5, 10, 100, 200, 0},
		{"more lost than sent is all", 1000, 0, 100, 0, 1},
		{"numbers near the end of their range", math.MaxUint64, 0, math.MaxUint64, math.MaxUint64 - 100, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := share(c.lost, c.before, c.sent, c.then); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestUrgencies(t *testing.T) {
	order := []int8{
		urgency(0, 3, true, false), urgency(0, 3, false, false), urgency(1, 3, true, false), urgency(2, 3, true, false),
		urgency(0, 3, true, true), urgentPadding,
	}
	for i := 1; i < len(order); i++ {
		if order[i] <= order[i-1] {
			t.Errorf("%v does not rise at %d", order, i)
		}
	}
	if urgency(0, 1, false, false) != urgentBase || urgency(1, 2, false, false) != urgentTop {
		t.Error("the only layer is the base, the second of two is the top")
	}
}
