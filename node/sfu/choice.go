package sfu

import (
	"math"
	"time"

	"stentor/node/sfu/layers"
	"stentor/relay"
	"stentor/relay/rtp"
	"stentor/relay/wire"
)

// A choice is which layer a forward carries, and why.
type choice struct {
	layers.Chooser
	own, ceiling layers.Want // the viewer's and the host's
	known        [layers.MaxLayers]layers.Layer
	looked       time.Time
	whole        bool    // the newest packet that went out was the last of its frame
	rate         float64 // of padding and media together, bits a second; 0: no padding
	padded       time.Time
	owed         float64 // bytes of padding
	media        int     // bytes of media that went out before padded
	back         uint16  // how far back the next packet of padding is taken from
}

const (
	// lookEvery is how often a viewer's layer is thought over: often enough to fall within
	// a report of the viewer, which come every 400 ms and less often.
	lookEvery = 100 * time.Millisecond
	// silentBeside is after how long without a packet a layer counts as paused, if another comes;
	// silentAlone where none other is read at this node. A shared screen that stands still is
	// sent once a second and more.
	silentBeside = 2 * time.Second
	silentAlone  = 4 * time.Second
	// recentKey is how old a key frame may be to be begun with: the picture goes back by as
	// much.
	recentKey = 150 * time.Millisecond
	// coldFor is how long a layer that this node had to send for is waited for beyond its
	// first key frame, which the parent may have held for seconds: another one is asked for.
	coldFor = 1200 * time.Millisecond
	// coldLook is how long what follows its key frame is looked at: what a parent held comes within.
	coldLook = 50 * time.Millisecond
)

// choosy reports whether a course may go on in another layer.
func (c *course) choosy() bool { return c.layers > 1 || c.svc != nil }

// first is the layer that a viewer begins with.
func (f *forward) first(track *relay.Track) int {
	if track.Info().LayerCount() < 2 {
		return 0
	}
	f.bounded()
	now := f.now()
	return f.choice.Start(f.survey(place{track, -1}, now), now)
}

// survey is what this node knows of the layers of a track. It belongs to f until the next.
func (f *forward) survey(at place, now time.Time) []layers.Layer {
	info := at.track.Info()
	n := min(info.LayerCount(), layers.MaxLayers)
	known, sized := f.choice.known[:n], f.sizes.of(at.track)
	var states [layers.MaxLayers]relay.LayerState
	var newest time.Time
	for i := range n {
		states[i] = at.track.LayerState(i)
		if states[i].Newest.After(newest) {
			newest = states[i].Newest
		}
	}
	for i := range n {
		l, s := sized[i], states[i]
		quiet := now.Sub(s.Newest)
		known[i] = layers.Layer{
			Rate: s.Bitrate, Height: int(l.Height),
			Dead: (s.Fed || s.Readers > 0) && quiet > silentBeside && now.Sub(newest) < silentBeside/2 || i == at.layer && i > 0 && quiet > silentAlone,
		}
		if known[i].Rate == 0 {
			known[i].Rate = float64(l.Bitrate)
		}
	}
	expect(known, sized)
	return known
}

// expect fills in the rates of layers that were not measured here: by those that were and
// the number of pixels, of which larger pictures need fewer bits each (the exponent is that
// of encoders' own ladders); else by what a camera's picture usually takes.
func expect(known []layers.Layer, info []wire.Layer) {
	const usual, exponent = 0.045 * 30, 0.85 // bits a pixel and frame, at 30 a second
	pixels := func(i int) float64 {
		if n := float64(info[i].Width) * float64(info[i].Height); n > 0 {
			return n
		}
		return 960 * 540 * math.Pow(4, float64(i)) // as browsers are asked for them: halves
	}
	measured := -1
	for i := range known {
		if known[i].Rate > 0 {
			measured = i
		}
	}
	for i := range known {
		switch {
		case known[i].Rate > 0:
		case measured >= 0:
			known[i].Rate = known[measured].Rate * math.Pow(pixels(i)/pixels(measured), exponent)
		default:
			known[i].Rate = usual * pixels(i)
		}
	}
}

// A turning is the way of a course to another layer: the old one goes on until a key frame
// of the new one is there.
type turning struct {
	layer  int
	reader *relay.Reader // keeps the layer in demand
	since  time.Time
	cold   bool   // this node had to send for the layer
	key    moment // of its newest key frame since, which may be old
	newest moment // of its newest packet
}

// A moment is when a packet came and when it is to be shown, in nanoseconds.
type moment struct{ came, shown int64 }

// follow reads what came of the layer, and reports whether its newest key frame is of about now: what
// a parent had in its ring comes faster than it was made.
func (t *turning) follow(clock uint32, now time.Time) bool {
	for p := t.reader.Try(); p != nil; p = t.reader.Try() {
		t.newest = moment{p.Arrived, int64(p.Time*1000/max(uint64(clock), 1)) * 1e6}
		if p.Key {
			t.key = t.newest
		}
	}
	late := t.newest.shown - t.key.shown - (t.newest.came - t.key.came)
	return t.key.came > 0 && now.UnixNano()-t.key.came >= int64(coldLook) && late < int64(recentKey)
}

// look thinks the layer over.
func (f *forward) look(c *course, now time.Time) {
	if !c.choosy() || now.Sub(f.choice.looked) < lookEvery {
		return
	}
	f.choice.looked = now
	if f.svc != nil {
		f.lookRungs(c, now)
		return
	}
	f.bounded()
	target, pad := f.choice.Choose(f.survey(place{c.track, c.layer}, now), now)
	f.results()
	f.choice.rate = pad
	switch {
	case target == c.layer && c.next != nil:
		c.next.reader.Close()
		c.next = nil
	case target != c.layer && (c.next == nil || c.next.layer != target):
		before := c.next
		state := c.track.LayerState(target)
		c.next = &turning{
			layer: target, reader: c.track.Reader(target), since: now, cold: !state.Fed && now.Sub(state.Newest) > time.Second,
		}
		if before != nil {
			before.reader.Close()
		}
		if key := c.track.NewestKey(target); key == nil || now.UnixNano()-key.Arrived > int64(recentKey) {
			c.track.RequestKeyFrame(target) // merged there with those of others
		}
	}
}

// results counts what became of attempts.
func (f *forward) results() {
	r := f.choice.Results()
	if r == (layers.Results{}) {
		return
	}
	f.metrics.probes.WithLabelValues("passed").Add(float64(r.Passed))
	f.metrics.probes.WithLabelValues("failed").Add(float64(r.Failed))
	f.metrics.probes.WithLabelValues("not_there").Add(float64(r.NotThere))
}

// ready reports whether the new layer can go on where the old one is: between two frames,
// with a key frame of about now.
func (t *turning) ready(f *forward, c *course, now time.Time) bool {
	if !f.choice.whole && now.Sub(f.lastAt) < silentBeside/2 {
		return false
	}
	key := c.track.NewestKey(t.layer)
	if key == nil || key.Arrived < t.since.Add(-recentKey).UnixNano() {
		return false
	}
	if !t.cold {
		return true
	}
	if t.follow(c.track.Info().Clock, now) || now.Sub(t.since) > coldFor {
		return true
	}
	c.track.RequestKeyFrame(t.layer) // merged there with those of others
	return false
}

// turn goes on in the new layer.
func (c *course) turn(now time.Time) {
	f, t := c.forward, c.next
	reader := c.track.Reader(t.layer) // at the newest key frame
	t.reader.Close()
	c.reader.Close()
	c.reader, c.skips, c.next = reader, reader.Skips(), nil
	direction := "down"
	if t.layer > c.layer {
		direction = "up"
	}
	f.metrics.on(c.layer, -1)
	f.metrics.on(t.layer, 1)
	f.metrics.switches.WithLabelValues(direction).Inc()
	f.metrics.switchWait.Observe(now.Sub(t.since).Seconds())
	f.enter(c.track, t.layer)
	if t.layer < c.layer { // what is lost of the larger one is not shown any more, and the path is full
		f.current = f.nth
	}
	f.rewriter.Switch(f.nth)
	f.choice.Switched(t.layer, now)
	f.setPace()
	c.layer = t.layer
	f.count(func(s *TrackStats) { s.Layer, s.Switches = t.layer, s.Switches+1 })
}

// padAtOnce bounds what padding goes out in one turn, and padReach how far back it is taken
// from: packets that the viewer has, so that it takes them for repairs that came late.
const (
	padAtOnce = 24
	padReach  = 64
)

// pad sends what the choice asks for beside the media, as repairs of packets that went out.
// A viewer without RTX is tried with the layer itself.
func (f *forward) pad(now time.Time) {
	rate := f.choice.rate
	if rate == 0 || f.rtxSSRC == 0 || f.format.rtx == 0 || f.sender == nil || f.packets < padReach {
		f.choice.padded = time.Time{}
		return
	}
	d := now.Sub(f.choice.padded)
	media := f.choice.media
	f.choice.padded, f.choice.media = now, 0
	if d > time.Second { // it begins
		f.choice.owed = 0
		return
	}
	f.choice.owed = min(f.choice.owed+rate/8*d.Seconds()-float64(media), rate/8*lookEvery.Seconds())
	var scratch [receiveMTU + 64]byte
	for i := 0; i < padAtOnce && f.choice.owed > 0; i++ {
		f.choice.back = f.choice.back%padReach + 1
		packet := f.again(scratch[:0], f.lastSeq-f.choice.back)
		if packet == nil {
			continue
		}
		n, _ := f.repair(packet)
		f.choice.owed -= float64(n)
		f.metrics.padding.Add(float64(n))
		f.out[1].count(1, n)
	}
	f.push()
}

// counts what went out of the media while padding fills up the rest.
func (c *choice) carried(p *rtp.Packet) {
	if c.rate > 0 {
		c.media += len(p.Raw)
	}
}
