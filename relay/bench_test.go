package relay

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"stentor/relay/wire"
)

// BenchmarkRing writes 4K frames of 64 packets and lets readers drain them; the figure is per packet written.
func BenchmarkRing(b *testing.B) {
	for _, readers := range []int{0, 1, 30} {
		b.Run(fmt.Sprintf("readers=%d", readers), func(b *testing.B) {
			track := newVideo()
			cam := camera{}
			var wg sync.WaitGroup
			for range readers {
				r := track.Reader(0)
				wg.Go(func() {
					defer r.Close()
					for {
						if _, err := r.Next(context.Background()); err != nil {
							return
						}
					}
				})
			}
			b.ReportAllocs()
			b.SetBytes(1200)
			for n := 0; n < b.N; {
				b.StopTimer()
				frame := cam.frame(n%8192 == 0, 64)
				b.StartTimer()
				for _, p := range frame {
					_ = track.Write(0, p, time.Now())
					n++
				}
			}
			track.Close()
			wg.Wait()
		})
	}
}

// BenchmarkHop sends frames of 70 packets over a real socket on loopback to one child; it prints CPU seconds (both
// ends and the writer together) per GB of RTP.
func BenchmarkHop(b *testing.B) {
	pub, key, _ := ed25519.GenerateKey(rand.Reader)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, pub, key)
	if err != nil {
		b.Fatal(err)
	}
	conf := &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		NextProtos:   []string{"stentor-relay/1"}, InsecureSkipVerify: true,
	}
	port := func() *quic.Transport {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			b.Fatal(err)
		}
		return &quic.Transport{Conn: conn}
	}
	up, down := port(), port()
	defer up.Close()
	defer down.Close()
	listener, err := up.Listen(conf, quicConfig)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	none := func(wire.TrackID, func(string) bool) (string, bool) { return "", false }
	parent, _ := New(Config{Node: "n1", Dial: func(context.Context, string) (*quic.Conn, error) { return nil, net.ErrClosed }, Parent: none})
	child, _ := New(Config{
		Node: "n2",
		Dial: func(ctx context.Context, _ string) (*quic.Conn, error) {
			return down.Dial(ctx, listener.Addr(), conf, quicConfig)
		},
		Parent: func(wire.TrackID, func(string) bool) (string, bool) { return "n1", true },
	})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = parent.Run(ctx) })
	wg.Go(func() { _ = child.Run(ctx) })
	wg.Go(func() {
		if conn, err := listener.Accept(ctx); err == nil {
			_ = parent.Accept(ctx, conn, "n2")
		}
	})
	track, err := parent.Publish(videoID, videoInfo, 1, nil)
	if err != nil {
		b.Fatal(err)
	}
	sub, err := child.Subscribe(ctx, videoID)
	if err != nil {
		b.Fatal(err)
	}
	defer sub.Close()
	r := sub.Track().Reader(0)
	defer r.Close()

	cam, bytes, packets := camera{}, 0, 0
	start := cpu()
	for b.Loop() {
		for _, p := range cam.frame(packets == 0, 70) {
			_ = track.Write(0, p, time.Now())
			bytes += len(p)
			packets++
		}
		for read := 0; read < 70; read++ {
			if _, err := r.Next(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric((cpu()-start).Seconds()/(float64(bytes)/1e9), "cpu-s/GB")
	b.SetBytes(int64(bytes / b.N))
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
