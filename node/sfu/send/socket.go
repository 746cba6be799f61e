package send

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Buffers is what is asked of the kernel for either direction, in bytes. A key frame
// of 4K is half a megabyte and comes at once; what the default (208 KB) cannot hold
// while this process waits for a core is lost. The kernel gives what
// net.core.{r,w}mem_max allows, or all of it to whoever has CAP_NET_ADMIN.
const Buffers = 4 << 20

// Config says what a Socket needs.
type Config struct {
	Conn       *net.UDPConn // not closed by the Socket
	Registerer prometheus.Registerer
	Highest    Rung // no rung above this one is tried
}

// A Socket sends batches by a UDP socket that others may read from and write to. It
// is safe for concurrent use: nothing in it is locked while the kernel works, and
// a full buffer makes nobody wait.
type Socket struct {
	conn    *net.UDPConn
	raw     syscall.RawConn
	rung    Rung // the highest that this kernel has
	v6      bool // the socket takes IPv6 addresses, IPv4 as mapped ones
	batches sync.Pool
	metrics *metrics
	many    func(fd uintptr, m []message) (messages int, errno syscall.Errno)           // replaced by tests
	post    func(b *Batch, fd uintptr, single bool) (messages int, errno syscall.Errno) // replaced by tests
}

// NewSocket finds out what the kernel can, and asks for [Buffers].
func NewSocket(c Config) (*Socket, error) {
	if c.Conn == nil || c.Highest < 0 || c.Highest >= rungs {
		return nil, errors.New("send: Conn is required, and Highest is a Rung")
	}
	s := &Socket{conn: c.Conn, metrics: newMetrics(c.Registerer), batches: sync.Pool{New: func() any { return newBatch() }}}
	// Less than asked for is no reason not to start.
	_ = c.Conn.SetReadBuffer(Buffers)
	_ = c.Conn.SetWriteBuffer(Buffers)
	if err := s.probe(c.Highest); err != nil {
		return nil, err
	}
	return s, nil
}

// Rung returns the highest rung that the kernel has.
func (s *Socket) Rung() Rung { return s.rung }

// Batch lends an empty batch; [Socket.Return] takes it back. A goroutine holds one
// while it has packets for somebody, so that there are as many arenas as goroutines
// at work, not as viewers.
func (s *Socket) Batch() *Batch { return s.batches.Get().(*Batch) }

// Return takes a batch back.
func (s *Socket) Return(b *Batch) {
	b.Clear()
	s.batches.Put(b)
}

// A Dest is where one viewer's packets go. It remembers how far down the ladder its
// path made the socket go: that one viewer is behind a device that cannot segment, or
// a path of small packets, costs the others nothing.
type Dest struct {
	addr netip.AddrPort
	name name // for the kernel
	rung atomic.Int32
}

// Dest makes a destination of an address, which has no zone (a viewer on the same
// link is served by pion).
func (s *Socket) Dest(to netip.AddrPort) (*Dest, error) {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	if !to.IsValid() || to.Addr().Zone() != "" || to.Addr().Is6() && !s.v6 {
		return nil, errors.New("send: cannot send to " + to.String())
	}
	d := &Dest{addr: to, name: s.name(to)}
	d.rung.Store(int32(s.rung))
	return d, nil
}

// Addr returns the address, an IPv4 one not as mapped.
func (d *Dest) Addr() netip.AddrPort { return d.addr }

// Rung returns the rung in use.
func (d *Dest) Rung() Rung { return Rung(d.rung.Load()) }

// Send hands what is left of a batch to the kernel, in as few system calls as the
// rung allows (one, where nothing is in the way), and never waits. On [ErrFull] and
// [ErrRefused] the caller decides about what is left.
func (s *Socket) Send(b *Batch, d *Dest) error {
	floor := Segments
	for b.Left() > 0 {
		rung := max(d.Rung(), floor)
		errno := s.deliver(b, d, rung)
		if errno == 0 || errno == syscall.EINTR {
			continue
		}
		size := len(b.packet(b.gone))
		switch {
		case stepsDown(rung, errno):
			s.metrics.stepsDown.WithLabelValues(rung.String(), errnoName(errno)).Inc()
			floor = rung + 1
			if size <= bigPacket {
				d.rung.Store(int32(floor))
			}
		case errno == syscall.EMSGSIZE: // this one alone
			s.metrics.refused.WithLabelValues(errnoName(errno)).Inc()
			b.gone++
		case errno == syscall.EAGAIN || errno == syscall.ENOBUFS || errno == syscall.ENOMEM:
			s.metrics.refused.WithLabelValues(errnoName(errno)).Add(float64(b.Left()))
			return ErrFull
		default:
			s.metrics.refused.WithLabelValues(errnoName(errno)).Add(float64(b.Left()))
			return ErrRefused
		}
	}
	return nil
}

// bigPacket is the largest packet that ought to fit through any path of 1,500 bytes.
// When the kernel does not want to segment a larger one that says nothing about the
// path, and only this batch goes a rung lower.
const bigPacket = 1500 - 40 - 8

// stepsDown reports whether an error says that a rung does not work on this path:
// EIO when the device cannot checksum what is segmented, EINVAL when a segment is
// larger than the path takes or the kernel does not know the option, EMSGSIZE from
// devices that look later, ENOSYS from a sandbox without sendmmsg.
func stepsDown(rung Rung, errno syscall.Errno) bool {
	switch errno {
	case syscall.EIO, syscall.EINVAL, syscall.EMSGSIZE, syscall.EOPNOTSUPP:
		return rung == Segments
	case syscall.ENOSYS:
		return rung < Single
	}
	return false
}

// errnoName keeps the label to a handful of values.
func errnoName(errno syscall.Errno) string {
	switch errno {
	case syscall.EIO:
		return "EIO"
	case syscall.EINVAL:
		return "EINVAL"
	case syscall.EMSGSIZE:
		return "EMSGSIZE"
	case syscall.EOPNOTSUPP:
		return "EOPNOTSUPP"
	case syscall.ENOSYS:
		return "ENOSYS"
	case syscall.EAGAIN:
		return "EAGAIN"
	case syscall.ENOBUFS, syscall.ENOMEM:
		return "ENOBUFS"
	case syscall.EPERM, syscall.EACCES:
		return "EPERM"
	case syscall.ENETUNREACH, syscall.EHOSTUNREACH:
		return "EHOSTUNREACH"
	case syscall.EBADF:
		return "EBADF"
	}
	return "other"
}

type metrics struct {
	calls              prometheus.Counter
	buffer             prometheus.Gauge
	messages, packets  [rungs]prometheus.Counter
	stepsDown, refused *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: "stentor_send_" + name, Help: help}, labels)
	}
	m := &metrics{
		calls: f.NewCounter(prometheus.CounterOpts{
			Name: "stentor_send_calls_total", Help: "System calls that handed batches of sealed packets to the kernel.",
		}),
		buffer: f.NewGauge(prometheus.GaugeOpts{
			Name: "stentor_send_receive_buffer_bytes", Help: "Receive buffer of the media socket; with less than 4 MiB (net.core.rmem_max) a busy core loses what publishers send.",
		}),
		stepsDown: counter("steps_down_total", "Times that a viewer's path made its packets go out a rung lower, by the rung that failed and the kernel's answer.",
			"rung", "errno"),
		refused: counter("refused_packets_total", "Sealed packets that the kernel did not take, by its answer; EAGAIN is a full buffer.", "errno"),
	}
	messages := counter("messages_total", "Messages given to the kernel, by rung; packets divided by messages is the length of a run.", "rung")
	packets := counter("packets_total", "Sealed packets given to the kernel, by rung.", "rung")
	for r := range rungs {
		m.messages[r], m.packets[r] = messages.WithLabelValues(r.String()), packets.WithLabelValues(r.String())
	}
	return m
}

func (m *metrics) sent(r Rung, messages, packets int) {
	if messages > 0 {
		m.messages[r].Add(float64(messages))
		m.packets[r].Add(float64(packets))
	}
}
