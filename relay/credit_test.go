// The tests of this file run in a synctest bubble (inMesh): they sleep in virtual time.

package relay

import (
	"testing"
	"time"

	"stentor/bench/impair"
)

func TestStreamsThatAreOverAreGivenBackManyAtATime(t *testing.T) {
	old := quicConfig
	defer func() { quicConfig = old }()
	const seconds = 5
	sent := map[bool]float64{}
	for _, released := range []bool{false, true} {
		quicConfig = old.Clone()
		quicConfig.RequireStreamCreditRelease = released
		quicConfig.MaxIncomingUniStreams = 2 * creditAt // 180 frames are more
		path := func(from, to string) *impair.Link { return impair.New(impair.Profile{Delay: time.Millisecond}, 1) }
		onPaths(t, path, true, func(t *testing.T, m *mesh) {
			n1, n2 := m.nodes["n1"], m.nodes["n2"]
			n2.follows("n1")
			origin := publish(t, n1, videoID, videoInfo, 1, nil)
			sub := subscribe(t, n2, videoID)
			defer sub.Close()
			r := sub.Track().Reader(0)
			defer r.Close()
			cam := camera{}
			film(t, origin, &cam, true, 30, 4)
			before := n2.packetsTo("n1")
			film(t, origin, &cam, true, 30*seconds, 4)
			sent[released] = float64(n2.packetsTo("n1")-before) / seconds
			if got := drain(t, r); len(got) != 4*30*(seconds+1) {
				t.Errorf("%d packets came, released by the relay: %v", len(got), released)
			}
			if n := counter(n1.metrics.resets.WithLabelValues("limit")); n != 0 {
				t.Errorf("%v frames found no stream, released by the relay: %v", n, released)
			}
		}, "n1", "n2")
	}
	// One for each frame, and what they come with; acknowledgements of media stay.
	if sent[true] > sent[false]-20 {
		t.Errorf("the child sends %.1f packets a second, and %.1f where QUIC gives back each stream", sent[true], sent[false])
	}
}

// packetsTo returns how many packets the node has sent to a neighbour.
func (n *node) packetsTo(peer string) uint64 {
	n.Relay.mu.Lock()
	defer n.Relay.mu.Unlock()
	return n.links[peer].conn.ConnectionStats().PacketsSent
}
