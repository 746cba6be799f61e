package sfu

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// streams are the TCP connections of those whom UDP does not reach (RFC 6544): each
// carries packets with their lengths before them (RFC 4571). To pion they are UDP: what
// comes out of a connection enters the mux under the connection's address, and what the
// mux sends to that address goes into it. So TCP costs nobody anything who does not use
// it, where pion's own way is a listener's share for every viewer.
//
// Whoever writes may have to wait for the other side, so viewers over TCP are served
// by pion's sender, not by a batch (see [way.aimed]).
type streams struct {
	listener net.Listener
	inlet    *inlet
	count    prometheus.Gauge

	mu    sync.RWMutex // guards the following
	conns map[netip.AddrPort]*stream
	hosts map[netip.Addr]int
}

// The bounds of what may knock. A connection costs two buffers of 4 KB; who shares an
// address with others (a company's, a carrier's) shares its part with them.
const (
	maxStreams        = 4096
	maxStreamsPerHost = 256
	firstFrame        = 5 * time.Second  // until a connection has said something that is for us
	nextFrame         = 30 * time.Second // checks come every few seconds as long as somebody is there
	streamStalls      = 2 * time.Second  // a write that takes longer ends the connection
	maxFrame          = 2 * 1024         // as for a datagram
)

func newStreams(l net.Listener, in *inlet, m *metrics) *streams {
	return &streams{listener: l, inlet: in, count: m.streams, conns: make(map[netip.AddrPort]*stream), hosts: make(map[netip.Addr]int)}
}

// port is where the connections come.
func (s *streams) port() int {
	if a, ok := s.listener.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

// run accepts until ctx is done, and ends every connection.
func (s *streams) run(ctx context.Context) error {
	var reading sync.WaitGroup
	defer reading.Wait()
	defer context.AfterFunc(ctx, func() { s.listener.Close() })()
	for {
		conn, err := s.listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("sfu: %w", err)
		case err != nil: // out of file descriptors, or the other side was quick
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		if st := s.enter(conn); st != nil {
			reading.Go(func() {
				defer context.AfterFunc(ctx, func() { conn.Close() })()
				defer s.leave(st)
				_ = st.read(s.inlet)
			})
		}
	}
}

// enter lists a connection, unless there are too many.
func (s *streams) enter(conn net.Conn) *stream {
	a, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		conn.Close()
		return nil
	}
	from := netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), a.AddrPort().Port())
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) >= maxStreams || s.hosts[from.Addr()] >= maxStreamsPerHost || s.conns[from] != nil {
		conn.Close()
		return nil
	}
	st := &stream{conn: conn, from: from}
	s.conns[from] = st
	s.hosts[from.Addr()]++
	s.count.Inc()
	return st
}

func (s *streams) leave(st *stream) {
	st.conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, st.from)
	if s.hosts[st.from.Addr()]--; s.hosts[st.from.Addr()] == 0 {
		delete(s.hosts, st.from.Addr())
	}
	s.count.Dec()
}

// to returns the connection that has an address, nil where there is none.
func (s *streams) to(addr netip.AddrPort) *stream {
	if s == nil {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.conns) == 0 {
		return nil
	}
	return s.conns[netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())]
}

// A stream is one connection.
type stream struct {
	conn net.Conn
	from netip.AddrPort

	mu  sync.Mutex // one packet at a time; guards the following
	out []byte
}

// read hands over what comes until the connection ends or says something that nobody
// speaks here.
func (s *stream) read(in *inlet) error {
	r := bufio.NewReaderSize(s.conn, 2*maxFrame)
	patience := firstFrame
	for first := true; ; first = false {
		if err := s.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		var length [2]byte
		if _, err := io.ReadFull(r, length[:]); err != nil {
			return err
		}
		n := int(binary.BigEndian.Uint16(length[:]))
		if n > maxFrame {
			return errFrame
		}
		packet := make([]byte, n)
		if _, err := io.ReadFull(r, packet); err != nil {
			return err
		}
		if first && (!plausible(packet) || packet[0] > 3) { // it begins with a check
			in.garbage.Inc()
			return errFrame
		}
		patience = nextFrame
		if in.passes(packet, s.from) {
			in.push(packet, s.from) // what there is no room for is lost, as on any network
		}
	}
}

var errFrame = errors.New("sfu: not what is spoken over TCP")

// write sends one packet. It waits for the other side, but not for long: behind a
// write that was cut off nothing else can be read.
func (s *stream) write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(b) > 1<<16-1 {
		return 0, errFrame
	}
	s.out = binary.BigEndian.AppendUint16(s.out[:0], uint16(len(b)))
	s.out = append(s.out, b...)
	if err := s.conn.SetWriteDeadline(time.Now().Add(streamStalls)); err != nil {
		return 0, fmt.Errorf("sfu: %w", err)
	}
	if _, err := s.conn.Write(s.out); err != nil {
		s.conn.Close()
		return 0, fmt.Errorf("sfu: %w", err)
	}
	return len(b), nil
}
