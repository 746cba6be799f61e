//go:build !linux

package parity

import "net"

// wrapUDP reads and writes packet by packet: segments, ECN and packet info in batches are Linux's.
func (c *Conn) wrapUDP(inner *net.UDPConn) error {
	c.wrapPlain(inner)
	return nil
}
