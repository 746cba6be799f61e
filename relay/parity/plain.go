package parity

import (
	"errors"
	"net"
	"sync"
	"time"
)

// plain is a socket that is read and written packet by packet: any PacketConn.
type plain struct {
	conn  *Conn
	inner net.PacketConn

	mu   sync.Mutex // held while reading; guards the following
	from net.Addr   // of what was mended
	m    *mender    // may have mended packets
}

func (c *Conn) wrapPlain(inner net.PacketConn) {
	s := &plain{conn: c, inner: inner}
	c.socket, c.raw = s, s
}

// ReadFrom returns the next packet that is quic-go's, or that was lost and is here again.
func (s *plain) ReadFrom(b []byte) (int, net.Addr, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if s.m != nil {
			if d := s.m.take(); d != nil {
				return copy(b, d), s.from, nil
			}
		}
		n, from, err := s.inner.ReadFrom(b)
		if err != nil {
			return n, from, err
		}
		var deliver bool
		s.from = from
		if deliver, s.m = s.conn.arrived(s.conn.peer(addrPort(from)), b[:n], from); deliver {
			return n, from, nil
		}
	}
}

// WriteTo sends b, and keeps it for parity.
func (s *plain) WriteTo(b []byte, to net.Addr) (int, error) {
	n, err := s.inner.WriteTo(b, to)
	if err == nil {
		if p := s.conn.guards(addrPort(to)); p != nil {
			p.sent(b, 0, to, nil)
		}
	}
	return n, err
}

func (s *plain) write(r run, _ []byte, to net.Addr) error {
	var failed error
	for p := r.packets; len(p) > 0; p = p[r.size:] {
		if _, err := s.inner.WriteTo(p[:r.size], to); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// Close closes the inner socket.
func (s *plain) Close() error {
	s.conn.close()
	return s.inner.Close()
}

func (s *plain) LocalAddr() net.Addr                { return s.inner.LocalAddr() }
func (s *plain) SetDeadline(t time.Time) error      { return s.inner.SetDeadline(t) }
func (s *plain) SetReadDeadline(t time.Time) error  { return s.inner.SetReadDeadline(t) }
func (s *plain) SetWriteDeadline(t time.Time) error { return s.inner.SetWriteDeadline(t) }

// SetReadBuffer and SetWriteBuffer are the inner socket's, where it has a buffer; quic-go asks for them.
func (s *plain) SetReadBuffer(n int) error {
	if i, ok := s.inner.(interface{ SetReadBuffer(int) error }); ok {
		return i.SetReadBuffer(n)
	}
	return nil
}

func (s *plain) SetWriteBuffer(n int) error {
	if i, ok := s.inner.(interface{ SetWriteBuffer(int) error }); ok {
		return i.SetWriteBuffer(n)
	}
	return nil
}
