package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/pion/rtp/codecs"
	"github.com/pion/rtp/codecs/vp9"

	"stentor/relay/wire"
)

// A codec takes frames out of the payloads of their packets, and knows what a file has to say of them.
type codec interface {
	// frame returns a frame as Matroska holds it, and whether a decoder can start with it. Payloads are those of its
	// packets, in order. What it returns is the caller's.
	frame(payloads [][]byte) (data []byte, key bool, err error)
	// format is what the file says of the track, complete only once a key frame was seen.
	format() format
}

// A format describes the frames of a file.
type format struct {
	id            string // CodecID of the Matroska codec registry
	private       []byte // CodecPrivate
	width, height int    // of video
	channels      int    // of audio
	rate          int    // samples per second of audio
	webm          bool   // WebM has it
}

var (
	errCodec = errors.New("record: no file holds this codec")
	errFrame = errors.New("record: the frame is not what its codec says")
)

// newCodec returns the codec of a track.
func newCodec(info wire.TrackInfo) (codec, error) {
	switch strings.ToLower(info.Mime) {
	case "video/vp8":
		return &vp8Codec{}, nil
	case "video/vp9":
		return &vp9Codec{}, nil
	case "video/h264":
		return newH264(info.Fmtp), nil
	case "video/av1":
		return &av1Codec{}, nil
	case "audio/opus":
		return &opusCodec{channels: max(int(info.Channels), 1)}, nil
	}
	return nil, fmt.Errorf("%w: %s", errCodec, info.Mime)
}

// opusCodec is Opus (RFC 7587 as packets, RFC 7845 for the header). A packet is a frame.
type opusCodec struct{ channels int }

func (c *opusCodec) frame(payloads [][]byte) ([]byte, bool, error) {
	return append([]byte(nil), payloads[0]...), true, nil
}

func (c *opusCodec) format() format {
	head := append([]byte("OpusHead"), 1, byte(c.channels))
	head = binary.LittleEndian.AppendUint16(head, 0) // samples to leave out: somebody who comes in the middle has none
	head = binary.LittleEndian.AppendUint32(head, 48_000)
	head = append(head, 0, 0, 0) // gain and mapping family
	return format{id: "A_OPUS", private: head, channels: c.channels, rate: 48_000, webm: true}
}

// vp8Codec is VP8 (RFC 7741; frame header: RFC 6386, section 9.1).
type vp8Codec struct{ width, height int }

func (c *vp8Codec) frame(payloads [][]byte) ([]byte, bool, error) {
	var data []byte
	for _, p := range payloads {
		var d codecs.VP8Packet
		b, err := d.Unmarshal(p)
		if err != nil {
			return nil, false, fmt.Errorf("%w: %w", errFrame, err)
		}
		data = append(data, b...)
	}
	if len(data) < 3 {
		return nil, false, errFrame
	}
	if data[0]&1 != 0 {
		return data, false, nil
	}
	if len(data) < 10 || data[3] != 0x9d || data[4] != 0x01 || data[5] != 0x2a {
		return nil, false, errFrame
	}
	c.width = int(binary.LittleEndian.Uint16(data[6:])) & 0x3fff
	c.height = int(binary.LittleEndian.Uint16(data[8:])) & 0x3fff
	return data, true, nil
}

func (c *vp8Codec) format() format {
	return format{id: "V_VP8", width: c.width, height: c.height, webm: true}
}

// vp9Codec is VP9 (RFC 9628). Pictures of several spatial layers become superframes (VP9 bitstream specification,
// annex B).
type vp9Codec struct{ width, height int }

func (c *vp9Codec) frame(payloads [][]byte) ([]byte, bool, error) {
	var data []byte
	var sizes []int // of the layers
	key := false
	for i, p := range payloads {
		var d codecs.VP9Packet
		b, err := d.Unmarshal(p)
		if err != nil {
			return nil, false, fmt.Errorf("%w: %w", errFrame, err)
		}
		if d.B || len(sizes) == 0 {
			sizes = append(sizes, 0)
		}
		if i == 0 {
			key = !d.P && c.header(b)
		}
		if n := len(d.Width); d.V && d.Y && n > 0 && n == len(d.Height) && key {
			c.width, c.height = int(d.Width[n-1]), int(d.Height[n-1])
		}
		data, sizes[len(sizes)-1] = append(data, b...), sizes[len(sizes)-1]+len(b)
	}
	if len(data) == 0 || len(sizes) > 8 {
		return nil, false, errFrame
	}
	if len(sizes) > 1 {
		data = appendSuperframe(data, sizes)
	}
	return data, key, nil
}

// header reports whether a key frame begins with b, and takes its size.
func (c *vp9Codec) header(b []byte) bool {
	var h vp9.Header
	if h.Unmarshal(b) != nil || h.NonKeyFrame || h.ShowExistingFrame || h.FrameSize == nil {
		return false
	}
	c.width, c.height = int(h.Width()), int(h.Height())
	return true
}

func appendSuperframe(data []byte, sizes []int) []byte {
	most := 0
	for _, n := range sizes {
		most = max(most, n)
	}
	bytes := 1
	for most>>(8*bytes) > 0 {
		bytes++
	}
	marker := byte(0xc0 | (bytes-1)<<3 | (len(sizes) - 1))
	data = append(data, marker)
	for _, n := range sizes {
		for i := range bytes {
			data = append(data, byte(n>>(8*i)))
		}
	}
	return append(data, marker)
}

func (c *vp9Codec) format() format {
	return format{id: "V_VP9", width: c.width, height: c.height, webm: true}
}
