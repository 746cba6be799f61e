//go:build linux

package send

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/pion/srtp/v3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func listen(t testing.TB, network, address string) *net.UDPConn {
	t.Helper()
	a, err := net.ResolveUDPAddr(network, address)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.ListenUDP(network, a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func newSocket(t testing.TB, conn *net.UDPConn, highest Rung) *Socket {
	t.Helper()
	s, err := NewSocket(Config{Conn: conn, Registerer: prometheus.NewRegistry(), Highest: highest})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func dest(t testing.TB, s *Socket, addr net.Addr) *Dest {
	t.Helper()
	d, err := s.Dest(addr.(*net.UDPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// filled lends a batch with packets of these sizes, each full of its number.
func filled(t testing.TB, s *Socket, sizes ...int) *Batch {
	t.Helper()
	b := s.Batch()
	for i, n := range sizes {
		add(t, b, bytes.Repeat([]byte{byte(i + 1)}, n))
	}
	return b
}

// arrives reads datagrams and says the size and number of each.
func arrives(t testing.TB, c *net.UDPConn, want int) (got [][2]int) {
	t.Helper()
	buf := make([]byte, 1<<16)
	for range want {
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := c.Read(buf)
		if err != nil {
			t.Fatalf("after %v: %v", got, err)
		}
		if !bytes.Equal(buf[:n], bytes.Repeat(buf[:1], n)) {
			t.Fatal("a datagram is mixed of two packets")
		}
		got = append(got, [2]int{n, int(buf[0])})
	}
	return got
}

func TestEveryRungDeliversTheSamePackets(t *testing.T) {
	sizes := []int{1101, 1101, 1101, 1100, 1100, 700, 80, 1200}
	for name, c := range map[string]struct{ network, server, viewer string }{
		"IPv4":                         {"udp4", "127.0.0.1:0", "127.0.0.1:0"},
		"IPv6":                         {"udp6", "[::1]:0", "[::1]:0"},
		"IPv4 by a socket for both":    {"udp", ":0", "127.0.0.1:0"},
		"IPv6 by a socket for both":    {"udp", ":0", "[::1]:0"},
		"IPv4 by an address of all v4": {"udp4", "0.0.0.0:0", "127.0.0.1:0"},
	} {
		for rung := Segments; rung <= Single; rung++ {
			t.Run(name+" by "+rung.String(), func(t *testing.T) {
				viewer := listen(t, "udp", c.viewer)
				s := newSocket(t, listen(t, c.network, c.server), rung)
				if s.Rung() != rung {
					t.Skipf("this kernel has only %v", s.Rung())
				}
				d := dest(t, s, viewer.LocalAddr())
				b := filled(t, s, sizes...)
				if err := s.Send(b, d); err != nil || b.Left() != 0 {
					t.Fatalf("%v, %d left", err, b.Left())
				}
				s.Return(b)
				for i, got := range arrives(t, viewer, len(sizes)) {
					if got != [2]int{sizes[i], i + 1} {
						t.Fatalf("datagram %d: %v", i, got)
					}
				}
				messages := []float64{4, 8, 8}[rung]
				if n := testutil.ToFloat64(s.metrics.messages[rung]); n != messages {
					t.Errorf("%v messages, want %v", n, messages)
				}
				if n := testutil.ToFloat64(s.metrics.packets[rung]); n != 8 {
					t.Errorf("%v packets", n)
				}
				if n := testutil.ToFloat64(s.metrics.calls); n != 1 {
					t.Errorf("%v calls", n)
				}
			})
		}
	}
}

// kernel answers as a test wants it to: with one of the answers per call, then as
// the real one.
type kernel struct {
	answers []answer
	calls   []string // what was asked: messages, and whether any has segments
}

type answer struct {
	took  int // messages
	errno syscall.Errno
}

func (k *kernel) post(b *Batch, fd uintptr, single bool) (int, syscall.Errno) {
	e := &b.mail
	how := "plain"
	for i := range e.count {
		if e.messages[i].header.Controllen != 0 {
			how = "segments"
		}
	}
	k.calls = append(k.calls, fmt.Sprintf("%d %s", e.count, how))
	if len(k.answers) == 0 {
		return post(b, fd, single)
	}
	a := k.answers[0]
	k.answers = k.answers[1:]
	if a.took > 0 {
		whole := e.count
		e.count = a.took
		if _, errno := post(b, fd, single); errno != 0 {
			panic(errno)
		}
		e.count = whole
	}
	return a.took, a.errno
}

func TestTheLadderIsClimbedDownByWhatTheKernelAnswers(t *testing.T) {
	equal := []int{900, 900, 900, 900}
	for name, c := range map[string]struct {
		sizes   []int
		highest Rung
		answers []answer
		calls   []string
		err     error
		left    int
		rung    Rung // afterwards
		arrive  int
	}{
		"all is well":                                     {equal, 0, nil, []string{"1 segments"}, nil, 0, Segments, 4},
		"a device that cannot checksum (EIO)":             {equal, 0, []answer{{0, syscall.EIO}}, []string{"1 segments", "4 plain"}, nil, 0, Messages, 4},
		"a segment longer than the path (EINVAL)":         {equal, 0, []answer{{0, syscall.EINVAL}}, []string{"1 segments", "4 plain"}, nil, 0, Messages, 4},
		"the same, seen later (EMSGSIZE)":                 {equal, 0, []answer{{0, syscall.EMSGSIZE}}, []string{"1 segments", "4 plain"}, nil, 0, Messages, 4},
		"a packet longer than Ethernet says nothing":      {[]int{1500, 1500}, 0, []answer{{0, syscall.EINVAL}}, []string{"1 segments", "2 plain"}, nil, 0, Segments, 2},
		"a sandbox without sendmmsg":                      {equal, 0, []answer{{0, syscall.ENOSYS}, {0, syscall.ENOSYS}}, []string{"1 segments", "4 plain", "4 plain"}, nil, 0, Single, 4},
		"a sandbox without sendmmsg, from there":          {equal, Messages, []answer{{0, syscall.ENOSYS}}, []string{"4 plain", "4 plain"}, nil, 0, Single, 4},
		"a signal comes in between":                       {equal, 0, []answer{{0, syscall.EINTR}}, []string{"1 segments", "1 segments"}, nil, 0, Segments, 4},
		"a full buffer keeps what is left":                {equal, 0, []answer{{0, syscall.EAGAIN}}, []string{"1 segments"}, ErrFull, 4, Segments, 0},
		"a full buffer in the middle":                     {equal, Messages, []answer{{2, 0}, {0, syscall.EAGAIN}}, []string{"4 plain", "2 plain"}, ErrFull, 2, Messages, 2},
		"a full buffer in the middle, packet by packet":   {equal, Single, []answer{{3, syscall.EAGAIN}}, []string{"4 plain"}, ErrFull, 1, Single, 3},
		"no memory is a full buffer":                      {equal, 0, []answer{{0, syscall.ENOBUFS}}, []string{"1 segments"}, ErrFull, 4, Segments, 0},
		"a filter in the way":                             {equal, 0, []answer{{0, syscall.EPERM}}, []string{"1 segments"}, ErrRefused, 4, Segments, 0},
		"one packet too long for the path, others go":     {equal, Messages, []answer{{1, 0}, {0, syscall.EMSGSIZE}}, []string{"4 plain", "3 plain", "2 plain"}, nil, 0, Messages, 3},
		"the kernel took some and says why with the next": {[]int{900, 900, 950, 950}, 0, []answer{{1, 0}, {0, syscall.EIO}}, []string{"2 segments", "1 segments", "2 plain"}, nil, 0, Messages, 4},
	} {
		t.Run(name, func(t *testing.T) {
			viewer := listen(t, "udp4", "127.0.0.1:0")
			s := newSocket(t, listen(t, "udp4", "127.0.0.1:0"), c.highest)
			k := &kernel{answers: c.answers}
			s.post = k.post
			d := dest(t, s, viewer.LocalAddr())
			b := filled(t, s, c.sizes...)
			if err := s.Send(b, d); !errors.Is(err, c.err) || b.Left() != c.left {
				t.Fatalf("%v, %d left", err, b.Left())
			}
			if !slices.Equal(k.calls, c.calls) {
				t.Errorf("calls %q, want %q", k.calls, c.calls)
			}
			if d.Rung() != c.rung {
				t.Errorf("now on %v, want %v", d.Rung(), c.rung)
			}
			arrives(t, viewer, c.arrive)
			if other := dest(t, s, viewer.LocalAddr()); other.Rung() != c.highest {
				t.Errorf("the path of one viewer put another on %v", other.Rung())
			}
		})
	}
}

func TestTheReceiveBufferIsInAMetric(t *testing.T) {
	conn := listen(t, "udp4", "127.0.0.1:0")
	s := newSocket(t, conn, Segments)
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var got int
	if err := raw.Control(func(fd uintptr) { got, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF) }); err != nil {
		t.Fatal(err)
	}
	if n := testutil.ToFloat64(s.metrics.buffer); n != float64(got/2) || n < 100<<10 {
		t.Errorf("%v, the socket has %d", n, got/2)
	}
}

func TestAClosedSocketRefuses(t *testing.T) {
	conn := listen(t, "udp4", "127.0.0.1:0")
	s := newSocket(t, conn, Segments)
	conn.Close()
	d, err := s.Dest(netip.MustParseAddrPort("127.0.0.1:9"))
	if err != nil {
		t.Fatal(err)
	}
	b := filled(t, s, 100)
	if err := s.Send(b, d); !errors.Is(err, ErrRefused) {
		t.Errorf("by a closed socket: %v", err)
	}
}

func TestADestinationHasToFitTheSocket(t *testing.T) {
	four := newSocket(t, listen(t, "udp4", "127.0.0.1:0"), Segments)
	six := newSocket(t, listen(t, "udp6", "[::1]:0"), Segments)
	for name, c := range map[string]struct {
		s    *Socket
		addr string
		ok   bool
	}{
		"IPv4 by IPv4":        {four, "10.0.0.1:1", true},
		"mapped IPv4 by IPv4": {four, "[::ffff:10.0.0.1]:1", true},
		"IPv6 by IPv4":        {four, "[2001:db8::1]:1", false},
		"IPv6 by IPv6":        {six, "[2001:db8::1]:1", true},
		"IPv6 of one link":    {six, "[fe80::1%eth0]:1", false},
		"mapped IPv4 by IPv6": {six, "[::ffff:10.0.0.1]:1", true},
	} {
		d, err := c.s.Dest(netip.MustParseAddrPort(c.addr))
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && d.Addr().Addr().Is4In6() {
			t.Errorf("%s: %v", name, d.Addr())
		}
	}
	if _, err := four.Dest(netip.AddrPort{}); err == nil {
		t.Error("nowhere is a destination")
	}
}

// A viewer's packet costs no allocation: from the arena, sealed, to the kernel.
func TestAPacketOnItsWayAllocatesNothing(t *testing.T) {
	for rung := Segments; rung <= Single; rung++ {
		s, d, st := way(t, rung)
		seq, payload := uint16(0), make([]byte, 1188)
		b := s.Batch() // the pool may forget its own between two runs
		if n := testing.AllocsPerRun(200, func() { flight(t, s, d, st, b, &seq, payload, 12) }); n != 0 {
			t.Errorf("%v: %v allocations for 12 packets", rung, n)
		}
	}
}

func way(t testing.TB, rung Rung) (*Socket, *Dest, *Stream) {
	t.Helper()
	viewer := listen(t, "udp4", "127.0.0.1:0")
	if err := viewer.SetReadBuffer(4096); err != nil { // what nobody reads ends here
		t.Fatal(err)
	}
	s := newSocket(t, listen(t, "udp4", "127.0.0.1:0"), rung)
	session, _ := twins(t, srtp.ProtectionProfileAeadAes128Gcm, 16)
	return s, dest(t, s, viewer.LocalAddr()), stream(t, session, 5)
}

// flight seals n packets into a batch and sends it.
func flight(t testing.TB, s *Socket, d *Dest, st *Stream, b *Batch, seq *uint16, payload []byte, n int) {
	for range n {
		p := append(b.Next(), 0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5)
		*seq++
		binary.BigEndian.PutUint16(p[2:], *seq)
		p, err := st.Seal(append(p, payload...))
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Send(b, d); err != nil {
		t.Fatal(err)
	}
	b.Clear()
}

// BenchmarkFlight is the limit: seal and send, and nothing else. B/s are those of RTP.
func BenchmarkFlight(b *testing.B) {
	for rung := Segments; rung <= Single; rung++ {
		for _, n := range []int{12, 16, 32} {
			b.Run(fmt.Sprintf("%v of %d", rung, n), func(b *testing.B) {
				s, d, st := way(b, rung)
				batch := s.Batch()
				seq, payload := uint16(0), make([]byte, 1188)
				b.SetBytes(int64(1200 * n))
				b.ReportAllocs()
				for b.Loop() {
					flight(b, s, d, st, batch, &seq, payload, n)
				}
			})
		}
	}
}
