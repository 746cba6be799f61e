package window

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/testutils/simnet"

	"stentor/bench/impair"
	"stentor/cluster/mesh"
)

// nudge is a datagram that nobody here reads.
var nudge = []byte{0}

// A world is a network in the bubble of a test, in which a packet takes the link that its sender was given.
type world struct {
	t    *testing.T
	conf *tls.Config
	hops int
}

// inWorld runs f in virtual time. What f leaves running fails the test.
func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		cert, err := certificate()
		if err != nil {
			t.Fatal(err)
		}
		f(t, &world{t: t, conf: &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"test"}, InsecureSkipVerify: true}})
	})
}

// A hop is a connection from one node to another.
type hop struct {
	world    *world
	from, to *quic.Conn
	window   *Window // nil: stock
	delay    time.Duration
	ends     []io.Closer
	wg       sync.WaitGroup
	late     []time.Duration // of each frame, in the order of sending; -1: it did not arrive
	mu       sync.Mutex
}

// dial makes a hop whose packets take the links there and back.
func (w *world) hop(ws *Windows, there, back *impair.Link, delay time.Duration) *hop {
	w.hops++
	h := &hop{world: w, delay: delay}
	network := &simnet.Simnet{Router: &simnet.PerfectRouter{}}
	endpoint := func(last byte, link *impair.Link) (*quic.Transport, net.Addr) {
		addr := &net.UDPAddr{IP: net.IPv4(10, 0, byte(w.hops), last), Port: 4000}
		conn := network.NewEndpoint(addr, simnet.NodeBiDiLinkSettings{Downlink: simnet.LinkSettings{MTU: 1500}, Uplink: simnet.LinkSettings{MTU: 1500}})
		tr := &quic.Transport{Conn: impair.Conn(conn, func(net.Addr) *impair.Link { return link })}
		h.ends = append(h.ends, tr.Conn)
		return tr, addr
	}
	a, _ := endpoint(1, there)
	b, to := endpoint(2, back)
	if err := network.Start(); err != nil {
		w.t.Fatal(err)
	}
	conf := mesh.QUICConfig()
	if ws != nil {
		conf.Tracer = ws.Tracer
	}
	l, err := b.Listen(w.conf, conf)
	if err != nil {
		w.t.Fatal(err)
	}
	h.from, err = a.Dial(w.t.Context(), to, w.conf, conf)
	if err != nil {
		w.t.Fatal(err)
	}
	h.to, err = l.Accept(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	h.ends = append(append([]io.Closer{l, a, b}, h.ends...), network)
	if ws != nil {
		if h.window = ws.Own(h.from, nudge); h.window == nil {
			w.t.Fatal("the window is not ours")
		}
	}
	h.wg.Go(h.receive)
	return h
}

func (h *hop) close() {
	_ = h.from.CloseWithError(0, "")
	<-h.to.Context().Done()
	for _, c := range h.ends {
		_ = c.Close()
	}
	h.wg.Wait()
}

// receive notes how late each frame is: how much later it was whole than a path without loss or queue would have made it.
func (h *hop) receive() {
	for {
		s, err := h.to.AcceptUniStream(context.Background())
		if err != nil {
			return
		}
		h.wg.Go(func() {
			b, err := io.ReadAll(s)
			if err != nil || len(b) < 16 {
				return
			}
			n, at := binary.BigEndian.Uint64(b), time.Unix(0, int64(binary.BigEndian.Uint64(b[8:])))
			h.mu.Lock()
			defer h.mu.Unlock()
			h.late[n] = time.Since(at) - h.delay
		})
	}
}

const fps = 30

// send sends frames for d, each on a stream of its own, key frames of key bytes every two seconds; those that are not
// there a second after their time are given up.
func (h *hop) send(bitrate, key int, d time.Duration) {
	frames := int(d * fps / time.Second)
	rest := bitrate/8/fps + (bitrate/8/fps-key)/(2*fps-1)
	if key == 0 {
		rest = bitrate / 8 / fps
	}
	var wg sync.WaitGroup
	begin := time.Now()
	for range frames {
		h.mu.Lock()
		n := len(h.late)
		h.late = append(h.late, -1)
		h.mu.Unlock()
		time.Sleep(time.Until(begin.Add(time.Duration(n) * time.Second / fps)))
		size := rest
		if key != 0 && n%(2*fps) == 0 {
			size = key
		}
		wg.Go(func() { h.frame(n, size) })
	}
	wg.Wait()
}

func (h *hop) frame(n, size int) {
	b := make([]byte, size)
	binary.BigEndian.PutUint64(b, uint64(n))
	binary.BigEndian.PutUint64(b[8:], uint64(time.Now().UnixNano()))
	ctx, cancel := context.WithTimeout(h.from.Context(), time.Second)
	defer cancel()
	s, err := h.from.OpenUniStreamSync(ctx)
	if err != nil {
		return
	}
	context.AfterFunc(ctx, func() { s.CancelWrite(0) })
	if _, err := s.Write(b); err == nil {
		_ = s.Close()
		<-ctx.Done()
	}
}

// within is the share of the frames from the first on that were at most so late.
func (h *hop) within(first int, late time.Duration) float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, l := range h.late[first:] {
		if l >= 0 && l <= late {
			n++
		}
	}
	return float64(n) / float64(len(h.late)-first)
}

// at is the lateness of that share of the frames from the first on.
func (h *hop) at(first int, share float64) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := slices.Clone(h.late[first:])
	for i, l := range all {
		if l < 0 {
			all[i] = time.Hour
		}
	}
	slices.Sort(all)
	return all[min(int(share*float64(len(all))), len(all)-1)]
}
