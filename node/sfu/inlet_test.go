package sfu

import (
	"bytes"
	"net"
	"net/netip"
	"runtime"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestOnlyWhatIsSpokenOnTheMediaPortGoesFurther(t *testing.T) {
	packet := func(first byte, n int) []byte { return append([]byte{first}, bytes.Repeat([]byte{1}, n-1)...) }
	for _, c := range []struct {
		name   string
		packet []byte
		want   bool
	}{
		{"nothing", nil, false},
		{"one byte", []byte{0}, false},
		{"a STUN check", packet(0, 20), true},
		{"less than a STUN header", packet(0, 19), false},
		{"a ZRTP hello", packet(16, 40), false},
		{"a DTLS record", packet(22, 13), true},
		{"TURN channel data", packet(64, 40), false},
		{"RTP", packet(128, 40), true},
		{"a QUIC long header", packet(0xc3, 1200), false},
	} {
		if got := plausible(c.packet); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestAlertsInTheClearGoNoFurther(t *testing.T) {
	record := func(kind byte, epoch byte, n int) []byte {
		return append([]byte{kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1, 0, byte(n)}, make([]byte, n)...)
	}
	for _, c := range []struct {
		name   string
		packet []byte
		want   bool
	}{
		{"an alert in the clear", record(21, 0, 2), true},
		{"behind a handshake record", append(record(22, 0, 60), record(21, 0, 2)...), true},
		{"a sealed alert", record(21, 1, 26), false},
		{"a handshake", append(record(22, 0, 60), record(22, 0, 60)...), false},
		{"a record cut short", record(22, 0, 60)[:20], false},
		{"RTP that begins alike", []byte{0x80, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, false},
	} {
		if got := alertInTheClear(c.packet); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestPacketsThatCameAnotherWayAreReadInTheirOrder(t *testing.T) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in, err := newInlet(conn, newMetrics(prometheus.NewRegistry()))
	if err != nil {
		t.Fatal(err)
	}
	const packets = 500
	got := make(chan []byte)
	go func() {
		defer close(got)
		for b := make([]byte, 100); ; {
			n, from, err := in.ReadFromAddrPort(b)
			if err != nil {
				return
			}
			if from.Port() == 9 || b[0] == 0x80 {
				got <- bytes.Clone(b[:n])
			}
		}
	}()
	from := netip.MustParseAddrPort("192.0.2.1:9")
	go func() {
		for i := range packets { // into a reader that waits, and into one that is at work
			for !in.push([]byte{1, byte(i >> 8), byte(i)}, from) {
				runtime.Gosched()
			}
		}
	}()
	for i := range packets {
		if p := wait(t, got, "a packet"); int(p[1])<<8|int(p[2]) != i {
			t.Fatalf("%v came as number %d", p, i)
		}
	}
	// And the socket is read as ever.
	if _, err := conn.WriteTo(append([]byte{0x80}, make([]byte, 20)...), conn.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	if p := wait(t, got, "a packet by UDP"); len(p) != 21 {
		t.Errorf("%v", p)
	}
	conn.Close()
	if _, open := <-got; open {
		t.Error("reading goes on")
	}
	for i := range maxAside + 1 {
		if in.push(nil, from) != (i < maxAside) {
			t.Fatalf("%d are aside", i)
		}
	}
}

func TestGarbageIsCountedOnEitherKindOfSocket(t *testing.T) {
	for name, hide := range map[string]func(c net.PacketConn) net.PacketConn{
		"a socket of the kernel's": func(c net.PacketConn) net.PacketConn { return c },
		"another":                  func(c net.PacketConn) net.PacketConn { return struct{ net.PacketConn }{c} },
	} {
		t.Run(name, func(t *testing.T) {
			in, err := net.ListenPacket("udp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			out, err := net.Dial("udp4", in.LocalAddr().String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { in.Close(); out.Close() })
			m := newMetrics(prometheus.NewRegistry())
			c, err := newInlet(hide(in), m)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range []string{"hello", "\x10 and some more, so that it is long", "\x16 a DTLS record, more or less"} {
				if _, err := out.Write([]byte(p)); err != nil {
					t.Fatal(err)
				}
			}
			b := make([]byte, 100)
			n, from, err := c.ReadFrom(b)
			if err != nil || b[0] != 0x16 || from.String() != out.LocalAddr().String() {
				t.Errorf("%q from %v, %v", b[:n], from, err)
			}
			if n := testutil.ToFloat64(m.garbage); n != 2 {
				t.Errorf("%v counted", n)
			}
		})
	}
}
