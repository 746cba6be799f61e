package parity

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

const (
	// messages is how many are asked for with one call (recvmmsg). With UDP_GRO each may hold 64 KB, so a second one is
	// seldom there; without, it is one packet each, and eight is what quic-go asks for.
	messages = 8
	// oobSize is room for control messages: packet info of both families, TOS and UDP_GRO take 112 bytes.
	oobSize = 128
	// segments is how many packets go out at once at most (UDP_MAX_SEGMENTS is 64 in kernels before 6.9).
	segments = 64
)

// udp is a UDP socket that is read with UDP_GRO. It is a quic.OOBCapablePacketConn and has the ReadBatch that quic-go prefers.
type udp struct {
	inner     *net.UDPConn
	control   syscall.RawConn // of inner
	conn      *Conn
	segmented atomic.Bool // the kernel cuts what is sent, as far as is known

	mu    sync.Mutex // held while reading; guards the following
	batch *ipv4.PacketConn
	ms    []ipv4.Message // what the kernel gave
	n, at int            // how many of it; which is being cut
	cut   segment
}

// A segment is what is left of one message.
type segment struct {
	rest []byte
	size int    // of each packet in it but the last
	oob  []byte // without UDP_GRO
	from net.Addr
	peer *peer
	m    *mender // may have mended packets
}

func (c *Conn) wrapUDP(inner *net.UDPConn) error {
	raw, err := inner.SyscallConn()
	if err != nil {
		return fmt.Errorf("parity: %w", err)
	}
	var gro error
	if err := raw.Control(func(fd uintptr) { gro = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1) }); err != nil {
		return fmt.Errorf("parity: %w", err)
	}
	if gro == nil {
		c.metrics.coalesced.Set(1)
	} else {
		c.log.Info("this kernel hands over every packet by itself, which costs a fifth more", "err", gro)
	}
	s := &udp{inner: inner, control: raw, conn: c, batch: ipv4.NewPacketConn(inner), ms: make([]ipv4.Message, messages)}
	s.segmented.Store(true)
	for i := range s.ms {
		s.ms[i].Buffers = [][]byte{make([]byte, 1<<16)}
		s.ms[i].OOB = make([]byte, oobSize)
	}
	s.listenToICMP()
	c.socket, c.raw = s, s
	return nil
}

// ReadBatch fills ms with packets that are quic-go's: one each, with the control messages that it came with. It waits for the
// first, and returns how many there are.
func (s *udp) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := 0; ; {
		for n < len(ms) && s.next(&ms[n]) {
			n++
		}
		if n > 0 || len(ms) == 0 {
			return n, nil
		}
		if err := s.fill(flags); err != nil {
			return 0, err
		}
	}
}

// fill asks the kernel for more.
func (s *udp) fill(flags int) (err error) {
	s.at = 0
	for range retries {
		if s.n, err = s.batch.ReadBatch(s.ms, flags); err == nil {
			return nil
		}
		s.n = 0
		if !s.again(err) {
			return err
		}
	}
	return nil // whoever reads comes again
}

// next puts the next packet into m; false when another call to the kernel is needed.
func (s *udp) next(m *ipv4.Message) bool {
	for {
		c := &s.cut
		if c.m != nil {
			if d := c.m.take(); d != nil {
				c.put(m, d)
				return true
			}
			c.m = nil
		}
		if len(c.rest) == 0 {
			if s.at == s.n {
				return false
			}
			s.open(&s.ms[s.at])
			s.at++
			continue
		}
		b := c.rest[:min(c.size, len(c.rest))]
		c.rest = c.rest[len(b):]
		var deliver bool
		if deliver, c.m = s.conn.arrived(c.peer, b, c.from); deliver {
			c.put(m, b)
			return true
		}
	}
}

// open begins to cut a message.
func (s *udp) open(m *ipv4.Message) {
	c := &s.cut
	c.rest, c.from, c.m = m.Buffers[0][:m.N], m.Addr, nil
	c.oob, c.size = coalesced(m.OOB[:m.NN], m.N)
	c.peer = s.conn.peer(addrPort(m.Addr))
}

// put copies a packet into m. A packet longer than its buffer is cut off, as the kernel does it.
func (c *segment) put(m *ipv4.Message, b []byte) {
	m.N = copy(m.Buffers[0], b)
	m.NN = copy(m.OOB, c.oob)
	m.Addr, m.Flags = c.from, 0
}

// coalesced takes UDP_GRO out of control messages, in place, and returns its number: the size of each packet, or whole.
func coalesced(oob []byte, whole int) (rest []byte, size int) {
	rest, size = oob[:0], whole
	for left := oob; len(left) > 0; {
		h, body, after, err := unix.ParseOneSocketControlMessage(left)
		if err != nil {
			break
		}
		if h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && len(body) >= 4 {
			if n := int(int32(binary.NativeEndian.Uint32(body))); n > 0 {
				size = n
			}
		} else {
			rest = append(rest, left[:len(left)-len(after)]...)
		}
		left = after
	}
	return rest, size
}

// ReadMsgUDP reads one packet.
func (s *udp) ReadMsgUDP(b, oob []byte) (n, oobn, flags int, addr *net.UDPAddr, err error) {
	ms := [1]ipv4.Message{{Buffers: [][]byte{b}, OOB: oob}}
	if _, err := s.ReadBatch(ms[:], 0); err != nil {
		return 0, 0, 0, nil, err
	}
	addr, _ = ms[0].Addr.(*net.UDPAddr)
	return ms[0].N, ms[0].NN, ms[0].Flags, addr, nil
}

// ReadFrom reads one packet.
func (s *udp) ReadFrom(b []byte) (int, net.Addr, error) {
	n, _, _, addr, err := s.ReadMsgUDP(b, nil)
	if err != nil {
		return 0, nil, err
	}
	return n, addr, nil
}

// WriteMsgUDP sends b, as one packet or in segments, and keeps it for parity.
func (s *udp) WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error) {
	n, oobn, err = s.send(b, oob, addr)
	if err == nil && addr != nil {
		if p := s.conn.guards(unmap(addr.AddrPort())); p != nil {
			var room [oobSize]byte
			rest, size := segmentation(room[:0], oob)
			p.sent(b, size, addr, rest)
		}
	}
	return n, oobn, err
}

// send is WriteMsgUDP of the inner socket, again when what failed was an earlier packet. Whether a packet is too long the
// second call says again.
func (s *udp) send(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error) {
	for range retries {
		if n, oobn, err = s.inner.WriteMsgUDP(b, oob, addr); err == nil || !s.again(err) {
			return n, oobn, err
		}
	}
	return n, oobn, err
}

// WriteTo sends b, and keeps it for parity.
func (s *udp) WriteTo(b []byte, to net.Addr) (n int, err error) {
	for range retries {
		if n, err = s.inner.WriteTo(b, to); err == nil || !s.again(err) {
			break
		}
	}
	if err == nil {
		if p := s.conn.guards(addrPort(to)); p != nil {
			p.sent(b, 0, to, nil)
		}
	}
	return n, err
}

// segmentation appends the control messages that quic-go sends with to rest, without UDP_SEGMENT, and returns that one's
// number, 0 when there is none.
func segmentation(rest, oob []byte) (_ []byte, size int) {
	for left := oob; len(left) > 0; {
		h, body, after, err := unix.ParseOneSocketControlMessage(left)
		if err != nil {
			return nil, 0
		}
		if h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_SEGMENT && len(body) >= 2 {
			size = int(binary.NativeEndian.Uint16(body))
		} else {
			rest = append(rest, left[:len(left)-len(after)]...)
		}
		left = after
	}
	return rest, size
}

// write sends the packets of r: many at once while the kernel takes that.
func (s *udp) write(r run, oob []byte, to net.Addr) error {
	addr, ok := to.(*net.UDPAddr)
	if !ok {
		return errors.New("parity: not a UDP address")
	}
	for p := r.packets; len(p) > 0; {
		n := r.size
		if s.segmented.Load() {
			n = min(len(p), segments*r.size, maxBatch/r.size*r.size)
		}
		control := oob
		if n > r.size {
			control = appendSegment(append([]byte(nil), oob...), r.size)
		}
		_, _, err := s.send(p[:n], control, addr)
		if n > r.size && errors.Is(err, unix.EIO) { // the card has no checksums (udp(7)); it will have none later
			s.segmented.Store(false)
			continue
		}
		if err != nil {
			return os.NewSyscallError("sendmsg", err)
		}
		p = p[n:]
	}
	return nil
}

// maxBatch is how many bytes are sent at once: what quic-go sends at most, so that parity makes no longer bursts.
const maxBatch = 20 << 10

// appendSegment appends the control message UDP_SEGMENT.
func appendSegment(b []byte, size int) []byte {
	at, header := len(b), unix.CmsgLen(0)
	b = append(b, make([]byte, unix.CmsgSpace(2))...)
	if header == 16 { // struct cmsghdr begins with a size_t
		binary.NativeEndian.PutUint64(b[at:], uint64(unix.CmsgLen(2)))
	} else {
		binary.NativeEndian.PutUint32(b[at:], uint32(unix.CmsgLen(2)))
	}
	binary.NativeEndian.PutUint32(b[at+header-8:], unix.IPPROTO_UDP)
	binary.NativeEndian.PutUint32(b[at+header-4:], unix.UDP_SEGMENT)
	binary.NativeEndian.PutUint16(b[at+header:], uint16(size))
	return b
}

// Close forgets the peers and closes the inner socket.
func (s *udp) Close() error {
	s.conn.close()
	return s.inner.Close()
}

// LocalAddr and the others are the inner socket's.
func (s *udp) LocalAddr() net.Addr                   { return s.inner.LocalAddr() }
func (s *udp) SetDeadline(t time.Time) error         { return s.inner.SetDeadline(t) }
func (s *udp) SetReadDeadline(t time.Time) error     { return s.inner.SetReadDeadline(t) }
func (s *udp) SetWriteDeadline(t time.Time) error    { return s.inner.SetWriteDeadline(t) }
func (s *udp) SetReadBuffer(bytes int) error         { return s.inner.SetReadBuffer(bytes) }
func (s *udp) SetWriteBuffer(bytes int) error        { return s.inner.SetWriteBuffer(bytes) }
func (s *udp) SyscallConn() (syscall.RawConn, error) { return s.inner.SyscallConn() }
