package sfu

import (
	"math"
	"strconv"
	"time"

	"stentor/node/sfu/layers"
	"stentor/relay"
	"stentor/relay/rtp"
	"stentor/relay/rtp/svc"
	"stentor/relay/wire"
)

// A thinning is what a forward carries of a stream that has several layers in one (SVC). Such
// a stream crosses the mesh as a whole, as one layer of its track, and says itself which
// layers it has, with each key frame; what a viewer is not to see is left out at the
// viewer's node. So nodes in between need not know.
//
// The layers, as rungs, are what the choice of a layer is told of, as it is of simulcast's.
type thinning struct {
	*svc.Selector
	wish   Wish
	rung   int       // that goes out
	target int       // that is to
	since  time.Time // when that became so
	asked  time.Time // when a key frame was last asked for
	began  bool      // something went out
	known  bool      // the choice was told of rungs
}

// scalable reports whether a track's one layer may have several in it.
func scalable(info wire.TrackInfo) bool {
	return info.Kind == wire.Video && info.LayerCount() == 1 && svc.Scalable(info.Mime)
}

// thins prepares for a track. f.mu is held.
func (f *forward) thins(track *relay.Track) {
	info := track.Info()
	before := f.svc
	if f.svc = nil; !scalable(info) {
		return
	}
	t := &thinning{}
	if before != nil {
		t.wish = before.wish
	}
	t.Selector = svc.New(info.Mime, info.Extension(extDependency), func() { f.rungs(t, track) })
	f.svc = t
}

// mask writes another mask of active decode targets, as [rtp.RewriterConfig] has it.
func (f *forward) mask(dst, descriptor []byte, active uint32, always bool) []byte {
	if f.svc == nil {
		return append(dst, descriptor...)
	}
	return f.svc.Mask(dst, descriptor, active, always)
}

// thinned reports whether a packet goes out, and as what. f.mu is held.
func (f *forward) thinned(p *rtp.Packet, now time.Time) (rtp.As, bool) {
	t := f.svc
	if t == nil {
		return rtp.As{}, true
	}
	v := t.Take(p)
	if rung := t.Active(); rung >= 0 && (rung != t.rung || !t.began) {
		f.onRung(rung, now)
	}
	return v.As, v.Forward
}

// rungs takes in that the stream's layers are others than before.
func (f *forward) rungs(t *thinning, track *relay.Track) {
	if f.svc != t {
		return
	}
	now := f.now()
	f.bounded()
	if t.wish != (Wish{}) {
		_ = f.want(t.wish) // a layer that is not there any more is not held on to
	}
	if len(t.Rungs()) < 2 {
		return
	}
	t.known = true
	t.target = f.choice.Start(f.surveyRungs(track), now)
	t.since = now
	t.Aim(t.Rungs()[t.target].Layer, false)
}

// onRung notes that another layer goes out.
func (f *forward) onRung(rung int, now time.Time) {
	t := f.svc
	f.metrics.on(t.rung, -1)
	f.metrics.on(rung, 1)
	if t.began {
		direction := "down"
		if rung > t.rung {
			direction = "up"
		}
		f.metrics.switches.WithLabelValues(direction).Inc()
		f.metrics.switchWait.Observe(now.Sub(t.since).Seconds())
		f.choice.Switched(rung, now)
	}
	switched := t.began
	t.rung, t.began = rung, true
	f.setPace()
	f.count(func(s *TrackStats) {
		if s.Layer = rung; switched {
			s.Switches++
		}
	})
}

// lookRungs thinks the layer over, and asks for the key frame that it takes.
func (f *forward) lookRungs(c *course, now time.Time) {
	t := f.svc
	if t.known && len(t.Rungs()) > 1 {
		f.climb(c, now)
	}
	if t.NeedsKey() && now.Sub(t.asked) > time.Second {
		t.asked = now
		c.track.RequestKeyFrame(0) // merged there with those of others
	}
}

// climb aims at the layer that the choice wants.
func (f *forward) climb(c *course, now time.Time) {
	t := f.svc
	f.bounded()
	known := f.surveyRungs(c.track)
	target, pad := f.choice.Choose(known, now)
	f.results()
	f.choice.rate = pad
	if target != t.target {
		t.target, t.since = target, now
	}
	shown := known[min(t.rung, len(known)-1)] // there may have been more rungs
	t.Aim(t.Rungs()[target].Layer, target < t.rung && shown.Rate > f.choice.Takes(now))
}

// surveyRungs is what this node knows of the layers. It belongs to f until the next.
func (f *forward) surveyRungs(track *relay.Track) []layers.Layer {
	rungs := f.svc.Rungs()
	known := f.choice.known[:len(rungs)]
	for i, r := range rungs {
		known[i] = layers.Layer{Rate: r.Rate, Height: r.Height, Dead: !r.Sent}
		if r.Rate == 0 {
			known[i].Rate = expectRung(rungs, i, track.LayerState(0).Bitrate)
		}
	}
	return known
}

// expectRung is what a rung that was not measured yet may take: its part of what comes, or
// else what a camera's picture usually takes (see expect); of the frames left out most are
// the small ones.
func expectRung(rungs []svc.Rung, i int, whole float64) float64 {
	const usual, exponent, fewer = 0.045 * 30, 0.85, 0.7
	pixels := func(r svc.Rung) float64 {
		if n := float64(r.Width) * float64(r.Height); n > 0 {
			return n
		}
		return 960 * 540 * math.Pow(4, float64(r.Spatial))
	}
	top := rungs[len(rungs)-1]
	if whole == 0 {
		whole = usual * pixels(top)
	}
	rate := whole * math.Pow(pixels(rungs[i])/pixels(top), exponent)
	for _, r := range rungs[i+1:] {
		if r.Spatial == rungs[i].Spatial {
			rate *= fewer
		}
	}
	return rate
}

// sizes are the layers that viewers are told of: those that differ in size.
func (t *thinning) sizes() (out []Layer) {
	for _, r := range t.Rungs() {
		if r.Whole {
			layer := Layer{RID: rungName(r), Width: r.Width, Height: r.Height}
			if r.Sent {
				layer.Bitrate = stepped(r.Rate)
			}
			out = append(out, layer)
		}
	}
	if len(out) < 2 {
		return nil
	}
	return out
}

// rungName is what a size is called, where simulcast has the names of the publisher.
func rungName(r svc.Rung) string { return "s" + strconv.Itoa(int(r.Spatial)) }

// want takes a viewer's wish. f.mu is held.
func (f *forward) want(w Wish) error {
	want, ok := f.svc.bounds(w)
	if !ok {
		return ErrNoLayer
	}
	f.svc.wish = w
	f.choice.own = want
	f.choice.Want(want.Both(f.choice.ceiling))
	return nil
}

// bounds turns a wish into those of the choice.
func (t *thinning) bounds(w Wish) (want layers.Want, ok bool) {
	want.Height = w.Height
	for i, r := range t.Rungs() {
		switch {
		case r.Whole && w.RID == rungName(r):
			want.Fixed = i + 1
		case w.Width > 0 && r.Width > w.Width && r.Height > 0 && (want.Height == 0 || r.Height <= want.Height):
			want.Height = r.Height - 1
		}
	}
	return want, w.RID == "" || want.Fixed > 0
}

// shown is the layer that goes out, as the choice counts them. f.mu is held.
func (f *forward) shown() int {
	if f.svc != nil {
		return f.svc.rung
	}
	return f.at().layer
}

// shown is the layer that a course is counted for.
func (c *course) shown() int {
	if c.svc == nil {
		return c.layer
	}
	c.forward.mu.Lock()
	defer c.forward.mu.Unlock()
	return c.svc.rung
}
