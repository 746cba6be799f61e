package record

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/pion/rtp/codecs"
)

// h264Codec is H.264 (RFC 6184), kept with lengths before its units and the parameter sets of the first key frame in the
// header (ISO/IEC 14496-15, section 5.3.3.1). Those of later ones stay in their frames.
type h264Codec struct {
	sps, pps      []byte
	width, height int
}

// newH264 takes the parameter sets that the SDP brought, if it did: not every encoder repeats them.
func newH264(fmtp string) *h264Codec {
	c := &h264Codec{}
	for param := range strings.SplitSeq(fmtp, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if name != "sprop-parameter-sets" {
			continue
		}
		for set := range strings.SplitSeq(value, ",") {
			if b, err := base64.StdEncoding.DecodeString(set); err == nil {
				c.keep(b)
			}
		}
	}
	return c
}

// The kinds of units that matter here (ITU-T H.264, table 7-1).
const (
	unitIDR = 5
	unitSPS = 7
	unitPPS = 8
)

// keep takes a parameter set.
func (c *h264Codec) keep(unit []byte) {
	if len(unit) < 2 {
		return
	}
	switch unit[0] & 0x1f {
	case unitSPS:
		if w, h, err := spsSize(unit); err == nil && len(unit) >= 4 {
			c.sps, c.width, c.height = bytes.Clone(unit), w, h
		}
	case unitPPS:
		c.pps = bytes.Clone(unit)
	}
}

func (c *h264Codec) frame(payloads [][]byte) ([]byte, bool, error) {
	var data []byte
	d := codecs.H264Packet{IsAVC: true} // keeps the fragments of a unit between packets
	for _, p := range payloads {
		b, err := d.Unmarshal(p)
		if err != nil {
			return nil, false, fmt.Errorf("%w: %w", errFrame, err)
		}
		data = append(data, b...)
	}
	key := false
	for rest := data; len(rest) > 0; {
		if len(rest) < 4 || uint64(len(rest)-4) < uint64(binary.BigEndian.Uint32(rest)) {
			return nil, false, errFrame
		}
		n := 4 + int(binary.BigEndian.Uint32(rest))
		if unit := rest[4:n]; len(unit) > 0 {
			c.keep(unit)
			key = key || unit[0]&0x1f == unitIDR
		}
		rest = rest[n:]
	}
	return data, key && c.sps != nil && c.pps != nil, nil
}

// format holds an AVCDecoderConfigurationRecord.
func (c *h264Codec) format() format {
	f := format{id: "V_MPEG4/ISO/AVC", width: c.width, height: c.height}
	if c.sps == nil || c.pps == nil {
		return f
	}
	p := append([]byte{1}, c.sps[1:4]...) // profile, constraints, level
	p = append(p, 0xff, 0xe1)             // lengths of four bytes; one sequence parameter set
	p = append(binary.BigEndian.AppendUint16(p, uint16(len(c.sps))), c.sps...)
	p = append(p, 1)
	f.private = append(binary.BigEndian.AppendUint16(p, uint16(len(c.pps))), c.pps...)
	return f
}

// spsSize reads the size of the picture out of a sequence parameter set (ITU-T H.264, section 7.3.2.1.1).
func spsSize(unit []byte) (width, height int, err error) {
	b := bits{data: unescape(unit)}
	b.skip(8)
	profile := b.take(8)
	b.skip(16)
	b.golomb() // seq_parameter_set_id
	chroma := uint64(1)
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		if chroma = b.golomb(); chroma == 3 {
			b.skip(1)
		}
		b.golomb()
		b.golomb()
		b.skip(1)
		if b.take(1) == 1 {
			skipScaling(&b, chroma)
		}
	}
	b.golomb() // log2_max_frame_num_minus4
	switch b.golomb() {
	case 0:
		b.golomb()
	case 1:
		b.skip(1)
		b.golomb()
		b.golomb()
		for range min(b.golomb(), 255) {
			b.golomb()
		}
	}
	b.golomb() // max_num_ref_frames
	b.skip(1)
	w, h := (b.golomb()+1)*16, (b.golomb()+1)*16
	frames := b.take(1) // frame_mbs_only_flag
	if frames == 0 {
		h *= 2
		b.skip(1)
	}
	b.skip(1)
	if b.take(1) == 1 {
		x, y := uint64(2), uint64(2)*(2-frames)
		if chroma == 0 || chroma == 3 {
			x, y = 1, 2-frames
		} else if chroma == 2 {
			y = 2 - frames
		}
		left, right, top, bottom := b.golomb(), b.golomb(), b.golomb(), b.golomb()
		w, h = w-min(w, x*(left+right)), h-min(h, y*(top+bottom))
	}
	if b.bad || w == 0 || h == 0 || w > maxSide || h > maxSide {
		return 0, 0, errFrame
	}
	return int(w), int(h), nil
}

// maxSide bounds what a header may claim; codecs end at 65,536.
const maxSide = 1 << 16

func skipScaling(b *bits, chroma uint64) {
	lists := 8
	if chroma == 3 {
		lists = 12
	}
	for i := range lists {
		if b.take(1) == 0 {
			continue
		}
		size := 16
		if i >= 6 {
			size = 64
		}
		last, next := int64(8), int64(8)
		for range size {
			if next != 0 {
				v := b.golomb()
				delta := int64(v+1) / 2
				if v%2 == 0 {
					delta = -delta
				}
				next = (last + delta + 256) % 256
			}
			if next != 0 {
				last = next
			}
		}
	}
}

// unescape takes the emulation prevention bytes out of a unit.
func unescape(unit []byte) []byte {
	out := make([]byte, 0, len(unit))
	zeros := 0
	for _, b := range unit {
		if zeros >= 2 && b == 3 {
			zeros = 0
			continue
		}
		out = append(out, b)
		if zeros++; b != 0 {
			zeros = 0
		}
	}
	return out
}
