package impair

import (
	"math"
	"slices"
	"testing"
	"time"
)

// start is when the tests' first packets are sent; any time would do.
var start = time.Unix(1_700_000_000, 0)

// A run is what became of packets of equal size that were sent at a steady pace.
type run struct {
	sent     []time.Time
	arrivals [][]time.Time
}

// send sends n packets of size bytes through l, one each interval.
func send(l *Link, n, size int, interval time.Duration) (r run) {
	for i := range n {
		at := start.Add(time.Duration(i) * interval)
		r.sent = append(r.sent, at)
		r.arrivals = append(r.arrivals, l.Send(at, size))
	}
	return r
}

// lost returns the share of packets that did not arrive, and the mean length of the rows in which they lie.
func (r run) lost() (share, row float64) {
	n, rows := 0, 0
	for i, a := range r.arrivals {
		if len(a) > 0 {
			continue
		}
		n++
		if i == 0 || len(r.arrivals[i-1]) > 0 {
			rows++
		}
	}
	return float64(n) / float64(len(r.arrivals)), float64(n) / float64(max(rows, 1))
}

// delays returns the least and the greatest time that a packet took.
func (r run) delays() (least, most time.Duration) {
	least = math.MaxInt64
	for i, a := range r.arrivals {
		for _, at := range a {
			least, most = min(least, at.Sub(r.sent[i])), max(most, at.Sub(r.sent[i]))
		}
	}
	return least, most
}

// overtaken counts packets that arrive after one that was sent later.
func (r run) overtaken() (n int) {
	for i := len(r.arrivals) - 1; i >= 0; i-- {
		if len(r.arrivals[i]) == 0 {
			continue
		}
		for j := i + 1; j < min(i+200, len(r.arrivals)); j++ {
			if len(r.arrivals[j]) > 0 && r.arrivals[j][0].Before(r.arrivals[i][0]) {
				n++
				break
			}
		}
	}
	return n
}

func TestTheZeroProfileDeliversAtOnce(t *testing.T) {
	r := send(New(Profile{}, 1), 1000, 1200, time.Millisecond)
	if share, _ := r.lost(); share != 0 {
		t.Errorf("%v lost", share)
	}
	if least, most := r.delays(); least != 0 || most != 0 {
		t.Errorf("delays of %v to %v", least, most)
	}
}

func TestLossIsWhatWasAsked(t *testing.T) {
	const packets = 100_000
	for _, c := range []struct {
		name      string
		p         Profile
		row       float64 // mean, as the model gives it
		tolerance float64 // of the share, relative
	}{
		{"one in a thousand, each on its own", Profile{Loss: 0.001}, 1 / (1 - 0.001), 0.25},
		{"one in a hundred, each on its own", Profile{Loss: 0.01}, 1 / (1 - 0.01), 0.05},
		{"one in twenty, each on its own", Profile{Loss: 0.05}, 1 / (1 - 0.05), 0.05},
		{"a burst of one is no burst", Profile{Loss: 0.05, Burst: 1}, 1 / (1 - 0.05), 0.05},
		{"one in a hundred in rows of four", Profile{Loss: 0.01, Burst: 4}, 4, 0.1},
		{"one in twenty in rows of twenty", Profile{Loss: 0.05, Burst: 20}, 20, 0.25},
		{"half in rows of twenty", Profile{Loss: 0.5, Burst: 20}, 20, 0.05},
		{"nothing", Profile{}, 0, 0},
		{"everything", Profile{Loss: 1}, packets, 0},
		{"everything in rows of twenty", Profile{Loss: 1, Burst: 20}, packets, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			share, row := send(New(c.p, 7), packets, 1200, time.Millisecond).lost()
			if math.Abs(share-c.p.Loss) > c.tolerance*c.p.Loss {
				t.Errorf("%.5f of the packets were lost", share)
			}
			if math.Abs(row-c.row) > 0.15*c.row {
				t.Errorf("rows of %.2f on average, not %.2f", row, c.row)
			}
		})
	}
}

func TestASeedSaysEverything(t *testing.T) {
	p := Profile{Delay: 30 * time.Millisecond, Jitter: 10 * time.Millisecond, Loss: 0.03, Burst: 3, Reorder: 0.02, Duplicate: 0.01, Rate: 20e6}
	of := func(seed uint64) [][]time.Time {
		return send(New(p, seed), 20_000, 1200, 500*time.Microsecond).arrivals
	}
	same := func(a, b [][]time.Time) bool {
		return slices.EqualFunc(a, b, func(a, b []time.Time) bool { return slices.EqualFunc(a, b, time.Time.Equal) })
	}
	if !same(of(1), of(1)) {
		t.Error("the same seed did something else")
	}
	if same(of(1), of(2)) {
		t.Error("another seed did the same")
	}
}

func TestWhatIsLostDoesNotDependOnTheRest(t *testing.T) {
	lost := func(p Profile, interval time.Duration) (out []int) {
		p.Loss, p.Burst = 0.05, 4
		for i, a := range send(New(p, 3), 5000, 1200, interval).arrivals {
			if len(a) == 0 {
				out = append(out, i)
			}
		}
		return out
	}
	want := lost(Profile{}, time.Millisecond)
	for name, got := range map[string][]int{
		"with delay and jitter": lost(Profile{Delay: time.Second, Jitter: time.Second}, time.Millisecond),
		"with reordering":       lost(Profile{Reorder: 0.5, Duplicate: 0.5}, time.Millisecond),
		"with a wide rate":      lost(Profile{Rate: 1e9}, time.Millisecond),
		"at another pace":       lost(Profile{}, time.Second),
	} {
		if !slices.Equal(got, want) {
			t.Errorf("%s other packets are lost", name)
		}
	}
}

func TestDelayAndJitter(t *testing.T) {
	for _, c := range []struct {
		name        string
		p           Profile
		least, most time.Duration // bounds of what is seen
	}{
		{"a delay is exact", Profile{Delay: 75 * time.Millisecond}, 75 * time.Millisecond, 75 * time.Millisecond},
		{"jitter comes on top and stays below its bound", Profile{Delay: 50 * time.Millisecond, Jitter: 10 * time.Millisecond}, 50 * time.Millisecond, 60 * time.Millisecond},
		{"jitter alone", Profile{Jitter: 30 * time.Millisecond}, 0, 30 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := send(New(c.p, 5), 20_000, 1200, 400*time.Microsecond)
			least, most := r.delays()
			if least < c.least || most > c.most {
				t.Errorf("delays of %v to %v", least, most)
			}
			if spread := most - least; spread < c.p.Jitter*9/10 {
				t.Errorf("the delays differ by %v only", spread)
			}
			if n := r.overtaken(); n > 0 {
				t.Errorf("%d packets were overtaken", n)
			}
		})
	}
}

func TestJitterKeepsOrderAlsoWhenItFallsFasterThanPacketsCome(t *testing.T) {
	r := send(New(Profile{Jitter: 200 * time.Millisecond}, 5), 50_000, 1200, 100*time.Microsecond)
	if n := r.overtaken(); n > 0 {
		t.Errorf("%d packets were overtaken", n)
	}
}

func TestReorderAndDuplicateAreWhatWasAsked(t *testing.T) {
	l := New(Profile{Delay: 20 * time.Millisecond, Reorder: 0.02, Duplicate: 0.01}, 9)
	r := send(l, 100_000, 1200, 500*time.Microsecond)
	if n := r.overtaken(); n < 1700 || n > 2300 {
		t.Errorf("%d of 100,000 packets were overtaken, 2 %% were asked for", n)
	}
	twice := 0
	for _, a := range r.arrivals {
		if len(a) == 2 {
			twice++
		}
	}
	if twice < 850 || twice > 1150 {
		t.Errorf("%d of 100,000 packets came twice, 1 %% was asked for", twice)
	}
	if c := l.Counts(); c.Duplicated != uint64(twice) || c.Arrived != 100_000 || c.Reordered < 1700 {
		t.Errorf("counts %+v", c)
	}
}

func TestABottleneckPassesItsRate(t *testing.T) {
	const size = 1250 // 10,000 bits
	for _, c := range []struct {
		name     string
		p        Profile
		interval time.Duration
		lost     float64       // share
		most     time.Duration // that a packet waits, itself included
	}{
		{"below the rate nothing waits but for itself", Profile{Rate: 20e6}, time.Millisecond, 0, 500 * time.Microsecond},
		{"at the rate nothing is lost", Profile{Rate: 10e6}, time.Millisecond, 0, time.Millisecond},
		{"twice the rate loses half and waits for the queue", Profile{Rate: 5e6}, time.Millisecond, 0.5, 252 * time.Millisecond},
		{"a short queue", Profile{Rate: 5e6, Queue: 10 * size}, time.Millisecond, 0.5, 20 * time.Millisecond},
		{"a queue that holds one packet", Profile{Rate: 5e6, Queue: size}, time.Millisecond, 0.5, 4 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := New(c.p, 1)
			r := send(l, 40_000, size, c.interval)
			share, _ := r.lost()
			if math.Abs(share-c.lost) > 0.01 {
				t.Errorf("%.3f of the packets were lost", share)
			}
			if _, most := r.delays(); most > c.most {
				t.Errorf("a packet waited %v", most)
			}
			if n := l.Counts(); n.Dropped+n.Arrived != n.Sent || n.Lost != 0 || float64(n.Dropped) != share*float64(n.Sent) {
				t.Errorf("counts %+v", n)
			}
		})
	}
}

func TestACutIsATimeInWhichNothingPasses(t *testing.T) {
	r := send(New(Profile{Delay: 30 * time.Millisecond, CutEvery: time.Second, CutFor: 200 * time.Millisecond}, 1), 5000, 1200, time.Millisecond)
	for i, a := range r.arrivals {
		if dead := i%1000 >= 800; dead != (len(a) == 0) {
			t.Fatalf("packet %d ms after the first: dead %v, arrivals %v", i, dead, a)
		}
	}
}

func TestSetChangesWhatIsSentFromNowOn(t *testing.T) {
	l := New(Profile{Delay: 100 * time.Millisecond}, 1)
	before := l.Send(start, 1200)
	l.Set(Profile{Loss: 1})
	during := l.Send(start.Add(time.Second), 1200)
	l.Set(Profile{Delay: 10 * time.Millisecond})
	after := l.Send(start.Add(2*time.Second), 1200)
	if len(before) != 1 || len(during) != 0 || len(after) != 1 || after[0].Sub(start.Add(2*time.Second)) != 10*time.Millisecond {
		t.Errorf("before %v, during %v, after %v", before, during, after)
	}
	if c := l.Counts(); c.Sent != 3 || c.Lost != 1 || c.SentBytes != 3600 || c.ArrivedBytes != 2400 {
		t.Errorf("counts %+v", c)
	}
}

func TestAShorterWayDoesNotOvertake(t *testing.T) {
	l := New(Profile{Delay: 100 * time.Millisecond}, 1)
	long := l.Send(start, 1200)
	l.Set(Profile{Delay: 10 * time.Millisecond})
	if short := l.Send(start.Add(time.Millisecond), 1200); short[0].Before(long[0]) {
		t.Errorf("what was sent later arrives %v before", long[0].Sub(short[0]))
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name string
		p    Profile
		ok   bool
	}{
		{"nothing is good", Profile{}, true},
		{"everything lost is good", Profile{Loss: 1}, true},
		{"all settings at once are good", Profile{1, 1, .5, 20, .5, .5, 1, 1, 2, 1}, true},
		{"more than everything", Profile{Loss: 1.1}, false},
		{"less than nothing", Profile{Reorder: -0.1}, false},
		{"no number", Profile{Duplicate: math.NaN()}, false},
		{"no number of a row", Profile{Burst: math.NaN()}, false},
		{"a packet from the future", Profile{Delay: -1}, false},
		{"a negative rate", Profile{Rate: -1}, false},
		{"a cut longer than its period", Profile{CutEvery: 1, CutFor: 2}, false},
		{"a cut without a period", Profile{CutFor: 2}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.p.Check(); (err == nil) != c.ok {
				t.Error(err)
			}
		})
	}
}

func TestAProfileReadsAsASentence(t *testing.T) {
	for _, c := range []struct {
		p    Profile
		want string
	}{
		{Profile{}, "0s"},
		{Symmetric(200*time.Millisecond, 0.01), "100ms, loss 1 %"},
		{Profile{Delay: time.Second, Jitter: 5 * time.Millisecond, Loss: 0.001, Burst: 20, Reorder: 0.1, Duplicate: 0.2, Rate: 30e6, CutEvery: time.Second, CutFor: time.Millisecond},
			"1s, jitter 5ms, loss 0.1 %, bursts of 20, reordered 10 %, doubled 20 %, 30 Mbit/s, dead 1ms of each 1s"},
	} {
		if got := c.p.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func BenchmarkSend(b *testing.B) {
	l := New(Profile{Delay: 100 * time.Millisecond, Jitter: 10 * time.Millisecond, Loss: 0.01, Burst: 4, Reorder: 0.01, Rate: 1e9}, 1)
	b.ReportAllocs()
	for i := range b.N {
		l.Send(start.Add(time.Duration(i)*100*time.Microsecond), 1200)
	}
}
