// The tests of this file run in a synctest bubble (inMesh): they sleep in virtual time.

package relay

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"stentor/relay/wire"
)

// fed makes the stranger the parent of n1 for a track, and returns the alias under which n1 asks for it.
func (s *stranger) fed(m *mesh, id wire.TrackID, info wire.TrackInfo) (sub *Subscription, alias uint64) {
	s.t.Helper()
	n1 := m.nodes["n1"]
	s.say(hello)
	time.Sleep(100 * time.Millisecond)
	n1.follows("n2")
	done := make(chan bool)
	go func() {
		sub = subscribe(s.t, n1, id)
		close(done)
	}()
	ask := hear[wire.Subscribe](s)
	s.say(wire.Accept{Alias: ask.Alias, Epoch: 1, Instance: 1, Path: []string{"n2"}, Info: info})
	<-done
	return sub, ask.Alias
}

// refused waits for the other side to refuse a stream, and returns with which code it did.
func refused(t *testing.T, stream *quic.SendStream, within time.Duration) (quic.StreamErrorCode, bool) {
	t.Helper()
	select {
	case <-stream.Context().Done():
		var reset *quic.StreamError
		if !errors.As(context.Cause(stream.Context()), &reset) || !reset.Remote {
			t.Fatalf("the stream ended by %v", context.Cause(stream.Context()))
		}
		return reset.ErrorCode, true
	case <-time.After(within):
		return 0, false
	}
}

func TestFramesThatStandStillAreRefused(t *testing.T) {
	header := wire.Frame{Alias: 1, Frame: 70000, Time: 90000, First: 70000}
	packet := (&camera{seq: 70000 - 65536, time: 87000}).frame(true, 1)[0]
	tests := []struct {
		name  string
		bytes []byte
	}{
		{"with half a header", header.Append(nil)[:3]},
		{"with a header and nothing more", header.Append(nil)},
		{"with a packet and no end", wire.AppendPacket(header.Append(nil), packet)},
		{"with half a packet", wire.AppendPacket(header.Append(nil), packet)[:200]},
		{"with padding", []byte{wire.Padding, 0, 0}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inMesh(t, func(t *testing.T, m *mesh) {
				s := strange(t, m)
				defer s.beats()()
				sub, _ := s.fed(m, videoID, videoInfo)
				defer sub.Close()
				start := time.Now()
				stream := s.frame(test.bytes)
				code, ok := refused(t, stream, 10*time.Second)
				if d := time.Since(start); !ok || code != codeUnknown || d < keyDeadline || d > frameWait+100*time.Millisecond {
					t.Errorf("refused %v with %#x after %v", ok, code, d)
				}
				if s.conn.Context().Err() != nil {
					t.Error("the link ended")
				}
			}, "n1", "n2")
		})
	}
}

func TestOpenFramesOfOneSubscriptionAreBounded(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1 := m.nodes["n1"]
		s := strange(t, m)
		defer s.beats()()
		sub, alias := s.fed(m, videoID, videoInfo)
		defer sub.Close()
		var streams []*quic.SendStream
		for i := range uint64(maxFrames + 50) {
			streams = append(streams, s.frame(wire.Frame{Alias: alias, Frame: 70000 + i, Time: 90000, First: 70000 + i}.Append(nil)))
		}
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		up := n1.linkTo(t, "n2").upstream(alias)
		if got := len(up.places); got != maxFrames {
			t.Errorf("%d frames are open", got)
		}
		if got := counter(n1.metrics.resets.WithLabelValues("many")); got != 50 {
			t.Errorf("%v frames too many were counted", got)
		}
		many := 0
		for _, stream := range streams {
			if stream.Context().Err() != nil {
				many++
			}
		}
		if many != 50 {
			t.Errorf("%d frames were refused", many)
		}
		time.Sleep(frameWait)
		synctest.Wait()
		if got := len(up.places); got != 0 {
			t.Errorf("%d frames are open after their time", got)
		}
		r := sub.Track().Reader(0)
		defer r.Close()
		cam := &camera{seq: 80000 - 65536, time: 87000}
		h := wire.Frame{Alias: alias, Frame: 80000, Time: 90000, First: 80000}
		_ = s.frame(wire.AppendPacket(h.Append(nil), cam.frame(true, 1)[0])).Close()
		if len(drain(t, r)) != 1 {
			t.Error("no frame comes through afterwards")
		}
	}, "n1", "n2")
}

// linkTo returns the node's link to a neighbour.
func (n *node) linkTo(t *testing.T, peer string) *link {
	t.Helper()
	n.Relay.mu.Lock()
	defer n.Relay.mu.Unlock()
	l := n.links[peer]
	if l == nil {
		t.Fatalf("%s has no link to %s", n.name, peer)
	}
	return l
}

func TestMessagesMayTakeLongAsLongAsTheyMove(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1 := m.nodes["n1"]
		info := wire.TrackInfo{Kind: wire.Data, Mime: "application/octet-stream", Clock: 1000, PayloadType: 100}
		s := strange(t, m)
		defer s.beats()()
		sub, alias := s.fed(m, audioID, info)
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		part := func(seq uint16, last bool) []byte {
			return wire.AppendPacket(nil, messagePacket(100, seq, 1, []byte("part"), last))
		}
		h := wire.Frame{Alias: alias, Flags: wire.FlagKey, Frame: 1 << 16, Time: 1, First: 1 << 16}
		stream := s.frame(append(h.Append(nil), part(0, false)...))
		for i := range 3 {
			time.Sleep(messageWait - time.Second)
			if _, err := stream.Write(part(uint16(i+1), i == 2)); err != nil {
				t.Fatal(err)
			}
		}
		_ = stream.Close()
		if b, err := r.Message(t.Context()); err != nil || string(b) != "partpartpartpart" {
			t.Errorf("%q %v", b, err)
		}
		s.frame(wire.Frame{Alias: alias, Frame: 1<<16 + 4, Time: 2, First: 1<<16 + 4}.Append(nil))
		time.Sleep(messageWait + time.Second)
		synctest.Wait()
		if n1.linksEnded("stalled") != 1 {
			t.Error("a neighbour that never ends a message keeps its link")
		}
	}, "n1", "n2")
}

func TestMessagesWaitForAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &link{}
		l.ctx = t.Context()
		u := &upstream{places: make(chan struct{}, 1), over: make(chan struct{})}
		if !u.enter(l, wire.Video) || u.enter(l, wire.Video) {
			t.Fatal("one place is one frame's")
		}
		got := make(chan bool, 2)
		go func() { got <- u.enter(l, wire.Data) }()
		synctest.Wait()
		if len(got) != 0 {
			t.Fatal("a message did not wait")
		}
		u.exit()
		if !<-got {
			t.Error("a message was refused though a place came free")
		}
		go func() { got <- u.enter(l, wire.Data) }()
		synctest.Wait()
		close(u.over)
		if <-got {
			t.Error("a message of a subscription that is over has a place")
		}
	})
}
