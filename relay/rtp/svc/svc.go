// Package svc says which packets of a scalable stream (VP9, AV1: several spatial and temporal layers in one RTP stream) a
// viewer gets who is to see one of its layers.
//
//	packets of the ring -> [Selector.Take]: forward it, or leave it out; is it the viewer's last of the picture?
//	[Selector.Aim]: the layer that is wanted; the selector goes there where the stream lets it
//
// The stream says itself what depends on what, by the dependency descriptor (package dependency); of VP9 without one, the
// payload descriptor says a little (RFC 9628). What must be true: whatever is forwarded refers only to what was forwarded,
// or is still on its way here. So
//
//   - up it goes with a frame at which the layer may be switched to (a key frame, or an indication "switch");
//   - down at once, as long as the chain of the smaller layer was not broken by what was left out: with layers that refer
//     to each other at each picture (L3T3) always, with those that do so at key frames only (L3T3_KEY) at a key frame, and
//     until that comes with fewer frames a second, if there is a hurry;
//   - a layer that the encoder has ceased to send (active decode targets) is not waited for.
//
// It is pure: no clock, no network. It decodes nothing, and it does not repair: what was lost is the viewer's to ask for.
package svc

import (
	"strings"

	"stentor/relay/rtp"
	"stentor/relay/rtp/dependency"
)

// A Layer is a picture of one size and rate of frames: the viewer gets what is needed for it and nothing else.
type Layer struct{ Spatial, Temporal uint8 }

// within reports whether a layer has neither more lines nor more frames than another.
func (l Layer) within(o Layer) bool { return l.Spatial <= o.Spatial && l.Temporal <= o.Temporal }

// A Rung is a layer that may be chosen, as the stream tells of it.
type Rung struct {
	Layer
	Whole         bool    // it has all the frames of its size
	Width, Height int     // 0: not known
	Rate          float64 // bits a second of what it needs, measured over the last second or so; 0: not yet
	Sent          bool    // the encoder sends it

	target uint8 // decode target
}

// MaxRungs is how many there are at most.
const MaxRungs = 8

// A Verdict is what becomes of a packet.
type Verdict struct {
	Forward bool
	As      rtp.As // if it is forwarded
}

// A Selector belongs to one viewer of one stream, and to one goroutine at a time. The zero Selector is not ready: see [New].
type Selector struct {
	descriptor uint8 // id of the header extension; 0: there is none
	numbers    func(payload []byte, u *picture) bool
	deps       deps
	pictures   pictures

	kind   kind
	want   Layer
	hurry  bool
	active Layer
	began  bool
	rungs  [MaxRungs]Rung
	count  int
	meter  meter
	told   func() // the rungs are others than before
}

// A kind is what tells of the stream's layers.
type kind int

const (
	unknown   kind = iota // nothing yet
	plain                 // nothing: all is forwarded
	described             // dependency descriptors
	payloads              // VP9's payload descriptors
)

// Scalable reports whether streams of a MIME type may have several layers in one.
func Scalable(mime string) bool {
	return strings.EqualFold(mime, "video/VP9") || strings.EqualFold(mime, "video/AV1")
}

// New returns a selector for a stream of that MIME type whose packets carry the dependency descriptor under an id (0: none).
// Until it is told by [Selector.Aim] it forwards all. Told is called when the rungs are others than before, ahead of the
// first packet to be judged that says so: with a key frame, as a rule, so that the first one can be of the right layer. It
// may be nil.
func New(mime string, descriptor uint8, told func()) *Selector {
	if told == nil {
		told = func() {}
	}
	s := &Selector{descriptor: descriptor, told: told, want: Layer{dependency.MaxLayers - 1, dependency.MaxLayers - 1}}
	if strings.EqualFold(mime, "video/VP9") {
		s.numbers = readVP9
	}
	s.Restart()
	return s
}

// Restart says that what follows does not join on to what was before: it begins with a key frame.
func (s *Selector) Restart() {
	s.kind, s.began = unknown, false
	s.deps.reset()
	s.pictures = pictures{}
}

// Aim says which layer is wanted: that, or the next smaller that the stream has. With hurry, fewer frames a second are
// shown until the smaller one can be.
func (s *Selector) Aim(l Layer, hurry bool) { s.want, s.hurry = l, hurry }

// Active returns which of the rungs is forwarded; -1: there are none, or nothing is yet. While fewer frames are shown until a
// smaller picture comes, it is that of the larger one.
func (s *Selector) Active() int {
	best := -1
	for i, r := range s.Rungs() {
		if s.began && r.Spatial == s.active.Spatial && (best < 0 || r.Temporal <= s.active.Temporal) {
			best = i
		}
	}
	return best
}

// NeedsKey reports whether the layer that is wanted waits for a key frame, or the one that is forwarded is broken.
func (s *Selector) NeedsKey() bool {
	switch {
	case !s.began:
		return false
	case s.kind == described:
		return s.deps.broken || s.active.Spatial != s.deps.wanted(s.want).Spatial
	case s.kind == payloads:
		return s.active.Spatial < min(s.want.Spatial, s.pictures.top().Spatial)
	}
	return false
}

// Rungs returns the layers that may be chosen, the smallest first; none or one where there is no choice. They belong to the
// selector until the next packet.
func (s *Selector) Rungs() []Rung { return s.rungs[:s.count] }

// Take judges the next packet of the ring.
func (s *Selector) Take(p *rtp.Packet) Verdict {
	if len(p.Payload()) == 0 && s.kind != plain {
		return Verdict{} // padding, of which the viewer has none
	}
	if s.descriptor != 0 && (s.kind == unknown || s.kind == described) {
		if d := p.Extension(s.descriptor); d != nil {
			s.kind = described
			return s.described(p, d)
		}
	}
	switch {
	case s.kind == described: // a stray
		return Verdict{}
	case s.numbers != nil && s.kind != plain:
		return s.payload(p)
	}
	s.kind = plain
	return Verdict{Forward: true}
}

// Mask appends a descriptor with another mask of active decode targets, for [rtp.RewriterConfig].
func (s *Selector) Mask(dst, descriptor []byte, active uint32, always bool) []byte {
	return s.deps.reader.Mask(dst, descriptor, active, always)
}

// described judges by the dependency descriptor.
func (s *Selector) described(p *rtp.Packet, b []byte) Verdict {
	f, news := s.deps.read(b)
	if news {
		s.ladder()
	}
	if f == unseen {
		f = s.deps.judge(p, s.want, s.hurry)
	}
	if s.began = s.deps.target >= 0; s.began {
		s.active = s.deps.layer()
	}
	switch f {
	case unjudged: // the key frame that tells of it may be on its way
		return Verdict{Forward: true}
	case forwarded:
		s.measure(p)
		return Verdict{Forward: true, As: s.deps.as(p)}
	}
	s.measure(p)
	return Verdict{}
}

// payload judges by VP9's payload descriptor.
func (s *Selector) payload(p *rtp.Packet) Verdict {
	var u picture
	if !s.numbers(p.Payload(), &u) {
		if s.kind == payloads {
			return Verdict{}
		}
		s.kind = plain
		return Verdict{Forward: true}
	}
	s.kind = payloads
	if s.pictures.learn(&u) {
		s.ladderOf(&s.pictures)
	}
	v := s.pictures.judge(p, &u, s.want)
	s.active, s.began = s.pictures.active, true
	s.measurePicture(p, &u)
	return v
}
