package parity

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

var _ quic.OOBCapablePacketConn = (*udp)(nil)

// loopback wraps a UDP socket on a network ("udp4", "udp6", "udp").
func loopback(t testing.TB, network, addr string) (*Conn, *udp) {
	t.Helper()
	at, err := net.ResolveUDPAddr(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := net.ListenUDP(network, at)
	if err != nil {
		t.Skipf("no %s here: %v", addr, err)
	}
	c, err := Wrap(inner, Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Socket().Close() })
	return c, c.Socket().(*udp)
}

func (s *udp) port() netip.AddrPort { return addrPort(s.LocalAddr()) }

// receive reads n packets as quic-go does, in batches of eight.
func receive(t testing.TB, s *udp, n int) (got []ipv4.Message) {
	t.Helper()
	if err := s.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for len(got) < n {
		ms := make([]ipv4.Message, 8)
		for i := range ms {
			ms[i].Buffers, ms[i].OOB = [][]byte{make([]byte, maxData)}, make([]byte, 128)
		}
		k, err := s.ReadBatch(ms, 0)
		if err != nil {
			t.Fatalf("after %d of %d packets: %v", len(got), n, err)
		}
		got = append(got, ms[:k]...)
	}
	return got
}

func payload(m ipv4.Message) []byte { return m.Buffers[0][:m.N] }

// TestSegments sends batches as quic-go does, and reads packets.
func TestSegments(t *testing.T) {
	for _, c := range []struct {
		name string
		size int   // of a segment; 0: none
		lens []int // of the packets, the same as size but for the last
	}{
		{"one packet alone", 0, []int{1200}},
		{"one packet of one byte", 0, []int{1}},
		{"fourteen of one size", 1452, []int{1452, 1452, 1452, 1452, 1452, 1452, 1452, 1452, 1452, 1452, 1452, 1452, 1452, 1452}},
		{"the last one is shorter", 1280, []int{1280, 1280, 1280, 33}},
		{"the last one is a single byte", 100, []int{100, 100, 1}},
		{"more than one batch of quic-go holds", 300, []int{300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 300, 299}},
	} {
		for _, network := range [][2]string{{"udp4", "127.0.0.1:0"}, {"udp6", "[::1]:0"}, {"udp", "127.0.0.1:0"}} {
			t.Run(c.name+" over "+network[0], func(t *testing.T) {
				_, from := loopback(t, network[0], network[1])
				_, to := loopback(t, network[0], network[1])
				r := seeded(1)
				var batch []byte
				var want [][]byte
				for _, n := range c.lens {
					want = append(want, data(r, 1, max(n, 4))[0][:n])
					batch = append(batch, want[len(want)-1]...)
				}
				var oob []byte
				if c.size > 0 {
					oob = appendSegment(nil, c.size)
				}
				if _, _, err := from.WriteMsgUDP(batch, oob, to.LocalAddr().(*net.UDPAddr)); err != nil {
					t.Fatal(err)
				}
				for i, m := range receive(t, to, len(want)) {
					if !bytes.Equal(payload(m), want[i]) {
						t.Errorf("packet %d has %d bytes, want %d", i, m.N, len(want[i]))
					}
					if addrPort(m.Addr) != from.port() {
						t.Errorf("packet %d came from %v", i, m.Addr)
					}
				}
			})
		}
	}
}

// control returns the control messages of a packet, by level and type.
func control(t *testing.T, m ipv4.Message) map[[2]int32][]byte {
	t.Helper()
	all := map[[2]int32][]byte{}
	for left := m.OOB[:m.NN]; len(left) > 0; {
		h, body, after, err := unix.ParseOneSocketControlMessage(left)
		if err != nil {
			t.Fatal(err)
		}
		all[[2]int32{h.Level, h.Type}] = body
		left = after
	}
	return all
}

// ask asks for ECN and packet info, as quic-go does.
func (s *udp) ask(t *testing.T) {
	t.Helper()
	raw, err := s.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVTOS, 1)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	}); err != nil {
		t.Fatal(err)
	}
}

// ect0 appends the control message that marks a packet ECT(0), as quic-go makes it.
func ect0(oob []byte) []byte {
	tos := make([]byte, unix.CmsgSpace(1))
	binary.NativeEndian.PutUint64(tos, uint64(unix.CmsgLen(1))) // 64-bit systems only, unlike appendSegment
	binary.NativeEndian.PutUint32(tos[8:], unix.IPPROTO_IP)
	binary.NativeEndian.PutUint32(tos[12:], unix.IP_TOS)
	tos[unix.CmsgSpace(0)] = 2
	return append(oob, tos...)
}

// TestControlMessages shows that each packet of a batch keeps ECN and packet info, and that UDP_GRO stays here.
func TestControlMessages(t *testing.T) {
	_, from := loopback(t, "udp4", "127.0.0.1:0")
	_, to := loopback(t, "udp4", "0.0.0.0:0")
	to.ask(t)
	at := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: to.LocalAddr().(*net.UDPAddr).Port}
	if _, _, err := from.WriteMsgUDP(make([]byte, 400), ect0(appendSegment(nil, 100)), at); err != nil {
		t.Fatal(err)
	}
	for _, m := range receive(t, to, 4) {
		c := control(t, m)
		if ecn := c[[2]int32{unix.IPPROTO_IP, unix.IP_TOS}]; len(ecn) != 1 || ecn[0]&3 != 2 {
			t.Errorf("ECN %v", ecn)
		}
		if info := c[[2]int32{unix.IPPROTO_IP, unix.IP_PKTINFO}]; len(info) != 12 || !net.IP(info[8:12]).Equal(at.IP) {
			t.Errorf("packet info %v", info)
		}
		if _, ok := c[[2]int32{unix.IPPROTO_UDP, unix.UDP_GRO}]; ok {
			t.Error("UDP_GRO went on to quic-go")
		}
	}
}

// TestOneAtATime reads a batch by the methods of net.PacketConn.
func TestOneAtATime(t *testing.T) {
	_, from := loopback(t, "udp4", "127.0.0.1:0")
	_, to := loopback(t, "udp4", "127.0.0.1:0")
	if _, _, err := from.WriteMsgUDP([]byte("aabbc"), appendSegment(nil, 2), to.LocalAddr().(*net.UDPAddr)); err != nil {
		t.Fatal(err)
	}
	if _, err := from.WriteTo([]byte("dd"), to.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 10)
	for i, want := range []string{"aa", "bb", "c", "dd"} {
		var n int
		var err error
		if i%2 == 0 {
			n, _, err = to.ReadFrom(b)
		} else {
			n, _, _, _, err = to.ReadMsgUDP(b, nil)
		}
		if err != nil || string(b[:n]) != want {
			t.Errorf("read %q, %v; want %q", b[:n], err, want)
		}
	}
}

// TestDeadline ends a read as quic-go ends it.
func TestDeadline(t *testing.T) {
	_, s := loopback(t, "udp4", "127.0.0.1:0")
	done := make(chan error)
	go func() {
		_, _, err := s.ReadFrom(make([]byte, 10))
		done <- err
	}()
	if err := s.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the read ended with %v", err)
	}
	go func() {
		_ = s.SetReadDeadline(time.Time{})
		_, _, err := s.ReadFrom(make([]byte, 10))
		done <- err
	}()
	s.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the read ended with %v", err)
	}
}

// TestMendingOverSockets loses packets between real sockets: the sender's batches are cut, and what is missing comes back with
// the control messages of the parity that brought it.
func TestMendingOverSockets(t *testing.T) {
	sender, from := loopback(t, "udp4", "127.0.0.1:0")
	receiver, to := loopback(t, "udp4", "127.0.0.1:0")
	to.ask(t)
	sender.Protect(to.port(), 3)
	receiver.Protect(from.port(), 0)
	// Data is not sent, so it is lost: the guard is fed as WriteMsgUDP feeds it.
	first := data(seeded(1), 20, 1452)
	if _, _, err := from.WriteMsgUDP(bytes.Join(first[:10], nil), ect0(appendSegment(nil, 1452)), to.LocalAddr().(*net.UDPAddr)); err != nil {
		t.Fatal(err)
	}
	p := sender.guards(to.port())
	receive(t, to, 10) // before there is parity, nothing is kept
	p.mu.Lock()
	p.flush()
	p.mu.Unlock()
	if _, err := from.inner.WriteTo([]byte("\x01gossip"), to.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	if got := payload(receive(t, to, 1)[0]); string(got) != "\x01gossip" {
		t.Fatalf("got %d bytes", len(got))
	}
	if s := receiver.Stats(from.port()); s.Received == 0 || s.Recovered != 0 {
		t.Fatalf("%+v", s)
	}
	// From now on it is kept.
	lost := data(seeded(2), 3, 1452)
	rest := data(seeded(3), 30, 1452)
	addr := to.LocalAddr().(*net.UDPAddr)
	if _, _, err := from.WriteMsgUDP(bytes.Join(rest[:14], nil), ect0(appendSegment(nil, 1452)), addr); err != nil {
		t.Fatal(err)
	}
	p.sent(bytes.Join(lost, nil), 1452, addr, ect0(nil))
	if _, _, err := from.WriteMsgUDP(bytes.Join(rest[14:], nil), ect0(appendSegment(nil, 1452)), addr); err != nil {
		t.Fatal(err)
	}
	var got [][]byte
	for _, m := range receive(t, to, 33) { // the deadline brings the parity
		got = append(got, payload(m))
		// If what was mended were not marked as it was sent, quic-go would find the counts of the peer wrong, and give up ECN.
		if ecn := control(t, m)[[2]int32{unix.IPPROTO_IP, unix.IP_TOS}]; len(ecn) != 1 || ecn[0]&3 != 2 {
			t.Errorf("ECN %v", ecn)
		}
	}
	if want := append(rest, lost...); !same(got, want) {
		t.Errorf("%d packets are not what was sent", len(got))
	}
	if s := receiver.Stats(from.port()); s.Recovered != 3 || s.Unrecoverable != 0 {
		t.Errorf("%+v", s)
	}
	if s := sender.Stats(to.port()); s.Data != 43 || s.Parity == 0 || s.Bytes == 0 {
		t.Errorf("%+v", s)
	}
}

// TestQUICOverSockets moves frames both ways between quic-go on wildcard sockets of both families, under parity and beside gossip.
func TestQUICOverSockets(t *testing.T) {
	for _, network := range []string{"udp4", "udp"} {
		t.Run(network, func(t *testing.T) {
			var ends [2]*end
			for i := range ends {
				c, s := loopback(t, network, ":0")
				ends[i] = &end{Conn: c, tr: &quic.Transport{Conn: s}, addr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(s.port().Port())}}
				defer ends[i].tr.Close()
			}
			a, b := ends[0], ends[1]
			connect(t, a, b)
			a.Protect(b.port(), 3)
			b.Protect(a.port(), 2)
			var wg sync.WaitGroup
			defer wg.Wait()
			for _, way := range [][2]*quic.Conn{{a.conn, b.conn}, {b.conn, a.conn}} {
				frame := datum(seeded(1), 100_000)
				wg.Go(func() {
					for range 10 {
						s, err := way[0].OpenUniStreamSync(t.Context())
						if err != nil {
							t.Error(err)
							return
						}
						_, _ = s.Write(frame)
						_ = s.Close()
					}
				})
				wg.Go(func() {
					for range 10 {
						s, err := way[1].AcceptUniStream(t.Context())
						if err != nil {
							t.Error(err)
							return
						}
						if got, err := io.ReadAll(s); err != nil || !bytes.Equal(got, frame) {
							t.Errorf("a frame of %d bytes, %v", len(got), err)
						}
					}
				})
			}
			wg.Wait()
			if s := a.Stats(b.port()); s.Data < 300 || s.Parity < s.Data/10 {
				t.Errorf("%+v", s)
			}
			if s := b.Stats(a.port()); s.Received == 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}
