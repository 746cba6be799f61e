package layers

import (
	"testing"
	"time"
)

// sizes are three layers, of 540, 1080 and 2160 lines.
func sizes(edit ...func([]Layer)) []Layer {
	l := []Layer{{Rate: 900e3, Height: 540}, {Rate: 2.5e6, Height: 1080}, {Rate: 14e6, Height: 2160}}
	for _, f := range edit {
		f(l)
	}
	return l
}

func TestChoice(t *testing.T) {
	dead := func(i int) func([]Layer) { return func(l []Layer) { l[i].Dead = true } }
	for _, test := range []struct {
		name   string
		layers []Layer
		takes  float64 // what the path has proved
		want   Want
		start  int
		later  int // after five seconds, without probes
	}{
		{"a path of which nothing is known begins in the middle", sizes(), 0, Want{}, 1, 1},
		{"one that takes all gets all", sizes(), 20e6, Want{}, 2, 2},
		{"one that takes little gets little", sizes(), 1.2e6, Want{}, 0, 0},
		{"one that takes nothing gets the smallest", sizes(), 1, Want{}, 0, 0},
		{"nobody gets more lines than wanted", sizes(), 20e6, Want{Height: 1080}, 1, 1},
		{"a window that is not seen gets the smallest", sizes(), 20e6, Want{Height: 1}, 0, 0},
		{"nobody gets more bits than the host allows", sizes(), 20e6, Want{Bitrate: 1e6}, 0, 0},
		{"a fixed layer is sent whatever the path takes", sizes(), 1e6, Want{Fixed: 3}, 2, 2},
		{"a fixed layer that is not there is none", sizes(), 20e6, Want{Fixed: 4}, 2, 2},
		{"a fixed layer is within the host's bounds", sizes(), 20e6, Want{Fixed: 3, Height: 1080}, 1, 1},
		{"a paused layer is not waited for", sizes(dead(2)), 20e6, Want{}, 1, 1},
		{"where the smallest is paused the next one is the smallest", sizes(dead(0)), 1e6, Want{}, 0, 1},
		{"one layer is sent", sizes()[:1], 1, Want{}, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c Chooser
			now := time.Unix(1000, 0)
			c.takes = test.takes
			c.Want(test.want)
			if got := c.Start(test.layers, now); got != test.start {
				t.Errorf("it starts with %d, want %d", got, test.start)
			}
			for range 50 {
				now = now.Add(100 * time.Millisecond)
				target, pad := c.Choose(test.layers, now)
				if pad != 0 {
					t.Fatal("padding, though the viewer has said nothing")
				}
				c.Switched(target, now)
			}
			if got, _ := c.Choose(test.layers, now); got != test.later {
				t.Errorf("later %d, want %d", got, test.later)
			}
		})
	}
}

func TestALayerThatDoesNotComeIsLeftAloneForAWhile(t *testing.T) {
	var c Chooser
	now := time.Unix(1000, 0)
	c.takes = 20e6
	c.Want(Want{Height: 1080})
	all := sizes()
	c.Start(all, now)
	c.Want(Want{})
	asked := map[bool]time.Duration{}
	for at := time.Duration(0); at < 30*time.Second; at += 100 * time.Millisecond {
		target, _ := c.Choose(all, now.Add(at))
		asked[target == 2] += 100 * time.Millisecond
	}
	if got := c.Results().NotThere; got != 3 {
		t.Errorf("given up %d times in 30 s, want 3", got)
	}
	if asked[true] > 10*time.Second {
		t.Errorf("waited for during %v of 30 s", asked[true])
	}
}

func TestBoundsTogether(t *testing.T) {
	for _, test := range []struct {
		name       string
		a, b, both Want
	}{
		{"none", Want{}, Want{}, Want{}},
		{"one", Want{}, Want{Height: 720, Bitrate: 2}, Want{Height: 720, Bitrate: 2}},
		{"the lesser of each", Want{Height: 1080, Bitrate: 1}, Want{Height: 720, Bitrate: 2}, Want{Height: 720, Bitrate: 1}},
		{"a fixed one stays", Want{Fixed: 2}, Want{Height: 720}, Want{Fixed: 2, Height: 720}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.a.Both(test.b); got != test.both {
				t.Errorf("%+v, want %+v", got, test.both)
			}
		})
	}
}

func TestAViewerOnAGoodPathIsNotProbedForEver(t *testing.T) {
	l := &link{rtt: 20 * time.Millisecond, remb: true, seed: 3, rate: fixed(30)}
	c := watch(l, nil, usual, 60*time.Second)
	if n := c.switches(0, 60*time.Second); n != 1 || c.pads > 14e6*1.2*6 {
		t.Errorf("%d switches, %.0f bits of padding", n, c.pads)
	}
}

func TestWhatAViewerWantsIsFollowedAtOnce(t *testing.T) {
	l := &link{rtt: 20 * time.Millisecond, seed: 3, rate: fixed(30)}
	c := watch(l, func(at time.Duration) Want {
		if at > 20*time.Second && at < 40*time.Second {
			return Want{Height: 1} // the window is not seen
		}
		return Want{}
	}, usual, 60*time.Second)
	if fell := c.by(0, 20*time.Second, 40*time.Second); fell < 0 || fell > time.Second {
		t.Errorf("the smallest came after %v", fell)
	}
	if came := c.by(2, 40*time.Second, 60*time.Second); came < 0 || came > 6*time.Second {
		t.Errorf("4K was back after %v: %v %v", came, c.at, c.layer)
	}
}

func TestWhatAProbeNeedsToPass(t *testing.T) {
	for _, c := range []struct {
		name   string
		before float64 // the estimate
		report time.Duration
		rtt    time.Duration
		after  float64
		took   bool
	}{
		{"a report, and nobody estimates", 0, 700 * time.Millisecond, 20 * time.Millisecond, 0, true},
		{"a report and an estimate that grew", 2.5e6, 700 * time.Millisecond, 20 * time.Millisecond, 2.6e6, true},
		{"an estimate that stays", 2.5e6, 700 * time.Millisecond, 20 * time.Millisecond, 2.5e6, false},
		{"no report of what came", 2.5e6, 0, 0, 2.6e6, false},
		{"a queue", 2.5e6, 700 * time.Millisecond, 250 * time.Millisecond, 2.6e6, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p Path
			begin := time.Unix(1000, 0)
			p.start(begin)
			p.Reported(0, 20*time.Millisecond, begin)
			if c.before > 0 {
				p.Estimated(c.before, begin)
			}
			if c.report > 0 {
				p.Reported(0, c.rtt, begin.Add(c.report))
			}
			if c.after > 0 {
				p.Estimated(c.after, begin.Add(800*time.Millisecond))
			}
			if took, _ := p.Took(begin.Add(400*time.Millisecond), 8e6, c.before); took != c.took {
				t.Errorf("took: %v", took)
			}
		})
	}
}

func TestAThirdOfThePacketsMissedIsANarrowPathAndAFewAreNot(t *testing.T) {
	for _, c := range []struct {
		name   string
		missed int // bytes in each 100 ms, of 175,000
		narrow bool
	}{{"one in twenty", 9000, false}, {"two of three", 120_000, true}} {
		t.Run(c.name, func(t *testing.T) {
			var p Path
			now := time.Unix(1000, 0)
			p.start(now)
			p.Proved(20e6)
			for range 30 {
				now = now.Add(100 * time.Millisecond)
				p.Sent(175_000, now) // 14 Mbps
			}
			before := now
			for range 5 {
				now = now.Add(100 * time.Millisecond)
				p.Sent(175_000, now)
				p.Missed(c.missed, now)
			}
			if p.Troubled(before) != c.narrow || (p.Takes(now) < 14e6) != c.narrow {
				t.Errorf("troubled: %v, takes %.1f Mbps", p.Troubled(before), p.Takes(now)/1e6)
			}
		})
	}
}
