package window

import (
	"slices"
	"testing"
	"time"
)

// A flight is a packet of a thousand bytes with the times of its way.
type flight struct{ sent, acked time.Duration }

// play lets trains see packets of a thousand bytes, and returns the best rate of any moment.
func play(packets []flight, span time.Duration) (best uint64) {
	type step struct {
		at    time.Duration
		n     int64
		acked bool
	}
	var steps []step
	for i, p := range packets {
		steps = append(steps, step{p.sent, int64(i), false}, step{p.acked, int64(i), true})
	}
	slices.SortStableFunc(steps, func(a, b step) int { return int(a.at - b.at) })
	var tr trains
	var sent, delivered uint64
	for _, s := range steps {
		if !s.acked {
			sent += 1000
			tr.sent(s.at, s.n, sent, ms, 8000)
			continue
		}
		delivered += 1000
		if tr.acked(s.at, s.n, delivered) {
			best = max(best, tr.rate(span))
		}
	}
	return best
}

// packets are n packets that are sent every gap from begin on, and acknowledged every apart after trip.
func packets(n int, begin, gap, trip, apart time.Duration) (all []flight) {
	for i := range n {
		all = append(all, flight{begin + time.Duration(i)*gap, begin + trip + time.Duration(i)*apart})
	}
	return all
}

func TestTrains(t *testing.T) {
	const trip = 100 * ms
	clumped := packets(200, 0, ms, trip, ms)
	for i := 50; i < 150; i++ {
		clumped[i].acked = clumped[150].acked // a hundred milliseconds of acknowledgements come at once
	}
	for _, c := range []struct {
		name    string
		packets []flight
		span    time.Duration
		want    uint64 // bits per second
	}{
		{"a packet each millisecond is 8 Mbps", packets(300, 0, ms, trip, ms), 20 * ms, 8_000_000},
		{"a bottleneck spreads what was sent faster", packets(300, 0, 500*time.Microsecond, trip, ms), 20 * ms, 8_000_000},
		{"acknowledgements in a clump are not faster than what was sent", clumped, 20 * ms, 8_000_000},
		{"acknowledgements that hurry are not faster either", packets(300, 0, ms, 400*ms, 100*time.Microsecond), 20 * ms, 8_000_000},
		{"a train between pauses has the rate of the train", slices.Concat(packets(40, 0, ms, trip, ms), packets(40, 300*ms, ms, trip, ms)), 20 * ms, 8_000_000},
		{"a train shorter than the span counts as if it had lasted for it", slices.Concat(packets(2, 0, ms, trip, ms), packets(11, 300*ms, ms, trip, ms)), 20 * ms, 4_000_000},
		{"a train that is over at once has the rate of its bytes in the span", slices.Concat(packets(2, 0, ms, trip, ms), packets(80, 300*ms, 10*time.Microsecond, trip, 10*time.Microsecond)), 20 * ms, 29_000_000},
		{"one packet has no rate", packets(1, 0, ms, trip, ms), 20 * ms, 0},
		{"more is in flight than there are marks", packets(5000, 0, ms, 2*time.Second, ms), 20 * ms, 8_000_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := play(c.packets, c.span); got < c.want*95/100 || got > c.want*105/100 {
				t.Errorf("%d, not %d", got, c.want)
			}
		})
	}
}

func TestTrainsIgnoreAcknowledgementsOfNothingNew(t *testing.T) {
	var tr trains
	tr.sent(0, 1, 1000, ms, 8000)
	if !tr.acked(10*ms, 1, 1000) || tr.acked(11*ms, 1, 1000) || tr.acked(12*ms, 0, 1000) {
		t.Error("a mark is acknowledged once")
	}
	if tr.sent(20*ms, 2, 2000, ms, 8000); tr.acked(30*ms, 1, 1000) {
		t.Error("a packet that was not acknowledged counts as one")
	}
}
