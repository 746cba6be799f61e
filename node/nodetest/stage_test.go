package nodetest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/client"
	"stentor/node/session"
)

// TestAStreamThatEndedWithoutAQuorumIsGivenBack: its publisher leaves while its node is
// cut off and can write nothing; after the heal the name is free.
func TestAStreamThatEndedWithoutAQuorumIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		w := m.startWithWebinar()
		live := func(at string) bool {
			p, err := m.Node(at).Door().Webinar(w.Link)
			return err == nil && p.Live
		}
		claim, err := m.Node("n3").Stage().Claim(bg, bid(w.ID, "p_presenter"))
		if err != nil {
			t.Fatal(err)
		}
		m.Eventually("everybody knows of the stream", func() bool { return live("n1") && live("n3") && live("n4") })
		m.Cut("n3", true)
		time.Sleep(2 * time.Second)
		claim.Release()
		time.Sleep(30 * time.Second)
		if !live("n4") {
			t.Fatal("the release crossed the cut: the cut does not cut")
		}
		m.Cut("n3", false)
		took := m.Eventually("the stage is empty", func() bool { return !live("n1") && !live("n4") })
		t.Logf("the name was free %v after the heal", took)
		if _, err := m.Node("n4").Stage().Claim(bg, bid(w.ID, "p_other")); err != nil {
			t.Errorf("the next publisher: %v", err)
		}
	})
}

// TestM2ABanDoesNotWaitForADeadNode: a voter has just died and gossip does not know; a
// ban of somebody elsewhere holds at once all the same, and knows the browser later.
func TestM2ABanDoesNotWaitForADeadNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		w := m.startWithWebinar()
		leader := m.leader()
		dead := map[string]string{"n1": "n2", "n2": "n3", "n3": "n1"}[leader]
		door := m.Node("n4").Door()
		g, err := door.Join(bg, w.Link, mallory(w.PIN))
		if err != nil {
			t.Fatal(err)
		}
		inside, err := door.Open(bg, w.Link, g.Token, home, session.Watch)
		if err != nil {
			t.Fatal(err)
		}
		m.Crash(dead)
		asked := time.Now()
		answered := make(chan client.Disconnected, 1)
		go func() {
			var out client.Disconnected
			m.Call(leader, "POST", "/api/v1/webinars/"+w.ID+"/participants/"+g.Participant+"/disconnect", client.Disconnect{Ban: true}, &out)
			answered <- out
		}()
		<-inside.Context().Done()
		if took := time.Since(asked); took > 250*time.Millisecond {
			t.Errorf("the ban took %v, want at most 250 ms", took)
		}
		if got := code(context.Cause(inside.Context())); got != "banned" {
			t.Errorf("ended with %s", got)
		}
		<-answered
	})
}
