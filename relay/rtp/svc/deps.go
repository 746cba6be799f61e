package svc

import (
	"stentor/relay/rtp"
	"stentor/relay/rtp/dependency"
)

// A fate is what became of a frame.
type fate uint64

const (
	unseen fate = iota // or it is on its way
	forwarded
	omitted
	unjudged // not known; never remembered
)

// memory is how many frames are remembered: as far as a descriptor can refer back (12 bits).
const memory = 4096

// deps judges frames by dependency descriptors.
type deps struct {
	reader dependency.Reader
	now    dependency.Descriptor
	number uint64 // of the frame of now, extended

	frames  rtp.Sequence
	fates   [memory / 32]uint64 // two bits each
	newest  uint64
	start   uint64 // the newest key frame: what is before was not forwarded to this viewer, or is of no use
	target  int    // the decode target that is forwarded; -1: none yet
	mask    uint32 // the decode targets of which the viewer gets everything then
	sent    uint32 // decode targets that the encoder sends
	time    uint64 // of the picture that newest belongs to
	begun   bool   // something of that picture was forwarded
	over    bool   // and its last packet
	changed uint64 // time of the picture with which the target changed
	broken  bool   // the viewer's layer lacks something that will not come
}

func (d *deps) reset() {
	d.reader.Forget()
	d.frames = rtp.Sequence{}
	d.fates = [memory / 32]uint64{}
	d.newest, d.start, d.target, d.time, d.begun, d.over, d.changed, d.broken = 0, 0, -1, 0, false, false, 0, false
}

func (d *deps) fate(n uint64) fate {
	switch {
	case n < d.start || n+memory <= d.newest:
		return omitted
	case n > d.newest:
		return unseen
	}
	return fate(d.fates[n/32%(memory/32)] >> (n % 32 * 2) & 3)
}

func (d *deps) set(n uint64, f fate) {
	at, shift := &d.fates[n/32%(memory/32)], n%32*2
	*at = *at&^(3<<shift) | uint64(f)<<shift
}

// far is how many frames may be lost in a row: three seconds of three sizes. Behind more nothing goes on without a key frame,
// and a sender whose numbers leap costs no more than any other.
const far = 256

// advance makes n the newest frame; those between are not known.
func (d *deps) advance(n uint64) {
	if n-d.newest > far {
		d.fates, d.start = [memory / 32]uint64{}, n
	} else {
		for i := d.newest + 1; i <= n; i++ {
			d.set(i, unseen)
		}
	}
	d.newest = n
}

// seen is what became of a frame of which a packet came before; unseen where none did.
func (d *deps) seen(n uint64) fate {
	if n > d.newest || n+memory <= d.newest {
		return unseen
	}
	return fate(d.fates[n/32%(memory/32)] >> (n % 32 * 2) & 3)
}

// read reads a descriptor. It says what became of the packet's frame where that is settled, or the packet cannot be judged,
// and unseen where it is to be judged. News says that the layers may be others than before.
func (d *deps) read(b []byte) (f fate, news bool) {
	const attached = 0x80
	if len(b) > 3 && b[3]&attached != 0 && d.target >= 0 {
		n := rtp.Nearest(d.frames.Newest(), uint16(b[1])<<8|uint16(b[2]))
		if n < d.newest { // a key frame's, and late: a newer structure may hold already
			if d.seen(n) == forwarded {
				return unjudged, false
			}
			return omitted, false
		}
	}
	if d.reader.Parse(b, &d.now) != nil {
		return unjudged, false
	}
	d.number = d.frames.Unwrap(d.now.Number)
	if d.number >= d.newest && (d.now.Attached || d.now.Masked && d.now.Active != d.sent) {
		d.sent, news = d.now.Active, true
	}
	return d.seen(d.number), news
}

// judge says what becomes of the frame of d.now, which p is the first packet of that came.
func (d *deps) judge(p *rtp.Packet, want Layer, hurry bool) fate {
	n := d.number
	late := n <= d.newest
	if !late {
		if d.advance(n); d.now.Attached { // a key frame: what was before does not matter
			d.start, d.target = n, -1
		}
		if p.Time != d.time || d.target < 0 {
			d.time, d.begun, d.over = p.Time, false, false
		}
		d.choose(want, hurry)
		d.broken = d.target >= 0 && d.breaks()
	}
	f := omitted
	if d.target >= 0 && d.now.Target(d.target) != dependency.NotPresent && n+memory > d.newest && d.complete() {
		f = forwarded
		d.begun = d.begun || !late
	}
	d.set(n, f)
	return f
}

// complete reports whether all that the frame refers to was forwarded, or may yet be.
func (d *deps) complete() bool {
	for _, diff := range d.now.Refs() {
		if uint64(diff) > d.number || d.fate(d.number-uint64(diff)) == omitted {
			return false
		}
	}
	return true
}

// whole reports whether the chain of a decode target is unbroken up to the frame.
func (d *deps) whole(target int) bool {
	s := d.reader.Structure()
	if s.Chains == 0 {
		return false
	}
	diff := uint64(d.now.Chain(s.ProtectedBy(target)))
	return diff == 0 && d.number == d.start || diff != 0 && diff <= d.number && d.fate(d.number-diff) != omitted
}

// breaks reports whether nothing of the viewer's layer can be decoded from the frame on, but for a key frame.
func (d *deps) breaks() bool {
	if d.reader.Structure().Chains > 0 {
		return !d.whole(d.target)
	}
	return d.broken || d.now.Temporal == 0 && d.now.Target(d.target) != dependency.NotPresent && !d.complete()
}

// choose goes to the decode target of the wanted layer, or on the way to it, if that can be at this frame.
func (d *deps) choose(want Layer, hurry bool) {
	to := d.find(want)
	switch {
	case to < 0 || to == d.target:
	case d.can(to):
		d.turn(to)
	case hurry && d.target >= 0 && d.of(to).Spatial < d.layer().Spatial:
		// Until the smaller picture comes, fewer of the larger one.
		if slow := d.find(Layer{d.layer().Spatial, 0}); slow >= 0 && slow != d.target && d.can(slow) {
			d.turn(slow)
		}
	}
}

func (d *deps) turn(to int) {
	if d.target >= 0 {
		d.changed = d.time
	}
	d.target = to
	d.mask = 0
	s := d.reader.Structure()
	for t := range s.Targets {
		if s.Covers(to, t) {
			d.mask |= 1 << t
		}
	}
}

// can reports whether a decode target can be gone on with at this frame: not in the middle of a picture, whose last packet
// would have to be another.
func (d *deps) can(to int) bool {
	at, is := d.of(to), d.layer()
	if d.target >= 0 && (d.begun || d.over || d.now.Spatial > at.Spatial) {
		return false
	}
	if d.now.Target(to) == dependency.Switch && d.complete() {
		return true
	}
	return d.target >= 0 && at.within(is) && d.whole(to)
}

// find returns the decode target of the largest layer within l that is sent: first by its size, then by its frames; -1 where
// there is none.
func (d *deps) find(l Layer) int {
	s := d.reader.Structure()
	best := -1
	for t := range s.Targets {
		at := d.of(t)
		if d.sent>>t&1 == 0 || !at.within(l) {
			continue
		}
		if b := d.of(best); best < 0 || at.Spatial > b.Spatial || at.Spatial == b.Spatial && at.Temporal > b.Temporal {
			best = t
		}
	}
	if best < 0 && d.sent != 0 { // the encoder sends nothing so small
		for t := range s.Targets {
			if d.sent>>t&1 == 1 && (best < 0 || d.of(t).within(d.of(best))) {
				best = t
			}
		}
	}
	return best
}

// of returns the layer of a decode target, the zero Layer of none.
func (d *deps) of(target int) Layer {
	s := d.reader.Structure()
	if target < 0 || s == nil || target >= s.Targets {
		return Layer{}
	}
	l := s.Layer(target)
	return Layer{l.Spatial, l.Temporal}
}

func (d *deps) layer() Layer { return d.of(d.target) }

// wanted returns the layer that a wish comes to.
func (d *deps) wanted(want Layer) Layer {
	if d.reader.Structure() == nil {
		return want
	}
	return d.of(d.find(want))
}

// as is how a packet that is forwarded goes out: the last one of the viewer's picture has the marker, and the decode targets
// are active of which the viewer gets everything.
func (d *deps) as(p *rtp.Packet) rtp.As {
	layer := d.layer()
	as := rtp.As{
		Marker: p.Marker || d.now.Last && d.now.Spatial >= layer.Spatial,
		Masked: true, Always: d.changed == p.Time && d.changed != 0, Mask: d.mask & d.sent,
	}
	if as.Marker && p.Time == d.time {
		d.over = true
	}
	return as
}
