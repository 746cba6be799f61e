package sfu

import (
	"fmt"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"stentor/relay"
)

// A sender carries finished packets to one viewer. It is the seam where the
// batched send path stands beside pion's: whoever forwards writes the new header
// and the payload into the buffer that the sender gives (an arena slot, in the
// batched one, so that this is the only copy), hands it over, and says where a
// batch ends (at the end of a frame, after maxBatch packets, or when there is
// nothing more to send for now).
//
// A sender is used by one goroutine at a time. An error means that the packet
// did not go out.
type sender interface {
	kind() string              // for the metric that says which path a viewer uses
	waits() bool               // a write may take as long as the network likes
	buffer() []byte            // empty, with room for one packet
	write(packet []byte) error // packet was appended to buffer()
	flush() (lost int)         // how many packets that were written did not go out
}

// maxBatch is how many packets a sender may keep before it is flushed.
const maxBatch = relay.WakePackets

// pionSender writes each packet through pion's SRTP session at once. It serves
// every transport and cipher, at the price of a system call per packet.
type pionSender struct {
	to     webrtc.TrackLocalWriter
	header rtp.Header
	buf    [receiveMTU + 64]byte
}

func (s *pionSender) kind() string   { return "pion" }
func (s *pionSender) buffer() []byte { return s.buf[:0] }
func (s *pionSender) flush() int     { return 0 }
func (s *pionSender) waits() bool    { return true }

func (s *pionSender) write(packet []byte) error {
	n, err := s.header.Unmarshal(packet)
	if err != nil {
		return fmt.Errorf("sfu: %w", err)
	}
	// Padding means nothing to a viewer, and pion's marshalling writes out of
	// bounds when it is told of padding that is part of the payload.
	payload := packet[n:]
	if s.header.Padding {
		s.header.Padding, s.header.PaddingSize = false, 0
		payload = payload[:max(0, len(payload)-int(packet[len(packet)-1]))]
	}
	if _, err := s.to.WriteRTP(&s.header, payload); err != nil {
		return fmt.Errorf("sfu: %w", err)
	}
	return nil
}
