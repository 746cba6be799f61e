// Package layers chooses which layer of a simulcast one viewer is sent.
//
// It is pure: it reads no clock and sends nothing. Its owner tells it what the viewer's
// path answers (reports of loss and round trips, RFC 3550 section 6.4; the receiver's own
// estimate, draft-alvestrand-rmcat-remb) and what went out, and asks now and then for the
// layer to aim at and for how much padding.
//
//	reports, estimates -> [Path]: what the path takes -> [Chooser]: layer, probe
//
// A path that is not full says nothing of what it could take: receivers' estimates grow
// slowly with what comes. So whoever wants a larger layer is sent padding up to its rate
// first, for a moment: if nothing is lost and nothing queues, the larger one follows; if
// something is, the next attempt waits longer. Down it goes at once, up only after a while.
package layers

import "time"

// A Layer is one encoding of a picture, as far as this node knows it.
type Layer struct {
	Rate   float64 // bits a second, measured or expected; 0: not known
	Height int     // lines; 0: not known
	Dead   bool    // nothing comes of it: its publisher has paused it
}

// A Want bounds what a viewer is sent, by its own wish or the host's. The zero Want does not.
type Want struct {
	Height  int     // the most lines; 0: any. The smallest layer is sent in any case
	Bitrate float64 // the most bits a second; 0: any
	Fixed   int     // 1 + the one layer that is wanted, whatever the path says; 0: none
}

// Both returns what two bounds allow together; a fixed layer is the first one's.
func (w Want) Both(o Want) Want {
	w.Height = least(w.Height, o.Height)
	if w.Bitrate == 0 || o.Bitrate != 0 && o.Bitrate < w.Bitrate {
		w.Bitrate = o.Bitrate
	}
	return w
}

func least(a, b int) int {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// The times of a choice.
const (
	// holdUp is how long a layer is kept before a larger one is tried: a switch costs a key
	// frame, and an eye sees two changes within a second as a defect, one as an improvement.
	holdUp = time.Second
	// holdFirst is the same at the beginning, when every viewer starts below what most paths
	// take.
	holdFirst = 500 * time.Millisecond
	// probeFor is how long padding is sent at least: longer than the queue of a home router takes
	// to show. It goes on until a report tells of it, of which browsers send one in half a second
	// to one and a half, but no longer than probeMost.
	probeFor  = 800 * time.Millisecond
	probeMost = 2500 * time.Millisecond
	// probeWait is the first pause after an attempt that failed, probeWaitMost the longest:
	// a path that got better is found within a quarter of a minute, and one that stays as it
	// is is troubled for one part in twenty of the time.
	probeWait     = 3 * time.Second
	probeWaitMost = 16 * time.Second
	// probeMore is how much more than the layer's rate is tried: key frames come on top.
	probeMore = 1.15
	// probeStep is the most by which a probe goes beyond what the path is known to take: what
	// is lost by one that fails is lost for the viewer too.
	probeStep = 1.6
	// deadFor is how long a layer that did not come is not asked for again.
	deadFor = 8 * time.Second
	// switchWithin is how long a key frame of the target is waited for: two requests at half
	// a second's distance, a long round trip, and the encoder.
	switchWithin = 3 * time.Second
)

// up and stay are by which share of what a path takes a layer may be sent: a layer is left
// when it takes all of it, and entered when it leaves room, so that one that sits at the
// edge does not swing.
const (
	upShare   = 0.90
	stayShare = 1.05
)

// MaxLayers is how many a [Chooser] looks at.
const MaxLayers = 8

// A Chooser chooses for one viewer and one picture. It belongs to one goroutine at a time.
type Chooser struct {
	Path

	want    Want
	current int // what is sent
	target  int // what is to be sent
	began   bool
	asked   time.Time // when the target became one
	changed time.Time // when current did
	ups     int       // switches to a larger one so far

	probing time.Time // when the probe began; zero: none runs
	rate    float64   // that it goes up to
	before  float64   // the receiver's estimate when it began
	next    time.Time // no probe before
	wait    time.Duration
	dead    [MaxLayers]time.Time // until when a layer counts as dead, since it did not come
	results Results
}

// Results counts what became of probes and waits.
type Results struct{ Passed, Failed, NotThere int }

// Want sets the bounds.
func (c *Chooser) Want(w Want) { c.want = w }

// Start chooses the first layer: the largest that fits into what is assumed of a path of
// which nothing is known.
func (c *Chooser) Start(layers []Layer, now time.Time) int {
	c.Path.start(now)
	best := 0
	for i := range layers {
		if c.allowed(layers, i, now) && layers[i].Rate <= c.Path.Takes(now)*upShare {
			best = i
		}
	}
	if f := c.fixed(layers); f >= 0 {
		best = f
	}
	c.current, c.target, c.began, c.changed, c.asked = best, best, true, now, now
	return best
}

// Switched says that what is sent is layer from now on.
func (c *Chooser) Switched(layer int, now time.Time) {
	if layer > c.current {
		c.ups++
	}
	c.current, c.changed = layer, now
	c.Path.settle(now)
}

// Results returns the counts since they were last asked for.
func (c *Chooser) Results() Results {
	r := c.results
	c.results = Results{}
	return r
}

// Choose returns the layer to aim at, and the bits a second up to which padding is to be
// sent with it; 0 is none. It is to be called several times a second.
func (c *Chooser) Choose(layers []Layer, now time.Time) (target int, pad float64) {
	if len(layers) > MaxLayers {
		layers = layers[:MaxLayers]
	}
	if !c.began {
		c.Start(layers, now)
	}
	c.Path.age(now)
	if f := c.fixed(layers); f >= 0 {
		c.probing = time.Time{}
		c.aim(f, now)
		return c.target, 0
	}
	c.gaveUp(now)
	c.down(layers, now)
	return c.target, c.up(layers, now)
}

// fixed is the one layer that is wanted, or the largest below it that the bounds allow; -1
// where none is.
func (c *Chooser) fixed(layers []Layer) int {
	f := c.want.Fixed - 1
	if f >= len(layers) {
		return -1
	}
	for f > 0 && c.beyond(layers[f], layers[0]) {
		f--
	}
	return f
}

// gaveUp ends a wait for a key frame that does not come.
func (c *Chooser) gaveUp(now time.Time) {
	if c.target != c.current && now.Sub(c.asked) > switchWithin {
		c.dead[c.target] = now.Add(deadFor)
		c.results.NotThere++
		c.target = c.current
	}
}

// down goes to a smaller layer where the current one is more than the path takes, more than
// is wanted, or gone.
func (c *Chooser) down(layers []Layer, now time.Time) {
	takes := c.Path.Takes(now)
	from := min(max(c.target, c.current), len(layers)-1)
	best := -1
	for i := from; i >= 0; i-- {
		if c.allowed(layers, i, now) && (layers[i].Rate <= takes*stayShare || i == c.lowest(layers, now)) {
			best = i
			break
		}
	}
	if best < 0 {
		best = c.lowest(layers, now)
	}
	if best < c.target || best < c.current && c.target == c.current {
		// The way down leaves what there is to spare: a layer that fills a path which has just
		// proved to be narrower has no room for what queues already.
		for best > c.lowest(layers, now) && layers[best].Rate > takes*upShare {
			best--
		}
		if c.Path.Troubled(now.Add(-2 * holdUp)) {
			c.failed(now)
		}
		c.aim(best, now)
	}
	if best > c.target && !c.allowed(layers, c.target, now) { // what is smaller is not there
		c.aim(best, now)
	}
}

// failed ends a probe that runs, or counts the layer that it led to, as one attempt too much:
// the next one waits longer.
func (c *Chooser) failed(now time.Time) {
	tried := !c.probing.IsZero()
	c.probing = time.Time{}
	if tried {
		c.results.Failed++
	}
	if tried || now.Sub(c.changed) < 2*probeWait {
		c.wait = min(max(2*c.wait, probeWait), probeWaitMost)
	} else {
		c.wait = probeWait
	}
	c.next = now.Add(c.wait)
}

// up goes to a larger layer where the path has proved to take it, or finds out by padding.
func (c *Chooser) up(layers []Layer, now time.Time) (pad float64) {
	hold := holdUp
	if c.ups == 0 {
		hold = holdFirst
	}
	if c.target != c.current || now.Sub(c.changed) < hold {
		c.probing = time.Time{}
		return 0
	}
	above := c.above(layers, now)
	if above < 0 {
		c.probing = time.Time{}
		return 0
	}
	need := layers[above].Rate / upShare
	switch {
	case !c.probing.IsZero() && c.Path.Troubled(c.probing):
		c.failed(now)
		return 0
	case !c.probing.IsZero() && now.Sub(c.probing) >= probeFor+c.Path.RTT():
		took, known := c.Path.Took(c.probing.Add(probeFor/2+c.Path.RTT()), c.rate, c.before)
		if !known && now.Sub(c.probing) < probeMost { // what comes meanwhile is to be in the report
			c.Path.pads(layers[c.current].Rate, now)
			return c.rate
		}
		if !took {
			c.failed(now)
			return 0
		}
		c.Path.Proved(c.rate)
		c.results.Passed++
		c.probing = time.Time{}
		if c.rate >= layers[above].Rate*probeMore {
			c.wait = 0
			c.aim(above, now)
		}
		return 0
	case !c.probing.IsZero():
		c.Path.pads(layers[c.current].Rate, now)
		return c.rate
	case c.Path.Takes(now) >= need && !c.Path.Troubled(now.Add(-holdUp)):
		c.aim(above, now)
		return 0
	case now.Before(c.next) || c.Path.Troubled(now.Add(-holdUp)) || !c.Path.Heard(now.Add(-2*holdUp)):
		return 0
	}
	c.Path.pads(layers[c.current].Rate, now)
	c.before = c.Path.estimate
	c.probing, c.rate = now, min(layers[above].Rate*probeMore, c.Path.Takes(now)*probeStep)
	return c.rate
}

// above is the next larger layer that may be sent, -1 where there is none.
func (c *Chooser) above(layers []Layer, now time.Time) int {
	for i := c.current + 1; i < len(layers); i++ {
		if c.allowed(layers, i, now) {
			return i
		}
	}
	return -1
}

// allowed reports whether a layer is there and within bounds.
func (c *Chooser) allowed(layers []Layer, i int, now time.Time) bool {
	return !layers[i].Dead && !now.Before(c.dead[i]) && (i == 0 || !c.beyond(layers[i], layers[0]))
}

// beyond reports whether a layer is more than is wanted. Of those that are as small as the smallest and have more frames
// none has too many lines.
func (c *Chooser) beyond(l, least Layer) bool {
	return c.want.Height > 0 && l.Height > max(c.want.Height, least.Height) || c.want.Bitrate > 0 && l.Rate > c.want.Bitrate
}

// lowest is the smallest layer that is there; 0 where none is.
func (c *Chooser) lowest(layers []Layer, now time.Time) int {
	for i := range layers {
		if !layers[i].Dead && !now.Before(c.dead[i]) {
			return i
		}
	}
	return 0
}

func (c *Chooser) aim(layer int, now time.Time) {
	if layer != c.target {
		c.target, c.asked = layer, now
	}
}
