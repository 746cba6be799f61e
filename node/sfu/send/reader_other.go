//go:build !linux

package send

import (
	"net"
	"net/netip"
)

// A Reader is a UDP socket; elsewhere than on Linux it reads one by one.
type Reader struct{ *net.UDPConn }

// NewReader returns a reader of c.
func NewReader(c *net.UDPConn, _ int, _ bool) (*Reader, error) { return &Reader{c}, nil }

// Glued tells that every datagram comes by itself.
func (r *Reader) Glued() bool { return false }

// ReadFromAddrPort reads the next datagram.
func (r *Reader) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	return r.ReadFromUDPAddrPort(b)
}

// WriteToAddrPort writes one datagram.
func (r *Reader) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return r.WriteToUDPAddrPort(b, to)
}
