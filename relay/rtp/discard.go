package rtp

import "strings"

// Discardable returns a function that tells, by the payload of a frame's first packet, that no other frame depends on the
// frame, so that it can be left out. It is sure when it says yes: of types that it does not know, of audio, and of codecs
// that say it elsewhere (VP9, AV1: in a dependency descriptor), it always says no.
func Discardable(mime string) Detector {
	switch strings.ToLower(mime) {
	case "video/h264":
		return discardH264
	case "video/vp8":
		return discardVP8
	}
	return func([]byte) bool { return false }
}

// discardH264 says yes to slices with nal_ref_idc 0, alone, cut in fragments, or aggregated, where the field holds the
// greatest of all (RFC 6184, section 5.3). What stands before the slices, like an access unit delimiter, has 0 too and
// says nothing.
func discardH264(b []byte) bool {
	const slice = 1
	if len(b) < 2 || b[0]&0x60 != 0 {
		return false
	}
	switch b[0] & 0x1f {
	case slice:
		return true
	case nalFUA:
		return b[1]&0x1f == slice
	case nalSTAPA:
		return aggregatesSlice(b[1:])
	}
	return false
}

// aggregatesSlice reports whether there is a slice among the NAL units of a STAP-A.
func aggregatesSlice(b []byte) bool {
	for len(b) > 2 {
		n := int(b[0])<<8 | int(b[1])
		if n == 0 || len(b) < 2+n {
			return false
		}
		if b[2]&0x1f == 1 {
			return true
		}
		b = b[2+n:]
	}
	return false
}

// discardVP8 reads the N bit of RFC 7741, section 4.2, at the start of the first partition.
func discardVP8(b []byte) bool { return len(b) > 0 && b[0]&0x37 == 0x30 }
