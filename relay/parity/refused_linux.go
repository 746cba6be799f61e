package parity

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// retries is how many errors of the kind that belongs to an earlier packet a call may meet until it gives up: each call
// takes one, and ICMP comes faster than that from no more than a few peers.
const retries = 8

// listenToICMP asks the kernel for what ICMP says of packets that were sent (ip(7), IP_RECVERR).
func (s *udp) listenToICMP() {
	if s.conn.unreachable == nil {
		return
	}
	_ = s.control.Control(func(fd uintptr) {
		// A socket of one family refuses the other's. One that is refused both hears nothing, as before.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR, 1)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
	})
}

// again reports whether err, of a call that reads or writes, is none of that call: the kernel tells what ICMP said of an
// earlier packet, to whomever that went, by letting the next call fail. It passes on what there is to know of it.
func (s *udp) again(err error) bool {
	if s.conn.unreachable == nil {
		return false
	}
	for _, earlier := range [...]syscall.Errno{
		unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EHOSTDOWN, unix.ENONET, unix.EPROTO, unix.EOPNOTSUPP, unix.EMSGSIZE,
		unix.ENOPROTOOPT,
	} {
		if errors.Is(err, earlier) {
			s.errors()
			return true
		}
	}
	return false
}

// errors empties the queue of errors, and tells of ports at which nobody listens.
func (s *udp) errors() {
	var gone []netip.AddrPort
	_ = s.control.Control(func(fd uintptr) {
		var b [1]byte // what was sent is not of interest
		var oob [512]byte
		for {
			_, n, _, to, err := unix.Recvmsg(int(fd), b[:], oob[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
			if err != nil {
				return
			}
			if addr := sockaddr(to); addr.IsValid() && refused(oob[:n]) {
				gone = append(gone, addr)
			}
		}
	})
	for _, addr := range gone {
		s.conn.metrics.refusals.Inc()
		s.conn.unreachable(addr)
	}
}

// sockaddr returns the address of a, the zero value for what is none of UDP.
func sockaddr(a unix.Sockaddr) netip.AddrPort {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}

// refused reports whether control messages tell of a host at which nobody has the port: struct sock_extended_err (ip(7))
// that comes of ICMP with ECONNREFUSED, which is type 3, code 3 (RFC 792), and type 1, code 4 of ICMPv6 (RFC 4443
// section 3.1).
func refused(oob []byte) bool {
	for len(oob) > 0 {
		h, body, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return false
		}
		oob = rest
		v4 := h.Level == unix.IPPROTO_IP && h.Type == unix.IP_RECVERR
		v6 := h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_RECVERR
		if !v4 && !v6 || len(body) < 16 {
			continue
		}
		errno, origin := binary.NativeEndian.Uint32(body), body[4]
		return errno == uint32(unix.ECONNREFUSED) && (origin == unix.SO_EE_ORIGIN_ICMP || origin == unix.SO_EE_ORIGIN_ICMP6)
	}
	return false
}
