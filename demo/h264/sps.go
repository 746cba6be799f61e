package h264

import (
	"errors"
	"fmt"
)

// SPS is what a sequence parameter set says about a stream.
type SPS struct {
	Profile     byte // profile_idc: 66 is Baseline
	Constraints byte // constraint_set0_flag is the highest bit
	Level       byte // level_idc: ten times the level, so 51 is 5.1
	Refs        int  // max_num_ref_frames
	Width       int  // of the picture, after cropping
	Height      int
}

// ConstrainedBaseline reports whether every decoder of WebRTC must take the
// stream (A.2.1.1).
func (s SPS) ConstrainedBaseline() bool { return s.Profile == 66 && s.Constraints&0x40 != 0 }

// maxMacroblocks bounds a picture's width and height, in macroblocks: 16 times 4K.
const maxMacroblocks = 4096

var errShort = errors.New("h264: the parameter set ends too early")

// ParseSPS reads a sequence parameter set (7.3.2.1.1), the NAL header first. It
// stops after the size: the usability information behind it is of no interest here.
func ParseSPS(unit []byte) (SPS, error) {
	if Type(unit) != TypeSPS {
		return SPS{}, fmt.Errorf("h264: a NAL unit of type %d is no sequence parameter set", Type(unit))
	}
	if len(unit) < 5 {
		return SPS{}, errShort
	}
	s := SPS{Profile: unit[1], Constraints: unit[2], Level: unit[3]}
	r := &bits{b: unescape(unit[4:])}
	r.ue() // seq_parameter_set_id
	chroma := uint(1)
	if extended(s.Profile) {
		chroma = r.chroma()
	}
	r.ue() // log2_max_frame_num_minus4
	r.order()
	s.Refs = int(r.ue())
	r.u(1) // gaps_in_frame_num_value_allowed_flag
	width, height := r.ue()+1, r.ue()+1
	frames := r.u(1) // frame_mbs_only_flag
	if frames == 0 {
		r.u(1) // mb_adaptive_frame_field_flag
	}
	r.u(1) // direct_8x8_inference_flag
	var left, right, top, bottom uint
	if r.u(1) == 1 {
		left, right, top, bottom = r.ue(), r.ue(), r.ue(), r.ue()
	}
	if r.short {
		return SPS{}, errShort
	}
	if width > maxMacroblocks || height > maxMacroblocks {
		return SPS{}, fmt.Errorf("h264: a picture of %d x %d macroblocks", width, height)
	}
	unitX, unitY := cropUnits(chroma, frames)
	s.Width = int(width*16) - int(unitX*(left+right))
	s.Height = int(height*16*(2-frames)) - int(unitY*(top+bottom))
	if s.Width <= 0 || s.Height <= 0 {
		return SPS{}, errors.New("h264: cropping leaves no picture")
	}
	return s, nil
}

// extended reports whether a profile's parameter sets say their chroma format.
func extended(profile byte) bool {
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		return true
	}
	return false
}

// cropUnits are the steps in which a picture is cropped (7-19 to 7-22).
func cropUnits(chroma, frames uint) (x, y uint) {
	x, y = 1, 2-frames
	if chroma == 1 || chroma == 2 {
		x = 2
	}
	if chroma == 1 {
		y *= 2
	}
	return x, y
}

// bits reads a raw byte sequence payload. After its end everything is 0, and
// short is set.
type bits struct {
	b     []byte
	pos   int
	short bool
}

func (r *bits) u(n int) uint {
	var v uint
	for range n {
		v <<= 1
		if r.pos >= len(r.b)*8 {
			r.short = true
			continue
		}
		v |= uint(r.b[r.pos/8]>>(7-r.pos%8)) & 1
		r.pos++
	}
	return v
}

// ue reads an Exp-Golomb code (9.1). Codes above 2^16 are in no valid set before
// the fields that we read, and are taken for the end.
func (r *bits) ue() uint {
	zeros := 0
	for r.u(1) == 0 {
		if zeros++; zeros > 16 || r.short {
			r.short = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.u(zeros)
}

// long skips an Exp-Golomb code of up to 32 bits, such as the offsets of order.
func (r *bits) long() {
	zeros := 0
	for r.u(1) == 0 && zeros < 32 && !r.short {
		zeros++
	}
	r.u(zeros)
}

// chroma reads what the high profiles put between the id and the rest.
func (r *bits) chroma() uint {
	format := r.ue()
	if format == 3 {
		r.u(1) // separate_colour_plane_flag
	}
	r.ue()           // bit_depth_luma_minus8
	r.ue()           // bit_depth_chroma_minus8
	r.u(1)           // qpprime_y_zero_transform_bypass_flag
	if r.u(1) == 0 { // seq_scaling_matrix_present_flag
		return format
	}
	lists := 8
	if format == 3 {
		lists = 12
	}
	for i := range lists {
		if r.u(1) == 1 {
			r.scaling(i)
		}
	}
	return format
}

// scaling skips a scaling list (7.3.2.1.1.1).
func (r *bits) scaling(list int) {
	size, last, next := 16, 8, 8
	if list >= 6 {
		size = 64
	}
	for range size {
		if next != 0 {
			next = (last + r.se() + 256) % 256
		}
		if next != 0 {
			last = next
		}
	}
}

// se reads a signed Exp-Golomb code (9.1.1).
func (r *bits) se() int {
	v := int(r.ue())
	if v%2 == 0 {
		return -v / 2
	}
	return (v + 1) / 2
}

// order skips how pictures are ordered.
func (r *bits) order() {
	switch r.ue() { // pic_order_cnt_type
	case 0:
		r.ue() // log2_max_pic_order_cnt_lsb_minus4
	case 1:
		r.u(1)   // delta_pic_order_always_zero_flag
		r.long() // offset_for_non_ref_pic
		r.long() // offset_for_top_to_bottom_field
		for n := min(r.ue(), 255); n > 0 && !r.short; n-- {
			r.long()
		}
	}
}

// unescape takes out the bytes that keep start codes out of a NAL unit (7.4.1).
func unescape(b []byte) []byte {
	out := make([]byte, 0, len(b))
	zeros := 0
	for _, c := range b {
		if zeros >= 2 && c == 3 {
			zeros = 0
			continue
		}
		if c == 0 {
			zeros++
		} else {
			zeros = 0
		}
		out = append(out, c)
	}
	return out
}
