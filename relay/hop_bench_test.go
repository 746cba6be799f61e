package relay

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"stentor/relay/wire"
)

// BenchmarkHop carries 4K streams (20 Mbps, 30 frames a second, a key frame each two seconds) over a real socket on
// loopback to a child in a process of its own. It prints what each side's process needs for a GB of RTP, how often it was
// put to sleep for each frame, and how much later than at the parent a frame is complete at the child. One operation is one
// frame of each stream, so -benchtime=600x is twenty seconds.
func BenchmarkHop(b *testing.B) {
	for _, tracks := range []int{1, 10} {
		b.Run(fmt.Sprintf("streams=%d", tracks), func(b *testing.B) { benchmarkHop(b, tracks) })
	}
}

// hopResult is what the child prints.
type hopResult struct {
	Used   usage
	Frames int
	P50    time.Duration
	P99    time.Duration
}

func benchmarkHop(b *testing.B, tracks int) {
	socket := hopSocket(b)
	up := &quic.Transport{Conn: socket}
	defer up.Close()
	listener, err := up.Listen(hopTLS(), quicConfig)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	parent, err := New(Config{
		Node: "n1", Dial: func(context.Context, string) (*quic.Conn, error) { return nil, net.ErrClosed },
		Parent: func(wire.TrackID, func(string) bool) (string, bool) { return "", false },
	})
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = parent.Run(ctx) })
	wg.Go(func() {
		if conn, err := listener.Accept(ctx); err == nil {
			_ = parent.Accept(ctx, conn, "n2")
		}
	})
	var all []*Track
	for i := range tracks {
		track, err := parent.Publish(hopID(i), videoInfo, 1, nil)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, track)
	}
	child, lines := hopChild(b, listener.Addr(), tracks)
	defer child.Wait()

	frames := hopFrames()
	n, packets, sent := 0, 0, 0
	start, before := time.Now(), used()
	for b.Loop() {
		for i, track := range all { // one after the other in the time of a frame
			time.Sleep(time.Until(start.Add(time.Duration(n*tracks+i) * time.Second / time.Duration(30*tracks))))
			for j, p := range frames[n%len(frames)] {
				hopStamp(p, packets+j, n, time.Now())
				_ = track.Write(0, p, time.Now())
				sent += len(p)
			}
		}
		packets += len(frames[n%len(frames)])
		n++
	}
	mine := used().minus(before)
	time.Sleep(200 * time.Millisecond)
	for _, track := range all {
		track.Close()
	}
	var r hopResult
	if err := json.NewDecoder(lines).Decode(&r); err != nil {
		b.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, lines)
	if r.Frames != n*tracks {
		b.Logf("%d of %d frames", r.Frames, n*tracks)
	}
	gb, count := float64(sent)/1e9, float64(n*tracks)
	b.ReportMetric(mine.CPU.Seconds()/gb, "send-s/GB")
	b.ReportMetric(r.Used.CPU.Seconds()/gb, "receive-s/GB")
	b.ReportMetric(float64(mine.Sleeps)/count, "send-sleeps/frame")
	b.ReportMetric(float64(r.Used.Sleeps)/count, "receive-sleeps/frame")
	b.ReportMetric(float64(socket.writes.Load())/count, "sendmsg/frame")
	b.ReportMetric(float64(r.P50)/1e6, "p50-ms")
	b.ReportMetric(float64(r.P99)/1e6, "p99-ms")
	b.ReportMetric(0, "ns/op")
}

// A countedConn counts what is written to a socket, which stays what quic-go wants for GSO.
type countedConn struct {
	*net.UDPConn
	writes atomic.Int64
}

func (c *countedConn) WriteMsgUDP(b, oob []byte, to *net.UDPAddr) (int, int, error) {
	c.writes.Add(1)
	return c.UDPConn.WriteMsgUDP(b, oob, to)
}

func hopSocket(t testing.TB) *countedConn {
	socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return &countedConn{UDPConn: socket}
}

func hopID(i int) wire.TrackID {
	return wire.TrackID{Webinar: videoID.Webinar, Stream: fmt.Sprint("s", i), Name: "video"}
}

// hopChild starts the other process, and returns once it has subscribed.
func hopChild(b *testing.B, parent net.Addr, tracks int) (*exec.Cmd, *bufio.Reader) {
	child := exec.Command(os.Args[0], "-test.run=^TestHopChild$", "-test.cpuprofile="+os.Getenv("STENTOR_HOP_PROFILE"))
	child.Env = append(os.Environ(), "STENTOR_HOP_PARENT="+parent.String(), fmt.Sprint("STENTOR_HOP_TRACKS=", tracks))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if _, err := lines.ReadString('\n'); err != nil {
		b.Fatal(err)
	}
	return child, lines
}

// hopFrames returns two seconds of frames: a key frame of half a megabyte, and smaller ones, in packets of 1,200 bytes.
func hopFrames() [][][]byte {
	const count = 60
	total := 20_000_000 / 8 * 2
	key := total / 10
	cam := camera{}
	var all [][][]byte
	for i := range count {
		size := (total - key) / (count - 1)
		if i == 0 {
			size = key
		}
		packets := cam.frame(i == 0, size/1200+1)
		for j := range packets {
			packets[j] = append(packets[j], make([]byte, 1200)...)[:1200]
		}
		all = append(all, packets)
	}
	return all
}

// hopStamp makes p the seq-th packet and part of the nth frame, and writes the time into it.
func hopStamp(p []byte, seq, n int, now time.Time) {
	binary.BigEndian.PutUint16(p[2:], uint16(seq))
	binary.BigEndian.PutUint32(p[4:], uint32(n)*3000)
	binary.BigEndian.PutUint64(p[24:], uint64(now.UnixNano()))
}

// TestHopChild is the other process of BenchmarkHop.
func TestHopChild(t *testing.T) {
	addr := os.Getenv("STENTOR_HOP_PARENT")
	if addr == "" {
		t.Skip("the child of BenchmarkHop")
	}
	to, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	tracks, err := strconv.Atoi(os.Getenv("STENTOR_HOP_TRACKS"))
	if err != nil {
		t.Fatal(err)
	}
	down := &quic.Transport{Conn: hopSocket(t)}
	defer down.Close()
	child, err := New(Config{
		Node: "n2",
		Dial: func(ctx context.Context, _ string) (*quic.Conn, error) {
			return down.Dial(ctx, to, hopTLS(), quicConfig)
		},
		Parent: func(wire.TrackID, func(string) bool) (string, bool) { return "n1", true },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg, readers sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = child.Run(ctx) })
	delays := make([][]time.Duration, tracks)
	for i := range tracks {
		sub, err := child.Subscribe(ctx, hopID(i))
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		readers.Go(func() {
			for p, err := r.Next(ctx); err == nil; p, err = r.Next(ctx) {
				if p.Marker {
					delays[i] = append(delays[i], time.Duration(time.Now().UnixNano()-int64(binary.BigEndian.Uint64(p.Raw[24:]))))
				}
			}
		})
	}
	time.Sleep(300 * time.Millisecond) // the parent hears that the layer is wanted
	fmt.Println("ready")
	before := used()
	readers.Wait()
	result := hopResult{Used: used().minus(before)}
	sorted := slices.Sorted(slices.Values(slices.Concat(delays...)))
	if result.Frames = len(sorted); len(sorted) > 0 {
		result.P50, result.P99 = sorted[len(sorted)/2], sorted[len(sorted)*99/100]
	}
	_ = json.NewEncoder(os.Stdout).Encode(result)
}

func hopTLS() *tls.Config {
	pub, key, _ := ed25519.GenerateKey(rand.Reader)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, _ := x509.CreateCertificate(rand.Reader, tmpl, tmpl, pub, key)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		NextProtos:   []string{"stentor-relay/1"}, InsecureSkipVerify: true,
	}
}

// usage is what a process needed of the machine.
type usage struct {
	CPU    time.Duration
	Sleeps int64 // of its threads
}

func used() usage {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return usage{time.Duration(u.Utime.Nano() + u.Stime.Nano()), u.Nvcsw}
}

func (u usage) minus(v usage) usage { return usage{u.CPU - v.CPU, u.Sleeps - v.Sleeps} }
