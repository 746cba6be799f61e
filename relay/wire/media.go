package wire

import (
	"encoding/binary"
	"io"
)

// MaxPacket is the length of the longest RTP packet that crosses a link: what fits an Ethernet frame, and a
// little for publishers behind nothing of the kind.
const MaxPacket = 1536

// First bytes of streams and datagrams.
const (
	kindFrame     = 'F'
	kindAudio     = 'A'
	kindHeartbeat = 'H'
)

// Padding is the first byte of a stream that carries nothing: a link is tried with it before media is. What is on it is
// read and dropped. Since version 2.
const Padding = 'P'

// maxFrameHeader is the length of the longest frame header.
const maxFrameHeader = 1 + 8 + 1 + 1 + 4*8

// Flags of a frame.
type Flags uint8

const (
	FlagKey         Flags = 1 // a key frame
	FlagSwitch      Flags = 2 // a reader may change to this layer here
	FlagDiscardable Flags = 4 // nothing depends on it
)

// A Frame is the header of a stream that carries one frame of one layer.
type Frame struct {
	Alias   uint64
	Layer   uint8
	Flags   Flags
	Frame   uint64 // its name, see rtp.Packet
	Time    uint64 // extended RTP time
	First   uint64 // extended sequence number of the first packet on this stream
	Capture uint64 // Unix microseconds, 0 unknown
}

// Append writes the header.
func (f Frame) Append(b []byte) []byte {
	b = appendNumber(append(b, kindFrame), f.Alias)
	b = append(b, f.Layer, uint8(f.Flags))
	for _, v := range [...]uint64{f.Frame, f.Time, f.First, f.Capture} {
		b = appendNumber(b, v)
	}
	return b
}

// ParseFrame reads a header off the front of b.
func ParseFrame(b []byte) (f Frame, rest []byte, err error) {
	s := scanner{b: b}
	if s.u8() != kindFrame && s.err == nil {
		s.fail(ErrType)
	}
	f = Frame{s.number(maxNumber), s.layer(), Flags(s.u8()), s.number(maxNumber), s.number(maxNumber), s.number(maxNumber), s.number(maxNumber)}
	if f.Flags > 7 {
		s.fail(ErrBound)
	}
	if s.err != nil {
		return Frame{}, b, s.err
	}
	return f, s.b, nil
}

// A ByteReader is what a frame's stream is read through; *bufio.Reader is one.
type ByteReader interface {
	io.Reader
	Peek(n int) ([]byte, error)
	Discard(n int) (int, error)
}

// ReadFrame reads a header from r, and nothing behind it.
func ReadFrame(r ByteReader) (Frame, error) {
	for n := 22; ; n++ { // no frame with a packet in it is shorter than 22 bytes
		b, err := r.Peek(min(n, maxFrameHeader))
		f, rest, bad := ParseFrame(b)
		if bad == nil {
			_, err = r.Discard(len(b) - len(rest))
			return f, err
		}
		if bad != ErrShort || n > maxFrameHeader {
			return Frame{}, bad
		}
		if err != nil {
			return Frame{}, err
		}
	}
}

// AppendPacket writes one packet of a frame.
func AppendPacket(b, packet []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(packet)))
	return append(b, packet...)
}

// PacketLength reads the length in front of a packet of a frame.
func PacketLength(b [2]byte) (int, error) {
	n := int(binary.BigEndian.Uint16(b[:]))
	if n == 0 || n > MaxPacket {
		return 0, ErrBound
	}
	return n, nil
}

// An AudioPacket is a datagram with one packet of an audio track.
type AudioPacket struct {
	Alias  uint64
	Seq    uint64 // extended
	Packet []byte // RTP; aliases what was parsed
}

// Append writes the datagram.
func (a AudioPacket) Append(b []byte) []byte {
	b = appendNumber(appendNumber(append(b, kindAudio), a.Alias), a.Seq)
	return append(b, a.Packet...)
}

// A Heartbeat is a datagram that says that its sender is alive.
type Heartbeat struct{ Count uint64 }

// Append writes the datagram.
func (h Heartbeat) Append(b []byte) []byte { return appendNumber(append(b, kindHeartbeat), h.Count) }

// ParseDatagram reads a datagram: an [AudioPacket] (heartbeat is false) or a [Heartbeat].
func ParseDatagram(b []byte) (a AudioPacket, h Heartbeat, heartbeat bool, err error) {
	s := scanner{b: b}
	switch kind := s.u8(); {
	case s.err != nil:
	case kind == kindHeartbeat:
		h.Count = s.number(maxNumber)
		return a, h, true, s.end()
	case kind == kindAudio:
		a.Alias, a.Seq = s.number(maxNumber), s.number(maxNumber)
		a.Packet = s.b
		if s.err == nil && (len(a.Packet) == 0 || len(a.Packet) > MaxPacket) {
			s.fail(ErrBound)
		}
	default:
		s.fail(ErrType)
	}
	if s.err != nil {
		return AudioPacket{}, Heartbeat{}, false, s.err
	}
	return a, h, false, nil
}
