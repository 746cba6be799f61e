package rtp

import (
	"encoding/binary"
	"strings"
)

// A Detector tells whether a payload begins a key frame.
type Detector func(payload []byte) bool

// KeyFrames returns the detector for a MIME type ("video/H264", any case). Types that it does not know, and
// audio, never have a key frame.
func KeyFrames(mime string) Detector {
	switch strings.ToLower(mime) {
	case "video/h264":
		return keyH264
	case "video/vp8":
		return keyVP8
	case "video/vp9":
		return keyVP9
	case "video/av1":
		return keyAV1
	}
	return func([]byte) bool { return false }
}

// NAL unit types of H.264 and of its payload format (RFC 6184 section 5.2).
const (
	nalIDR   = 5
	nalSPS   = 7
	nalSTAPA = 24
	nalFUA   = 28
)

// keyH264 says yes to a packet with an SPS or with the beginning of an IDR slice. Encoders that give their
// parameter sets only in the SDP send IDR slices alone, so both count.
func keyH264(b []byte) bool {
	if len(b) < 1 {
		return false
	}
	switch b[0] & 0x1f {
	case nalIDR, nalSPS:
		return true
	case nalSTAPA:
		for b = b[1:]; len(b) > 2; {
			n := int(binary.BigEndian.Uint16(b))
			if n == 0 || len(b) < 2+n {
				return false
			}
			if t := b[2] & 0x1f; t == nalIDR || t == nalSPS {
				return true
			}
			b = b[2+n:]
		}
	case nalFUA:
		if len(b) < 2 || b[1]&0x80 == 0 {
			return false
		}
		t := b[1] & 0x1f
		return t == nalIDR || t == nalSPS
	}
	return false
}

// keyVP8 reads the payload descriptor of RFC 7741 section 4.2 and the P bit behind it.
func keyVP8(b []byte) bool {
	if len(b) < 1 || b[0]&0x10 == 0 || b[0]&0x07 != 0 { // S, PID: the first packet of the first partition
		return false
	}
	n := 1
	if b[0]&0x80 != 0 {
		if len(b) < 2 {
			return false
		}
		x := b[1]
		n++
		if x&0x80 != 0 { // picture id, one or two bytes
			if len(b) <= n {
				return false
			}
			if b[n]&0x80 != 0 {
				n++
			}
			n++
		}
		if x&0x40 != 0 { // TL0PICIDX
			n++
		}
		if x&0x30 != 0 { // TID, KEYIDX
			n++
		}
	}
	return len(b) > n && b[n]&0x01 == 0
}

// keyVP9 reads the payload descriptor of RFC 9628 section 4.2: the beginning of a frame (B) that is not
// predicted from another picture (P = 0), in the lowest spatial layer.
func keyVP9(b []byte) bool {
	if len(b) < 1 || b[0]&0x48 != 0x08 {
		return false
	}
	if b[0]&0x20 == 0 { // no layer indices
		return true
	}
	n := 1
	if b[0]&0x80 != 0 {
		if len(b) <= n {
			return false
		}
		if b[n]&0x80 != 0 {
			n++
		}
		n++
	}
	return len(b) > n && b[n]&0x0e == 0
}

// obuSequenceHeader is the type of the OBU that a coded video sequence of AV1 begins with.
const obuSequenceHeader = 1

// keyAV1 reads the aggregation header of the AV1 payload format, section 4.4: N says that a coded video
// sequence begins here. Senders that forget N still put a sequence header in front.
func keyAV1(b []byte) bool {
	if len(b) < 2 || b[0]&0x80 != 0 { // Z: goes on from the packet before
		return false
	}
	if b[0]&0x08 != 0 {
		return true
	}
	count := int(b[0] >> 4 & 0x03)
	b = b[1:]
	for i := 1; len(b) > 0; i++ {
		n := len(b)
		if count == 0 || i < count { // every element but the last has a length, the last one if W is 0
			v, used := leb128(b)
			if used == 0 || v == 0 || v > uint64(len(b)-used) {
				return false
			}
			b, n = b[used:], int(v)
		}
		if b[0]>>3&0x0f == obuSequenceHeader {
			return true
		}
		b = b[n:]
		if count != 0 && i >= count {
			break
		}
	}
	return false
}

// leb128 reads an unsigned number of at most eight bytes; used is 0 when there is none.
func leb128(b []byte) (v uint64, used int) {
	for i := 0; i < len(b) && i < 8; i++ {
		v |= uint64(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return v, i + 1
		}
	}
	return 0, 0
}
