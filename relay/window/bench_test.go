package window

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/qlogwriter"

	"stentor/cluster/mesh"
)

// BenchmarkTransfer moves a frame of 80 kB at a time over loopback, a stream for each: what owning a window costs, beside
// quic-go's own and beside a connection that has the tracer and is not owned. Both ends are in this process.
func BenchmarkTransfer(b *testing.B) {
	ws := New(Config{})
	for _, c := range []struct {
		name   string
		tracer func(context.Context, bool, quic.ConnectionID) qlogwriter.Trace
		own    bool
	}{{"stock", nil, false}, {"traced", ws.Tracer, false}, {"owned", ws.Tracer, true}} {
		b.Run(c.name, func(b *testing.B) {
			conf := mesh.QUICConfig()
			conf.Tracer = c.tracer
			from, to := loopback(b, conf)
			if c.own && (ws.Own(from, nudge) == nil || ws.Own(to, nudge) == nil) {
				b.Fatal("not owned")
			}
			payload := make([]byte, 80_000)
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				transferOne(b, from, to, payload)
			}
			b.ReportMetric((cpu(b)-before)/(float64(b.N)*float64(len(payload))/1e9), "cpu-s/GB")
		})
	}
}

func transferOne(b *testing.B, from, to *quic.Conn, payload []byte) {
	s, err := from.OpenUniStreamSync(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.Write(payload); err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	r, err := to.AcceptUniStream(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, r); err != nil || int(n) != len(payload) {
		b.Fatal(n, err)
	}
}

// loopback returns both ends of a connection over real sockets.
func loopback(b *testing.B, conf *quic.Config) (from, to *quic.Conn) {
	cert, err := certificate()
	if err != nil {
		b.Fatal(err)
	}
	tlsConf := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"bench"}, InsecureSkipVerify: true}
	port := func() *quic.Transport {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			b.Fatal(err)
		}
		t := &quic.Transport{Conn: c}
		b.Cleanup(func() { _ = t.Close(); _ = c.Close() })
		return t
	}
	near, far := port(), port()
	l, err := far.Listen(tlsConf, conf)
	if err != nil {
		b.Fatal(err)
	}
	if from, err = near.Dial(b.Context(), far.Conn.LocalAddr(), tlsConf, conf); err != nil {
		b.Fatal(err)
	}
	if to, err = l.Accept(b.Context()); err != nil {
		b.Fatal(err)
	}
	return from, to
}

// cpu is what this process has used, in seconds.
func cpu(b *testing.B) float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}
