package window

import (
	"testing"
	"time"
)

// A model is a sender with a rule on a path, in steps of a tenth of a millisecond. It knows nothing of quic-go.
type model struct {
	rule  *rule
	now   time.Duration
	rate  uint64        // of the bottleneck, bits per second
	trip  time.Duration // without a queue
	queue int           // bytes before the bottleneck
	every int           // one packet in so many is lost; 0: none
	mark  bool          // the next acknowledgement tells of a mark

	wants   int // bytes that the application still wants to send
	tokens  float64
	free    time.Duration // of the bottleneck
	next    int64
	flights []flight // of the packets from base on; acked is -1 for those that are lost
	base    int64
	reading reading

	arrived, dropped int
	most             int // the most that was in flight
}

const (
	tick = 100 * time.Microsecond
	size = 1250
)

func newModel(rate uint64, trip time.Duration) *model {
	m := &model{rule: newRule(), rate: rate, trip: trip, queue: 1 << 30}
	m.reading = reading{largestSent: -1, largestAcked: -1, packet: size, latest: trip, smoothed: trip}
	m.rule.begin(m.reading)
	return m
}

// run lets the application write so many bytes each interval for d.
func (m *model) run(d time.Duration, bytes int, interval time.Duration) *model {
	for end := m.now + d; m.now < end; m.now += tick {
		if m.now%interval == 0 {
			m.wants += bytes
		}
		m.acknowledge()
		m.tokens = min(m.tokens+float64(m.rule.pacing)/8*tick.Seconds(), 10*size)
		for m.wants > 0 && m.tokens >= size && m.reading.inFlight < m.rule.window {
			m.send()
		}
		m.most = max(m.most, m.reading.inFlight)
	}
	return m
}

// greedy lets the application write as much as it can.
func (m *model) greedy(d time.Duration) *model {
	m.wants = 1 << 40
	m.run(d, 0, time.Hour)
	m.wants = 0
	return m
}

func (m *model) send() {
	m.tokens -= size
	m.wants -= size
	start := max(m.free, m.now)
	f := flight{m.now, -1}
	switch waiting := int(uint64(start-m.now) * m.rate / 8 / uint64(time.Second)); {
	case waiting+size > m.queue:
		m.dropped++
	case m.every > 0 && m.next%int64(m.every) == 0:
	default:
		m.free = start + time.Duration(size*8*uint64(time.Second)/m.rate)
		f.acked = m.free + m.trip
	}
	m.flights = append(m.flights, f)
	m.reading.now, m.reading.largestSent = m.now, m.next
	m.reading.bytesSent += size
	m.reading.inFlight += size
	m.next++
	m.rule.observe(m.reading)
}

// acknowledge tells of the packets whose acknowledgement has come, and of those before them that are lost.
func (m *model) acknowledge() {
	for i, f := range m.flights {
		if f.acked < 0 {
			continue
		}
		if f.acked > m.now {
			return
		}
		lost := uint64(i)
		m.flights, m.base = m.flights[i+1:], m.base+int64(i)+1
		r := &m.reading
		r.now, r.largestAcked, r.latest = m.now, m.base-1, m.now-f.sent
		r.smoothed += (r.latest - r.smoothed) / 8
		r.bytesLost += lost * size
		r.packetsLost += lost
		r.inFlight -= int(lost+1) * size
		m.arrived += size
		if m.mark {
			r.packetsLost, m.mark = r.packetsLost+1, false
		}
		m.rule.observe(m.reading)
		m.acknowledge()
		return
	}
}

// product is the bandwidth-delay product of the path.
func (m *model) product() int { return bytesIn(m.rate, m.trip) }

// frame is one of a 20 Mbps video with 30 of them a second, key one of its key frames.
const (
	frame = 83_000
	key   = 500_000
)

const interval = 33 * ms

func TestRule(t *testing.T) {
	long := func() *model { return newModel(30e6, 150*ms) }
	for _, c := range []struct {
		name string
		run  func() *model
		ok   func(m *model) bool
	}{
		{"of a path of which nothing is known, quic-go's own first window is used", long,
			func(m *model) bool { return m.rule.window == firstPackets*size && m.rule.pacing == firstRate }},
		{"in the first four round trips it finds half of what the path has", func() *model { return long().greedy(600 * ms) },
			func(m *model) bool { return m.rule.rate() > 15e6 }},
		{"a path that is filled is used fully", func() *model { m := long().greedy(2 * time.Second); m.arrived = 0; return m.greedy(time.Second) },
			func(m *model) bool { return m.arrived > 30e6/8*98/100 }},
		{"the queue on a path that is filled is not much longer than it may be", func() *model { return long().greedy(3 * time.Second) },
			func(m *model) bool { return m.reading.smoothed < 150*ms+queue*3/2 && m.rule.careful(m.now) }},
		{"on the way there no more than two round trips are in flight", func() *model { return long().greedy(3 * time.Second) },
			func(m *model) bool { return m.most < m.product()*5/2 }},
		{"video that does not fill the path gets twice the product of it", func() *model { return long().run(3*time.Second, frame, interval) },
			func(m *model) bool { return m.rule.window > m.product()*9/5 && m.rule.window < m.product()*5/2 }},
		{"one loss in a hundred changes nothing", func() *model { m := long(); m.every = 100; return m.run(3*time.Second, frame, interval) },
			func(m *model) bool {
				return m.rule.window > m.product()*9/5 && m.rule.loss.share(m.now) > 0 && !m.rule.careful(m.now)
			}},
		{"one loss in ten changes nothing", func() *model { m := long(); m.every = 10; return m.run(3*time.Second, frame, interval) },
			func(m *model) bool { return m.rule.window > m.product()*9/5 && !m.rule.careful(m.now) }},
		{"one loss in five leaves one product of what arrives", func() *model { m := long(); m.every = 5; return m.run(3*time.Second, frame, interval) },
			func(m *model) bool { return m.rule.careful(m.now) && m.rule.window < m.product()*11/10 }},
		{"a key frame that was sent lasts for the next eight seconds",
			func() *model {
				m := newModel(400e6, 150*ms).run(time.Second, frame, interval)
				m.wants += key
				return m.run(8200*ms, frame, interval)
			},
			func(m *model) bool { return m.rule.rate() > 60e6 }},
		{"after ten seconds what was not seen again is forgotten",
			func() *model {
				m := newModel(400e6, 150*ms).run(time.Second, frame, interval)
				m.wants += 4 * key
				return m.run(11*time.Second, 2000, interval)
			},
			func(m *model) bool { return m.rule.rate() < 2e6 && m.rule.window == firstPackets*size }},
		{"a machine that stalls is no queue", func() *model {
			m := newModel(400e6, 60*ms).run(2*time.Second, frame, interval)
			for range 10 {
				m.trip = 160 * ms // of the packets of that time
				m.run(90*ms, frame, interval)
				m.trip = 60 * ms
				m.run(400*ms, frame, interval)
			}
			return m
		}, func(m *model) bool { return !m.rule.careful(m.now) }},
		{"a queue makes it forget what was seen before",
			func() *model {
				m := newModel(400e6, 50*ms).run(time.Second, frame, interval)
				m.wants += 4 * key
				m.run(time.Second, frame, interval)
				m.rate = 16e6
				m.run(time.Second, frame, interval)
				m.wants = 0
				return m.run(7*time.Second, 40_000, interval)
			},
			func(m *model) bool { return !m.rule.careful(m.now) && m.rule.rate() < 20e6 }},
		{"an idle link does not take its own idleness for a slow path", func() *model { return long().run(20*time.Second, 60, 50*ms) },
			func(m *model) bool { return m.rule.pacing == firstRate && m.rule.window == firstPackets*size }},
		{"a key frame leaves over twenty milliseconds, however fast the path",
			func() *model {
				m := newModel(10e9, 150*ms)
				for range 8 {
					m.wants += 2 * key
					m.run(2*time.Second, frame, interval)
				}
				return m
			},
			func(m *model) bool { return m.rule.pacing <= 2*fastest && m.rule.pacing > fastest }},
		{"many streams on a fast path are not held to that", func() *model { return newModel(2e9, 2*ms).run(2*time.Second, 4_000_000, interval) },
			func(m *model) bool { return m.rule.pacing > 2*fastest }},
		{"half of the capacity goes, and the queue of that is gone within six seconds", func() *model {
			m := long().greedy(3 * time.Second)
			m.rate, m.queue = 15e6, 500_000
			return m.greedy(6 * time.Second)
		}, func(m *model) bool { return m.rule.rate() < 17e6 && m.reading.smoothed < 150*ms+queue*2 }},
		{"a short buffer is not flooded by key frames", func() *model {
			m := newModel(25e6, 20*ms)
			m.queue = 100_000
			for range 5 {
				m.wants += key
				m.run(2*time.Second, 75_000, interval)
			}
			return m
		}, func(m *model) bool { return m.dropped*size*50 < m.arrived }},
		{"a mark of a router is a queue", func() *model {
			m := long().run(time.Second, frame, interval)
			m.mark = true
			return m.run(300*ms, frame, interval)
		}, func(m *model) bool { return m.rule.careful(m.now) && m.rule.window < m.product()*3/2 }},
		{"the window has a ceiling", func() *model { return newModel(10e9, 300*ms).greedy(3 * time.Second) },
			func(m *model) bool { return m.rule.window == mostBytes }},
		{"with a round trip of nothing it still waits for no acknowledgement", func() *model { return newModel(1e9, 200*time.Microsecond).greedy(time.Second) },
			func(m *model) bool { return m.rule.window >= bytesIn(900e6, slack) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := c.run()
			if !c.ok(m) {
				t.Errorf("window %d (product %d, at most %d in flight), pacing %d, rate %d, round trip %v, lost %.3f, careful %v, %d dropped, %d arrived",
					m.rule.window, m.product(), m.most, m.rule.pacing, m.rule.rate(), m.reading.smoothed, m.rule.loss.share(m.now), m.rule.careful(m.now), m.dropped, m.arrived)
			}
		})
	}
}

func TestRuleLooksForTheShortestRoundTripAgain(t *testing.T) {
	m := newModel(30e6, 100*ms).greedy(3 * time.Second)
	m.trip = 40 * ms // the path has become shorter, behind a queue of its own
	least := m.rule.window
	for range 9000 {
		m.greedy(ms)
		least = min(least, m.rule.window)
	}
	if m.rule.shortestTrip() > 45*ms {
		t.Errorf("%v", m.rule.shortestTrip())
	}
	m.trip = 100 * ms
	if m.greedy(21 * time.Second); m.rule.shortestTrip() < 95*ms {
		t.Errorf("%v after the path has become longer", m.rule.shortestTrip())
	}
	if m.arrived = 0; m.greedy(10*time.Second).arrived < 30e6/8*10*95/100 {
		t.Errorf("probing left %d bytes of %d", m.arrived, int(30e6/8*10))
	}
}

func TestRuleSharesABottleneck(t *testing.T) {
	// Two rules whose packets wait in one queue: both models use the same bottleneck, in turns of one tick.
	a, b := newModel(30e6, 20*ms), newModel(30e6, 120*ms)
	a.wants, b.wants = 1<<40, 1<<40
	for range int(30 * time.Second / tick) {
		b.free = a.free
		b.run(tick, 0, time.Hour)
		a.free = b.free
		a.run(tick, 0, time.Hour)
		if a.now == 10*time.Second {
			a.arrived, b.arrived = 0, 0
		}
	}
	all := a.arrived + b.arrived
	if min(a.arrived, b.arrived) < all/4 || all < 30e6/8*20*97/100 {
		t.Errorf("%d and %d bytes", a.arrived, b.arrived)
	}
}

func TestPrime(t *testing.T) {
	for _, c := range []struct {
		name   string
		primed int
		every  int
		window int
	}{
		{"a standby's window is open before anything was sent", 1_000_000, 0, 1_000_000},
		{"it is bounded", 1 << 30, 0, mostPrimed},
		{"less than nothing is nothing", -5, 0, firstPackets * size},
		{"nothing ends it", 0, 0, firstPackets * size},
		{"on a path that loses much it does not count", 1_000_000, 3, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newModel(100e6, 90*ms)
			m.every = c.every
			m.rule.prime(c.primed)
			m.run(time.Second, 300*(c.every+1)*(c.every+1), 10*ms)
			if c.window != 0 && m.rule.window != c.window || c.window == 0 && m.rule.window > 100_000 {
				t.Errorf("window %d", m.rule.window)
			}
			if c.primed > 0 && c.every == 0 && m.rule.pacing < 150e6 {
				t.Errorf("pacing %d", m.rule.pacing)
			}
		})
	}
}

func BenchmarkRule(b *testing.B) {
	m := newModel(30e6, 150*ms).run(3*time.Second, frame, interval)
	x := m.reading
	b.ReportAllocs()
	for b.Loop() {
		x.now += 400 * time.Microsecond
		x.largestSent++
		x.bytesSent += size
		x.inFlight += size
		m.rule.observe(x)
		x.largestAcked++
		x.inFlight -= size
		m.rule.observe(x)
	}
}
