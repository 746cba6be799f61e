package clip

import (
	"bytes"
	"errors"
)

var errOgg = errors.New("the sound is no Ogg file with one Opus stream")

// opusPackets returns the Opus packets of an Ogg file (RFC 3533, RFC 7845), without
// the two headers at its beginning.
func opusPackets(b []byte) ([][]byte, error) {
	packets, err := oggPackets(b)
	if err != nil {
		return nil, err
	}
	if len(packets) < 3 || !bytes.HasPrefix(packets[0], []byte("OpusHead")) || !bytes.HasPrefix(packets[1], []byte("OpusTags")) {
		return nil, errOgg
	}
	return packets[2:], nil
}

// oggPackets joins the segments of all pages to packets. A page is 27 bytes of
// header, a table of segment lengths, and the segments; a segment shorter than 255
// bytes ends a packet.
func oggPackets(b []byte) (packets [][]byte, err error) {
	var packet []byte
	for len(b) > 0 {
		if len(b) < 27 || string(b[:4]) != "OggS" || b[4] != 0 {
			return nil, errOgg
		}
		n := int(b[26])
		if len(b) < 27+n {
			return nil, errOgg
		}
		lengths, rest := b[27:27+n], b[27+n:]
		for _, l := range lengths {
			if int(l) > len(rest) {
				return nil, errOgg
			}
			packet = append(packet, rest[:l]...)
			rest = rest[l:]
			if l < 255 {
				packets = append(packets, packet)
				packet = nil
			}
		}
		b = rest
	}
	if packet != nil {
		return nil, errOgg
	}
	return packets, nil
}
