package svc

import (
	"encoding/binary"

	"stentor/relay/rtp"
	"stentor/relay/rtp/dependency"
)

// A picture is what a payload descriptor of VP9 says of a packet (RFC 9628, section 4.2).
type picture struct {
	Layer
	inter       bool // P: it refers to pictures before
	first, last bool // B, E: packet of the frame
	up          bool // U: frames of higher temporal layers after it refer to nothing before it
	structure   bool // V: the following is there
	spatial     uint8
	sizes       [dependency.MaxLayers]dependency.Size
}

// readVP9 reads a descriptor. It reports false where the stream has no layers, or says it not.
func readVP9(b []byte, u *picture) bool {
	if len(b) < 2 || b[0]&0x20 == 0 { // L
		return false
	}
	flags, at := b[0], 1
	if flags&0x80 != 0 { // I
		at++
		if b[1]&0x80 != 0 {
			at++
		}
	}
	if len(b) <= at {
		return false
	}
	u.Layer = Layer{Spatial: b[at] >> 1 & 7, Temporal: b[at] >> 5}
	u.up = b[at]&0x10 != 0
	u.inter, u.first, u.last = flags&0x40 != 0, flags&0x08 != 0, flags&0x04 != 0
	at++
	switch {
	case flags&0x10 == 0: // not flexible: TL0PICIDX
		at++
	case u.inter:
		for range 3 {
			if len(b) <= at {
				return false
			}
			at++
			if b[at-1]&1 == 0 {
				break
			}
		}
	}
	return flags&0x02 == 0 || u.read(b, at)
}

// read reads the scalability structure.
func (u *picture) read(b []byte, at int) bool {
	if len(b) <= at {
		return false
	}
	u.structure, u.spatial = true, b[at]>>5
	if b[at]&0x10 == 0 { // Y
		return true
	}
	at++
	for i := range u.spatial + 1 {
		if len(b) < at+4 {
			return false
		}
		u.sizes[i] = dependency.Size{Width: int(binary.BigEndian.Uint16(b[at:])), Height: int(binary.BigEndian.Uint16(b[at+2:]))}
		at += 4
	}
	return true
}

// pictures judges by payload descriptors, which do not say who needs what: whoever sees a layer gets all the smaller ones.
type pictures struct {
	spatial  uint8 // the largest layer of the newest structure
	temporal uint8 // the largest that was seen
	sizes    [dependency.MaxLayers]dependency.Size
	active   Layer
	began    bool
	time     uint64 // of the newest picture
	before   Layer  // of the one before
	last     uint64 // its time
}

func (p *pictures) top() Layer { return Layer{p.spatial, p.temporal} }

// learn takes in which layers there are, and reports whether that is news.
func (p *pictures) learn(u *picture) bool {
	before := p.top()
	if u.structure {
		p.spatial, p.sizes = u.spatial, u.sizes
	}
	p.spatial, p.temporal = max(p.spatial, u.Spatial), max(p.temporal, u.Temporal)
	return u.structure || p.top() != before
}

// judge says what becomes of a packet.
func (p *pictures) judge(packet *rtp.Packet, u *picture, want Layer) Verdict {
	of := p.active
	switch {
	case !p.began || packet.Time > p.time:
		p.before, p.last = p.active, p.time
		p.next(u, want)
		p.time, p.began, of = packet.Time, true, p.active
	case packet.Time == p.time:
	case packet.Time == p.last: // late, of the picture before
		of = p.before
	default:
		of = Layer{min(p.before.Spatial, p.active.Spatial), min(p.before.Temporal, p.active.Temporal)}
	}
	if !u.Layer.within(of) {
		return Verdict{}
	}
	last := u.last && u.Spatial == min(of.Spatial, p.spatial)
	return Verdict{Forward: true, As: rtp.As{Marker: packet.Marker || last}}
}

// next chooses what is forwarded of a picture that begins with u.
func (p *pictures) next(u *picture, want Layer) {
	key := !u.inter && u.Spatial == 0
	to := Layer{min(want.Spatial, p.spatial), min(want.Temporal, dependency.MaxLayers-1)}
	switch {
	case !p.began || key:
		p.active = to
		return
	case to.Spatial < p.active.Spatial: // the smaller ones were forwarded too
		p.active.Spatial = to.Spatial
	}
	switch {
	case to.Temporal < p.active.Temporal:
		p.active.Temporal = to.Temporal
	case u.up && u.Temporal <= p.active.Temporal:
		p.active.Temporal = to.Temporal
	}
}
