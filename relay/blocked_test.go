// The tests of this file run in a synctest bubble (inMesh): they sleep in virtual time.

package relay

import (
	"bytes"
	"context"
	"io"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stentor/relay/wire"
)

// blocks lets a stranger n2 take control messages and connect, but no message of a track of data to its end: 16 KB do
// not fit into the window of a stream that it never reads.
func blocks(t *testing.T, m *mesh) (s *stranger, origin *Track) {
	t.Helper()
	origin = publish(t, m.nodes["n1"], chatID, wire.TrackInfo{Kind: wire.Data, Mime: "application/json", Clock: 1000}, 1, nil)
	for range 50 {
		if err := origin.Append(make([]byte, 16000)); err != nil {
			t.Fatal(err)
		}
	}
	m.nodes["n2"].config.InitialStreamReceiveWindow = 4 << 10
	m.nodes["n2"].config.MaxStreamReceiveWindow = 4 << 10
	s = strange(t, m)
	s.say(hello)
	go s.lives()
	go func() { _, _ = io.Copy(io.Discard, s.control) }()
	return s, origin
}

// lives sends heartbeats until the connection ends.
func (s *stranger) lives() {
	for s.conn.SendDatagram(wire.Heartbeat{}.Append(nil)) == nil {
		time.Sleep(heartbeatEvery)
	}
}

// hangUp ends the connection, and waits until lives has seen it.
func (s *stranger) hangUp() {
	_ = s.conn.CloseWithError(0, "")
	time.Sleep(2 * heartbeatEvery)
}

// neighbour returns the link to a node.
func (n *node) neighbour(peer string) *link {
	n.Relay.mu.Lock()
	defer n.Relay.mu.Unlock()
	return n.links[peer]
}

// sendersOf returns how many senders run on a link, and how many feeds.
func sendersOf(l *link) (senders, feeds int) {
	l.congestion.mu.Lock()
	senders = len(l.congestion.senders)
	l.congestion.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	return senders, len(l.feeds)
}

// running returns how many goroutines have a function on their stack.
func running(t *testing.T, function string) int {
	t.Helper()
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 2); err != nil {
		t.Fatal(err)
	}
	return strings.Count(b.String(), function+"(")
}

func TestChildThatTakesNothingLeavesNothingBehindWhenItGoes(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1 := m.nodes["n1"]
		s, origin := blocks(t, m)
		s.say(wire.Subscribe{Alias: 1, ID: chatID, Wants: []wire.Want{{}}})
		time.Sleep(time.Second)
		l := n1.neighbour("n2")
		if senders, feeds := sendersOf(l); senders != 1 || feeds != 1 || origin.readers() != 1 {
			t.Fatalf("while it is subscribed: %d senders, %d feeds, %d readers", senders, feeds, origin.readers())
		}
		s.say(wire.Unsubscribe{Alias: 1})
		time.Sleep(time.Second)
		synctest.Wait()
		if senders, feeds := sendersOf(l); senders != 0 || feeds != 0 || origin.readers() != 0 {
			t.Errorf("a second after it has gone: %d senders, %d feeds, %d readers", senders, feeds, origin.readers())
		}
		wait, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := n1.Drain(wait); err != nil {
			t.Error(err)
		}
		s.hangUp()
	}, "n1", "n2")
}

func TestChildThatChangesItsMindAgainAndAgainHasOneSender(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1 := m.nodes["n1"]
		s, origin := blocks(t, m)
		for range 40 {
			s.say(wire.Subscribe{Alias: 1, ID: chatID, Wants: []wire.Want{{}}})
			time.Sleep(100 * time.Millisecond)
			s.say(wire.Subscribe{Alias: 1, ID: chatID})
			time.Sleep(20 * time.Millisecond)
		}
		s.say(wire.Subscribe{Alias: 1, ID: chatID, Wants: []wire.Want{{}}})
		time.Sleep(time.Second)
		synctest.Wait()
		if senders, feeds := sendersOf(n1.neighbour("n2")); senders != 1 || feeds != 1 || origin.readers() != 1 {
			t.Errorf("%d senders, %d feeds, %d readers", senders, feeds, origin.readers())
		}
		if n := running(t, "relay.(*sender).run"); n != 1 {
			t.Errorf("%d goroutines send", n)
		}
		s.hangUp()
	}, "n1", "n2")
}

func TestLayerGetsAnotherSenderOnceTheOneBeforeHasEnded(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1 := m.nodes["n1"]
		origin := publish(t, n1, videoID, videoInfo, 1, nil)
		s := strange(t, m)
		s.say(hello)
		go s.lives()
		time.Sleep(100 * time.Millisecond)
		f := &feed{link: n1.neighbour("n2"), alias: 9, id: videoID, ctx: t.Context(), poked: make(chan struct{}, 1), wants: []wire.Want{{}}}
		slow := &sending{over: make(chan struct{})} // what it has given to QUIC is not taken yet
		slow.ctx, slow.cancel = context.WithCancel(t.Context())
		running, senders := map[uint8]*sending{0: slow}, sync.WaitGroup{}
		look := func() *sending {
			if err := f.arrange(origin, running, &senders); err != nil {
				t.Fatal(err)
			}
			return running[0]
		}
		f.wants = nil
		if look(); slow.ctx.Err() == nil {
			t.Error("what nobody wants is sent")
		}
		f.wants = []wire.Want{{}}
		if got := look(); got != slow || origin.readers() != 0 {
			t.Error("two senders of one layer")
		}
		close(slow.over)
		if got := look(); got == slow || got == nil || origin.readers() != 1 {
			t.Error("what is wanted again is not sent")
		}
		f.wants = nil
		look()
		senders.Wait()
		if len(f.poked) != 1 {
			t.Error("the end of a sender did not wake the feed")
		}
		s.hangUp()
	}, "n1", "n2")
}
