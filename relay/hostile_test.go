package relay

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"stentor/relay/rtp"
	"stentor/relay/wire"
)

// A stranger is a neighbour whose bytes the test writes itself. It is called n2.
type stranger struct {
	t       *testing.T
	conn    *quic.Conn
	control *quic.Stream
}

func strange(t *testing.T, m *mesh) *stranger {
	t.Helper()
	conn, err := m.nodes["n2"].dial(t.Context(), "n1")
	if err != nil {
		t.Fatal(err)
	}
	control, err := conn.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	return &stranger{t, conn, control}
}

func (s *stranger) say(messages ...wire.Message) {
	s.t.Helper()
	var b []byte
	for _, m := range messages {
		b = wire.Append(b, m)
	}
	if _, err := s.control.Write(b); err != nil {
		s.t.Fatal(err)
	}
}

// frame opens a stream with these bytes and leaves it open.
func (s *stranger) frame(b []byte) *quic.SendStream {
	s.t.Helper()
	stream, err := s.conn.OpenUniStream()
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := stream.Write(b); err != nil {
		s.t.Fatal(err)
	}
	return stream
}

// hear reads messages until one of M.
func hear[M wire.Message](s *stranger) (m M) {
	s.t.Helper()
	for {
		any, err := wire.Read(s.control)
		if err != nil {
			s.t.Fatalf("waiting for %T: %v", m, err)
		}
		if m, ok := any.(M); ok {
			return m
		}
	}
}

var hello = wire.Hello{Version: wire.Version, Least: wire.Version, Node: "n2"}

func TestPeerThatBreaksARuleLosesItsLink(t *testing.T) {
	header := wire.Frame{Alias: 1, Frame: 70000, Time: 90000, First: 70000}
	good := (&camera{seq: 70000 - 65536, time: 87000}).frame(true, 1)[0]
	accept := wire.Accept{Alias: 1, Epoch: 1, Instance: 1, Path: []string{"n2"}, Info: videoInfo}
	tests := []struct {
		name, reason string
		do           func(s *stranger)
	}{
		{"garbage instead of Hello", "control", func(s *stranger) { _, _ = s.control.Write([]byte("GET / HTTP/1.1\r\n\r\n")) }},
		{"no Hello", "hello", func(s *stranger) { s.say(wire.Unsubscribe{Alias: 1}) }},
		{"Hello of somebody else", "hello", func(s *stranger) { s.say(wire.Hello{Version: 1, Least: 1, Node: "n3"}) }},
		{"a version to come", "version", func(s *stranger) { s.say(wire.Hello{Version: 9, Least: 8, Node: "n2"}) }},
		{"a second Hello", "control", func(s *stranger) { s.say(hello, hello) }},
		{"a message that does not parse", "control", func(s *stranger) {
			s.say(hello)
			_, _ = s.control.Write([]byte{2, 0, 3, 1, 2, 3})
		}},
		{"a message that is too long", "control", func(s *stranger) {
			s.say(hello)
			_, _ = s.control.Write([]byte{2, 0xff, 0xff})
		}},
		{"an answer to a question never asked", "alias", func(s *stranger) { s.say(hello, wire.Gone{Alias: 12345}) }},
		{"one alias for two tracks", "alias", func(s *stranger) {
			s.say(hello, wire.Subscribe{Alias: 1, ID: videoID}, wire.Subscribe{Alias: 1, ID: audioID})
		}},
		{"a path of others", "path", func(s *stranger) {
			a := accept
			a.Path = []string{"n7"}
			s.say(hello)
			hear[wire.Subscribe](s)
			s.say(a)
		}},
		{"another track under the same alias", "accept", func(s *stranger) {
			a := accept
			a.Instance = 2
			s.say(hello)
			hear[wire.Subscribe](s)
			s.say(accept, a)
		}},
		{"garbage instead of a frame", "frame", func(s *stranger) {
			s.say(hello)
			s.frame(make([]byte, 100))
		}},
		{"a frame of a layer that is not there", "frame", func(s *stranger) {
			h := header
			h.Layer = 3
			s.say(hello)
			hear[wire.Subscribe](s)
			s.say(accept)
			s.frame(wire.AppendPacket(h.Append(nil), good))
		}},
		{"a packet that is not RTP", "frame", func(s *stranger) {
			s.say(hello)
			hear[wire.Subscribe](s)
			s.say(accept)
			s.frame(wire.AppendPacket(header.Append(nil), []byte("this is not RTP")))
		}},
		{"a packet that is too long", "frame", func(s *stranger) {
			s.say(hello)
			hear[wire.Subscribe](s)
			s.say(accept)
			s.frame(wire.AppendPacket(header.Append(nil), make([]byte, wire.MaxPacket+1)))
		}},
		{"a packet of another time", "frame", func(s *stranger) {
			h := header
			h.Time++
			s.say(hello)
			hear[wire.Subscribe](s)
			s.say(accept)
			s.frame(wire.AppendPacket(h.Append(nil), good))
		}},
		{"a frame that ends inside a packet", "frame", func(s *stranger) {
			s.say(hello)
			hear[wire.Subscribe](s)
			s.say(accept)
			b := wire.AppendPacket(header.Append(nil), good)
			_ = s.frame(b[:len(b)-1]).Close()
		}},
		{"audio that is not RTP", "datagram", func(s *stranger) {
			a := accept
			a.Info = audioInfo
			s.say(hello)
			hear[wire.Subscribe](s)
			s.say(a)
			time.Sleep(100 * time.Millisecond)
			_ = s.conn.SendDatagram(wire.AudioPacket{Alias: 1, Seq: 1, Packet: []byte("x")}.Append(nil))
		}},
		{"video by datagram", "datagram", func(s *stranger) {
			s.say(hello)
			hear[wire.Subscribe](s)
			s.say(accept)
			time.Sleep(100 * time.Millisecond)
			_ = s.conn.SendDatagram(wire.AudioPacket{Alias: 1, Seq: 70000, Packet: good}.Append(nil))
		}},
		{"a datagram cut off", "datagram", func(s *stranger) {
			s.say(hello)
			_ = s.conn.SendDatagram([]byte{'A', 0xff})
		}},
		{"silence", "silent", func(s *stranger) { s.say(hello) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inMesh(t, func(t *testing.T, m *mesh) {
				n1 := m.nodes["n1"]
				s := strange(t, m)
				if err := s.conn.SendDatagram(wire.Heartbeat{Count: 1}.Append(nil)); err != nil {
					t.Fatal(err)
				}
				n1.follows("n2")
				wait, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				go func() {
					time.Sleep(50 * time.Millisecond) // the link is there
					if sub, err := n1.Subscribe(wait, videoID); err == nil {
						<-wait.Done()
						sub.Close()
					}
				}()
				test.do(s)
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if n1.linksEnded(test.reason) < 1 {
					t.Errorf("the link did not end with %q", test.reason)
				}
				if s.conn.Context().Err() == nil {
					t.Error("the connection is still open")
				}
				var closed *quic.ApplicationError
				if errors.As(context.Cause(s.conn.Context()), &closed) && closed.ErrorMessage != test.reason {
					t.Errorf("the peer was told %q", closed.ErrorMessage)
				}
			}, "n1", "n2")
		})
	}
}

func TestPeerThatSpeaksALaterDialectIsHeard(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		publish(t, m.nodes["n1"], videoID, videoInfo, 3, nil)
		s := strange(t, m)
		defer func() { _ = s.conn.CloseWithError(0, "") }()
		s.say(wire.Hello{Version: 7, Least: 1, Node: "n2"})
		if _, err := s.control.Write([]byte{0x80, 0, 3, 1, 2, 3}); err != nil { // may be ignored
			t.Fatal(err)
		}
		_ = s.conn.SendDatagram([]byte("Z?"))
		s.say(wire.Subscribe{Alias: 1, ID: videoID, Wants: []wire.Want{{Layer: 0}}})
		if a := hear[wire.Accept](s); a.Epoch != 3 || a.Info.Mime != videoInfo.Mime || len(a.Path) != 1 {
			t.Errorf("accept: %+v", a)
		}
	}, "n1", "n2")
}

func TestFrameThatDiesAboveIsResetBelow(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n3 := m.nodes["n1"], m.nodes["n3"]
		s := strange(t, m) // n2, the parent of n1, which is the parent of n3
		s.say(hello)
		var beats sync.WaitGroup
		defer beats.Wait()
		defer func() { _ = s.conn.CloseWithError(0, "") }()
		beats.Go(func() {
			for s.conn.Context().Err() == nil {
				_ = s.conn.SendDatagram(wire.Heartbeat{}.Append(nil))
				time.Sleep(heartbeatEvery)
			}
		})
		time.Sleep(100 * time.Millisecond)
		n1.follows("n2")
		n3.follows("n1")
		var sub *Subscription
		done := make(chan bool)
		go func() {
			sub = subscribe(t, n3, videoID)
			close(done)
		}()
		asked := hear[wire.Subscribe](s)
		s.say(wire.Accept{Alias: asked.Alias, Epoch: 1, Instance: 1, Path: []string{"n2"}, Info: videoInfo})
		<-done
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()

		cam := &camera{seq: 1000}
		whole, torn := cam.frame(true, 4), cam.frame(false, 4)
		frame := func(packets [][]byte, seq uint64) *quic.SendStream {
			p, _ := rtp.Parse(packets[0])
			b := wire.Frame{Alias: asked.Alias, Frame: seq, Time: p.Time, First: seq}.Append(nil)
			for _, raw := range packets {
				b = wire.AppendPacket(b, raw)
			}
			return s.frame(b)
		}
		if err := frame(whole, 1000).Close(); err != nil {
			t.Fatal(err)
		}
		stream := frame(torn[:2], 1004)
		time.Sleep(100 * time.Millisecond)
		stream.CancelWrite(codeLate)
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if got := counter(n1.metrics.resets.WithLabelValues("parent")); got != 1 {
			t.Errorf("n1 passed %v resets on", got)
		}
		if got := counter(n3.metrics.resets.WithLabelValues("sender")); got != 1 {
			t.Errorf("n3 heard %v resets", got)
		}
		if got := drain(t, r); len(got) != 6 {
			t.Errorf("%d packets came, 6 were sent before the end", len(got))
		}
	}, "n1", "n2", "n3")
}

func TestPathWithMyselfInItIsRefused(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1 := m.nodes["n1"]
		s := strange(t, m)
		s.say(hello)
		time.Sleep(100 * time.Millisecond)
		n1.follows("n2")
		done := make(chan error)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		go func() {
			_, err := n1.Subscribe(ctx, videoID)
			done <- err
		}()
		asked := hear[wire.Subscribe](s)
		s.say(wire.Accept{Alias: asked.Alias, Epoch: 1, Instance: 1, Path: []string{"n9", "n1", "n2"}, Info: videoInfo})
		if got := hear[wire.Unsubscribe](s); got.Alias != asked.Alias {
			t.Errorf("unsubscribed %d", got.Alias)
		}
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("subscribe: %v", err)
		}
		_ = s.conn.CloseWithError(0, "")
	}, "n1", "n2")
}

func TestReaderHearsTheEnd(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2 := m.nodes["n1"], m.nodes["n2"]
		n2.follows("n1")
		origin := publish(t, n1, videoID, videoInfo, 1, nil)
		sub := subscribe(t, n2, videoID)
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		time.Sleep(time.Second)
		origin.Close()
		start := time.Now()
		if _, err := r.Next(t.Context()); err != io.EOF {
			t.Errorf("after the publisher has ended: %v", err)
		}
		if d := time.Since(start); d > 30*time.Millisecond {
			t.Errorf("heard after %v", d)
		}
		if _, err := n1.Publish(videoID, videoInfo, 1, nil); err != nil {
			t.Errorf("published again after its end: %v", err)
		}
	}, "n1", "n2")
}

func TestAnswersThatComeFasterThanTheyAreReadEndTheLink(t *testing.T) {
	l := &link{upstreams: map[uint64]*upstream{1: {poke: func() {}, messages: make(chan wire.Message, 16)}}, alias: 1}
	l.ctx, l.cancel = context.WithCancelCause(t.Context())
	for range 16 {
		if err := l.pass(1, wire.Accept{}); err != nil {
			t.Fatal(err)
		}
	}
	var end *endError
	if err := l.pass(1, wire.Accept{}); !errors.As(err, &end) || end.reason != "flood" || l.ctx.Err() == nil {
		t.Errorf("the seventeenth: %v", err)
	}
}
