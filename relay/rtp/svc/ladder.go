package svc

import (
	"slices"

	"stentor/relay/rtp"
	"stentor/relay/rtp/dependency"
)

// ladder works out the rungs: every size with all its frames, and the smallest also with fewer. A larger picture with fewer
// frames is no rung: to most eyes it is worse than the next smaller one.
func (s *Selector) ladder() {
	d := &s.deps
	st := d.reader.Structure()
	var room [MaxRungs]Rung
	rungs := room[:0]
	for t := range st.Targets {
		l := d.of(t)
		r := Rung{Layer: l, target: uint8(t), Sent: d.sent>>t&1 == 1, Width: st.Size(int(l.Spatial)).Width, Height: st.Size(int(l.Spatial)).Height}
		r.Whole = whole(st, l)
		if (r.Whole || l.Spatial == 0) && len(rungs) < MaxRungs && !slices.ContainsFunc(rungs, func(o Rung) bool { return o.Layer == l }) {
			rungs = append(rungs, r)
		}
	}
	s.climb(rungs)
}

// whole reports whether no decode target of the same size has more frames.
func whole(st *dependency.Structure, l Layer) bool {
	for t := range st.Targets {
		if o := st.Layer(t); o.Spatial == l.Spatial && o.Temporal > l.Temporal {
			return false
		}
	}
	return true
}

// ladderOf is the same for VP9's payload descriptors, which say how many spatial layers there are; the temporal ones are
// seen.
func (s *Selector) ladderOf(p *pictures) {
	var room [MaxRungs]Rung
	rungs := room[:0]
	top := p.top()
	for t := range top.Temporal {
		if len(rungs) < MaxRungs/2 {
			rungs = append(rungs, Rung{Layer: Layer{0, t}, Width: p.sizes[0].Width, Height: p.sizes[0].Height, Sent: true})
		}
	}
	for sp := range top.Spatial + 1 {
		if len(rungs) < MaxRungs {
			rungs = append(rungs, Rung{Layer: Layer{sp, dependency.MaxLayers - 1}, Whole: true, Width: p.sizes[sp].Width, Height: p.sizes[sp].Height, Sent: true})
		}
	}
	s.climb(rungs)
}

// climb takes over rungs; what was measured of those that are as they were stays.
func (s *Selector) climb(rungs []Rung) {
	slices.SortFunc(rungs, func(a, b Rung) int {
		if a.Spatial != b.Spatial {
			return int(a.Spatial) - int(b.Spatial)
		}
		return int(a.Temporal) - int(b.Temporal)
	})
	same := len(rungs) == s.count
	for i, r := range rungs {
		was := s.rungs[i]
		if same = same && was.Layer == r.Layer && was.Width == r.Width && was.Height == r.Height; same {
			rungs[i].Rate = was.Rate
		}
	}
	if !same {
		s.meter = meter{}
		for i := range rungs {
			rungs[i].Rate = 0
		}
	}
	s.count = copy(s.rungs[:], rungs)
	if !same {
		s.told()
	}
}

// A meter measures the rungs, in windows of at least a second of arrivals.
type meter struct {
	since int64 // Unix nanoseconds
	bytes [MaxRungs]int
}

// window is how long it is, and gap what ends one without a result.
const (
	window = 1_000_000_000
	gap    = 3 * window
)

// measure counts a packet for the rungs that need it.
func (s *Selector) measure(p *rtp.Packet) {
	s.turnOver(p)
	for i := range s.count {
		if s.deps.now.Target(int(s.rungs[i].target)) != dependency.NotPresent {
			s.meter.bytes[i] += len(p.Raw)
		}
	}
}

// measurePicture is the same for VP9's payload descriptors.
func (s *Selector) measurePicture(p *rtp.Packet, u *picture) {
	s.turnOver(p)
	for i := range s.count {
		if u.Layer.within(s.rungs[i].Layer) {
			s.meter.bytes[i] += len(p.Raw)
		}
	}
}

// turnOver ends a window.
func (s *Selector) turnOver(p *rtp.Packet) {
	m := &s.meter
	passed := p.Arrived - m.since
	switch {
	case passed >= 0 && passed < window:
		return
	case passed >= window && passed < gap:
		for i := range s.count {
			s.rungs[i].Rate = float64(m.bytes[i]) * 8e9 / float64(passed)
		}
	}
	*m = meter{since: p.Arrived}
}
