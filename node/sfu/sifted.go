package sfu

import (
	"net"
	"net/netip"

	"github.com/prometheus/client_golang/prometheus"

	"stentor/node/sfu/send"
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

// siftedUDP is the same for a socket of the kernel's, which is read in batches: pion's
// mux takes datagrams one by one, and would make a system call for each.
type siftedUDP struct {
	*send.Reader
	garbage prometheus.Counter
}

// ReadFrom reads the next packet that may be for somebody.
func (s *siftedUDP) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := s.ReadFromAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// ReadFromAddrPort does so without an allocation.
func (s *siftedUDP) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, from, err := s.Reader.ReadFromAddrPort(b)
		if err != nil || plausible(b[:n]) {
			return n, from, err
		}
		s.garbage.Inc()
	}
}

// sift returns conn as pion's mux is to see it.
func sift(conn net.PacketConn, garbage prometheus.Counter) (net.PacketConn, error) {
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return &sifted{conn, garbage}, nil
	}
	r, err := send.NewReader(udp, 2*1024) // more than receiveMTU, and a DTLS record of a large certificate
	if err != nil {
		return nil, err
	}
	return &siftedUDP{r, garbage}, nil
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
