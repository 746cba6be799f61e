package sfu

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stentor/node/sfu/send"
)

// An inlet is the media socket as pion's mux is to see it: without the packets that
// are for nobody, and with those that came another way (out of a TCP connection, or
// held back until there was somebody to take them).
//
// It goes by first bytes (RFC 7983 section 7): what is none of STUN, DTLS, SRTP and
// SRTCP is counted and goes no further. Nor do DTLS alerts in the clear: none comes
// from an honest peer that is connected, and anybody who knows a viewer's address
// could end its connection with one (a client whose handshake fails says so in the
// clear too; its connection is reclaimed with all that never came up).
type inlet struct {
	net.PacketConn
	read    func([]byte) (int, netip.AddrPort, error)
	write   func([]byte, netip.AddrPort) (int, error)
	knock   func(packet []byte, from netip.AddrPort) bool // takes a check that somebody waits for; nil: nobody ever does
	streams *streams                                      // nil: no TCP
	garbage prometheus.Counter
	alerts  prometheus.Counter

	waiting atomic.Bool // something is aside

	mu    sync.Mutex // guards the following
	aside []letter
	woken bool // the socket's deadline has passed, so that reading ends
}

// A letter is a packet that came another way.
type letter struct {
	packet []byte
	from   netip.AddrPort
}

// maxAside bounds what came another way and waits for the mux, which takes each in
// microseconds.
const maxAside = 1024

// newInlet returns conn as pion's mux is to see it. A socket of the kernel's is read in
// batches: the mux takes packets one by one.
func newInlet(conn net.PacketConn, m *metrics) (*inlet, error) {
	in := &inlet{PacketConn: conn, garbage: m.garbage, alerts: m.alerts}
	if udp, ok := conn.(*net.UDPConn); ok {
		r, err := send.NewReader(udp, 2*1024, true) // more than receiveMTU, and a DTLS record of a large certificate
		if err != nil {
			return nil, err
		}
		if r.Glued() {
			m.glued.Set(1)
		}
		in.read, in.write = r.ReadFromAddrPort, r.WriteToAddrPort
		return in, nil
	}
	in.read = func(b []byte) (int, netip.AddrPort, error) {
		n, addr, err := conn.ReadFrom(b)
		if udp, ok := addr.(*net.UDPAddr); ok {
			return n, udp.AddrPort(), err
		}
		return n, netip.AddrPort{}, err
	}
	in.write = func(b []byte, to netip.AddrPort) (int, error) { return conn.WriteTo(b, net.UDPAddrFromAddrPort(to)) }
	return in, nil
}

// ReadFromAddrPort reads the next packet that may be for somebody.
func (in *inlet) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		if in.waiting.Load() {
			if l, ok := in.next(); ok {
				return copy(b, l.packet), l.from, nil
			}
		}
		n, from, err := in.read(b)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded): // that was us
			in.sleep()
			continue
		case err != nil:
			return n, from, err
		}
		if in.passes(b[:n], from) {
			return n, from, nil
		}
	}
}

// passes reports whether a packet goes to the mux.
func (in *inlet) passes(packet []byte, from netip.AddrPort) bool {
	switch {
	case !plausible(packet):
		in.garbage.Inc()
		return false
	case alertInTheClear(packet):
		in.alerts.Inc()
		return false
	}
	return in.knock == nil || packet[0] > 3 || !in.knock(packet, from)
}

// ReadFrom reads the next packet that may be for somebody.
func (in *inlet) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := in.ReadFromAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteToAddrPort sends a packet the way on which its receiver's come.
func (in *inlet) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if in.streams != nil {
		if s := in.streams.to(to); s != nil {
			return s.write(b)
		}
	}
	return in.write(b, to)
}

// WriteTo does so too.
func (in *inlet) WriteTo(b []byte, to net.Addr) (int, error) {
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return in.PacketConn.WriteTo(b, to)
	}
	return in.WriteToAddrPort(b, udp.AddrPort())
}

// push hands the mux a packet as if it had just come from an address. It keeps the
// packet, and reports whether there was room.
func (in *inlet) push(packet []byte, from netip.AddrPort) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.aside) >= maxAside {
		return false
	}
	in.aside = append(in.aside, letter{packet, from})
	in.waiting.Store(true)
	if !in.woken { // whoever reads has to look
		in.woken = true
		_ = in.PacketConn.SetReadDeadline(time.Unix(1, 0))
	}
	return true
}

// next takes what came first. When there is no more, the socket can be waited for again.
func (in *inlet) next() (letter, bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.aside) == 0 {
		in.waiting.Store(false)
		in.aside = nil
		in.wait()
		return letter{}, false
	}
	l := in.aside[0]
	in.aside = in.aside[1:]
	return l, true
}

// sleep makes reading wait again, unless there is something aside.
func (in *inlet) sleep() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.aside) == 0 {
		in.wait()
	}
}

func (in *inlet) wait() {
	in.woken = false
	_ = in.PacketConn.SetReadDeadline(time.Time{})
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

// alertInTheClear reports whether a datagram holds a DTLS alert of epoch 0, before which
// there are no keys (RFC 6347 section 4.1).
func alertInTheClear(packet []byte) bool {
	const header, alert = 13, 21
	for len(packet) >= header && packet[0] >= 20 && packet[0] <= 63 {
		if packet[0] == alert && packet[3] == 0 && packet[4] == 0 {
			return true
		}
		packet = packet[min(len(packet), header+int(packet[11])<<8+int(packet[12])):]
	}
	return false
}
