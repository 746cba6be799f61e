// Package h264 reads as much of H.264 as it takes to say what a stream is: where
// its NAL units begin, which of them open a key frame, and the picture size that
// a sequence parameter set declares.
//
// It decodes no picture and writes nothing. Section numbers are those of
// ITU-T H.264 (08/2021).
package h264

import "bytes"

// NAL unit types of table 7-1, and those that RFC 6184 adds for RTP.
const (
	TypeSlice = 1
	TypeIDR   = 5
	TypeSEI   = 6
	TypeSPS   = 7
	TypePPS   = 8
	TypeAUD   = 9
	TypeSTAPA = 24
	TypeFUA   = 28
)

// Type returns the type of a NAL unit, 0 if it is empty.
func Type(unit []byte) int {
	if len(unit) == 0 {
		return 0
	}
	return int(unit[0] & 0x1f)
}

// Units cuts a byte stream (annex B) at its start codes. The units alias b.
func Units(b []byte) [][]byte {
	var units [][]byte
	start := -1
	for i := 0; ; {
		n := bytes.Index(b[i:], []byte{0, 0, 1})
		end := len(b)
		if n >= 0 {
			end = i + n
		}
		if start >= 0 {
			// Zeros before a start code belong to it, not to the unit (B.1.1).
			if u := bytes.TrimRight(b[start:end], "\x00"); len(u) > 0 {
				units = append(units, u)
			}
		}
		if n < 0 {
			return units
		}
		start = end + 3
		i = start
	}
}

// FirstSlice reports whether a NAL unit is the first slice of a picture:
// first_mb_in_slice, the first field of its header, is 0 (7.3.3).
func FirstSlice(unit []byte) bool {
	t := Type(unit)
	return (t == TypeSlice || t == TypeIDR) && len(unit) > 1 && unit[1]&0x80 != 0
}

// Payload walks the NAL units that an RTP payload holds or begins (RFC 6184,
// section 5): each unit of an aggregation, a single unit, or the first fragment of
// one with its header put back, cut short. Later fragments yield nothing, and
// neither does what is malformed.
func Payload(p []byte, yield func(unit []byte)) {
	switch t := Type(p); {
	case t == TypeSTAPA:
		for p = p[1:]; len(p) > 2; {
			n := int(p[0])<<8 | int(p[1])
			if n == 0 || n > len(p)-2 {
				return
			}
			yield(p[2 : 2+n])
			p = p[2+n:]
		}
	case t == TypeFUA:
		if len(p) > 2 && p[1]&0x80 != 0 {
			yield(append([]byte{p[0]&0xe0 | p[1]&0x1f}, p[2:min(len(p), 8)]...))
		}
	case t > 0 && t < TypeSTAPA:
		yield(p)
	}
}
