package sfu

import (
	"net"

	"github.com/prometheus/client_golang/prometheus"
)

// sifted is the media socket without the packets that are none of STUN, DTLS, SRTP
// and SRTCP, by their first byte (RFC 7983 section 7): those are counted and go no
// further.
type sifted struct {
	net.PacketConn
	garbage prometheus.Counter
}

// ReadFrom reads the next packet that may be for somebody.
func (s *sifted) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, addr, err := s.PacketConn.ReadFrom(b)
		if err != nil || plausible(b[:n]) {
			return n, addr, err
		}
		s.garbage.Inc()
	}
}

// minHeader is the shortest packet of the four: SRTCP with its tag is longer still.
const minHeader = 12

func plausible(packet []byte) bool {
	if len(packet) < minHeader {
		return false
	}
	switch first := packet[0]; {
	case first <= 3: // STUN
		return len(packet) >= 20
	case first >= 20 && first <= 63: // DTLS
		return true
	case first >= 128 && first <= 191: // RTP, RTCP
		return true
	}
	return false
}
