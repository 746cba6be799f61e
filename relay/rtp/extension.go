package rtp

import "encoding/binary"

// Profiles of header extensions, RFC 8285.
const (
	profileOneByte = 0xbede
	profileTwoByte = 0x1000 // the low four bits are free for applications
)

// Extension returns the data of the header extension with that id (RFC 8285), nil when it is not there. It
// aliases Raw and allocates nothing.
func (p *Packet) Extension(id uint8) []byte {
	var found []byte
	p.eachExtension(func(i uint8, data []byte) bool {
		if i == id {
			found = data
		}
		return i != id
	})
	return found
}

// eachExtension calls yield for each well-formed extension element until it says false. Elements after a
// malformed one are not seen, as RFC 8285 section 4.1.2 asks for id 15.
func (p *Packet) eachExtension(yield func(id uint8, data []byte) bool) {
	if p.Raw[0]&0x10 == 0 {
		return
	}
	start := minHeader + 4*int(p.Raw[0]&0x0f)
	profile := binary.BigEndian.Uint16(p.Raw[start:])
	b := p.Raw[start+4 : p.header]
	twoByte := profile&0xfff0 == profileTwoByte
	if profile != profileOneByte && !twoByte {
		return
	}
	for len(b) > 0 {
		if b[0] == 0 { // padding between elements
			b = b[1:]
			continue
		}
		var id uint8
		var n, head int
		if twoByte {
			if len(b) < 2 {
				return
			}
			id, n, head = b[0], int(b[1]), 2
		} else {
			id, n, head = b[0]>>4, int(b[0]&0x0f)+1, 1
			if id == 15 || id == 0 {
				return
			}
		}
		if len(b) < head+n {
			return
		}
		if !yield(id, b[head:head+n]) {
			return
		}
		b = b[head+n:]
	}
}

// A descriptor is what becomes of the dependency descriptor of a packet.
type descriptor struct {
	id    uint8  // in the packet; 0: none
	shift uint16 // of the frame's number
	as    []byte // instead of what it is; nil: that
}

// appendExtensions writes the extension block of p with its ids translated by table (0 drops one), or
// nothing when none is left.
func appendExtensions(dst []byte, p *Packet, table *[256]uint8, d descriptor) []byte {
	if p.Raw[0]&0x10 == 0 {
		return dst
	}
	if d.as == nil {
		if out, ok := appendNarrow(dst, p, table, d); ok {
			return out
		}
	}
	return appendAny(dst, p, table, d)
}

// appendNarrow is appendExtensions for what nearly all packets have: elements with heads of one byte, whose data
// stay as they are and whose ids fit into such heads again. It goes through them once, since every packet to every
// viewer pays for it. It reports false where that does not do.
func appendNarrow(dst []byte, p *Packet, table *[256]uint8, d descriptor) ([]byte, bool) {
	start, begin := minHeader+4*int(p.Raw[0]&0x0f), len(dst)
	if binary.BigEndian.Uint16(p.Raw[start:]) != profileOneByte {
		return dst, false
	}
	dst = append(dst, profileOneByte>>8, profileOneByte&0xff, 0, 0)
	for b := p.Raw[start+4 : p.header]; len(b) > 0; {
		if b[0] == 0 {
			b = b[1:]
			continue
		}
		id, n := b[0]>>4, int(b[0]&0x0f)+2
		if id == 0 || id == 15 || len(b) < n {
			break
		}
		out := table[id]
		switch {
		case out > 14:
			return dst[:begin], false
		case out != 0:
			dst = append(dst, out<<4|b[0]&0x0f)
			dst = append(dst, b[1:n]...)
			if id == d.id && n > mandatoryDependency {
				number := dst[len(dst)-n+2:]
				binary.BigEndian.PutUint16(number, binary.BigEndian.Uint16(number)+d.shift)
			}
		}
		b = b[n:]
	}
	if len(dst) == begin+4 {
		return dst[:begin], true
	}
	for (len(dst)-begin)%4 != 0 {
		dst = append(dst, 0)
	}
	binary.BigEndian.PutUint16(dst[begin+2:], uint16((len(dst)-begin)/4-1))
	return dst, true
}

// rename translates the ids of a packet that was copied as a whole, where its extensions lie: most publishers send
// viewers nothing that has to go, and the packet is one copy then. It reports false where [appendExtensions] would write
// anything else.
func (r *Rewriter) rename(packet []byte, header int) bool {
	if packet[0]&0x10 == 0 {
		return true
	}
	start := minHeader + 4*int(packet[0]&0x0f)
	b := packet[start+4 : header]
	if len(b) == 0 || binary.BigEndian.Uint16(packet[start:]) != profileOneByte {
		return false
	}
	for len(b) > 0 {
		if b[0] == 0 { // only what fills up the last word
			return len(b) < 4 && b[len(b)/2] == 0 && b[len(b)-1] == 0
		}
		id, n := b[0]>>4, int(b[0]&0x0f)+2
		out := r.extensions[id]
		if id == 0 || id == 15 || out == 0 || out > 14 || len(b) < n {
			return false
		}
		b[0] = out<<4 | b[0]&0x0f
		b = b[n:]
	}
	return true
}

// appendAny is appendExtensions for all packets.
func appendAny(dst []byte, p *Packet, table *[256]uint8, d descriptor) []byte {
	count, wide := 0, false
	p.eachExtension(func(id uint8, data []byte) bool {
		if out := table[id]; out != 0 {
			data = d.data(id, data)
			count++
			wide = wide || out > 14 || len(data) == 0 || len(data) > 16
		}
		return true
	})
	if count == 0 {
		return dst
	}
	start := len(dst)
	profile := uint16(profileOneByte)
	if wide {
		profile = profileTwoByte
	}
	dst = binary.BigEndian.AppendUint16(dst, profile)
	dst = append(dst, 0, 0)
	p.eachExtension(func(id uint8, data []byte) bool {
		out := table[id]
		data = d.data(id, data)
		switch {
		case out == 0:
			return true
		case wide:
			dst = append(dst, out, uint8(len(data)))
		default:
			dst = append(dst, out<<4|uint8(len(data)-1))
		}
		dst = append(dst, data...)
		if id == d.id && len(data) >= mandatoryDependency {
			number := dst[len(dst)-len(data)+1:]
			binary.BigEndian.PutUint16(number, binary.BigEndian.Uint16(number)+d.shift)
		}
		return true
	})
	for (len(dst)-start)%4 != 0 {
		dst = append(dst, 0)
	}
	binary.BigEndian.PutUint16(dst[start+2:], uint16((len(dst)-start)/4-1))
	return dst
}

func (d *descriptor) data(id uint8, data []byte) []byte {
	if id == d.id && id != 0 && d.as != nil {
		return d.as
	}
	return data
}
