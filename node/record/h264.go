package record

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/pion/rtp/codecs"

	"stentor/relay/rtp"
)

// h264Codec is H.264 (RFC 6184), kept with lengths before its units and the parameter sets of the first key frame in the
// header (ISO/IEC 14496-15, section 5.3.3.1). Those of later ones stay in their frames.
type h264Codec struct {
	sps, pps      []byte
	width, height int
	size          rtp.Sizer // of a sequence parameter set too
}

// newH264 takes the parameter sets that the SDP brought, if it did: not every encoder repeats them.
func newH264(fmtp string) *h264Codec {
	c := &h264Codec{size: rtp.Sizes("video/H264")}
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
		if w, h, ok := c.size(unit); ok {
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
