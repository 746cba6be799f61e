package mesh

import (
	"fmt"
	"net"
	"sync"

	"github.com/quic-go/quic-go"

	"stentor/cluster/pki"
)

// streamConn is a bidirectional stream as a net.Conn.
type streamConn struct {
	*quic.Stream
	conn *quic.Conn
	peer pki.Identity
	own  bool // the connection is this stream's own, and ends with it
}

func (c *streamConn) LocalAddr() net.Addr  { return c.conn.LocalAddr() }
func (c *streamConn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// Peer is who is at the other end, by its certificate.
func (c *streamConn) Peer() pki.Identity { return c.peer }

// Close ends both directions, as it does for a TCP connection: what was written
// still arrives, what comes is not read any more.
func (c *streamConn) Close() error {
	c.CancelRead(streamClosed)
	err := c.Stream.Close()
	if c.own {
		c.conn.CloseWithError(codeShutdown, "done")
	}
	return err
}

func (c *streamConn) refuse() {
	c.CancelRead(streamRefused)
	c.CancelWrite(streamRefused)
}

// StreamConn is a stream as a net.Conn with the peer's identity in its Peer
// method. With own the connection is closed together with it: for whoever dialled
// for this one stream, and has read all that it waits for.
func StreamConn(conn *quic.Conn, s *quic.Stream, own bool) (net.Conn, error) {
	peer, err := Peer(conn)
	if err != nil {
		return nil, err
	}
	return &streamConn{Stream: s, conn: conn, peer: peer, own: own}, nil
}

// PeerOfConn is the node at the other end of a stream of this package.
func PeerOfConn(c net.Conn) (pki.Identity, error) {
	if s, ok := c.(*streamConn); ok {
		return s.peer, nil
	}
	return pki.Identity{}, fmt.Errorf("mesh: a %T knows no peer", c)
}

type streamListener struct {
	queue chan *streamConn
	addr  net.Addr
	done  chan struct{}

	mu     sync.Mutex // guards the following, and that nothing enters queue after done
	closed bool
}

func newStreamListener(addr net.Addr) *streamListener {
	return &streamListener{queue: make(chan *streamConn, waiting), done: make(chan struct{}), addr: addr}
}

// offer queues a stream; false when nobody will take it.
func (l *streamListener) offer(c *streamConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	select {
	case l.queue <- c:
		return true
	default:
		return false
	}
}

func (l *streamListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.queue:
		return c, nil
	case <-l.done:
		return nil, fmt.Errorf("%w: %w", errListenerClosed, net.ErrClosed)
	}
}

// Close refuses who waits and who comes.
func (l *streamListener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	close(l.done)
	for {
		select {
		case c := <-l.queue:
			c.refuse()
		default:
			return nil
		}
	}
}

func (l *streamListener) Addr() net.Addr { return l.addr }
