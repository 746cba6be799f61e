package rtp

import "encoding/binary"

// Counts are the numbers by which a decoder sees that a picture is missing. Another layer has its own, so where a
// stream goes on with a key frame of one they are moved, like sequence numbers. As a difference, each is modulo its width.
type counts struct {
	picture uint16 // VP8, VP9: picture id, 15 bits; 7 where the descriptor has no more
	base    uint8  // TL0PICIDX
	key     uint8  // KEYIDX of VP8, 5 bits
	frame   uint16 // frame number of a dependency descriptor
}

// mandatoryDependency is the length of what every dependency descriptor begins with: flags, template, and the frame
// number in 16 bits (AV1 RTP payload format, appendix A.8.2).
const mandatoryDependency = 3

func (c counts) plus(d counts) counts {
	return counts{(c.picture + d.picture) & 0x7fff, c.base + d.base, (c.key + d.key) & 0x1f, c.frame + d.frame}
}

// after is what has to be added to next so that it follows on c.
func (c counts) after(next counts) counts {
	return counts{
		(c.picture + 1 - next.picture) & 0x7fff, c.base + 1 - next.base, (c.key + 1 - next.key) & 0x1f, c.frame + 1 - next.frame,
	}
}

// count reads the numbers of a packet; those that it does not carry are 0.
func (r *Rewriter) count(p *Packet) (c counts) {
	if id := r.config.Dependency; id != 0 {
		if d := p.Extension(id); len(d) >= mandatoryDependency {
			c.frame = binary.BigEndian.Uint16(d[1:])
		}
	}
	if r.numbers == nil {
		return c
	}
	b := p.Payload()
	n, ok := r.numbers(b)
	if !ok {
		return c
	}
	switch {
	case n.picture == 0:
	case n.wide:
		c.picture = binary.BigEndian.Uint16(b[n.picture:]) & 0x7fff
	default:
		c.picture = uint16(b[n.picture])
	}
	if n.base > 0 {
		c.base = b[n.base]
	}
	if n.key > 0 {
		c.key = b[n.key] & 0x1f
	}
	return c
}

// renumber moves the numbers of a payload in place.
func (r *Rewriter) renumber(b []byte, by counts) {
	n, ok := r.numbers(b)
	if !ok {
		return
	}
	switch {
	case n.picture == 0:
	case n.wide:
		v := binary.BigEndian.Uint16(b[n.picture:])
		binary.BigEndian.PutUint16(b[n.picture:], v&0x8000|(v+by.picture)&0x7fff)
	default:
		b[n.picture] = (b[n.picture] + uint8(by.picture)) & 0x7f
	}
	if n.base > 0 {
		b[n.base] += by.base
	}
	if n.key > 0 {
		b[n.key] = b[n.key]&^0x1f | (b[n.key]+by.key)&0x1f
	}
}
