//go:build linux

package send

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
	"unsafe"

	"github.com/pion/ice/v4"
	"golang.org/x/sys/unix"
)

// pion takes the way without allocations only where the socket offers it.
var _ ice.AddrPortReaderWriter = (*Reader)(nil)

func newReader(t testing.TB, network, address string, size int) *Reader {
	t.Helper()
	r, err := NewReader(listen(t, network, address), size, true)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// dial returns a sender to r by the address family of address.
func dial(t testing.TB, r *Reader, address string) *net.UDPConn {
	t.Helper()
	port := r.LocalAddr().(*net.UDPAddr).Port
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(address), uint16(port))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestAReaderGivesEveryDatagramWithItsSender(t *testing.T) {
	for name, c := range map[string]struct{ network, address, from string }{
		"IPv4":                      {"udp4", "127.0.0.1:0", "127.0.0.1"},
		"IPv6":                      {"udp6", "[::1]:0", "::1"},
		"IPv4 by a socket for both": {"udp", ":0", "127.0.0.1"},
		"IPv6 by a socket for both": {"udp", ":0", "::1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReader(t, c.network, c.address, 1600)
			senders := []*net.UDPConn{dial(t, r, c.from), dial(t, r, c.from)}
			const each = 2 * readBatch
			for i := range 2 * each {
				if _, err := senders[i%2].Write(bytes.Repeat([]byte{byte(i)}, 1+i)); err != nil {
					t.Fatal(err)
				}
			}
			b := make([]byte, 2000)
			for i := range 2 * each {
				n, from, err := r.ReadFrom(b)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(b[:n], bytes.Repeat([]byte{byte(i)}, 1+i)) {
					t.Fatalf("datagram %d: %d bytes of %d", i, n, b[0])
				}
				got, want := from.(*net.UDPAddr).AddrPort(), senders[i%2].LocalAddr().(*net.UDPAddr).AddrPort()
				if got.Port() != want.Port() || got.Addr().Unmap() != want.Addr().Unmap() {
					t.Fatalf("datagram %d is from %v, not %v", i, want, got)
				}
			}
		})
	}
}

func TestWhatIsTooLongIsCutOff(t *testing.T) {
	r := newReader(t, "udp4", "127.0.0.1:0", 100)
	c := dial(t, r, "127.0.0.1")
	for _, n := range []int{101, 5, 0, 100} {
		if _, err := c.Write(make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{100, 5, 0, 50} {
		b := make([]byte, 1000)
		if want == 50 {
			b = b[:50]
		}
		if n, _, err := r.ReadFromAddrPort(b); n != want || err != nil {
			t.Errorf("%d bytes, %v; want %d", n, err, want)
		}
	}
}

func TestAReaderEndsAsASocketDoes(t *testing.T) {
	r := newReader(t, "udp4", "127.0.0.1:0", 100)
	if err := r.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.ReadFrom(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %v", err)
	}
	if err := r.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		_, _, err := r.ReadFrom(make([]byte, 10))
		ended <- err
	}()
	r.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	r := newReader(t, "udp4", "127.0.0.1:0", 1600)
	c := dial(t, r, "127.0.0.1")
	b := make([]byte, 1600)
	if n := testing.AllocsPerRun(100, func() {
		for range 3 {
			if _, err := c.Write(b[:100]); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			if _, _, err := r.ReadFromAddrPort(b); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// glued sends one message that the kernel cuts into datagrams of each bytes, as a
// publisher with UDP_SEGMENT does: over loopback it arrives as it was sent.
func glued(t testing.TB, c *net.UDPConn, each int, b []byte) {
	t.Helper()
	oob := make([]byte, unix.CmsgSpace(2))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[0]))
	h.Level, h.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(oob[unix.CmsgLen(0):], uint16(each))
	if _, _, err := c.WriteMsgUDP(b, oob, nil); err != nil {
		t.Skip("SKIP: no UDP_SEGMENT here: ", err)
	}
}

func TestDatagramsThatTheKernelGluedTogetherAreGivenOneByOne(t *testing.T) {
	r := newReader(t, "udp", ":0", 1600)
	if !r.Glued() {
		t.Skip("SKIP: no UDP_GRO here")
	}
	c, other := dial(t, r, "127.0.0.1"), dial(t, r, "::1")
	b := make([]byte, 2000)
	for round := range 3 * gluedBatch {
		var run []byte
		var want [][]byte
		for i := range 20 {
			piece := bytes.Repeat([]byte{byte(round), byte(i)}, 600)
			if i == 19 {
				piece = piece[:7] // the last may be shorter
			}
			run, want = append(run, piece...), append(want, piece)
		}
		glued(t, c, 1200, run)
		if _, err := other.Write([]byte{byte(round)}); err != nil {
			t.Fatal(err)
		}
		for i, want := range append(want, []byte{byte(round)}) {
			n, from, err := r.ReadFromAddrPort(b)
			if err != nil || !bytes.Equal(b[:n], want) {
				t.Fatalf("round %d, datagram %d: %d bytes, want %d, %v", round, i, n, len(want), err)
			}
			if sender := map[bool]*net.UDPConn{true: other, false: c}[len(want) == 1]; from.Port() != sender.LocalAddr().(*net.UDPAddr).AddrPort().Port() {
				t.Fatalf("round %d, datagram %d is from %v", round, i, from)
			}
		}
	}
}

func TestGluedDatagramsThatAreTooLongAreEachCutOff(t *testing.T) {
	r := newReader(t, "udp4", "127.0.0.1:0", 100)
	if !r.Glued() {
		t.Skip("SKIP: no UDP_GRO here")
	}
	glued(t, dial(t, r, "127.0.0.1"), 150, make([]byte, 2*150+1))
	for _, want := range []int{100, 100, 1} {
		if n, _, err := r.ReadFromAddrPort(make([]byte, 1000)); n != want || err != nil {
			t.Errorf("%d bytes, %v; want %d", n, err, want)
		}
	}
}
