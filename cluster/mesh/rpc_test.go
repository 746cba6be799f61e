package mesh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stentor/cluster/pki"
)

// rpc runs the calls of a node, with an echo behind kind 'r' and a server that
// says who asked behind 'h'.
func (w *world) rpc(n *node) *RPC {
	r := NewRPC(n.Port)
	ctx, cancel := context.WithCancel(w.ctx)
	stop := n.stop
	n.stop = func() { cancel(); stop() }
	w.wg.Go(func() { r.Run(ctx) })
	echo, calls := r.Listener(KindRaft), r.Listener(KindHTTP)
	w.wg.Go(func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			w.wg.Go(func() { io.Copy(c, c); c.Close() })
		}
	})
	server := &http.Server{ConnContext: r.ConnContext, Handler: http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		id, ok := PeerOf(req.Context())
		fmt.Fprintf(rw, "%s %s from %v %v: %s", req.Method, req.URL.Path, id, ok, body)
	})}
	w.wg.Go(func() { server.Serve(calls) })
	context.AfterFunc(ctx, func() { echo.Close(); server.Close() })
	synctest.Wait()
	return r
}

func echo(c net.Conn, s string) (string, error) {
	if _, err := c.Write([]byte(s)); err != nil {
		return "", err
	}
	b := make([]byte, len(s))
	_, err := io.ReadFull(c, b)
	return string(b), err
}

func TestHTTPBetweenNodes(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.rpc(w.node("n1", "1.0.0.1:4000", pki.Voter))
		w.rpc(w.node("n2", "1.0.0.2:4000", pki.Edge))
		client := &http.Client{Transport: a.Transport()}
		big := strings.Repeat("x", 1<<20)
		for range 3 {
			resp, err := client.Post("http://n2/path", "text/plain", strings.NewReader(big))
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if want := "POST /path from n1 (voter) true: " + big; err != nil || string(b) != want {
				t.Fatalf("got %.80q, %v", b, err)
			}
		}
		if n := count(a.port.metrics.dials.WithLabelValues("connected")); n != 1 {
			t.Errorf("three requests made %d connections", n)
		}
		if _, err := client.Get("http://n9/"); err == nil {
			t.Error("a node that is not there answered")
		}
	})
}

func TestStreamsHaveDeadlines(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.rpc(w.node("n1", "1.0.0.1:4000", pki.Voter))
		w.rpc(w.node("n2", "1.0.0.2:4000", pki.Voter))
		c, err := a.Open(w.ctx, "n2", KindRaft)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if got, err := echo(c, "hello"); got != "hello" {
			t.Fatal(got, err)
		}
		start := time.Now()
		c.SetReadDeadline(start.Add(300 * time.Millisecond))
		_, err = c.Read(make([]byte, 1))
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 300*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		c.SetReadDeadline(time.Time{})
		if got, err := echo(c, "again"); got != "again" {
			t.Error(got, err)
		}
		if c.RemoteAddr().String() != "1.0.0.2:4000" || c.LocalAddr() == nil {
			t.Error(c.LocalAddr(), c.RemoteAddr())
		}
		if id, err := PeerOfConn(c); err != nil || id.Node != "n2" {
			t.Error(id, err)
		}
	})
}

func TestRaftIsForVoters(t *testing.T) {
	inWorld(t, func(w *world) {
		w.rpc(w.node("n1", "1.0.0.1:4000", pki.Voter))
		edge := w.rpc(w.node("n2", "1.0.0.2:4000", pki.Edge))
		for _, kind := range []byte{KindRaft, 'x'} {
			c, err := edge.Open(w.ctx, "n1", kind)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := echo(c, "vote for me"); err == nil {
				t.Errorf("kind %c answered an edge: %q", kind, got)
			}
		}
	})
}

func TestManyCallersMakeOneConnection(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.rpc(w.node("n1", "1.0.0.1:4000", pki.Voter))
		w.rpc(w.node("n2", "1.0.0.2:4000", pki.Voter))
		var wg sync.WaitGroup
		hasty, cancel := context.WithTimeout(w.ctx, time.Millisecond)
		defer cancel()
		wg.Go(func() { // gives up before the dial is done, and spoils it for nobody
			if _, err := a.Open(hasty, "n2", KindRaft); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the hasty one got %v", err)
			}
		})
		for i := range 50 {
			wg.Go(func() {
				c, err := a.Open(w.ctx, "n2", KindRaft)
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				want := fmt.Sprint("hello ", i)
				if got, err := echo(c, want); got != want {
					t.Errorf("got %q, %v", got, err)
				}
			})
		}
		wg.Wait()
		if n := count(a.port.metrics.dials.WithLabelValues("connected")); n != 1 {
			t.Errorf("%d connections", n)
		}
		c, err := a.OpenAddr(w.ctx, "1.0.0.2:4000", KindRaft)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := echo(c, "by address"); got != "by address" {
			t.Error(got, err)
		}
	})
}

// A node that crashed and came back at the same address is called again at once:
// its reset tells the old connection's end in a round trip, not after the idle
// timeout.
func TestARestartedNodeIsRedialled(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.rpc(w.node("n1", "1.0.0.1:4000", pki.Voter))
		b := w.node("n2", "1.0.0.2:4000", pki.Voter)
		w.rpc(b)
		c, err := a.Open(w.ctx, "n2", KindRaft)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := echo(c, "before"); err != nil {
			t.Fatal(err)
		}
		b.crash()
		w.rpc(w.nodeWith(b.addr, b.cred.Load(), nil))
		start := time.Now()
		// Longer than a reset, or it would be no answer to it (RFC 9000, 10.3.3).
		if _, err := echo(c, strings.Repeat("to the dead ", 8)); err == nil {
			t.Error("the old stream still answers")
		}
		if c, err = a.Open(w.ctx, "n2", KindRaft); err != nil {
			t.Fatal(err)
		}
		if got, err := echo(c, "after"); got != "after" {
			t.Fatal(got, err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// A dead node that stays dead is known after the idle timeout, and calls fail by
// then.
func TestADeadNodeIsForgotten(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.rpc(w.node("n1", "1.0.0.1:4000", pki.Voter))
		b := w.node("n2", "1.0.0.2:4000", pki.Voter)
		w.rpc(b)
		c, err := a.Open(w.ctx, "n2", KindRaft)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := echo(c, "before"); err != nil {
			t.Fatal(err)
		}
		b.crash()
		start := time.Now()
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("read from the dead")
		}
		if took := time.Since(start); took > QUICConfig().MaxIdleTimeout+QUICConfig().KeepAlivePeriod+100*time.Millisecond {
			t.Errorf("the stream took %v to end", took)
		}
		start = time.Now()
		if _, err := a.Open(w.ctx, "n2", KindRaft); err == nil {
			t.Error("called the dead")
		}
		if took := time.Since(start); took > dialTimeout {
			t.Errorf("the call took %v to fail", took)
		}
	})
}

func TestASilentStreamIsRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.node("n1", "1.0.0.1:4000", pki.Voter)
		w.rpc(w.node("n2", "1.0.0.2:4000", pki.Voter))
		conn, err := a.Dial(w.ctx, "n2", ALPNRPC)
		if err != nil {
			t.Fatal(err)
		}
		s, err := conn.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		s.Close() // announces the stream, and says nothing
		if _, err := s.Read(make([]byte, 1)); err == nil {
			t.Error("a stream of no kind was answered")
		}
		if took := time.Since(start); took > kindTimeout+time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestAClosedListenerRefuses(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.rpc(w.node("n1", "1.0.0.1:4000", pki.Voter))
		b := w.rpc(w.node("n2", "1.0.0.2:4000", pki.Voter))
		l := b.Listener(KindRaft)
		l.Close()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept after close: %v", err)
		}
		c, err := a.Open(w.ctx, "n2", KindRaft)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := echo(c, "anyone?"); err == nil {
			t.Error("a closed listener answered")
		}
	})
}

func TestACallThatIsOverCountsNoMore(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.rpc(w.node("n1", "1.0.0.1:4000", pki.Voter))
		w.rpc(w.node("n2", "1.0.0.2:4000", pki.Voter))
		for i := range QUICConfig().MaxIncomingStreams + 50 {
			ctx, cancel := context.WithTimeout(w.ctx, 10*time.Second)
			c, err := a.Open(ctx, "n2", KindRaft)
			cancel()
			if err != nil {
				t.Fatalf("call %d: %v", i, err)
			}
			got, err := echo(c, "hello")
			c.Close()
			if got != "hello" {
				t.Fatalf("call %d: %q, %v", i, got, err)
			}
		}
		if n := count(a.port.metrics.dials.WithLabelValues("connected")); n != 1 {
			t.Errorf("%v connections", n)
		}
	})
}
