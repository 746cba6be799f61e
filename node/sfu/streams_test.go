package sfu

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// framed puts each packet's length before it (RFC 4571).
func framed(packets ...[]byte) (out []byte) {
	for _, p := range packets {
		out = binary.BigEndian.AppendUint16(out, uint16(len(p)))
		out = append(out, p...)
	}
	return out
}

// newStreamsTest is streams on loopback with an inlet whose packets the test reads.
func newStreamsTest(t *testing.T) (*streams, *inlet, *metrics) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	m := newMetrics(prometheus.NewRegistry())
	in, err := newInlet(conn, m)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newStreams(l, in, m)
	in.streams = s
	serve(t, s.run)
	return s, in, m
}

func dialTCP(t *testing.T, s *streams) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp4", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestWhatAConnectionByTCPMaySay(t *testing.T) {
	hello := check("a:b", "secret")
	rtp := append([]byte{0x80}, make([]byte, 30)...)
	for _, c := range []struct {
		name  string
		says  []byte
		comes [][]byte // to the mux
		ends  bool
	}{
		{"a check, and what follows", framed(hello, rtp, hello), [][]byte{hello, rtp, hello}, false},
		{"a request for a page", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), nil, true},
		{"media before a check", framed(rtp), nil, true},
		{"a packet longer than any", framed(hello, make([]byte, maxFrame+1)), [][]byte{hello}, true},
		{"garbage between, which is left out", framed(hello, []byte("garbage"), rtp), [][]byte{hello, rtp}, false},
		{"an empty packet between", framed(hello, nil, rtp), [][]byte{hello, rtp}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, in, m := newStreamsTest(t)
			conn := dialTCP(t, s)
			if _, err := conn.Write(c.says); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 4096)
			for i, want := range c.comes {
				n, from, err := in.ReadFromAddrPort(b)
				if err != nil || !bytes.Equal(b[:n], want) || from.String() != conn.LocalAddr().String() {
					t.Fatalf("packet %d: %d bytes from %v, %v", i, n, from, err)
				}
			}
			if c.ends {
				if _, err := conn.Read(b); err == nil {
					t.Error("it goes on")
				}
				until(t, "the end", func() bool { return testutil.ToFloat64(m.streams) == 0 })
				return
			}
			// What is sent to its address goes into the connection.
			to := conn.LocalAddr().(*net.TCPAddr).AddrPort()
			if _, err := in.WriteTo(rtp, net.UDPAddrFromAddrPort(to)); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 2+len(rtp))
			if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, framed(rtp)) {
				t.Errorf("%x, %v", got, err)
			}
			conn.Close()
			until(t, "the end", func() bool { return s.to(to) == nil })
		})
	}
}

func TestOneHostHasAPartOfTheConnections(t *testing.T) {
	s, _, m := newStreamsTest(t)
	var conns []net.Conn
	for range maxStreamsPerHost {
		conns = append(conns, dialTCP(t, s))
	}
	until(t, "that all are there", func() bool { return testutil.ToFloat64(m.streams) == maxStreamsPerHost })
	if _, err := dialTCP(t, s).Read(make([]byte, 1)); err == nil {
		t.Error("one too many is let in")
	}
	conns[0].Close()
	until(t, "that one has left", func() bool { return testutil.ToFloat64(m.streams) == maxStreamsPerHost-1 })
	last := dialTCP(t, s)
	until(t, "that another comes", func() bool { return testutil.ToFloat64(m.streams) == maxStreamsPerHost })
	if s.to(last.LocalAddr().(*net.TCPAddr).AddrPort()) == nil {
		t.Error("it is not known")
	}
}

func TestStreamsEndWithTheNode(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := newMetrics(prometheus.NewRegistry())
	s := newStreams(l, &inlet{garbage: m.garbage}, m)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.run(ctx) }()
	c := dialTCP(t, s)
	until(t, "a connection", func() bool { return testutil.ToFloat64(m.streams) == 1 })
	cancel()
	if err := wait(t, done, "the end"); err != nil || testutil.ToFloat64(m.streams) != 0 {
		t.Errorf("%v", err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still there")
	}
}
