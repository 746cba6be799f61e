package record

import (
	"bytes"
	"fmt"

	"github.com/pion/rtp/codecs"
	"github.com/pion/rtp/codecs/av1/obu"
)

// av1Codec is AV1 (RTP payload format for AV1, v1.0.0; "Carriage of AV1 in Matroska": temporal units without their
// delimiters, the sequence header in the configuration).
type av1Codec struct {
	sequence      []byte // the OBU, with its size
	width, height int
	profile       byte
	level, tier   byte
	flags         byte // high_bitdepth to chroma_sample_position, as the configuration has them
}

// maxSide bounds what a header may claim; codecs end at 65,536.
const maxSide = 1 << 16

func (c *av1Codec) frame(payloads [][]byte) ([]byte, bool, error) {
	var units []byte
	var d codecs.AV1Depacketizer // keeps fragments between packets
	for _, p := range payloads {
		b, err := d.Unmarshal(p)
		if err != nil {
			return nil, false, fmt.Errorf("%w: %w", errFrame, err)
		}
		units = append(units, b...)
	}
	var data []byte
	key := false
	for len(units) > 0 {
		h, n, size, ok := nextOBU(units)
		if !ok {
			return nil, false, errFrame
		}
		unit := units[:n+size]
		units = units[n+size:]
		switch h.Type {
		case obu.OBUTemporalDelimiter, obu.OBUTileList, obu.OBUPadding:
			continue
		case obu.OBUSequenceHeader:
			if c.read(unit[n:]) {
				c.sequence, key = bytes.Clone(unit), true
			}
		}
		data = append(data, unit...)
	}
	return data, key, nil
}

// nextOBU returns the header of the first unit, the length of the header with the size behind it, and the size.
func nextOBU(b []byte) (h *obu.Header, n, size int, ok bool) {
	h, err := obu.ParseOBUHeader(b)
	if err != nil || !h.HasSizeField || len(b) <= h.Size() {
		return nil, 0, 0, false
	}
	v, read, err := obu.ReadLeb128(b[h.Size():])
	n = h.Size() + int(read)
	if err != nil || uint64(v) > uint64(len(b)) || n+int(v) > len(b) {
		return nil, 0, 0, false
	}
	return h, n, int(v), true
}

// format holds an AV1CodecConfigurationRecord ("AV1 Codec ISO Media File Format Binding", section 2.3.3).
func (c *av1Codec) format() format {
	f := format{id: "V_AV1", width: c.width, height: c.height, webm: true}
	if c.sequence != nil {
		f.private = append([]byte{0x81, c.profile<<5 | c.level, c.tier<<7 | c.flags, 0}, c.sequence...)
	}
	return f
}

// read takes what the configuration needs out of a sequence header (AV1 specification, section 5.5). It reports false,
// and changes nothing, when that is none.
func (c *av1Codec) read(payload []byte) bool {
	b := bits{data: payload}
	var s av1Codec
	s.profile = byte(b.take(3))
	b.skip(1)
	reduced := b.take(1) == 1
	if reduced {
		s.level = byte(b.take(5))
	} else {
		s.operating(&b)
	}
	wide, high := int(b.take(4))+1, int(b.take(4))+1
	s.width, s.height = int(b.take(wide))+1, int(b.take(high))+1
	if !reduced {
		if b.take(1) == 1 { // frame ids
			b.skip(7)
		}
	}
	b.skip(3) // 128x128 superblocks, filter intra, intra edge filter
	if !reduced {
		s.tools(&b)
	}
	b.skip(3) // superres, cdef, restoration
	s.colours(&b)
	if b.bad || s.width > maxSide || s.height > maxSide {
		return false
	}
	s.sequence = c.sequence
	*c = s
	return true
}

// operating reads timing and the operating points, of which the first counts.
func (c *av1Codec) operating(b *bits) {
	model, delay := false, 0
	if b.take(1) == 1 { // timing_info
		b.skip(64)
		if b.take(1) == 1 {
			b.uvlc()
		}
		if model = b.take(1) == 1; model {
			delay = int(b.take(5)) + 1
			b.skip(42)
		}
	}
	display := b.take(1) == 1
	for i := range int(b.take(5)) + 1 {
		b.skip(12)
		level, tier := b.take(5), uint64(0)
		if level > 7 {
			tier = b.take(1)
		}
		if i == 0 {
			c.level, c.tier = byte(level), byte(tier)
		}
		if model && b.take(1) == 1 {
			b.skip(2*delay + 1)
		}
		if display && b.take(1) == 1 {
			b.skip(4)
		}
	}
}

// tools passes over the coding tools.
func (c *av1Codec) tools(b *bits) {
	b.skip(4) // interintra, masked, warped, dual filter
	order := b.take(1) == 1
	if order {
		b.skip(2)
	}
	screen := uint64(2)
	if b.take(1) == 0 {
		screen = b.take(1)
	}
	if screen > 0 && b.take(1) == 0 {
		b.skip(1)
	}
	if order {
		b.skip(3)
	}
}

// colours reads color_config (section 5.5.2).
func (c *av1Codec) colours(b *bits) {
	deep, twelve, mono := b.take(1), uint64(0), uint64(0)
	if c.profile == 2 && deep == 1 {
		twelve = b.take(1)
	}
	if c.profile != 1 {
		mono = b.take(1)
	}
	primaries, transfer, matrix := uint64(2), uint64(2), uint64(2)
	if b.take(1) == 1 {
		primaries, transfer, matrix = b.take(8), b.take(8), b.take(8)
	}
	x, y, position := uint64(1), uint64(1), uint64(0)
	switch {
	case mono == 1:
		b.skip(1)
	case primaries == 1 && transfer == 13 && matrix == 0: // sRGB
		x, y = 0, 0
	default:
		b.skip(1)
		switch {
		case c.profile == 1:
			x, y = 0, 0
		case c.profile == 2 && twelve == 1:
			if x = b.take(1); x == 1 {
				y = b.take(1)
			} else {
				y = 0
			}
		case c.profile == 2:
			y = 0
		}
		if x == 1 && y == 1 {
			position = b.take(2)
		}
	}
	c.flags = byte(deep<<6 | twelve<<5 | mono<<4 | x<<3 | y<<2 | position)
}
