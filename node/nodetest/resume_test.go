package nodetest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"stentor/node/signal"
)

// bid is what a publisher asks who comes for the first time.
func bid(webinar, participant string) signal.Bid {
	return signal.Bid{Webinar: webinar, Stream: "main", Participant: participant}
}

// airs has a participant speak at a node until the returned function is called.
func (m *Mesh) airs(t *testing.T, node string, b signal.Bid) (signal.Claim, func()) {
	t.Helper()
	claim, err := m.Node(node).Stage().Claim(bg, b)
	if err != nil {
		t.Fatalf("%s: %v", node, err)
	}
	track, err := claim.Track("audio", opus, func(int) {})
	if err != nil {
		t.Fatalf("%s: %v", node, err)
	}
	ctx, stop := context.WithCancel(bg)
	done := make(chan struct{})
	go func() { defer close(done); talk(ctx, t, track) }()
	return claim, func() { stop(); <-done; track.Close() }
}

// TestAnEncoderThatConnectsAnewGoesOn: an encoder knows no more than an address and a secret.
// Its own stream is given to it as soon as nothing comes in by the way of before, and to
// nobody else. The node of before does not win when it comes back.
func TestAnEncoderThatConnectsAnewGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		w := m.startWithWebinar()
		asks := func(what, node, participant, want string) signal.Claim {
			t.Helper()
			asked := time.Now()
			claim, err := m.Node(node).Stage().Claim(bg, bid(w.ID, participant))
			if code(err) != want {
				t.Fatalf("%s: %v, want %s", what, err, want)
			}
			took := time.Since(asked)
			t.Logf("%s: decided after %v", what, took)
			if took > time.Second {
				t.Errorf("%s: it took %v", what, took)
			}
			return claim
		}
		known := func(by string, c signal.Claim) {
			t.Helper()
			m.Eventually(by+" knows of the stream", func() bool {
				return m.Node(by).Stage().Continues(bg, signal.Bid{Webinar: w.ID, Stream: "main", Participant: "p_presenter", Resume: c.Epoch()}) == nil
			})
		}
		first, hush := m.airs(t, "n3", bid(w.ID, "p_presenter"))
		known("n4", first)
		time.Sleep(3 * time.Second)
		asks("a second encoder with the same secret, elsewhere", "n4", "p_presenter", "stream_taken")
		asks("a second encoder with the same secret, at the same node", "n3", "p_presenter", "stream_taken")
		hush()
		time.Sleep(time.Second)
		asks("it fell silent a moment ago", "n4", "p_presenter", "stream_taken")
		time.Sleep(time.Second)
		asks("somebody else, while its node waits for it", "n4", "p_other", "stream_taken")
		second := asks("it lost its network, and its node waits for it", "n4", "p_presenter", "admitted")
		m.Eventually("the first claim is over", func() bool { return code(context.Cause(first.Context())) == "stream_taken" })
		asks("it has not sent yet", "n4", "p_presenter", "stream_taken")
		time.Sleep(10 * time.Second)
		third := asks("it never sent, and comes back to the same node", "n4", "p_presenter", "admitted")
		if second.Epoch() <= first.Epoch() || third.Epoch() <= second.Epoch() {
			t.Errorf("epochs %d, %d, %d", first.Epoch(), second.Epoch(), third.Epoch())
		}
		third.Release()
		m.Eventually("the name is free", func() bool {
			p, err := m.Node("n3").Door().Webinar(w.Link)
			return err == nil && !p.Live
		})

		fourth, hush := m.airs(t, "n3", bid(w.ID, "p_presenter"))
		known("n4", fourth)
		m.Cut("n3", true)
		fifth := asks("its node is cut off, and gossip does not know", "n4", "p_presenter", "admitted")
		m.Cut("n3", false)
		m.Eventually("the node that was cut off gives it up", func() bool { return code(context.Cause(fourth.Context())) == "stream_taken" })
		hush()
		if fifth.Context().Err() != nil {
			t.Fatal("the node of before won")
		}
		known("n1", fifth)

		m.Crash("n4")
		asks("somebody else has to wait until its node is known to be dead", "n1", "p_other", "stream_taken")
		asks("its node died, and gossip does not know", "n1", "p_presenter", "admitted")
	})
}

// TestAPublisherThatMovesGoesOn: a page names the claim that it had, which still sends, and
// goes on unless somebody took the name since. Its stream never leaves the stage.
func TestAPublisherThatMovesGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		w := m.startWithWebinar()
		first, hush := m.airs(t, "n3", bid(w.ID, "p_presenter"))
		resumed := bid(w.ID, "p_presenter")
		resumed.Resume = first.Epoch()
		stage := m.Node("n4").Stage() // which may not have heard of the claim yet
		if err := stage.Continues(bg, resumed); err != nil {
			t.Fatalf("its own stream: %v", err)
		}
		if err := stage.Continues(bg, signal.Bid{Webinar: w.ID, Stream: "main", Participant: "p_other", Resume: first.Epoch()}); code(err) != "stream_taken" {
			t.Errorf("another participant names the claim: %v", err)
		}
		second, stop := m.airs(t, "n4", resumed)
		defer stop()
		m.Eventually("the first claim is over", func() bool { return code(context.Cause(first.Context())) == "stream_taken" })
		hush()
		first.Release() // as a node does whose publisher was superseded
		time.Sleep(3 * time.Second)
		for _, node := range []string{"n1", "n3", "n4"} {
			if p, err := m.Node(node).Door().Webinar(w.Link); err != nil || !p.Live {
				t.Errorf("%s: the stream left the stage (%v)", node, err)
			}
		}
		if err := stage.Continues(bg, resumed); code(err) != "stream_taken" {
			t.Errorf("the first page may go on where a second one does: %v", err)
		}
		if _, err := stage.Claim(bg, resumed); code(err) != "stream_taken" {
			t.Errorf("the first page goes on where a second one does: %v", err)
		}
		if second.Context().Err() != nil {
			t.Error("the second claim is over")
		}
		second.Release()
		m.Eventually("the name is free", func() bool {
			p, err := m.Node("n1").Door().Webinar(w.Link)
			return err == nil && !p.Live
		})
		m.Eventually("a name that is free is anybody's", func() bool { return stage.Continues(bg, resumed) == nil })
	})
}
