// Package rtp reads and rewrites RTP packets (RFC 3550): it parses a packet once, extends its sequence
// number and time to 64 bits, tells where key frames begin, and gives a packet a new header for one viewer.
//
// It is pure: no network, no clock, no goroutine. It does not decode media, it does not encrypt, and it does
// not speak RTCP beyond the two shapes that it shares with its callers (NACK pairs). What it cannot parse it
// refuses with an error; it never panics on bytes from a network, which the fuzz tests hold.
package rtp

import (
	"encoding/binary"
	"errors"
)

// Errors of [Parse].
var (
	ErrShort   = errors.New("rtp: packet is cut off")
	ErrVersion = errors.New("rtp: version is not 2")
	ErrPadding = errors.New("rtp: padding is longer than the payload")
)

// minHeader is the length of an RTP header without CSRCs and extensions.
const minHeader = 12

// A Packet is one RTP packet, parsed once. It is immutable once it is in a ring: many readers share it.
type Packet struct {
	Raw []byte // the whole packet as it arrived, header first

	Seq   uint64 // extended sequence number; its low 16 bits are those of Raw
	Time  uint64 // extended RTP time, in ticks of the track's clock
	Frame uint64 // names the frame: grows in decode order, equal for all packets of one frame, not contiguous

	Arrived int64 // when this node got it, Unix nanoseconds
	Capture int64 // when the picture was taken or the sound heard, Unix nanoseconds; 0 when unknown

	PayloadType uint8
	Marker      bool // last packet of a video frame
	Key         bool // first packet of a key frame that a decoder can start at

	padding uint8
	header  uint16
}

// Parse reads the header of raw. The packet aliases raw. Seq and Time are the 16 and 32 bits of the header;
// whoever knows the stream extends them.
func Parse(raw []byte) (Packet, error) {
	if len(raw) < minHeader {
		return Packet{}, ErrShort
	}
	if raw[0]>>6 != 2 {
		return Packet{}, ErrVersion
	}
	if len(raw) > 1<<16-1 {
		return Packet{}, ErrShort
	}
	header := minHeader + 4*int(raw[0]&0x0f)
	if raw[0]&0x10 != 0 {
		if len(raw) < header+4 {
			return Packet{}, ErrShort
		}
		header += 4 + 4*int(binary.BigEndian.Uint16(raw[header+2:]))
	}
	if len(raw) < header {
		return Packet{}, ErrShort
	}
	p := Packet{
		Raw:         raw,
		Seq:         uint64(binary.BigEndian.Uint16(raw[2:])),
		Time:        uint64(binary.BigEndian.Uint32(raw[4:])),
		PayloadType: raw[1] & 0x7f,
		Marker:      raw[1]&0x80 != 0,
		header:      uint16(header),
	}
	if raw[0]&0x20 != 0 {
		p.padding = raw[len(raw)-1]
		if p.padding == 0 || len(raw)-header < int(p.padding) {
			return Packet{}, ErrPadding
		}
	}
	return p, nil
}

// SSRC returns the synchronisation source of the packet.
func (p *Packet) SSRC() uint32 { return binary.BigEndian.Uint32(p.Raw[8:]) }

// Header returns the length of the header, with CSRCs and extensions.
func (p *Packet) Header() int { return int(p.header) }

// Payload returns the payload without padding. It aliases Raw.
func (p *Packet) Payload() []byte { return p.Raw[p.header : len(p.Raw)-int(p.padding)] }
