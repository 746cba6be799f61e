package impair

import (
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// heldBack is how much later than its place a reordered packet arrives: another way through the same building,
	// not another continent. At 20 Mbit/s some eight packets overtake it, more than QUIC's threshold of three
	// (RFC 9002, 6.1.1), less than its time threshold at the round trips that are measured.
	heldBack = 5 * time.Millisecond

	// driftStep is how far the points are apart between which jitter drifts in a straight line. Queues of routers
	// fill and drain over tens of milliseconds; jitter that is drawn for each packet would, order being kept, soon
	// be the maximum always.
	driftStep = 20 * time.Millisecond
)

// A Link is one direction of a path. It may be used from any goroutine; with the same seed, profiles, times and sizes it
// does the same again.
type Link struct {
	mu      sync.Mutex // guards the following
	profile Profile
	counts  Counts
	seed    uint64
	loss    *rand.Rand // one source for each thing, so that what is lost does not depend on what else is asked for
	reorder *rand.Rand
	double  *rand.Rand
	bad     bool      // within a burst of losses
	first   time.Time // of the first packet: cuts and jitter are counted from it
	free    time.Time // when the bottleneck has sent what waits
	last    time.Time // the latest arrival of a packet that kept its place
}

// Counts are packets and bytes of a Link since it was made. Each packet that was sent arrived, or is counted in one of
// Lost, Dropped and Cut.
type Counts struct {
	Sent, Arrived, Lost, Dropped, Cut, Reordered, Duplicated uint64 // packets; Arrived counts a doubled one once
	SentBytes, ArrivedBytes                                  uint64 // as they were passed to Send
}

// New returns a link that treats packets by p, with randomness from seed. A share of p that means nothing (see
// [Profile.Check]) is taken as the nearest one that does.
func New(p Profile, seed uint64) *Link {
	source := func(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }
	return &Link{profile: p, seed: seed, loss: source(1), reorder: source(2), double: source(3)}
}

// Set changes what is done to packets from now on; what is on its way is not touched.
func (l *Link) Set(p Profile) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.profile = p
}

// Counts returns what has happened so far.
func (l *Link) Counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

// Send takes a packet of size bytes that is sent at now and returns when it arrives: not at all when it is lost, twice
// when it is doubled. Times of successive calls must not go back.
func (l *Link) Send(now time.Time, size int) []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts.Sent++
	l.counts.SentBytes += uint64(size)
	if l.first.IsZero() {
		l.first = now
	}
	p := l.profile
	lost := l.isLost(p) // drawn also for packets that go elsewhere: a draw belongs to a packet
	at, fits := l.narrow(p, now, size)
	switch {
	case p.CutFor > 0 && now.Sub(l.first)%p.CutEvery >= p.CutEvery-p.CutFor:
		l.counts.Cut++
		return nil
	case !fits:
		l.counts.Dropped++
		return nil
	case lost:
		l.counts.Lost++
		return nil
	}
	l.counts.Arrived++
	l.counts.ArrivedBytes += uint64(size)
	return l.arrivals(p, at)
}

// isLost draws from the Gilbert-Elliott model in its simplest form: nothing passes in the bad state, all in the good
// one, so that losses come in rows of Burst on average and are Loss of all in the long run.
func (l *Link) isLost(p Profile) bool {
	draw := l.loss.Float64()
	if p.Loss <= 0 || p.Loss >= 1 {
		l.bad = false
		return p.Loss >= 1
	}
	if p.Burst <= 1 {
		l.bad = false
		return draw < p.Loss
	}
	if l.bad {
		l.bad = draw >= 1/p.Burst
	} else {
		l.bad = draw < p.Loss/(p.Burst*(1-p.Loss))
	}
	return l.bad
}

// narrow passes a packet through the bottleneck and returns when its last bit has left it, or false when the queue before
// it is full.
func (l *Link) narrow(p Profile, now time.Time, size int) (time.Time, bool) {
	if p.Rate <= 0 {
		return now, true
	}
	start := now
	if l.free.After(now) {
		start = l.free
		waiting := int64(start.Sub(now)) * (p.Rate / 8) / int64(time.Second)
		if waiting+int64(size) > int64(p.queue()) {
			return now, false
		}
	}
	l.free = start.Add(time.Duration(int64(size) * 8 * int64(time.Second) / p.Rate))
	return l.free, true
}

// arrivals adds the way to a packet that has left the bottleneck at at.
func (l *Link) arrivals(p Profile, at time.Time) []time.Time {
	at = at.Add(p.Delay + l.drift(p, at))
	held, twice := l.reorder.Float64() < p.Reorder, l.double.Float64() < p.Duplicate
	if at.Before(l.last) {
		at = l.last
	}
	if held {
		l.counts.Reordered++
		at = at.Add(heldBack)
	} else {
		l.last = at
	}
	if twice {
		l.counts.Duplicated++
		return []time.Time{at, at}
	}
	return []time.Time{at}
}

// drift returns the jitter of a packet: a function of the seed and of the time since the first packet, so that it does
// not depend on how many packets there are.
func (l *Link) drift(p Profile, at time.Time) time.Duration {
	if p.Jitter <= 0 {
		return 0
	}
	since := at.Sub(l.first)
	step, within := uint64(since/driftStep), float64(since%driftStep)/float64(driftStep)
	from, to := l.point(step), l.point(step+1)
	return time.Duration(float64(p.Jitter) * (from + (to-from)*within))
}

// point returns the height of the drift at a step, from 0 to 1 (SplitMix64: Steele, Lea, Flood, OOPSLA 2014).
func (l *Link) point(step uint64) float64 {
	z := l.seed + (step+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return float64(z>>11) / (1 << 53)
}
