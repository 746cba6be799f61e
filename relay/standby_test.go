// The tests of this file run in a synctest bubble (inMesh): they sleep in virtual time.

package relay

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"stentor/relay/rtp"
)

// film writes frames of some packets each for as long as it is told, and returns how many packets that were.
func film(t *testing.T, track *Track, cam *camera, first bool, frames, packets int) (sent int) {
	for i := range frames {
		frame := cam.frame(first && i == 0, packets)
		sent += len(frame)
		for _, p := range frame { // spread over the frame's time, so that frames are cut in two by what happens
			write(t, track, p)
			time.Sleep(33 * time.Millisecond / time.Duration(packets))
		}
	}
	return sent
}

func TestStandbyIsKeptWarmAndGetsNoVideo(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2, n3, n4 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"], m.nodes["n4"]
		n2.follows("n1")
		n3.follows("n1")
		n4.follows("n2")
		n4.keeps("n3")
		origin := publish(t, n1, videoID, videoInfo, 1, nil)
		warm := subscribe(t, n3, videoID)
		defer warm.Close()
		wr := warm.Track().Reader(0)
		defer wr.Close()
		sub := subscribe(t, n4, videoID)
		r := sub.Track().Reader(0)
		film(t, origin, &camera{}, true, 60, 4)
		if got := counter(n3.metrics.sent.WithLabelValues("video")); got != 0 {
			t.Errorf("the standby sent %v bytes of video", got)
		}
		if s, _ := status(n4, videoID); s.Parent != "n2" {
			t.Errorf("parent: %+v", s)
		}
		if got := spare(n4); got != "n3" {
			t.Errorf("the standby is %q", got)
		}
		if s, _ := status(n3, videoID); len(s.Children) != 0 {
			t.Errorf("who stands by is shown as fed: %v", s.Children)
		}
		r.Close()
		time.Sleep(3100 * time.Millisecond)
		if got := spare(n4); got != "" {
			t.Errorf("nobody reads, and %q stands by", got)
		}
		sub.Close()
	}, "n1", "n2", "n3", "n4")
}

// spare returns the node that stands by for the video.
func spare(n *node) string {
	n.Relay.mu.Lock()
	defer n.Relay.mu.Unlock()
	if e := n.entries[videoID]; e != nil && e.pull != nil {
		return e.pull.spare
	}
	return ""
}

func TestStandbyTakesOverAfterThreeHeartbeats(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2, n3, n4 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"], m.nodes["n4"]
		n2.follows("n1")
		n3.follows("n1")
		n4.follows("n2")
		n4.keeps("n3")
		origin := publish(t, n1, videoID, videoInfo, 1, nil)
		warm := subscribe(t, n3, videoID)
		defer warm.Close()
		wr := warm.Track().Reader(0)
		defer wr.Close()
		sub := subscribe(t, n4, videoID)
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		cam, sent := camera{}, 0
		done := make(chan bool)
		go func() {
			defer close(done)
			sent = film(t, origin, &cam, true, 60, 4)
			n2.gate.cut()
			sent += film(t, origin, &cam, false, 60, 4)
		}()
		got := drain(t, r)
		<-done
		if len(got) != sent {
			t.Errorf("%d packets of %d came", len(got), sent)
		}
		if s, _ := status(n4, videoID); s.Parent != "n3" || !slices.Equal(s.Path, []string{"n1", "n3", "n4"}) {
			t.Errorf("after the parent's end: %+v", s)
		}
		if d := late(got, origin); d > suspectAfter+heartbeatEvery+40*time.Millisecond+time.Millisecond { // and a round trip
			t.Errorf("the worst packet came %v late", d)
		}
		if sub.Track().Err() != nil || counter(n4.metrics.reparents) != 1 {
			t.Error("not one change")
		}
	}, "n1", "n2", "n3", "n4")
}

// late returns by how much the slowest packet was slower than the fastest.
func late(got map[uint64]*rtp.Packet, origin *Track) (worst time.Duration) {
	least := time.Hour
	for seq, p := range got {
		d := time.Duration(p.Arrived - origin.Packet(0, seq).Arrived)
		least, worst = min(least, d), max(worst, d)
	}
	return worst - least
}

func TestParentThatIsHeardAgainBecomesTheStandby(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2, n3, n4 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"], m.nodes["n4"]
		n2.follows("n1")
		n3.follows("n1")
		n4.follows("n2")
		n4.keeps("n3")
		origin := publish(t, n1, videoID, videoInfo, 1, nil)
		warm := subscribe(t, n3, videoID)
		defer warm.Close()
		wr := warm.Track().Reader(0)
		defer wr.Close()
		sub := subscribe(t, n4, videoID)
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		cam, sent := camera{}, 0
		done := make(chan bool)
		go func() {
			defer close(done)
			for range 3 { // there and back again
				sent += film(t, origin, &cam, sent == 0, 60, 4)
				n2.gate.set(true)
				sent += film(t, origin, &cam, false, 8, 4)
				n2.gate.set(false)
				sent += film(t, origin, &cam, false, 60, 4)
				n3.gate.set(true)
				sent += film(t, origin, &cam, false, 8, 4)
				n3.gate.set(false)
			}
			sent += film(t, origin, &cam, false, 30, 4)
		}()
		got := drain(t, r)
		<-done
		if len(got) != sent {
			t.Errorf("%d packets of %d came", len(got), sent)
		}
		if s, _ := status(n4, videoID); s.Parent != "n2" || spare(n4) != "n3" {
			t.Errorf("in the end %s feeds, %s stands by", s.Parent, spare(n4))
		}
		if n := counter(n4.metrics.reparents); n != 6 {
			t.Errorf("%v changes", n)
		}
		if n4.linksEnded("silent") != 0 {
			t.Error("a link was given up")
		}
		time.Sleep(2 * mediaAsk) // the standstill is looked into
		bytes := func(n *node) float64 { return counter(n.metrics.sent.WithLabelValues("video")) }
		before := bytes(n3)
		film(t, origin, &cam, false, 30, 4)
		time.Sleep(time.Second)
		synctest.Wait()
		if bytes(n3) != before {
			t.Error("both go on to send")
		}
	}, "n1", "n2", "n3", "n4")
}
