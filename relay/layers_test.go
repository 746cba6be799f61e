// The tests of this file run in a synctest bubble (inMesh): they sleep in virtual time.

package relay

import (
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"stentor/relay/wire"
)

// both writes a frame to two layers.
func both(t *testing.T, track *Track, cams *[2]camera, key bool) {
	t.Helper()
	for layer := range cams {
		for _, p := range cams[layer].frame(key, 2+layer*6) {
			if err := track.Write(layer, p, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestM15LayerThatNobodyBelowWantsDoesNotCross(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2, n3 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"]
		n2.follows("n1")
		n3.follows("n2")
		info := videoInfo
		info.Layers = []wire.Layer{{RID: "q"}, {RID: "f"}}
		origin := publish(t, n1, videoID, info, 1, nil)
		sub := subscribe(t, n3, videoID)
		defer sub.Close()
		low := sub.Track().Reader(0)
		defer low.Close()
		cams := [2]camera{{ssrc: 1}, {ssrc: 2, seq: 9000}}
		play := func(frames int) {
			for i := range frames {
				both(t, origin, &cams, i%30 == 0)
				time.Sleep(33 * time.Millisecond)
			}
		}
		arrived := func(n *node, layer int) uint64 {
			n.Relay.mu.Lock()
			defer n.Relay.mu.Unlock()
			return n.entries[videoID].track.layers[layer].packets.Load()
		}
		play(60)
		if got := arrived(n2, 1) + arrived(n3, 1); got != 0 {
			t.Fatalf("M15: %d packets of the high layer crossed though nobody wants it", got)
		}
		high := sub.Track().Reader(1)
		play(60)
		if got := len(drain(t, high)); got != 60*8 && got != 90*8 {
			t.Errorf("%d packets of the high layer came", got)
		}
		high.Close()
		time.Sleep(3200 * time.Millisecond)
		before := arrived(n3, 1)
		play(30)
		if got := arrived(n3, 1); got != before {
			t.Errorf("%d packets of the high layer crossed after its reader had left", got-before)
		}
		again := sub.Track().Reader(1)
		defer again.Close()
		play(60)
		got := drain(t, again)
		if len(got) == 0 {
			t.Fatal("the layer did not come back")
		}
		oldest := ^uint64(0)
		for seq := range got {
			oldest = min(oldest, seq)
		}
		if !got[oldest].Key || time.Since(time.Unix(0, got[oldest].Arrived)) > 4*time.Second {
			t.Error("it came back with something old, or not with a key frame")
		}
		if s, _ := status(n3, videoID); s.Readers != 2 {
			t.Errorf("%d readers", s.Readers)
		}
	}, "n1", "n2", "n3")
}

func TestLossOnTheLinkLosesNoPacketOfVideo(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2 := m.nodes["n1"], m.nodes["n2"]
		n2.follows("n1")
		origin := publish(t, n1, videoID, videoInfo, 1, nil)
		random := rand.New(rand.NewSource(1))
		sub := subscribe(t, n2, videoID)
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		n1.gate.mu.Lock()
		n1.gate.drop = func([]byte) bool { return random.Intn(100) < 2 }
		n1.gate.mu.Unlock()
		cam, sent := camera{}, 0
		played := beside(func() {
			for i := range 150 {
				frame := cam.frame(i == 0, 6)
				sent += len(frame)
				write(t, origin, frame...)
				time.Sleep(33 * time.Millisecond)
			}
		})
		got := drain(t, r)
		played()
		if len(got) != sent {
			t.Errorf("%d packets of %d came", len(got), sent)
		}
		if n1.linksEnded("silent")+n2.linksEnded("silent") != 0 {
			t.Error("two in a hundred lost ended the link")
		}
	}, "n1", "n2")
}

func TestFrameThatMissesItsDeadlineIsResetAndTheNextGoOn(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2 := m.nodes["n1"], m.nodes["n2"]
		n2.follows("n1")
		origin := publish(t, n1, videoID, videoInfo, 1, nil)
		sub := subscribe(t, n2, videoID)
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		cam := camera{}
		write(t, origin, cam.frame(true, 4)...)
		torn := cam.frame(false, 4)
		write(t, origin, torn[0], torn[1], torn[3]) // the publisher loses one
		start := time.Now()
		time.Sleep(frameDeadline / 2)
		if got := counter(n1.metrics.resets.WithLabelValues("deadline")); got != 0 {
			t.Error("given up before its time")
		}
		time.Sleep(frameDeadline)
		if got := counter(n1.metrics.resets.WithLabelValues("deadline")); got != 1 {
			t.Errorf("%v frames given up after %v", got, time.Since(start))
		}
		if got := counter(n2.metrics.resets.WithLabelValues("sender")); got != 1 {
			t.Error("the child does not know")
		}
		write(t, origin, torn[2]) // sent again by the publisher, late
		write(t, origin, cam.frame(false, 4)...)
		if got := drain(t, r); len(got) != 12 {
			t.Errorf("%d packets of 12 came", len(got))
		}
		late, last := origin.Packet(0, 1<<16+6), origin.Packet(0, 1<<16+7)
		if late == nil || late.Frame != last.Frame {
			t.Error("the late packet has another frame")
		}
	}, "n1", "n2")
}

func TestMoreFramesThanTheChildAllowsStreams(t *testing.T) {
	old := quicConfig
	defer func() { quicConfig = old }()
	quicConfig = &quic.Config{EnableDatagrams: true, MaxIncomingUniStreams: 2} // and no partial delivery
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2 := m.nodes["n1"], m.nodes["n2"]
		n2.follows("n1")
		origin := publish(t, n1, videoID, videoInfo, 1, nil)
		cam := camera{}
		for i := range 40 {
			write(t, origin, cam.frame(i == 0, 3)...)
		}
		sub := subscribe(t, n2, videoID)
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		if got := drain(t, r); len(got) != 120 {
			t.Errorf("%d packets of 120 came", len(got))
		}
	}, "n1", "n2")
}

func TestBothSidesPullOverOneLink(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2 := m.nodes["n1"], m.nodes["n2"]
		n1.follows("n2")
		n2.follows("n1")
		video := publish(t, n1, videoID, videoInfo, 1, nil)
		audio := publish(t, n2, audioID, audioInfo, 1, nil)
		a, b := subscribe(t, n2, videoID), subscribe(t, n1, audioID)
		defer a.Close()
		defer b.Close()
		ra, rb := a.Track().Reader(0), b.Track().Reader(0)
		defer ra.Close()
		defer rb.Close()
		time.Sleep(100 * time.Millisecond)
		vc, ac := camera{}, camera{}
		write(t, video, vc.frame(true, 5)...)
		write(t, audio, ac.frame(false, 1)...)
		if len(drain(t, ra)) != 5 || len(drain(t, rb)) != 1 {
			t.Error("packets are missing")
		}
		for _, n := range []*node{n1, n2} {
			if _, links := n.holds(); links != 1 || n.linksEnded("duplicate") != 0 {
				t.Errorf("%s has %d links", n.name, links)
			}
		}
		if s := n1.Status(); len(s) != 2 || s[0].Role != RoleRelay || s[1].Role != RoleOrigin || !slices.Equal(s[1].Children, []string{"n2"}) {
			t.Errorf("status: %+v", s)
		}
	}, "n1", "n2")
}
