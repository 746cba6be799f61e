package store

import (
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"stentor/control"
)

// slowWord is a cluster in which Raft itself takes seconds to say what is committed. Its
// tests run in the virtual time of a synctest bubble.
func slowWord(c *VoterConfig) { c.Timers.Commit = 20 * time.Second }

func TestWhatIsCommittedIsToldAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three(slowWord)
		leader := c.leader()
		edges := map[string]*following{"n1": c.follow("e1", "n1"), "n2": c.follow("e2", "n2"), "n3": c.follow("e3", "n3")}
		must(t, leader, create("w_1"))
		for _, e := range edges {
			wait(t, e, func(s *control.State) bool { return s.Webinar("w_1") != nil })
		}
		began := time.Now()
		at := must(t, leader, ban("w_1", "p_1", "d_1")).Index
		for voter, e := range edges {
			wait(t, e, func(s *control.State) bool { return s.Index() >= at })
			if took := time.Since(began); took > 20*time.Millisecond {
				t.Errorf("an edge of %s hears of a ban after %v", voter, took)
			}
			if e.at() != voter {
				t.Errorf("the edge of %s follows %s", voter, e.at())
			}
		}
		for _, e := range edges {
			e.end(t)
		}
	})
}

// TestAHeraldOfAnotherLogIsRefused sends a voter what only a leader with other entries, or
// of an earlier term, would say: nothing is committed by it.
func TestAHeraldOfAnotherLogIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three(slowWord)
		leader := c.leader()
		at := must(t, leader, create("w_1")).Index
		other := c.voter("n2")
		if other == leader {
			other = c.voter("n3")
		}
		wait(t, other, func(s *control.State) bool { return s.Index() >= at })
		r := leader.raft.Load()
		to := raft.Server{ID: raft.ServerID(other.cfg.Node), Address: raft.ServerAddress(other.cfg.Node)}
		term, before := r.CurrentTerm(), other.raft.Load().CommitIndex()
		for name, e := range map[string]struct {
			said mark
			term uint64
		}{
			"an entry that it has not":         {mark{at + 1000, term}, term},
			"an entry that is another's there": {mark{before, term + 7}, term},
			"the word of an earlier term":      {mark{at, term}, term - 1},
		} {
			leader.herald.Load().insist(to, e.said, e.term)
			if now := other.raft.Load(); now.CommitIndex() != before || now.CurrentTerm() != term {
				t.Errorf("%s: committed %d -> %d, term %d -> %d", name, before, now.CommitIndex(), term, now.CurrentTerm())
			}
		}
	})
}
