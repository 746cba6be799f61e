package send

import (
	"cmp"
	"fmt"
	"net/netip"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A name is a socket address as the kernel reads it.
type name struct {
	sa     [unix.SizeofSockaddrInet6]byte
	length uint32
}

// message is struct mmsghdr.
type message struct {
	header unix.Msghdr
	sent   uint32
}

// control is a control message with one uint16, and its padding.
type control struct {
	header unix.Cmsghdr
	value  uint16
	_      [6]byte
}

// An envelope is what the kernel reads besides the packets. All of it lies in the
// batch, so that a call allocates nothing.
type envelope struct {
	messages [arenaPackets]message
	vectors  [arenaPackets]unix.Iovec
	controls [arenaPackets]control
	packets  [arenaPackets]int // in each message
	count    int

	inside func(fd uintptr) // calls post: made once, since a closure is an allocation
	socket *Socket
	single bool
	sent   int
	errno  syscall.Errno
}

func (e *envelope) prepare() {
	for i := range e.controls {
		c := &e.controls[i]
		c.header.Level, c.header.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
		c.header.SetLen(unix.CmsgLen(2))
	}
}

// probe asks the kernel what it can.
func (s *Socket) probe(highest Rung) error {
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	var domain int
	var asked, segments error
	err = raw.Control(func(fd uintptr) {
		// Beyond net.core.{r,w}mem_max, where this process may (CAP_NET_ADMIN).
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, Buffers)
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, Buffers)
		if got, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF); err == nil {
			s.metrics.buffer.Set(float64(got / 2)) // the kernel says twice of it, socket(7)
		}
		domain, asked = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		_, segments = unix.GetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT)
	})
	if err != nil || asked != nil {
		return fmt.Errorf("send: %w", cmp.Or(err, asked))
	}
	s.raw, s.v6, s.rung, s.post, s.many = raw, domain == unix.AF_INET6, highest, post, sendmmsg
	if segments != nil {
		s.rung = max(s.rung, Messages)
	}
	return nil
}

// name makes a socket address.
func (s *Socket) name(to netip.AddrPort) name { return nameOf(to, s.v6) }

// nameOf makes a socket address for a socket of either domain.
func nameOf(to netip.AddrPort, v6 bool) (n name) {
	port := [2]byte{byte(to.Port() >> 8), byte(to.Port())}
	if !v6 {
		sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(&n.sa))
		sa.Family, sa.Port, sa.Addr = unix.AF_INET, *(*uint16)(unsafe.Pointer(&port)), to.Addr().As4()
		n.length = unix.SizeofSockaddrInet4
		return n
	}
	sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(&n.sa))
	sa.Family, sa.Port, sa.Addr = unix.AF_INET6, *(*uint16)(unsafe.Pointer(&port)), to.Addr().As16()
	n.length = unix.SizeofSockaddrInet6
	return n
}

// deliver makes one system call (on the last rung: one per packet) for what is left
// of b, and moves b on by what the kernel took.
func (s *Socket) deliver(b *Batch, d *Dest, rung Rung) syscall.Errno {
	e := &b.mail
	e.address(b, d, rung)
	if e.inside == nil {
		e.inside = func(fd uintptr) { e.sent, e.errno = e.socket.post(b, fd, e.single) }
	}
	e.socket, e.single, e.sent, e.errno = s, rung == Single, 0, 0
	// Control keeps the descriptor from being closed and taken by another socket
	// meanwhile, but takes no lock: writers do not meet.
	if err := s.raw.Control(e.inside); err != nil {
		return syscall.EBADF
	}
	packets := 0
	for i := range e.sent {
		packets += e.packets[i]
	}
	b.gone += packets
	s.metrics.calls.Inc()
	s.metrics.sent(rung, e.sent, packets)
	return e.errno
}

// address fills in a message per run, or per packet.
func (e *envelope) address(b *Batch, d *Dest, rung Rung) {
	e.count = 0
	for i := b.gone; i < b.count; e.count++ {
		n := 1
		if rung == Segments {
			n = b.run(i)
		}
		m, v, c := &e.messages[e.count].header, &e.vectors[e.count], &e.controls[e.count]
		first := b.packet(i)
		v.Base = &first[0]
		v.SetLen(b.ends[i+n-1] - (b.ends[i] - len(first)))
		*m = unix.Msghdr{Name: &d.name.sa[0], Namelen: d.name.length, Iov: v}
		m.SetIovlen(1)
		if n > 1 {
			c.value = uint16(len(first))
			m.Control = (*byte)(unsafe.Pointer(c))
			m.SetControllen(unix.CmsgSpace(2))
		}
		e.packets[e.count] = n
		i += n
	}
}

// post hands the batch's messages over and returns how many the kernel took, and why
// it took no more. With a full buffer it comes back at once, so the runtime need not know
// of the call: it would take the core away from who is in one for long, by another thread.
func post(b *Batch, fd uintptr, single bool) (int, syscall.Errno) {
	e := &b.mail
	defer runtime.KeepAlive(b)
	if !single {
		return sendmmsg(fd, e.messages[:e.count])
	}
	for i := range e.count {
		if _, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&e.messages[i].header)), unix.MSG_DONTWAIT); errno != 0 {
			return i, errno
		}
	}
	return e.count, 0
}

// sendmmsg hands messages over.
func sendmmsg(fd uintptr, m []message) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&m[0])), uintptr(len(m)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
