package parity

import "time"

// A Dose is the parity of one link over time: [Need], without growing into a queue and without flapping. It is a pure
// machine; the zero value sends none. It belongs to one goroutine.
type Dose struct {
	level int
	below time.Time // since when less was needed; zero when it is not
}

// A Sample is what is known of a link at one moment.
type Sample struct {
	// Loss is the share of packets that the way loses, before parity: the greater of what QUIC sees and of [Stats].Loss.
	Loss float64
	// Burst is how many are lost in a row, on average; 0 when unknown.
	Burst float64
	// RTT is the smoothed round-trip time, MinRTT the way's own.
	RTT, MinRTT time.Duration
	// Budget is the time within which a packet is of use.
	Budget time.Duration
}

// patience is how long less parity must have been enough before one step is taken back. Loss is measured over about two
// seconds, of which at 1 % and 300 packets a second only six are lost; and what parity costs for some seconds
// more than it needs is less than the frames that die when it was taken away too early.
const patience = 5 * time.Second

// Next returns how many packets of parity each 20 of data get from now on.
//
// It grows at once, but never while the round trip is longer than the way is (RFC 9265 section 5: loss may then be
// congestion, which parity would feed); it falls by one step after five seconds in which less was enough.
func (d *Dose) Next(s Sample, now time.Time) int {
	need := Need(s.Loss, s.Burst, s.MinRTT, s.Budget)
	switch {
	case need >= d.level:
		d.below = time.Time{}
		if !inflated(s.RTT, s.MinRTT) {
			d.level = need
		}
	case d.below.IsZero():
		d.below = now
	case now.Sub(d.below) >= patience:
		d.level, d.below = d.level-1, now
	}
	return d.level
}

// inflated reports whether there is a queue on the way. The limits are below those at which the relay sheds layers (x 1.25
// + 30 ms), so that parity stops growing before media is taken away; the sum lets short ways jitter.
func inflated(rtt, least time.Duration) bool { return rtt > least+least/8+10*time.Millisecond }
