// The tests of this file run in a synctest bubble (inWorld): they sleep in virtual time.

package cluster

import (
	"flag"
	"fmt"
	"testing"
	"time"
)

var large = flag.Bool("cluster.large", false, "measure 50 and 200 nodes, and 10,000 tracks on 50")

// alive is how many nodes m believes alive.
func (m *member) alive() int { return int(m.count.Load()) }

// carried is how many tracks of all nodes m knows.
func (m *member) carried() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, n := m.tracks.counts()
	return n
}

// mesh starts n nodes at once, between 5 and 80 ms away from the middle of the
// world, and returns when all see each other.
func (w *world) mesh(n int, limit time.Duration) ([]*member, time.Duration) {
	w.Helper()
	var all []*member
	for i := range n {
		all = append(all, w.start(i+1, time.Duration(5+i*37%75)*time.Millisecond, 1))
	}
	return all, w.await(limit, all, func(m *member) bool { return m.alive() == n })
}

// bytes is how much gossip all of them have sent so far, in packets and states.
func bytesSent(t *testing.T, all []*member) (packets, states float64) {
	for _, m := range all {
		packets += max(0, metric(t, m.reg, "stentor_cluster_gossip_bytes_total", "out"))
		states += max(0, metric(t, m.reg, "stentor_cluster_state_bytes_total", "out"))
	}
	return packets, states
}

// How fast a mesh agrees, in virtual time over real memberlist and real QUIC. The
// bounds are about twice what was seen (DESIGN.md has the figures).
func TestConvergence(t *testing.T) {
	for _, test := range []struct {
		nodes                       int
		join, change, crash, goodby time.Duration
	}{
		{5, 2 * time.Second, time.Second, 16 * time.Second, time.Second},
		{20, 5 * time.Second, 2 * time.Second, 20 * time.Second, time.Second},
		{50, 6 * time.Second, 2 * time.Second, 26 * time.Second, time.Second},
		{200, 12 * time.Second, 3 * time.Second, 32 * time.Second, time.Second},
	} {
		t.Run(fmt.Sprintf("%d nodes", test.nodes), func(t *testing.T) {
			if test.nodes > 20 && !*large {
				t.Skip("a minute of CPU, ten under the race detector: go test ./cluster -run Convergence -cluster.large")
			}
			inWorld(t, func(w *world) {
				all, join := w.mesh(test.nodes, test.join)
				time.Sleep(10 * time.Second) // virtual: what the start left in the queues
				packets, states := bytesSent(t, all)

				all[2].UpdateMeta(func(m *Meta) { m.Full = true })
				change := w.await(test.change, all, func(m *member) bool { o, _ := m.Member("n3"); return o.Full })
				later, _ := bytesSent(t, all)

				all[3].conn.setCut(func(string) bool { return true })
				rest := append(all[:3:3], all[4:]...)
				crash := w.await(test.crash, rest, func(m *member) bool { o, _ := m.Member("n4"); return !o.Alive })

				all[4].leave()
				rest = append(all[:3:3], all[5:]...)
				goodby := w.await(test.goodby, rest, func(m *member) bool { o, _ := m.Member("n5"); return !o.Alive && o.Left })
				t.Logf("join %v, metadata %v, crash %v, goodbye %v; each node sent %.0f bytes of packets and %.0f of states while joining, %.0f for a change",
					join, change, crash, goodby, packets/float64(test.nodes), states/float64(test.nodes), (later-packets)/float64(test.nodes))
			})
		})
	}
}

// Ten thousand tracks at once (1,500 on five by default), in a mesh of fifty that was quiet: more than any
// webinar starts with, about what comes when a mesh heals.
func TestThousandsOfTracksReachAllNodes(t *testing.T) {
	nodes, tracks := 5, 1_500
	if *large { // two minutes of CPU
		nodes, tracks = 50, 10_000
	}
	inWorld(t, func(w *world) {
		all, _ := w.mesh(nodes, 10*time.Second)
		time.Sleep(10 * time.Second) // virtual
		packets, states := bytesSent(t, all)
		for i := range tracks {
			m := all[i%nodes]
			m.Announce(Announcement{Track: fmt.Sprintf("w_%08d/camera-%d/video", i/4, i%4), Epoch: uint64(1000 + i), Path: []string{"n1", m.name}, Delay: time.Duration(i%300) * time.Millisecond})
		}
		took := w.await(30*time.Second, all, func(m *member) bool { return m.carried() == tracks })
		for _, m := range all {
			if n := m.queue.NumQueued(); n > maxQueued {
				t.Errorf("%s has %d words in its queue", m.name, n)
			}
		}
		time.Sleep(time.Minute) // virtual: what is still under way
		p, s := bytesSent(t, all)
		one := all[0].LocalState()
		t.Logf("%d tracks known to %d nodes after %v; each node sent %.1f MB in packets and %.1f MB in states until a minute later; one state has %.2f MB, %d bytes a track",
			tracks, nodes, took, (p-packets)/1e6/float64(nodes), (s-states)/1e6/float64(nodes), float64(len(one))/1e6, len(one)/tracks)
		if len(one) > tracks*140 {
			t.Errorf("a state of %d tracks has %d bytes", tracks, len(one))
		}
	})
}

// LocalState is what a push/pull would carry.
func (m *member) LocalState() []byte { return delegate{m.Gossip}.LocalState(false) }
