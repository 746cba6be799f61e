package mesh

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/quic-go/quic-go"

	"stentor/cluster/pki"
)

func TestDialFindsTheNodeThatWasMeant(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("n1", "1.0.0.1:4000", pki.Voter)
		b := w.node("n2", "1.0.0.2:4000", pki.Edge)
		l := b.Listen(ALPNRelay)
		out, err := a.Dial(w.ctx, "n2", ALPNRelay)
		if err != nil {
			t.Fatal(err)
		}
		in, err := l.Accept(w.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if id, err := Peer(out); err != nil || id != (pki.Identity{Node: "n2", Role: pki.Edge}) {
			t.Errorf("the caller sees %v, %v", id, err)
		}
		if id, err := Peer(in); err != nil || id != (pki.Identity{Node: "n1", Role: pki.Voter}) {
			t.Errorf("the called sees %v, %v", id, err)
		}
		if !in.ConnectionState().SupportsDatagrams.Remote || !in.ConnectionState().SupportsDatagrams.Local {
			t.Error("no datagrams")
		}
		if n := count(a.metrics.connections.WithLabelValues(ALPNRelay, "out")); n != 1 {
			t.Errorf("%d connections in the books", n)
		}

		w.addrs["n3"] = "1.0.0.2:4000"
		if _, err := a.Dial(w.ctx, "n3", ALPNRelay); !isRefusal(err) {
			t.Errorf("n2 passed for n3: %v", err)
		}
		if n := count(a.metrics.refused.WithLabelValues(ALPNRelay, "wrong_node")); n != 1 {
			t.Errorf("counted %d wrong nodes", n)
		}
		if _, err := a.Dial(w.ctx, "n9", ALPNRelay); err == nil {
			t.Error("found a node that nobody knows")
		}

		b.stop()
		<-out.Context().Done()
		var closed *quic.ApplicationError
		if err := context.Cause(out.Context()); !errors.As(err, &closed) || closed.ErrorCode != codeShutdown {
			t.Errorf("a node that stops says goodbye, got %v", err)
		}
		synctest.Wait()
		if n := count(a.metrics.connections.WithLabelValues(ALPNRelay, "out")); n != 0 {
			t.Errorf("%d connections in the books after the end", n)
		}
	})
}

func isRefusal(err error) bool {
	var e *quic.TransportError
	return errors.As(err, &e) && e.ErrorCode.IsCryptoError()
}

// dialRaw dials by any TLS settings, and waits for what the server makes of it.
func dialRaw(w *world, from string, to string, c *tls.Config) error {
	socket := w.socket(from)
	tr := &quic.Transport{Conn: socket}
	defer socket.Close()
	defer tr.Close()
	udp, _ := resolveUDP(w.ctx, socket.LocalAddr(), to)
	conn, err := tr.Dial(w.ctx, udp, c, QUICConfig())
	if err != nil {
		return err
	}
	defer conn.CloseWithError(0, "")
	ctx, cancel := context.WithTimeout(w.ctx, time.Second)
	defer cancel()
	if _, err = conn.AcceptStream(ctx); ctx.Err() != nil {
		return nil // nobody closed it
	}
	return err
}

func TestRefusedHandshakes(t *testing.T) {
	all := []string{ALPNRelay, ALPNRPC, ALPNGossip}
	tests := []struct {
		name   string
		reason string
		cert   func(w *world) []tls.Certificate
	}{
		{"no certificate", "no_certificate", func(*world) []tls.Certificate { return nil }},
		{"a certificate of another cluster", "foreign", func(w *world) []tls.Certificate {
			return []tls.Certificate{credentials(w.T, authority(w.T), pki.Identity{Node: "n2", Role: pki.Voter}, time.Now()).TLS()}
		}},
		{"an expired certificate", "expired", func(w *world) []tls.Certificate {
			c := credentials(w.T, w.ca, pki.Identity{Node: "n2", Role: pki.Voter}, time.Now()).TLS()
			time.Sleep(pki.Lifetime + time.Second) // virtual
			return []tls.Certificate{c}
		}},
		{"the authority's own certificate", "foreign", func(w *world) []tls.Certificate {
			return []tls.Certificate{{Certificate: [][]byte{w.ca.Cert.Raw}, PrivateKey: w.ca.Key}}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				cert := test.cert(w)
				n := w.node("n1", "1.0.0.1:4000", pki.Voter)
				for i, alpn := range all {
					n.Listen(alpn)
					c := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{alpn}, Certificates: cert}
					if err := dialRaw(w, "1.0.0.9:"+[]string{"1", "2", "3"}[i], n.addr, c); !isRefusal(err) {
						t.Errorf("%s: got %v", alpn, err)
					}
					if got := count(n.metrics.refused.WithLabelValues(alpn, test.reason)); got != 1 {
						t.Errorf("%s: counted %d as %s", alpn, got, test.reason)
					}
				}
			})
		})
	}
}

func TestOnlyJoinIsOpenWithoutACertificate(t *testing.T) {
	inWorld(t, func(w *world) {
		n := w.node("n1", "1.0.0.1:4000", pki.Voter)
		for i, alpn := range []string{ALPNRelay, ALPNRPC, ALPNGossip, ALPNJoin} {
			n.Listen(alpn)
			c := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{alpn}}
			err := dialRaw(w, "1.0.0.9:"+[]string{"1", "2", "3", "4"}[i], n.addr, c)
			if open := err == nil; open != (alpn == ALPNJoin) {
				t.Errorf("%s without a certificate: %v", alpn, err)
			}
		}
	})
}

func TestProtocolsThatNobodyListensToAreRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		n := w.node("n1", "1.0.0.1:4000", pki.Voter)
		for i, alpn := range []string{"h3", ALPNRelay, ALPNJoin} {
			err := dialRaw(w, "1.0.0.9:"+[]string{"1", "2", "3"}[i], n.addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{alpn}})
			if !isRefusal(err) {
				t.Errorf("%s: %v", alpn, err)
			}
		}
	})
}

func TestCertificatesRotateWithoutARestart(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("n1", "1.0.0.1:4000", pki.Voter)
		b := w.node("n2", "1.0.0.2:4000", pki.Edge)
		b.Listen(ALPNRelay)
		time.Sleep(pki.Lifetime + time.Hour) // virtual
		if _, err := a.Dial(w.ctx, "n2", ALPNRelay); !isRefusal(err) {
			t.Fatalf("an expired server was accepted: %v", err)
		}
		for _, n := range []*node{a, b} {
			n.cred.Store(credentials(t, w.ca, n.Self(), time.Now()))
		}
		if _, err := a.Dial(w.ctx, "n2", ALPNRelay); err != nil {
			t.Fatalf("after the renewal: %v", err)
		}
	})
}

func TestARemovedNodeIsCutOff(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("n1", "1.0.0.1:4000", pki.Voter)
		b := w.node("n2", "1.0.0.2:4000", pki.Edge)
		c := w.node("n3", "1.0.0.3:4000", pki.Edge)
		a.Listen(ALPNRelay)
		removed, err := b.Dial(w.ctx, "n1", ALPNRelay)
		if err != nil {
			t.Fatal(err)
		}
		stays, err := c.Dial(w.ctx, "n1", ALPNRelay)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		a.Disconnect("n2")
		<-removed.Context().Done()
		time.Sleep(time.Minute) // virtual
		if stays.Context().Err() != nil {
			t.Error("another node was cut off too")
		}
		out := "n2"
		w.removed.Store(&out)
		if back, err := b.Dial(w.ctx, "n1", ALPNRelay); err == nil { // TLS 1.3: the dialler is done before it is judged
			<-back.Context().Done()
			if err := context.Cause(back.Context()); !isRefusal(err) {
				t.Errorf("a removed node came back: %v", err)
			}
		}
		if got := count(a.metrics.refused.WithLabelValues(ALPNRelay, "removed")); got != 1 {
			t.Errorf("counted %d as removed", got)
		}
		b.Listen(ALPNRelay)
		if _, err := a.Dial(w.ctx, "n2", ALPNRelay); !errors.Is(err, ErrRemoved) {
			t.Errorf("a removed node was called: %v", err)
		}
		if _, err := c.Dial(w.ctx, "n1", ALPNRelay); err != nil {
			t.Errorf("another node: %v", err)
		}
	})
}

func TestPortNeedsCredentials(t *testing.T) {
	inWorld(t, func(w *world) {
		s := w.socket("1.0.0.1:4000")
		defer s.Close()
		if _, err := New(Config{Conn: s, Credentials: func() *pki.Credentials { return nil }}); err == nil {
			t.Error("a port without a certificate was made")
		}
		cred := credentials(t, w.ca, pki.Identity{Node: "n1", Role: pki.Edge}, time.Now())
		time.Sleep(pki.Lifetime + time.Minute) // virtual
		if _, err := New(Config{Conn: s, Credentials: func() *pki.Credentials { return cred }}); !errors.Is(err, pki.ErrExpired) {
			t.Errorf("a port with an expired certificate: %v", err)
		}
	})
}

// Whatever a stranger sends, the port answers with fewer bytes than it got, and
// goes on serving.
func TestGarbageIsCountedAndNeverAmplified(t *testing.T) {
	initial := func(n int, version []byte) []byte {
		b := append([]byte{0xc3}, version...)
		b = append(b, 8, 1, 2, 3, 4, 5, 6, 7, 8, 4, 1, 2, 3, 4, 0, 0x44, 0x80)
		return append(b, bytes.Repeat([]byte{7}, n-len(b))...)
	}
	random := rand.New(rand.NewPCG(1, 2))
	noise := func(n int, first byte) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		b[0] = first
		return b
	}
	inWorld(t, func(w *world) {
		n := w.node("n1", "1.0.0.1:4000", pki.Voter)
		n.Listen(ALPNRelay)
		n.Listen(ALPNJoin)
		to, _ := resolveUDP(w.ctx, nil, n.addr)
		packets := [][]byte{
			initial(1200, []byte{0, 0, 0, 1}), initial(1350, []byte{0, 0, 0, 1}), initial(100, []byte{0, 0, 0, 1}),
			initial(1200, []byte{0xfa, 0xce, 0xb0, 0x0c}), initial(1200, []byte{0, 0, 0, 0}),
		}
		for _, first := range []byte{0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xe0, 0xff} {
			for _, size := range []int{1, 2, 17, 22, 40, 43, 100, 1200, 1350} {
				packets = append(packets, noise(size, first))
			}
		}
		go func() { // gossip's side: reads and drops
			b := make([]byte, 1500)
			for {
				if _, _, err := n.ReadPacket(w.ctx, b); err != nil {
					return
				}
				n.Garbage("not_gossip")
			}
		}()
		synctest.Wait()
		counted := 0
		for i, p := range packets {
			s := w.socket(net.JoinHostPort("1.0.9.9", "1"+string(rune('0'+i/10))+string(rune('0'+i%10))))
			if _, err := s.WriteTo(p, to); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Second) // virtual: retransmissions would come
			if got := s.Stats().BytesRcvd; got > len(p) {
				t.Errorf("packet %d, first byte %#x: %d bytes were answered by %d", i, p[0], len(p), got)
			} else if got == 0 {
				counted++
			}
			s.Close()
		}
		if got := garbage(t, n); got != counted {
			t.Errorf("%d are counted, %d packets were not answered", got, counted)
		}
		other := w.node("n2", "1.0.0.2:4000", pki.Voter)
		if _, err := other.Dial(w.ctx, "n1", ALPNRelay); err != nil {
			t.Errorf("after the garbage: %v", err)
		}
	})
}

func garbage(t *testing.T, n *node) int {
	t.Helper()
	families, err := n.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() == "stentor_mesh_garbage_total" {
			for _, m := range f.Metric {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return int(sum)
}

func TestMetricsAreWellNamed(t *testing.T) {
	inWorld(t, func(w *world) {
		n := w.node("n1", "1.0.0.1:4000", pki.Voter)
		n.Garbage("test")
		problems, err := testutil.GatherAndLint(n.reg)
		if err != nil || len(problems) > 0 {
			t.Error(problems, err)
		}
	})
}

func TestPacketsBesideQUIC(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("n1", "1.0.0.1:4000", pki.Voter)
		b := w.node("n2", "1.0.0.2:4000", pki.Voter)
		got := make(chan string, 1)
		go func() {
			buf := make([]byte, 1500)
			n, from, err := b.ReadPacket(w.ctx, buf)
			if err == nil && from.String() == a.addr {
				got <- string(buf[:n])
			}
		}()
		synctest.Wait()
		to, _ := resolveUDP(w.ctx, nil, b.addr)
		if _, err := a.WritePacket([]byte("\x01hello"), to); err != nil {
			t.Fatal(err)
		}
		if s := <-got; s != "\x01hello" {
			t.Errorf("got %q", s)
		}
		if _, err := a.WritePacket([]byte{0xc0, 1}, to); err == nil {
			t.Error("a packet that passes for QUIC was sent")
		}
	})
}

func TestListenerOverflowTellsTheCaller(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("n1", "1.0.0.1:4000", pki.Voter)
		b := w.node("n2", "1.0.0.2:4000", pki.Voter)
		b.Listen(ALPNRelay) // and nobody accepts
		for range accepted {
			if _, err := a.Dial(w.ctx, "n2", ALPNRelay); err != nil {
				t.Fatal(err)
			}
		}
		conn, err := a.Dial(w.ctx, "n2", ALPNRelay)
		if err != nil {
			t.Fatal(err)
		}
		var closed *quic.ApplicationError
		if _, err := conn.AcceptStream(w.ctx); !errors.As(err, &closed) || closed.ErrorCode != codeBusy {
			t.Errorf("one too many got %v", err)
		}
	})
}

func TestFrameStreamsDoNotWaitForLimits(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("n1", "1.0.0.1:4000", pki.Voter)
		b := w.node("n2", "1.0.0.2:4000", pki.Voter)
		l := b.Listen(ALPNRelay)
		out, err := a.Dial(w.ctx, "n2", ALPNRelay)
		if err != nil {
			t.Fatal(err)
		}
		in, _ := l.Accept(w.ctx)
		go func() {
			for {
				s, err := in.AcceptUniStream(w.ctx)
				if err != nil {
					return
				}
				go io.Copy(io.Discard, s)
			}
		}()
		for i := range 500 { // at once, where quic-go allows a hundred by default
			s, err := out.OpenUniStream()
			if err != nil {
				t.Fatalf("stream %d: %v", i, err)
			}
			s.Write([]byte("frame"))
			s.Close()
		}
	})
}

func TestLookup(t *testing.T) {
	for _, test := range []struct{ addr, want string }{
		{"1.2.3.4:5", "1.2.3.4:5"}, {"[::1]:5", "[::1]:5"}, {"1.2.3.4", ""}, {"", ""}, {"1.2.3.4:x", ""}, {"1.2.3.4:70000", ""},
	} {
		a, err := resolveUDP(t.Context(), nil, test.addr)
		if (err == nil) != (test.want != "") || err == nil && a.String() != test.want {
			t.Errorf("%q: %v, %v", test.addr, a, err)
		}
	}
	found, err := Lookup(t.Context(), "localhost:5")
	if err != nil || !slices.ContainsFunc(found, func(a netip.AddrPort) bool { return a.Addr().Is4() }) {
		t.Skip("localhost is no IPv4 address here:", found, err)
	}
	a, err := resolveUDP(t.Context(), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}, "localhost:5")
	if err != nil || a.IP.To4() == nil {
		t.Errorf("an IPv4 socket would send to %v, %v", a, err)
	}
}
