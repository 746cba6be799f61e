package parity

import (
	"math"
	"testing"
	"time"

	"stentor/bench/impair"
)

const ms = time.Millisecond

func TestNeed(t *testing.T) {
	for _, c := range []struct {
		name        string
		loss, burst float64
		rtt, budget time.Duration
		want        int
	}{
		{"nothing is lost", 0, 1, 200 * ms, 100 * ms, 0},
		{"nothing is known", math.NaN(), math.NaN(), 200 * ms, 100 * ms, 0},
		{"less than nothing is lost", -1, 1, 200 * ms, 100 * ms, 0},
		{"a retransmission is in time", 0.05, 1, 49 * ms, 100 * ms, 0},
		{"a retransmission is just late", 0.05, 1, 50 * ms, 100 * ms, 6},
		{"one in a thousand", 0.001, 1, 150 * ms, 100 * ms, 1},
		{"one in two hundred", 0.005, 1, 150 * ms, 100 * ms, 2},
		{"one in a hundred", 0.01, 1, 150 * ms, 100 * ms, 3},
		{"one in a hundred, bursts unknown", 0.01, 0, 150 * ms, 100 * ms, 3},
		{"two in a hundred", 0.02, 1, 150 * ms, 100 * ms, 4},
		{"one in twenty", 0.05, 1, 150 * ms, 100 * ms, 6},
		{"one in ten", 0.1, 1, 150 * ms, 100 * ms, 10},
		{"half is lost", 0.5, 1, 150 * ms, 100 * ms, Most},
		{"all is lost", 1, 1, 150 * ms, 100 * ms, Most},
		{"more than all is lost", 7, 1, 150 * ms, 100 * ms, Most},
		{"pairs are shared by two blocks", 0.01, 2, 150 * ms, 100 * ms, 3},
		{"bursts of four", 0.01, 4, 150 * ms, 100 * ms, 4},
		{"bursts of eight get no more", 0.01, 8, 150 * ms, 100 * ms, 4},
		{"bursts of twenty are for retransmissions", 0.01, 20, 150 * ms, 100 * ms, 3},
		{"a longer way needs no more", 0.01, 1, 900 * ms, 100 * ms, 3},
		{"there is no budget", 0.01, 1, 0, 0, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Need(c.loss, c.burst, c.rtt, c.budget); got != c.want {
				t.Errorf("Need is %d, want %d", got, c.want)
			}
		})
	}
}

// TestNeedGrowsWithLoss holds the rule at all rates, not only at those of the table.
func TestNeedGrowsWithLoss(t *testing.T) {
	for _, burst := range []float64{0, 1, 3, 8, 50} {
		last := 0
		for loss := 1e-6; loss < 1; loss *= 1.05 {
			n := Need(loss, burst, 150*ms, 100*ms)
			if n < last || n < 1 || n > Most {
				t.Fatalf("bursts of %v: %d at %v after %d", burst, n, loss, last)
			}
			last = n
		}
	}
}

// failures sends groups of n full packets and their rows over a path, and returns the share of blocks that fail.
func failures(p impair.Profile, parity, n, packets int) float64 {
	link, at := impair.New(p, 1), time.Unix(0, 0)
	lost := func() int {
		at = at.Add(time.Microsecond)
		return 1 - len(link.Send(at, 1000))
	}
	of := (n + block - 1) / block
	blocks, failed := 0, 0
	for range packets / n {
		var missing [depth]int
		var rows [depth][2]int
		for i := range n {
			missing[i%of] += lost()
		}
		each := (parity*((n+of-1)/of) + block - 1) / block
		for i := range 2 * each * of { // in the order of guard.rows
			rows[i%of][i/of/each] += 1 - lost()
		}
		for b := range of {
			if blocks++; min(rows[b][0], rows[b][1]) < missing[b] {
				failed++
			}
		}
	}
	return float64(failed) / float64(blocks)
}

func TestNeedIsEnough(t *testing.T) {
	for _, c := range []struct {
		name string
		path impair.Profile
		n    int
		most float64
	}{
		{"0.1 % at random, blocks alone", impair.Profile{Loss: 0.001}, 20, 0.001},
		{"1 % at random, blocks alone", impair.Profile{Loss: 0.01}, 20, 0.001},
		{"1 % at random, a frame at 20 Mbps", impair.Profile{Loss: 0.01}, 57, 0.001},
		{"3 % at random, full groups", impair.Profile{Loss: 0.03}, 80, 0.001},
		{"5 % at random, full groups", impair.Profile{Loss: 0.05}, 80, 0.001},
		{"1 % in pairs, a frame at 20 Mbps", impair.Profile{Loss: 0.01, Burst: 2}, 57, 0.002},
		{"1 % in fours, a frame at 20 Mbps", impair.Profile{Loss: 0.01, Burst: 4}, 57, 0.01},
		{"1 % in fours, full groups", impair.Profile{Loss: 0.01, Burst: 4}, 80, 0.005},
	} {
		t.Run(c.name, func(t *testing.T) {
			parity := Need(c.path.Loss, c.path.Burst, 150*ms, 100*ms)
			got := failures(c.path, parity, c.n, 100_000)
			if none := failures(c.path, 0, c.n, 100_000); got > c.most || none < 10*got {
				t.Errorf("with %d of parity %.5f of the blocks fail, %.5f without", parity, got, none)
			}
		})
	}
}

func TestDose(t *testing.T) {
	calm := Sample{RTT: 150 * ms, MinRTT: 150 * ms, Budget: 100 * ms}
	with := func(loss float64, rtt time.Duration) Sample {
		s := calm
		s.Loss, s.RTT = loss, rtt
		return s
	}
	type step struct {
		at   time.Duration
		s    Sample
		want int
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"nothing lost, nothing sent", []step{{0, calm, 0}, {time.Hour, calm, 0}}},
		{"it grows at once", []step{{0, calm, 0}, {100 * ms, with(0.01, 151*ms), 3}, {200 * ms, with(0.05, 151*ms), 6}}},
		{"it never grows while there is a queue", []step{
			{0, with(0.01, 150*ms), 3}, {100 * ms, with(0.1, 190*ms), 3}, {200 * ms, with(0.1, 400*ms), 3}, {300 * ms, with(0.1, 151*ms), 10},
		}},
		{"it does not begin while there is a queue", []step{{0, with(0.1, 190*ms), 0}, {time.Minute, with(0.1, 190*ms), 0}}},
		{"a queue does not make a short way long", []step{
			{0, Sample{Loss: 0.1, RTT: 300 * ms, MinRTT: 20 * ms, Budget: 100 * ms}, 0},
		}},
		{"it falls by one step in five seconds", []step{
			{0, with(0.01, 150*ms), 3}, {time.Second, calm, 3}, {5900 * ms, calm, 3}, {6 * time.Second, calm, 2},
			{10900 * ms, calm, 2}, {11 * time.Second, calm, 1}, {16 * time.Second, calm, 0}, {time.Hour, calm, 0},
		}},
		{"loss between keeps it", []step{
			{0, with(0.01, 150*ms), 3}, {time.Second, calm, 3}, {4 * time.Second, with(0.01, 150*ms), 3}, {5 * time.Second, calm, 3},
			{9900 * ms, calm, 3}, {10 * time.Second, calm, 2},
		}},
		{"it falls while there is a queue", []step{
			{0, with(0.01, 150*ms), 3}, {time.Second, with(0, 400*ms), 3}, {6 * time.Second, with(0, 400*ms), 2},
		}},
		{"jitter of ten milliseconds is no queue", []step{
			{0, Sample{Loss: 0.01, RTT: 61 * ms, MinRTT: 50 * ms, Budget: 100 * ms}, 3},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var d Dose
			for _, s := range c.steps {
				if got := d.Next(s.s, time.Unix(1000, 0).Add(s.at)); got != s.want {
					t.Fatalf("after %v: %d, want %d", s.at, got, s.want)
				}
			}
		})
	}
}
