package rtp

import (
	"encoding/binary"
	"strings"
)

// A Sizer tells how large the pictures are that begin with a payload. It is asked of the first packet of a key
// frame; ok is false where the payload does not say it.
type Sizer func(payload []byte) (width, height int, ok bool)

// Sizes returns the sizer for a MIME type ("video/H264", any case). Of types that it does not know it says nothing.
func Sizes(mime string) Sizer {
	switch strings.ToLower(mime) {
	case "video/h264":
		return sizeH264
	case "video/vp8":
		return sizeVP8
	case "video/vp9":
		return sizeVP9
	case "video/av1":
		return sizeAV1
	}
	return func([]byte) (int, int, bool) { return 0, 0, false }
}

// sizeVP8 reads the header of a key frame (RFC 6386 section 9.1) behind the payload descriptor.
func sizeVP8(b []byte) (width, height int, ok bool) {
	if !keyVP8(b) {
		return 0, 0, false
	}
	b = b[descriptorVP8(b):]
	if len(b) < 10 || b[3] != 0x9d || b[4] != 0x01 || b[5] != 0x2a {
		return 0, 0, false
	}
	return sized(int(binary.LittleEndian.Uint16(b[6:])&0x3fff), int(binary.LittleEndian.Uint16(b[8:])&0x3fff))
}

// sizeVP9 reads the scalability structure of the payload descriptor (RFC 9628 section 4.2.1), which names the largest
// layer last, or the uncompressed header of the key frame (VP9 bitstream specification, section 6.2).
func sizeVP9(b []byte) (width, height int, ok bool) {
	if !keyVP9(b) {
		return 0, 0, false
	}
	n, structure := descriptorVP9(b)
	if n == 0 {
		return 0, 0, false
	}
	if structure > 0 && b[structure]&0x10 != 0 { // Y: sizes
		last := structure + 1 + 4*int(b[structure]>>5)
		if len(b) < last+4 {
			return 0, 0, false
		}
		return sized(int(binary.BigEndian.Uint16(b[last:])), int(binary.BigEndian.Uint16(b[last+2:])))
	}
	r := bits{b: b[n:]}
	if r.read(2) != 2 { // frame_marker
		return 0, 0, false
	}
	profile := r.read(1) | r.read(1)<<1
	if profile == 3 {
		r.read(1)
	}
	if r.read(2) != 0 { // show_existing_frame; frame_type: 0 is a key frame
		return 0, 0, false
	}
	r.read(2)                   // show_frame, error_resilient_mode
	if r.read(24) != 0x498342 { // frame_sync_code
		return 0, 0, false
	}
	if profile >= 2 {
		r.read(1) // bit depth
	}
	const srgb = 7
	switch space := r.read(3); {
	case space != srgb && profile&1 == 1:
		r.read(4)
	case space != srgb:
		r.read(1)
	case profile&1 == 1:
		r.read(1)
	}
	width, height = int(r.read(16))+1, int(r.read(16))+1
	if r.over {
		return 0, 0, false
	}
	return sized(width, height)
}

// sizeAV1 reads max_frame_width and max_frame_height of the sequence header that begins the packet (AV1 bitstream
// specification, section 5.5.1).
func sizeAV1(b []byte) (width, height int, ok bool) {
	header := sequenceAV1(b)
	if header == nil {
		return 0, 0, false
	}
	r := bits{b: header}
	r.read(3 + 1)       // seq_profile, still_picture
	if r.read(1) == 1 { // reduced_still_picture_header
		r.read(5)
	} else if !r.operatingPoints() {
		return 0, 0, false
	}
	w, h := r.read(4)+1, r.read(4)+1
	width, height = int(r.read(int(w)))+1, int(r.read(int(h)))+1
	if r.over {
		return 0, 0, false
	}
	return sized(width, height)
}

// operatingPoints skips what stands before the sizes: timing and operating points.
func (r *bits) operatingPoints() bool {
	model, delay := uint64(0), 0
	if r.read(1) == 1 { // timing_info_present_flag
		r.read(32)
		r.read(32)
		if r.read(1) == 1 { // equal_picture_interval
			r.golomb()
		}
		if model = r.read(1); model == 1 {
			delay = int(r.read(5)) + 1
			r.read(32)
			r.read(10)
		}
	}
	display := r.read(1)
	for range r.read(5) + 1 {
		r.read(12)         // operating_point_idc
		if r.read(5) > 7 { // seq_level_idx
			r.read(1)
		}
		if model == 1 && r.read(1) == 1 {
			r.read(delay)
			r.read(delay)
			r.read(1)
		}
		if display == 1 && r.read(1) == 1 {
			r.read(4)
		}
		if r.over {
			return false
		}
	}
	return true
}

// sequenceAV1 returns the sequence header OBU's payload if the packet begins with one (perhaps behind a temporal
// delimiter, which the payload format forbids and some send).
func sequenceAV1(b []byte) []byte {
	if len(b) < 2 || b[0]&0x80 != 0 {
		return nil
	}
	count := int(b[0] >> 4 & 0x03)
	b = b[1:]
	for i := 1; len(b) > 0 && i < 4; i++ {
		n := len(b)
		if count == 0 || i < count {
			v, used := leb128(b)
			if used == 0 || v == 0 || v > uint64(len(b)-used) {
				return nil
			}
			b, n = b[used:], int(v)
		}
		if b[0]>>3&0x0f == obuSequenceHeader {
			return payloadOBU(b[:n])
		}
		b = b[n:]
	}
	return nil
}

// payloadOBU is what an OBU holds behind its header, extension and size.
func payloadOBU(b []byte) []byte {
	head := 1
	if b[0]&0x04 != 0 {
		head++
	}
	if len(b) < head {
		return nil
	}
	if b[0]&0x02 != 0 {
		_, used := leb128(b[head:])
		if used == 0 {
			return nil
		}
		head += used
	}
	return b[head:]
}

// sizeH264 reads the sequence parameter set (ITU-T H.264 section 7.3.2.1.1), alone or first in a STAP-A.
func sizeH264(b []byte) (width, height int, ok bool) {
	switch {
	case len(b) < 5:
		return 0, 0, false
	case b[0]&0x1f == nalSPS:
		return sizeSPS(b[1:])
	case b[0]&0x1f != nalSTAPA:
		return 0, 0, false
	}
	for b = b[1:]; len(b) > 2; {
		n := int(binary.BigEndian.Uint16(b))
		if n == 0 || len(b) < 2+n {
			return 0, 0, false
		}
		if b[2]&0x1f == nalSPS {
			return sizeSPS(b[3 : 2+n])
		}
		b = b[2+n:]
	}
	return 0, 0, false
}

func sizeSPS(b []byte) (width, height int, ok bool) {
	r := bits{b: b, escaped: true}
	profile := r.read(8)
	r.read(16) // constraints, level
	r.golomb() // seq_parameter_set_id
	chroma, planes := uint64(1), uint64(0)
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		if chroma = r.golomb(); chroma == 3 {
			planes = r.read(1)
		}
		r.golomb()
		r.golomb()
		r.read(1)
		if r.read(1) == 1 {
			r.scalingLists(chroma)
		}
	}
	r.golomb() // log2_max_frame_num_minus4
	switch r.golomb() {
	case 0:
		r.golomb()
	case 1:
		r.read(1)
		r.golomb()
		r.golomb()
		for range min(r.golomb(), 255) {
			r.golomb()
		}
	}
	r.golomb() // max_num_ref_frames
	r.read(1)
	wide, tall := r.golomb()+1, r.golomb()+1 // macroblocks, map units
	frames := r.read(1)                      // frame_mbs_only_flag
	if frames == 0 {
		r.read(1)
	}
	r.read(1)
	var crop [4]uint64 // left, right, top, bottom
	if r.read(1) == 1 {
		for i := range crop {
			crop[i] = r.golomb()
		}
	}
	if r.over || wide > 1<<12 || tall > 1<<12 {
		return 0, 0, false
	}
	unitX, unitY := uint64(1), 2-frames
	if planes == 0 && (chroma == 1 || chroma == 2) {
		unitX = 2
	}
	if planes == 0 && chroma == 1 {
		unitY *= 2
	}
	w := int64(wide*16) - int64(unitX*min(crop[0]+crop[1], 1<<16))
	h := int64(tall*16*(2-frames)) - int64(unitY*min(crop[2]+crop[3], 1<<16))
	return sized(int(w), int(h))
}

// scalingLists skips them (section 7.3.2.1.1.1).
func (r *bits) scalingLists(chroma uint64) {
	lists := 8
	if chroma == 3 {
		lists = 12
	}
	for i := range lists {
		if r.read(1) == 0 {
			continue
		}
		size := 16
		if i >= 6 {
			size = 64
		}
		last, next := int64(8), int64(8)
		for range size {
			if next != 0 {
				next = (last + r.signed() + 256) & 0xff
			}
			if next != 0 {
				last = next
			}
		}
	}
}

// sized refuses what no picture is.
func sized(width, height int) (int, int, bool) {
	return width, height, width > 0 && height > 0 && width <= 1<<16 && height <= 1<<16
}

// bits reads numbers of bits, highest first; escaped leaves out the emulation prevention bytes of H.264. Behind the end
// it reads zeros and is over.
type bits struct {
	b       []byte
	at      int // bit
	zeros   int // zero bytes just read
	escaped bool
	over    bool
}

func (r *bits) read(n int) (v uint64) {
	for range n {
		v <<= 1
		if r.at&7 == 0 && r.escaped && r.at>>3 < len(r.b) {
			if r.zeros == 2 && r.b[r.at>>3] == 3 {
				r.at += 8
				r.zeros = 0
			}
			if i := r.at >> 3; i < len(r.b) && r.b[i] == 0 {
				r.zeros++
			} else {
				r.zeros = 0
			}
		}
		i := r.at >> 3
		if i >= len(r.b) {
			r.over = true
			return 0
		}
		v |= uint64(r.b[i]>>(7-r.at&7)) & 1
		r.at++
	}
	return v
}

// golomb reads ue(v) of H.264, which is uvlc() of AV1.
func (r *bits) golomb() uint64 {
	zeros := 0
	for r.read(1) == 0 {
		if zeros++; r.over || zeros > 32 {
			r.over = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.read(zeros)
}

func (r *bits) signed() int64 {
	v := r.golomb()
	if v&1 == 1 {
		return int64(v/2 + 1)
	}
	return -int64(v / 2)
}
