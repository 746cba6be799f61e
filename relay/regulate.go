package relay

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"stentor/relay/parity"
	"stentor/relay/wire"
)

const (
	// regulateEvery is how often a link's state is looked at: three looks make the time after which something is done.
	regulateEvery = 100 * time.Millisecond
	// reportEvery is how often the neighbour hears how its packets fare.
	reportEvery = time.Second
	// deliverWithin is the time within which a packet that a hop has lost must be there again. A viewer's player holds 100
	// to 200 ms; where a retransmission takes longer than that, parity has to do it.
	deliverWithin = 150 * time.Millisecond
	// slowAfter is how far behind a sender may be before all of them wait for QUIC with every write, so that they know
	// how far behind they are.
	slowAfter = 20 * time.Millisecond
	// lookLate is how late a look may be. When it is later, this process had to wait for a core, and so had the senders.
	lookLate = 2 * regulateEvery
	// tasteEvery is after how many looks one write finds out whether it has to wait, when none has had to: it costs two
	// switches of goroutines.
	tasteEvery = 3
)

// How much is left out of tracks that have no layer to spare.
const (
	thinNothing     = iota
	thinDiscardable // frames on which no other depends
	thinGroups      // and the rest of a group of pictures, when it falls behind
)

// A congestion is what the senders of a link and its regulate share.
type congestion struct {
	ceiling atomic.Int32 // the highest layer that is sent, plus one; 0: all are
	thin    atomic.Int32
	slow    atomic.Bool            // a sender had to wait lately
	due     atomic.Bool            // the next write finds out whether it has to
	late    atomic.Uint64          // frames that missed their deadline
	peak    atomic.Int64           // the longest that a sender was behind since the last look, nanoseconds
	padding atomic.Int64           // since when a piece of padding waits, Unix nanoseconds; 0: none does
	parity  atomic.Int32           // packets for each twenty
	vitals  atomic.Pointer[vitals] // at the last look, nil before the first
	inLoss  atomic.Uint64          // share of the packets to here that the last second lost, as math.Float64bits

	mu      sync.Mutex // guards the following
	looks   int
	senders map[*sender]uint64 // bytes of the layer at the last look
}

func (c *congestion) joined(s *sender) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.senders == nil {
		c.senders = map[*sender]uint64{}
	}
	c.senders[s] = s.layer.bytes.Load()
}

func (c *congestion) left(s *sender) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.senders, s)
}

// sheds reports whether a layer of that index is left out.
func (c *congestion) sheds(layer int) bool {
	ceiling := int(c.ceiling.Load())
	return ceiling > 0 && layer >= ceiling
}

func (c *congestion) thins() int32 { return c.thin.Load() }

// tastes reports whether a write has to wait until QUIC has sent it.
func (c *congestion) tastes() bool { return c.slow.Load() || c.due.Load() && c.due.Swap(false) }

// waited notes how far behind a sender was.
func (c *congestion) waited(d time.Duration) {
	for {
		old := c.peak.Load()
		if int64(d) <= old || c.peak.CompareAndSwap(old, int64(d)) {
			return
		}
	}
}

// backlog returns how far behind the furthest sender was since the last look, or is.
func (c *congestion) backlog(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	worst := time.Duration(c.peak.Swap(0))
	since := func(began int64) {
		if began != 0 {
			worst = max(worst, time.Duration(now.UnixNano()-began))
		}
	}
	since(c.padding.Load())
	for s := range c.senders {
		since(s.behind.Load())
	}
	c.slow.Store(worst > slowAfter)
	if c.looks++; c.looks%tasteEvery == 0 {
		c.due.Store(true)
	}
	return worst
}

// held returns how many senders leave something out.
func (c *congestion) held() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.senders {
		video := s.track.info.Kind == wire.Video
		if video && (c.sheds(s.layer.index) || c.thins() > 0 && len(s.track.layers) == 1) {
			n++
		}
	}
	return n
}

// A burden is what a link carries of video: what it could leave out, and what it leaves out.
type burden struct {
	highest  int    // layer that is sent, -1 when no video is
	alone    bool   // there is video of one layer
	held     bool   // something is left out
	restored uint64 // bits per second of the layers that would come back first
}

// weigh looks at the senders. Elapsed is the time since the last look.
func (c *congestion) weigh(elapsed time.Duration) burden {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := burden{highest: -1, held: c.thin.Load() > 0}
	ceiling := int(c.ceiling.Load())
	var bits uint64
	for s, before := range c.senders {
		bytes := s.layer.bytes.Load()
		c.senders[s] = bytes
		if s.track.info.Kind != wire.Video {
			continue
		}
		rate := uint64(float64(bytes-before) * 8 / elapsed.Seconds())
		switch index := s.layer.index; {
		case c.sheds(index):
			b.held = true
			if index == ceiling {
				b.restored += rate
			}
		default:
			bits += rate
			b.highest = max(b.highest, index)
			b.alone = b.alone || len(s.track.layers) == 1
		}
	}
	if c.thin.Load() > 0 {
		b.restored = bits / 4
	}
	return b
}

// less leaves out one thing more, and reports whether there was one. Base layers stay, so does audio.
func (c *congestion) less(b burden) bool {
	switch {
	case b.highest > 0:
		c.ceiling.Store(int32(b.highest))
	case b.alone && c.thin.Load() < thinGroups:
		c.thin.Add(1)
	default:
		return false
	}
	return true
}

// more takes the last thing back.
func (c *congestion) more() {
	switch {
	case c.thin.Load() > 0:
		c.thin.Add(-1)
	case c.ceiling.Load() >= wire.MaxLayers:
		c.ceiling.Store(0)
	case c.ceiling.Load() > 0:
		c.ceiling.Add(1)
	}
}

// regulate looks after the link's congestion until it ends: how much parity goes with what is sent, which layers are left
// out, and what the neighbour hears of it.
func (l *link) regulate() error {
	tick := time.NewTimer(l.relay.inStep(regulateEvery))
	defer tick.Stop()
	g := regulator{link: l, last: time.Now(), reported: time.Now()}
	defer g.stop()
	for {
		select {
		case <-tick.C:
			tick.Reset(l.relay.inStep(regulateEvery))
			g.look(time.Now())
		case <-l.ctx.Done():
			return nil
		}
	}
}

// A regulator is the state of one link's regulate.
type regulator struct {
	link     *link
	pulse    pulse
	shedder  shedder
	dose     parity.Dose
	probe    *probe // under way, nil when none is
	last     time.Time
	reported time.Time
	heard    wire.Report // the neighbour's last but one

	told   bool      // the parity of this link was
	toldAt time.Time // when
}

func (g *regulator) look(now time.Time) {
	l, c := g.link, &g.link.congestion
	elapsed := now.Sub(g.last)
	g.last = now
	v := g.pulse.take(l, now)
	v.backlog = c.backlog(now)
	c.vitals.Store(&v)
	b := c.weigh(max(elapsed, time.Millisecond))
	g.protect(v, now)
	if elapsed > lookLate {
		g.shedder.stalled()
	} else {
		g.shed(v, b, now)
	}
	if now.Sub(g.reported) >= reportEvery {
		g.reported = now
		g.report(v)
		l.credits.release() // in the same packet as the report
	}
}

// protect asks for as much parity as the link needs. A neighbour that does not understand it gets none.
func (g *regulator) protect(v vitals, now time.Time) {
	l := g.link
	peer, ok := l.addr()
	if l.relay.cfg.Parity == nil || l.speaks() < 2 || !ok {
		return
	}
	loss := max(v.loss, l.relay.cfg.Parity.Stats(peer).Loss)
	level := g.dose.Next(parity.Sample{Loss: loss, RTT: v.rtt, MinRTT: v.minRTT, Budget: deliverWithin}, now)
	changed := int32(level) != l.congestion.parity.Swap(int32(level))
	if !changed && g.told && (level == 0 || now.Sub(g.toldAt) < parityAgain) {
		return
	}
	// Also once with 0: what protects an address outlives the link to it. And again now and then, since it may have been
	// refused.
	g.told, g.toldAt = true, now
	l.relay.cfg.Parity.Protect(peer, level)
}

// parityAgain is how often parity that goes on is asked for again.
const parityAgain = 5 * time.Second

// shed leaves out what the link has no room for, and takes it back once padding has shown that there is room again.
func (g *regulator) shed(v vitals, b burden, now time.Time) {
	l, c := g.link, &g.link.congestion
	switch g.shedder.next(v, b.held, now) {
	case orderLess:
		g.stop()
		if c.less(b) {
			l.relay.metrics.sheds.WithLabelValues("less").Inc()
			l.relay.log.Info("relay: link is too small", "peer", l.peer, "backlog", v.backlog, "rtt", v.rtt,
				"min_rtt", v.minRTT, "loss", v.loss, "layers", c.ceiling.Load(), "thin", c.thin.Load())
		}
	case orderProbe:
		g.probe = l.startProbe(max(b.restored, probeLeast))
	case orderMore:
		g.stop()
		c.more()
		l.relay.metrics.sheds.WithLabelValues("more").Inc()
	case orderCalm:
		g.stop()
	}
}

// stop ends the probe.
func (g *regulator) stop() {
	if g.probe != nil {
		g.probe.stop()
		g.probe = nil
	}
}

// report tells the neighbour how many of the packets to it were lost, and works out what it said of those to here.
func (g *regulator) report(v vitals) {
	l := g.link
	if l.speaks() < 2 {
		return
	}
	if l.sends() {
		_ = l.send(wire.Report{Sent: v.sent, Lost: v.lost, Rate: v.rate, Window: uint64(v.window)})
	}
	if in := l.inbound.Load(); in != nil && *in != g.heard {
		l.congestion.inLoss.Store(math.Float64bits(share(in.Lost, g.heard.Lost, in.Sent, g.heard.Sent)))
		g.heard = *in
	}
}

// sends reports whether the neighbour pulls something.
func (l *link) sends() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.feeds) > 0
}
