package impair

import (
	"net"
	"time"
)

// Conn returns inner with what is written to it treated by the link that out names for the receiver; nil delivers at
// once. Out is called for each packet and must answer quickly. Reading is inner's: to impair both directions, wrap both
// ends. Closing it closes inner, and what is on its way is lost, as it is when a machine dies.
//
// It is a plain net.PacketConn: segmentation offload, ECN and packet information of inner are hidden, so figures of CPU
// belong to a [Proxy].
func Conn(inner net.PacketConn, out func(to net.Addr) *Link) net.PacketConn {
	return &conn{PacketConn: inner, out: out}
}

type conn struct {
	net.PacketConn
	out    func(to net.Addr) *Link
	flight flight
}

// WriteTo sends p by the link. A packet that is lost is no error, as it is none for a socket.
func (c *conn) WriteTo(p []byte, to net.Addr) (int, error) {
	link := c.out(to)
	if link == nil {
		return c.PacketConn.WriteTo(p, to)
	}
	c.flight.send(link.Send(time.Now(), len(p)), p, func(packet []byte) { _, _ = c.PacketConn.WriteTo(packet, to) })
	return len(p), nil
}

// SetReadBuffer asks inner, when it can: quic-go warns about sockets that it cannot widen.
func (c *conn) SetReadBuffer(bytes int) error {
	if b, ok := c.PacketConn.(interface{ SetReadBuffer(int) error }); ok {
		return b.SetReadBuffer(bytes)
	}
	return nil
}

// SetWriteBuffer asks inner, when it can.
func (c *conn) SetWriteBuffer(bytes int) error {
	if b, ok := c.PacketConn.(interface{ SetWriteBuffer(int) error }); ok {
		return b.SetWriteBuffer(bytes)
	}
	return nil
}

// Close closes inner.
func (c *conn) Close() error {
	c.flight.close()
	return c.PacketConn.Close()
}
