package parity

import (
	"context"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
)

// BenchmarkStreams moves frames of 4K, a stream each, between two sockets on loopback, and prints the CPU seconds of both ends
// per GB: with the bare socket, with this package's, and with parity on it.
func BenchmarkStreams(b *testing.B) {
	for _, c := range []struct {
		name   string
		wrap   bool
		parity int
	}{{"bare", false, 0}, {"wrapped", true, 0}, {"parity=3", true, 3}, {"parity=6", true, 6}} {
		b.Run(c.name, func(b *testing.B) {
			var ends [2]*end
			for i := range ends {
				inner, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
				if err != nil {
					b.Fatal(err)
				}
				defer inner.Close()
				ends[i] = &end{addr: inner.LocalAddr().(*net.UDPAddr), tr: &quic.Transport{Conn: inner}}
				if c.wrap {
					conn, err := Wrap(inner, Config{})
					if err != nil {
						b.Fatal(err)
					}
					ends[i].Conn, ends[i].tr = conn, &quic.Transport{Conn: conn.Socket()}
				}
				defer ends[i].tr.Close()
			}
			connect(b, ends[0], ends[1])
			if c.parity > 0 {
				ends[0].Protect(ends[1].port(), c.parity)
				ends[1].Protect(ends[0].port(), 0)
			}
			stream(b, ends[0].conn, ends[1].conn)
		})
	}
}

// stream sends a frame of 83 KB, 20 Mbps at 30 frames a second, when the one before is there.
func stream(b *testing.B, from, to *quic.Conn) {
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
	defer cancel()
	frame := make([]byte, 20_000_000/8/30)
	there := make(chan error, 1)
	go func() {
		buf := make([]byte, 1<<16)
		for {
			s, err := to.AcceptUniStream(ctx)
			if err != nil {
				return
			}
			n := 0
			for err == nil {
				var k int
				k, err = s.Read(buf)
				n += k
			}
			if err == io.EOF && n == len(frame) {
				err = nil
			}
			there <- err
		}
	}()
	send := func() {
		s, err := from.OpenUniStreamSync(ctx)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Write(frame); err != nil {
			b.Fatal(err)
		}
		s.Close()
		if err := <-there; err != nil {
			b.Fatal(err)
		}
	}
	for range 100 { // slow start, and the path's MTU
		send()
	}
	b.SetBytes(int64(len(frame)))
	start := spent()
	for b.Loop() {
		send()
	}
	b.ReportMetric((spent()-start).Seconds()/(float64(b.N)*float64(len(frame))/1e9), "cpu-s/GB")
	if b.N > 1 {
		b.ReportMetric(float64(from.ConnectionStats().PacketsLost), "lost")
	}
}

func spent() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
