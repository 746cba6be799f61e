package window

import "time"

const (
	// rateMemory is for how long a rate that was reached is believed. Encoders send a key frame every two seconds, and
	// it alone fills the path: what it showed must last until the next.
	rateMemory = 2500 * time.Millisecond
	// burstMemory is for how long the rate of a train is believed on a path that has shown no queue since: some encoders
	// send a key frame every eight seconds. With 2.5 s the next one of 1 MB was 217 ms late at a round trip of 60 ms.
	burstMemory = 10 * time.Second
	// tripMemory is for how long the shortest round trip is believed, as in BBR: paths change.
	tripMemory = 10 * time.Second
	// probeAfter is when a round trip as short as the shortest has not been seen for so long that a queue of our own
	// may hide it; some time before it is forgotten.
	probeAfter = 8 * time.Second
	// lossy is the share of losses above which the path is not taken for a bad one any more, but for a full one.
	// Real paths with 15 % random loss carry no live video with any window.
	lossy = 0.15
	// congestedFor is for how long a queue that was seen makes the rule careful: as long as a rate lasts.
	congestedFor = rateMemory
	// queue is how long a queue of our own may be where one was seen. It is a time and no multiple of the round trip,
	// so that links with different round trips that share a bottleneck share it fairly: with twice the round trip, one
	// of 120 ms left 3 of 30 Mbps to one of 20 ms; with this, 14. Frames come no later (DESIGN.md).
	queue = 40 * time.Millisecond
	// swell is by how much a round trip grows, besides a quarter, before that may be a queue.
	swell = 15 * time.Millisecond
	// standing is how long every round trip must have grown for that to be a queue, and manyTrips how many of them
	// there must have been. A busy machine that does not run us for a tenth of a second shows the same for as long; a
	// smoothed round trip, which was here first, took it for a queue, and three frames in four of a good path were late
	// with sixteen processes waiting for two cores.
	standing  = 200 * time.Millisecond
	manyTrips = 16
	// slack is what the far side may hold acknowledgements back (quic-go: 25 ms when it has one packet, less when it
	// has more), and what a busy machine adds. Without it a link with a round trip of one millisecond would wait for
	// acknowledgements most of the time.
	slack = 20 * time.Millisecond
	// firstPackets is the window without any knowledge and the least on a healthy path: what quic-go begins with.
	firstPackets = 32
	// leastPackets is the least on a path that loses much (RFC 9002, section 7.2, begins with as many).
	leastPackets = 10
	// mostBytes is the most: 1 Gbps over 100 ms round trip, and below the 20,000 packets that quic-go keeps track of.
	mostBytes = 14 << 20
	// mostPrimed bounds what a standby's window is opened by: two 4K key frames.
	mostPrimed = 2 << 20
	// firstRate is the pacing of a healthy path of which nothing is known: the first window is out after 18 ms. Nodes
	// have at least that much, and RFC 9002, section 7.7, allows it without any pacing.
	firstRate = 20_000_000
	// leastRate is the pacing on a path that loses much.
	leastRate = 2_000_000
	// fastest is the rate up to which short trains are believed without a steady rate as high. At twice that a 4K key
	// frame of 1 MB is out after 20 ms; the five milliseconds that more would win are not worth the burst.
	fastest = 200_000_000
	// shortest is the shortest stretch in which a rate is measured: eight packets at 30 Mbps.
	shortest = 3 * time.Millisecond
	// steady is the shortest stretch in which a rate counts as one that lasts.
	steady = 40 * time.Millisecond
)

// A reading is what quic-go's sender knows after a packet was sent or acknowledged. Counts are of the whole connection.
type reading struct {
	now                       time.Duration // since any fixed time
	largestSent, largestAcked int64         // packet numbers
	bytesSent, bytesLost      uint64
	packetsLost               uint64 // also counts ECN marks, as losses of no bytes
	inFlight                  int    // bytes
	latest, smoothed, varies  time.Duration
	packet                    int // bytes of a full one
}

// A rule decides how much may be in flight, and how fast it leaves.
//
// The window is the rate at which the path was seen to deliver (the maximum of 10 s) times twice the shortest round trip
// (the minimum of 10 s). A single loss means nothing to it: that is the point. While there is no queue, the rate is that
// of short trains of packets, since live video fills its path for a few milliseconds at a time only. Packets leave at
// twice that rate, so that an unknown path is found as in BBR's start-up: doubling until the rate stops growing.
//
// When all round trips of 200 ms have grown by more than a quarter and 15 ms, or a router marks packets, or more than 15 %
// is lost, there is a queue, which others may share. For the next 2.5 s the rate is that of whole round trips (the maximum of
// 2.5 s), packets leave at 1.25 times of it, and the window is the rate times one shortest round trip and 40 ms; less of those the more is lost, and
// nothing of them from 15 % on.
//
// It holds no clock and is for one goroutine.
type rule struct {
	last      reading
	delivered uint64
	trains    trains
	loss      meter
	burst     filter // rates of trains, bits per second
	steady    filter // rates of whole round trips, bits per second
	trip      filter // round trips, nanoseconds
	shortAt   time.Duration
	goodAt    time.Duration // when a round trip was last about as short as the shortest
	grown     int           // round trips since
	congested time.Duration // until when
	forgotAt  time.Duration // when trains were last forgotten
	probing   time.Duration // until when

	primed int // bytes, from outside

	spacing time.Duration // of marks
	stride  int           // of marks, bytes

	window int    // bytes
	pacing uint64 // bits per second
}

func newRule() *rule {
	return &rule{
		burst: newFilter(burstMemory, greater), steady: newFilter(rateMemory, greater), trip: newFilter(tripMemory, less),
		last: reading{largestSent: -1, largestAcked: -1},
	}
}

// begin takes a first reading, of a connection that may have sent a lot already.
func (r *rule) begin(x reading) {
	r.last = x
	r.shortAt, r.goodAt = x.now, x.now
	r.decide(x)
}

// observe takes the next reading.
func (r *rule) observe(x reading) {
	prev := r.last
	r.last = x
	lost := x.bytesLost - prev.bytesLost
	if x.largestSent != prev.largestSent {
		r.loss.add(x.now, 0, lost)
		r.trains.sent(x.now, x.largestSent, x.bytesSent, r.spacing, uint64(r.stride))
		return // what may be sent has not changed
	}
	// What has left the flight was lost or delivered.
	gone := uint64(max(prev.inFlight-x.inFlight, 0))
	acked := gone - min(gone, lost)
	r.delivered += acked
	r.loss.add(x.now, acked, lost)
	if x.largestAcked != prev.largestAcked {
		r.measure(x)
	}
	if marked := x.packetsLost > prev.packetsLost && lost == 0; marked {
		r.swollen(x.now)
	}
	r.decide(x)
}

// measure takes the rates and the round trip that an acknowledgement shows.
func (r *rule) measure(x reading) {
	if x.latest > 0 {
		r.trip.add(x.now, uint64(x.latest))
	}
	trip := r.shortestTrip()
	if x.latest <= trip+trip/16+time.Millisecond {
		r.shortAt = x.now
		r.probing = 0
	}
	if r.grown++; x.latest <= trip+trip/4+swell {
		r.grown, r.goodAt = 0, x.now
	}
	if !r.trains.acked(x.now, x.largestAcked, r.delivered) {
		return
	}
	long := max(trip, steady)
	r.steady.add(x.now, r.trains.rate(long))
	r.burst.add(x.now, r.trains.rate(min(max(shortest, trip/8, 2*x.varies), long)))
}

// decide sets the window and the pacing.
func (r *rule) decide(x reading) {
	trip := r.shortestTrip()
	share := r.loss.share(x.now)
	full := share > lossy
	if full || r.grown >= manyTrips && x.now-r.goodAt >= standing {
		r.swollen(x.now)
	}
	careful, rate := r.careful(x.now), r.rate()
	pacing, over, least, slowest := 2*rate, 2*trip+slack, firstPackets, uint64(firstRate)
	if careful {
		pacing = rate + rate/4
		over = trip + time.Duration((1-min(share/lossy, 1))*float64(queue))
	}
	if full {
		least, slowest = leastPackets, leastRate
	}
	window := max(bytesIn(rate, over), least*x.packet)
	if r.primed > 0 && !careful {
		window = max(window, r.primed)
		pacing = max(pacing, perSecond(r.primed, max(trip/2, slack)))
	}
	if r.probe(x.now, trip) {
		window = min(window, max(bytesIn(r.steady.value(x.now), trip/2), leastPackets*x.packet))
	}
	r.window, r.pacing = min(window, mostBytes), max(pacing, slowest)
	// Several marks in a frame that leaves within two milliseconds, and enough of them for a round trip and a half.
	r.spacing = max(time.Millisecond, trip/marksPerTrip)
	r.stride = max(8*x.packet, x.inFlight/marksPerTrip, bytesIn(r.steady.value(x.now), max(trip, steady))/(2*marksPerTrip))
}

// swollen takes note of a queue, or of heavy loss. What trains had shown before it is over: the path has changed.
func (r *rule) swollen(now time.Duration) {
	if !r.careful(now) || now-r.forgotAt > congestedFor {
		r.burst, r.forgotAt = newFilter(burstMemory, greater), now
	}
	r.congested = now + congestedFor
}

// careful reports whether there was a queue of late, or heavy loss.
func (r *rule) careful(now time.Duration) bool { return now < r.congested }

// rate is what the path is believed to deliver, in bits per second.
func (r *rule) rate() uint64 {
	if r.careful(r.last.now) {
		return r.steady.value(r.last.now)
	}
	return min(r.burst.value(r.last.now), max(fastest, r.steady.value(r.last.now)))
}

// probe reports whether the window is to be so small for a moment that a queue of our own drains and shows the round
// trip without it. Live video, which seldom fills its path, is hardly ever probed.
func (r *rule) probe(now, trip time.Duration) bool {
	if r.probing == 0 && now-r.shortAt > probeAfter {
		r.probing = now + max(3*trip, 200*time.Millisecond)
	}
	if r.probing != 0 && now >= r.probing {
		r.probing, r.shortAt = 0, now
	}
	return r.probing != 0
}

// shortestTrip is the shortest round trip of late.
func (r *rule) shortestTrip() time.Duration {
	if v := r.trip.value(r.last.now); v != 0 {
		return time.Duration(v)
	}
	return r.last.smoothed
}

// prime opens the window by at least that many bytes while the path is healthy.
func (r *rule) prime(bytes int) { r.primed = min(max(bytes, 0), mostPrimed) }

// bytesIn is how many bytes a rate of bits per second delivers in d.
func bytesIn(rate uint64, d time.Duration) int {
	return int(min(rate/8*uint64(d/time.Microsecond)/uint64(time.Second/time.Microsecond), mostBytes))
}

// perSecond is the rate, in bits per second, at which so many bytes take d.
func perSecond(bytes int, d time.Duration) uint64 {
	return uint64(bytes) * 8 * uint64(time.Second/time.Microsecond) / uint64(max(d/time.Microsecond, 1))
}
