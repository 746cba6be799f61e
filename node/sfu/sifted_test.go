package sfu

import (
	"bytes"
	"net"
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
			garbage := prometheus.NewCounter(prometheus.CounterOpts{Name: "garbage"})
			c, err := sift(hide(in), garbage)
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
			if n := testutil.ToFloat64(garbage); n != 2 {
				t.Errorf("%v counted", n)
			}
		})
	}
}
