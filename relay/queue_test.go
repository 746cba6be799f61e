// The tests of this file run in a synctest bubble (inMesh): they sleep in virtual time.

package relay

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"stentor/relay/wire"
)

// stage returns the id of one of many tracks.
func stage(i int) wire.TrackID {
	id := audioID
	id.Stream = fmt.Sprintf("s%d", i)
	return id
}

func TestManyTracksAtOnceDoNotEndTheLink(t *testing.T) {
	const tracks = 900
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2 := m.nodes["n1"], m.nodes["n2"]
		n2.follows("n1")
		var origins []*Track
		for i := range tracks {
			origins = append(origins, publish(t, n1, stage(i), audioInfo, 1, nil))
		}
		subs := make([]*Subscription, tracks)
		var all sync.WaitGroup
		for i := range tracks { // on a link that is not there yet, and then all in one moment
			all.Go(func() { subs[i] = subscribe(t, n2, stage(i)) })
		}
		all.Wait()
		var readers []*Reader
		for _, s := range subs {
			readers = append(readers, s.Track().Reader(0))
		}
		time.Sleep(5 * time.Second)
		for _, r := range readers { // all demand goes, and comes back
			r.Close()
		}
		time.Sleep(5 * time.Second)
		for i, s := range subs {
			readers[i] = s.Track().Reader(0)
		}
		time.Sleep(5 * time.Second)
		for _, o := range origins {
			o.Close()
		}
		time.Sleep(time.Second)
		for i, s := range subs {
			if !s.Track().ended() {
				t.Fatalf("track %d has not ended", i)
			}
			readers[i].Close()
			s.Close()
		}
		for _, n := range []*node{n1, n2} {
			for _, reason := range []string{"slow", "remote", "silent"} {
				if got := n.linksEnded(reason); got != 0 {
					t.Errorf("%s ended %v links: %s", n.name, got, reason)
				}
			}
		}
	}, "n1", "n2")
}

func TestNeighbourThatDoesNotReadControlMessagesLosesItsLink(t *testing.T) {
	tests := []struct {
		name string
		asks int // subscriptions that are refused
		ends bool
	}{
		{"a few wait in QUIC's buffers, and hold up nothing", 10, false},
		{"more than the stream's window and a packet wait", 2000, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inMesh(t, func(t *testing.T, m *mesh) {
				n1 := m.nodes["n1"]
				m.nodes["n2"].config.InitialStreamReceiveWindow = 4 << 10
				m.nodes["n2"].config.MaxStreamReceiveWindow = 4 << 10
				n1.Relay.mu.Lock()
				n1.draining = true // refuses at once
				n1.Relay.mu.Unlock()
				s := strange(t, m)
				s.say(hello)
				go s.lives()
				for i := range test.asks {
					s.say(wire.Subscribe{Alias: uint64(i + 1), ID: stage(i)})
				}
				time.Sleep(unreadAfter - 200*time.Millisecond)
				if got := n1.linksEnded("slow"); got != 0 {
					t.Error("the link ended before its time")
				}
				time.Sleep(time.Second)
				if got := n1.linksEnded("slow") == 1; got != test.ends {
					t.Errorf("the link ended: %v", got)
				}
				s.hangUp()
			}, "n1", "n2")
		})
	}
}
