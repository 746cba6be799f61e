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

// readBatch is how many datagrams one system call brings at most: at 20 viewers who
// each report a few times a second, and a publisher of 4K with 2,000 packets a
// second, a reader that had to wait 15 ms for a core finds about as many.
const readBatch = 32

// A Reader is a UDP socket whose datagrams are read in batches (recvmmsg), so that
// whoever reads it one by one makes one system call for many. What it has read but
// not given lies in its own buffers; it starts no goroutine. ReadFrom and
// ReadFromAddrPort belong to one goroutine; all else is the socket's.
type Reader struct {
	*net.UDPConn
	raw      syscall.RawConn
	size     int // of a buffer
	buffers  []byte
	messages [readBatch]message
	vectors  [readBatch]unix.Iovec
	names    [readBatch][unix.SizeofSockaddrInet6]byte
	next     int // the next to give
	count    int // read
	read     func(fd uintptr) (done bool)
	errno    syscall.Errno
}

// NewReader returns a reader of c with buffers of size bytes. What is longer is cut
// off at size, as net.PacketConn does.
func NewReader(c *net.UDPConn, size int) (*Reader, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	r := &Reader{UDPConn: c, raw: raw, size: size, buffers: make([]byte, readBatch*size)}
	for i := range readBatch {
		r.vectors[i].Base = &r.buffers[i*size]
		r.vectors[i].SetLen(size)
		h := &r.messages[i].header
		h.Iov, h.Name = &r.vectors[i], &r.names[i][0]
		h.SetIovlen(1)
	}
	r.read = r.receive
	return r, nil
}

// receive reads what is there. It says false when nothing is, so that the runtime
// waits.
func (r *Reader) receive(fd uintptr) bool {
	for i := range r.messages {
		r.messages[i].header.Namelen = unix.SizeofSockaddrInet6
	}
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.messages[0])), readBatch, unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			r.next, r.count, r.errno = 0, int(n), 0
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
	i := r.next
	r.next++
	n := copy(b, r.buffers[i*r.size:i*r.size+int(r.messages[i].sent)])
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

// WriteToAddrPort writes one datagram.
func (r *Reader) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return r.WriteToUDPAddrPort(b, to)
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
