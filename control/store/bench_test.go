package store

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math"
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

	"google.golang.org/protobuf/encoding/protowire"

	"stentor/control"
	"stentor/control/controlpb"
)

// benched is a cluster outside of a bubble.
func benched(b *testing.B, voters int) *cluster {
	b.Helper()
	c := &cluster{t: b, net: newMeshNet(), dir: b.TempDir(), voters: map[string]*running{}}
	if voters == 3 {
		c.three()
	} else {
		v := c.start("n1")
		wait(b, v, func(s *control.State) bool { return s.Cluster().ID != "" })
	}
	level2(b, c.leader())
	b.Cleanup(func() { c.stopAll(); c.edges.Wait() })
	return c
}

// BenchmarkPropose registers people, each of them written to the disks of a majority
// before it is answered: by so many clients at once, on one voter and on three.
func BenchmarkPropose(b *testing.B) {
	for _, voters := range []int{1, 3} {
		for _, clients := range []int{1, 20, 200} {
			b.Run(fmt.Sprintf("voters=%d/clients=%d", voters, clients), func(b *testing.B) {
				c := benched(b, voters)
				leader := c.leader()
				must(b, leader, planned("w_1", &controlpb.Settings{Registration: &controlpb.Registration{Window: "always"}}))
				entries := leader.raft.Load().LastIndex()
				var next atomic.Int64
				took := make([]time.Duration, b.N)
				var wg sync.WaitGroup
				b.ResetTimer()
				for range clients {
					wg.Go(func() {
						for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
							start := time.Now()
							if _, err := leader.Propose(b.Context(), register("w_1", fmt.Sprint("r_", i), i)); err != nil {
								b.Error(err)
								return
							}
							took[i] = time.Since(start)
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				slices.Sort(took)
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "registrations/s")
				b.ReportMetric(float64(took[b.N/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(took[b.N*99/100].Microseconds())/1000, "p99-ms")
				if n := leader.raft.Load().LastIndex() - entries; n < uint64(b.N) {
					b.Errorf("%d entries for %d registrations", n, b.N)
				}
			})
		}
	}
}

// BenchmarkFeed lets one voter feed following edges over TCP and TLS on the loopback,
// and makes b.N changes, one after the other: how long until the voter has handed all of
// them to the kernel, how long until all of them have it, and what the voter spends. The
// edges are in a process of their own.
func BenchmarkFeed(b *testing.B) {
	for _, edges := range []int{10, 50, 200, 500} {
		b.Run(fmt.Sprintf("edges=%d", edges), func(b *testing.B) {
			f := newFed(b, edges)
			cpu, start := cpuTime(), time.Now()
			<-f.written(5 * edges) // heartbeats alone
			idle := (cpuTime() - cpu).Seconds() / time.Since(start).Seconds()
			sent := f.bytes.Load()
			handed, took := make([]time.Duration, b.N), make([]time.Duration, b.N)
			cpu = cpuTime()
			b.ResetTimer()
			for i := range b.N {
				handed[i], took[i] = f.change(b, i)
			}
			b.StopTimer()
			spent := cpuTime() - cpu
			slices.Sort(handed)
			slices.Sort(took)
			b.ReportMetric(float64(handed[b.N*99/100].Microseconds())/1000, "handed-p99-ms")
			b.ReportMetric(float64(took[b.N/2].Microseconds())/1000, "all-p50-ms")
			b.ReportMetric(float64(took[b.N*99/100].Microseconds())/1000, "all-p99-ms")
			b.ReportMetric(100*idle, "%-voter-idle")
			b.ReportMetric(float64(spent.Microseconds())/1000/float64(b.N), "voter-cpu-ms/op")
			b.ReportMetric(float64(f.bytes.Load()-sent)/float64(b.N), "B-fed/op")
		})
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fed is a voter and edges that follow it over real sockets.
type fed struct {
	voter *running
	have  *bufio.Scanner // the indexes that all edges have come to
	bytes atomic.Int64   // that the voter wrote
	edges int
	given chan time.Time // when the last of them was handed a change

	mu     sync.Mutex // guards the following
	awaits int        // writes until done is closed
	due    int        // edges that have not been handed the change
	done   chan struct{}
}

// written returns a channel that is closed when the voter has written so often: a message
// is one write.
func (f *fed) written(times int) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.awaits, f.done = times, make(chan struct{})
	return f.done
}

func (f *fed) count(n int) {
	f.bytes.Add(int64(n))
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.awaits--; f.awaits == 0 {
		close(f.done)
	}
}

func newFed(b *testing.B, edges int) *fed {
	b.Helper()
	c := benched(b, 1)
	f := &fed{voter: c.leader(), edges: edges, given: make(chan time.Time, 1)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	serving := &tls.Config{Certificates: []tls.Certificate{selfSigned(b)}, MinVersion: tls.VersionTLS13}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { f.serve(ctx, tls.Server(counted{conn, f}, serving)) })
		}
	})
	b.Cleanup(func() { stop(); l.Close(); wg.Wait() })
	f.have = edgesOf(b, l.Addr().String(), edges)
	f.await(b, f.voter.State().Index())
	return f
}

// edgesOf starts the process of the edges, and returns what it says.
func edgesOf(b *testing.B, voter string, edges int) *bufio.Scanner {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestFollowingProcess$")
	// Five hundred edges in one process share a collector that no edge shares: one cycle of
	// it takes half a second of both cores, and every change within is three times as late,
	// while the voter has long handed it to all. So it waits until there is need.
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", followEnv, voter, edges), "GOGC=off", "GOMEMLIMIT=3GiB")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return bufio.NewScanner(out)
}

// await returns when all edges have an index.
func (f *fed) await(b *testing.B, index uint64) {
	b.Helper()
	for f.have.Scan() {
		if at, err := strconv.ParseUint(f.have.Text(), 10, 64); err == nil && at >= index {
			return
		}
	}
	b.Fatal("the edges are gone")
}

// followEnv names a voter's watch port and how many edges are to follow it.
const followEnv = "STENTOR_STORE_FOLLOW"

// TestFollowingProcess is the edges of BenchmarkFeed, and nothing without them.
func TestFollowingProcess(t *testing.T) {
	var voter string
	var edges int
	if n, _ := fmt.Sscan(os.Getenv(followEnv), &voter, &edges); n < 2 {
		t.Skip("it is a process of BenchmarkFeed")
	}
	var all []*Follower
	for i := range edges {
		name := fmt.Sprint("e", i)
		e, err := NewFollower(FollowerConfig{Node: name, Dir: fmt.Sprint(t.TempDir(), "/", name), Key: clusterKey,
			Forward: func(context.Context, string, []byte) ([]byte, error) { return nil, errCut },
			Dial: func(context.Context) (net.Conn, string, error) {
				conn, err := tls.Dial("tcp", voter, &tls.Config{InsecureSkipVerify: true, ServerName: name})
				return conn, "n1", err
			}})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
		go func() { // without its file: so many edges do not share a disk
			for {
				e.follow(context.Background())
			}
		}()
	}
	for said := uint64(0); ; {
		least := uint64(math.MaxUint64)
		for _, e := range all {
			for {
				changed := e.Changed()
				if e.State().Index() > said {
					break
				}
				<-changed
			}
			least = min(least, e.State().Index())
		}
		said = least
		fmt.Println(said)
	}
}

// serve feeds the edge that names itself in the handshake.
func (f *fed) serve(ctx context.Context, conn *tls.Conn) {
	if conn.HandshakeContext(ctx) == nil {
		f.voter.ServeWatch(ctx, handed{conn, f}, conn.ConnectionState().ServerName)
	}
}

// change makes one change, and returns how long it was until it was handed to all edges,
// and until all of them had it.
func (f *fed) change(b *testing.B, i int) (handed, all time.Duration) {
	f.mu.Lock()
	f.due = f.edges
	f.mu.Unlock()
	start := time.Now()
	f.await(b, must(b, f.voter, create(fmt.Sprint("w_", i))).Index)
	all = time.Since(start)
	return (<-f.given).Sub(start), all
}

// handed is a stream to an edge, which says when it has written a change: a message of
// changes, and one write.
type handed struct {
	net.Conn
	fed *fed
}

func (h handed) Write(b []byte) (int, error) {
	n, err := h.Conn.Write(b)
	if len(b) > 4 && b[4] == changesField<<3|byte(protowire.BytesType) {
		h.fed.mu.Lock()
		if h.fed.due--; h.fed.due == 0 {
			h.fed.given <- time.Now()
		}
		h.fed.mu.Unlock()
	}
	return n, err
}

type counted struct {
	net.Conn
	fed *fed
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.fed.count(n)
	return n, err
}

func selfSigned(b *testing.B) tls.Certificate {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		b.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
