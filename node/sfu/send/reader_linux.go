package send

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// readBatch is how many messages one system call brings at most: at 20 viewers who
// each report a few times a second, and a publisher of 4K with 2,000 packets a
// second, a reader that had to wait 15 ms for a core finds about as many.
const readBatch = 32

// With UDP_GRO a message holds up to 64 datagrams of one sender, so that fewer are
// asked for: each needs a buffer of 64 KiB, and eight of them still fit in L2.
const (
	gluedBatch = 8
	gluedSize  = 1 << 16
)

// A Reader is a UDP socket whose datagrams are read in batches (recvmmsg, and UDP_GRO
// where the kernel has it), so that whoever reads it one by one makes one system call
// for many. What it has read but not given lies in its own buffers; it starts no
// goroutine. ReadFrom and ReadFromAddrPort belong to one goroutine; all else is the
// socket's. Nobody may read the inner socket any more: it would get datagrams glued together.
type Reader struct {
	*net.UDPConn
	raw      syscall.RawConn
	size     int // of a datagram, at most
	room     int // in a message
	v6       bool
	buffers  []byte
	messages [readBatch]message
	vectors  [readBatch]unix.Iovec
	names    [readBatch][unix.SizeofSockaddrInet6]byte
	arrivals [readBatch]arrival
	asked    int // messages a call
	next     int // the message that is given
	at       int // the bytes of it that are given
	count    int // messages read
	read     func(fd uintptr) (done bool)
	errno    syscall.Errno
}

// An arrival is the control message that tells the size of each datagram but the last
// in a message (udp(7), UDP_GRO).
type arrival struct {
	header unix.Cmsghdr
	size   int32
	_      [4]byte
}

// NewReader returns a reader of c that gives size bytes of a datagram at most. What
// is longer is cut off there, as net.PacketConn does. With glue the kernel is asked to
// hand over many datagrams at once (UDP_GRO), where it can.
func NewReader(c *net.UDPConn, size int, glue bool) (*Reader, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	r := &Reader{UDPConn: c, raw: raw, size: size, room: size, asked: readBatch}
	err = raw.Control(func(fd uintptr) {
		domain, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		r.v6 = err == nil && domain == unix.AF_INET6
	})
	if err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	if glue {
		if err := raw.Control(r.glue); err != nil {
			return nil, fmt.Errorf("send: %w", err)
		}
	}
	r.buffers = make([]byte, r.asked*r.room)
	for i := range r.asked {
		r.vectors[i].Base = &r.buffers[i*r.room]
		r.vectors[i].SetLen(r.room)
		h := &r.messages[i].header
		h.Iov, h.Name = &r.vectors[i], &r.names[i][0]
		h.SetIovlen(1)
		h.Control = (*byte)(unsafe.Pointer(&r.arrivals[i]))
	}
	r.read = r.receive
	return r, nil
}

// glue asks for UDP_GRO, but not in a sandbox without recvmmsg, where the socket is
// read as it is.
func (r *Reader) glue(fd uintptr) {
	if _, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, 0, 0, unix.MSG_DONTWAIT, 0, 0); errno != 0 {
		return
	}
	if unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1) == nil {
		r.room, r.asked = gluedSize, gluedBatch
	}
}

// Glued tells whether the kernel hands over many datagrams of a sender at once.
func (r *Reader) Glued() bool { return r.asked == gluedBatch }

// receive reads what is there. It says false when nothing is, so that the runtime
// waits.
func (r *Reader) receive(fd uintptr) bool {
	for i := range r.asked {
		h := &r.messages[i].header
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(int(unsafe.Sizeof(arrival{})))
	}
	for {
		// It does not wait, so the runtime need not watch over it: that alone wakes a thread.
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.messages[0])), uintptr(r.asked), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			r.next, r.at, r.count, r.errno = 0, 0, int(n), 0
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		default:
			r.errno = errno
		}
		return true
	}
}

// each is how many bytes of message i a datagram has, but for the last.
func (r *Reader) each(i int) int {
	a := &r.arrivals[i]
	if int(r.messages[i].header.Controllen) >= unix.CmsgLen(4) && a.header.Level == unix.IPPROTO_UDP && a.header.Type == unix.UDP_GRO && a.size > 0 {
		return int(a.size)
	}
	return int(r.messages[i].sent)
}

// ReadFromAddrPort reads the next datagram, as [net.UDPConn.ReadFromUDPAddrPort]
// does, and waits for one where there is none.
func (r *Reader) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for r.next == r.count {
		if err := r.raw.Read(r.read); err != nil {
			return 0, netip.AddrPort{}, err // as net says it: deadlines and closing are known by it
		}
		switch r.errno {
		case 0:
		case unix.ENOSYS: // a sandbox without recvmmsg
			return r.ReadFromUDPAddrPort(b)
		default:
			return 0, netip.AddrPort{}, fmt.Errorf("send: read: %w", r.errno)
		}
	}
	i, whole := r.next, r.buffers[r.next*r.room:][:r.messages[r.next].sent]
	datagram := whole[r.at:min(r.at+r.each(i), len(whole))]
	if r.at += len(datagram); r.at == len(whole) {
		r.next, r.at = r.next+1, 0
	}
	n := copy(b, datagram[:min(r.size, len(datagram))])
	return n, addrPort(&r.names[i]), nil
}

// ReadFrom reads the next datagram.
func (r *Reader) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := r.ReadFromAddrPort(b)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteToAddrPort writes one datagram. It is tried without waiting first, which is what nearly always does, and of which
// the runtime need not know.
func (r *Reader) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	if len(b) == 0 || !to.IsValid() || to.Addr().Zone() != "" || to.Addr().Is6() && !r.v6 {
		return r.WriteToUDPAddrPort(b, to)
	}
	sa, errno := nameOf(to, r.v6), syscall.EAGAIN
	err := r.raw.Control(func(fd uintptr) {
		_, _, errno = unix.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT,
			uintptr(unsafe.Pointer(&sa.sa[0])), uintptr(sa.length))
	})
	if err != nil || errno != 0 {
		return r.WriteToUDPAddrPort(b, to) // which waits for room, and says what is wrong
	}
	return len(b), nil
}

// addrPort reads a socket address.
func addrPort(sa *[unix.SizeofSockaddrInet6]byte) netip.AddrPort {
	port := binary.BigEndian.Uint16(sa[2:])
	if *(*uint16)(unsafe.Pointer(sa)) == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(sa[4:8])), port)
	}
	addr := netip.AddrFrom16([16]byte(sa[8:24]))
	if scope := *(*uint32)(unsafe.Pointer(&sa[24])); scope != 0 && addr.IsLinkLocalUnicast() {
		if i, err := net.InterfaceByIndex(int(scope)); err == nil {
			addr = addr.WithZone(i.Name)
		}
	}
	return netip.AddrPortFrom(addr, port)
}
