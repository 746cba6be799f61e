package window

import (
	"net"
	"os"
	"sync"
	"time"
)

// pipeLength is how many packets wait in a pipe; more are dropped, as on any path. It is more than a trial sends.
const pipeLength = 256

// pipe returns the two ends of a path in memory.
func pipe() (a, b *end) {
	ab, ba := make(chan []byte, pipeLength), make(chan []byte, pipeLength)
	here, there := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2}
	return newEnd(here, there, ba, ab), newEnd(there, here, ab, ba)
}

// An end is a net.PacketConn that reaches one other end only.
type end struct {
	local, remote net.Addr
	in            <-chan []byte
	out           chan<- []byte
	closed        chan struct{}
	once          sync.Once
	lose          int // which packet that is written is lost, counted from 1

	mu      sync.Mutex // guards the following
	written int
	expired chan struct{} // closed when reads are to end
}

func newEnd(local, remote net.Addr, in <-chan []byte, out chan<- []byte) *end {
	return &end{local: local, remote: remote, in: in, out: out, closed: make(chan struct{}), expired: make(chan struct{})}
}

func (e *end) ReadFrom(b []byte) (int, net.Addr, error) {
	e.mu.Lock()
	expired := e.expired
	e.mu.Unlock()
	select {
	case p := <-e.in:
		return copy(b, p), e.remote, nil
	case <-expired:
		return 0, nil, os.ErrDeadlineExceeded
	case <-e.closed:
		return 0, nil, net.ErrClosed
	}
}

func (e *end) WriteTo(b []byte, _ net.Addr) (int, error) {
	e.mu.Lock()
	e.written++
	lost := e.written == e.lose
	e.mu.Unlock()
	if lost {
		return len(b), nil
	}
	select {
	case e.out <- append([]byte(nil), b...):
	default:
	}
	return len(b), nil
}

func (e *end) Close() error {
	e.once.Do(func() { close(e.closed) })
	return nil
}

func (e *end) LocalAddr() net.Addr { return e.local }

// SetReadDeadline knows two deadlines, those that quic-go sets: never, and by now.
func (e *end) SetReadDeadline(at time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !at.IsZero() {
		select {
		case <-e.expired:
		default:
			close(e.expired)
		}
		return nil
	}
	e.expired = make(chan struct{})
	return nil
}

func (e *end) SetDeadline(at time.Time) error   { return e.SetReadDeadline(at) }
func (e *end) SetWriteDeadline(time.Time) error { return nil }

// SetReadBuffer and SetWriteBuffer keep quic-go from warning.
func (e *end) SetReadBuffer(int) error  { return nil }
func (e *end) SetWriteBuffer(int) error { return nil }
