// The tests of this file run in a synctest bubble (bubble): they sleep in virtual time.

package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func TestThreeVotersAndAnEdgeSurviveTheLeader(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three()
		leader := c.leader()
		f := c.follow("e1", leader.cfg.Node)
		must(t, f, create("w_1"))
		same(t, f, leader)
		old := leader.cfg.Node
		start := time.Now()
		c.kill(leader)
		must(t, f, ban("w_1", "p_1", "phone")) // from the edge, which must find the new leader
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("writes came back after %v", took)
		}
		leader = c.leader()
		for i := range 20 {
			must(t, leader, create(fmt.Sprint("w_x", i)))
		}
		same(t, f, leader)
		if f.at() == old {
			t.Errorf("the edge still follows %s", old)
		}
		_, err := f.State().Webinar("w_1").Admit(webinar.Visitor{Device: [32]byte{}, Participant: "p_1", PIN: "48151623"}, f.PINKey("w_1"), time.Now())
		if !errors.Is(err, webinar.ErrBanned) {
			t.Errorf("the edge lets the banned one in: %v", err)
		}
		step(t, "and the dead voter comes back", func(t *testing.T) {
			v := c.start(old)
			wait(t, v, func(s *control.State) bool { return s.Index() == leader.State().Index() })
			if v.State().Hash() != leader.State().Hash() {
				t.Error("with another state")
			}
		})
		f.end(t)
	})
}

func TestM3AnEdgeGoesOnWithAllVotersGone(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three()
		f := c.follow("e1")
		must(t, f, create("w_1"))
		must(t, f, ban("w_1", "p_1", "phone"))
		time.Sleep(2 * heartbeatEvery)
		if s := f.Staleness(); s > 2*heartbeatEvery {
			t.Errorf("stale by %v while it follows", s)
		}
		want := f.State().Hash()
		c.stopAll()
		time.Sleep(10 * time.Minute)
		if s := f.Staleness(); s < 10*time.Minute || s > 10*time.Minute+5*time.Second {
			t.Errorf("stale by %v after ten minutes", s)
		}
		enters := func(f *Follower, pin string) error {
			_, err := f.State().Webinar("w_1").Admit(webinar.Visitor{PIN: pin}, f.PINKey("w_1"), time.Now())
			return err
		}
		if enters(f.Follower, "48151623") != nil || !errors.Is(enters(f.Follower, "00000000"), webinar.ErrWrongPIN) {
			t.Error("the edge cannot tell a right PIN from a wrong one")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := f.Propose(ctx, create("w_2")); !errors.Is(err, ErrUnavailable) {
			t.Errorf("a write without voters: %v", err)
		}
		f.end(t)
		step(t, "also when it starts then", func(t *testing.T) {
			f := c.follow("e1")
			if f.State().Hash() != want || enters(f.Follower, "48151623") != nil || !errors.Is(enters(f.Follower, "1234"), webinar.ErrWrongPIN) {
				t.Error("the state did not survive")
			}
			if s := f.Staleness(); s < 10*time.Minute || s > 12*time.Minute {
				t.Errorf("stale by %v", s)
			}
			f.end(t)
		})
		step(t, "and catches up when they are back", func(t *testing.T) {
			f := c.follow("e1")
			for _, node := range []string{"n1", "n2", "n3"} {
				c.start(node)
			}
			must(t, c.leader(), create("w_2"))
			same(t, f, c.leader())
			f.end(t)
		})
	})
}

func TestARestartOfAllVotersKeepsEverything(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		often := func(cfg *VoterConfig) { cfg.SnapshotThreshold, cfg.SnapshotInterval = 8, time.Second }
		c.three(often)
		leader := c.leader()
		for i := range 30 {
			must(t, leader, create(fmt.Sprint("w_", i)))
		}
		time.Sleep(5 * time.Second) // snapshots are taken
		for i := range 3 {
			must(t, leader, ban("w_1", fmt.Sprint("p_", i), "phone"))
		}
		index, want := leader.State().Index(), leader.State().Hash()
		c.stopAll()
		for _, node := range []string{"n1", "n2", "n3"} {
			c.start(node, often)
		}
		leader = c.leader()
		for _, node := range []string{"n1", "n2", "n3"} {
			v := c.voter(node)
			s, err := v.Read(t.Context())
			if err != nil || s.Hash() != want || s.Index() != index {
				t.Errorf("%s is at %d, want %d: %v", node, s.Index(), index, err)
			}
			snaps, err := v.snaps.List()
			if err != nil || len(snaps) == 0 {
				t.Errorf("%s has no snapshot: %v", node, err)
			}
		}
		if leader.State().Cluster().ID != "c_1" {
			t.Error("the cluster has lost its name")
		}
	})
}

func TestTheFirstCommandsAreProposedOnce(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		v := c.start("n1")
		wait(t, v, func(s *control.State) bool { return s.Cluster().ID == "c_1" })
		index := v.State().Index()
		if _, ok := v.State().APIToken([32]byte(hash("sta_1"))); !ok {
			t.Error("the cluster has a name before the token is there")
		}
		c.end(v)
		v = c.start("n1")
		c.leader()
		time.Sleep(time.Minute)
		if v.State().Index() != index {
			t.Errorf("at %d, was at %d", v.State().Index(), index)
		}
	})
}

func TestAWriteIsAnsweredAtAnyVoterAfterItIsThere(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three()
		for i, node := range []string{"n1", "n2", "n3"} {
			id := fmt.Sprint("w_", i)
			r := must(t, c.voter(node), create(id))
			if r.Subject != id || c.voter(node).State().Webinar(id) == nil {
				t.Errorf("%s: %+v", node, r)
			}
		}
		_, err := c.voter("n2").Propose(t.Context(), create("w_0"))
		if !errors.Is(err, control.ErrExists) {
			t.Errorf("a refusal came back as %v", err)
		}
		if err := c.voter("n3").AddVoter(t.Context(), ""); err == nil {
			t.Error("a voter without a name")
		}
		if got := len(c.voter("n3").Status().Voters); got != 3 {
			t.Errorf("%d voters", got)
		}
	})
}

func TestAnAnswerThatWasLostIsAskedForAgain(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		var lost atomic.Int64
		c.three(func(cfg *VoterConfig) {
			forward := cfg.Forward
			cfg.Forward = func(ctx context.Context, to string, b []byte) ([]byte, error) {
				out, err := forward(ctx, to, b)
				var asked controlpb.Request
				if proto.Unmarshal(b, &asked) != nil || asked.GetCommand() == nil {
					return out, err // voters ask for the leader's heartbeat this way too
				}
				if lost.Add(1) <= 2 {
					return nil, errors.New("lost on the way back")
				}
				return out, err
			}
		})
		var other *running
		for _, node := range []string{"n1", "n2", "n3"} {
			if c.voter(node) != c.leader() {
				other = c.voter(node)
			}
		}
		lost.Store(0)
		r := must(t, other, create("w_1"))
		if !r.Replayed || lost.Load() != 3 || other.State().Webinar("w_1") == nil {
			t.Errorf("asked %d times: %+v", lost.Load(), r)
		}
	})
}

func TestReadsSeeWhatWasAcknowledgedAndShareABarrier(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three()
		leader := c.leader()
		for i := range 5 {
			id := fmt.Sprint("w_", i)
			must(t, leader, create(id))
			for _, node := range []string{"n1", "n2", "n3"} {
				if s, err := c.voter(node).Read(t.Context()); err != nil || s.Webinar(id) == nil {
					t.Errorf("%s does not see %s: %v", node, id, err)
				}
			}
		}
		before := leader.raft.Load().LastIndex()
		done := make(chan error)
		for range 100 {
			go func() {
				_, err := leader.Read(t.Context())
				done <- err
			}()
		}
		for range 100 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if n := leader.raft.Load().LastIndex() - before; n > 20 {
			t.Errorf("100 reads wrote %d entries", n)
		}
		step(t, "not without a majority", func(t *testing.T) {
			c.net.isolate(leader.cfg.Node, true)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			if _, err := leader.Read(ctx); !errors.Is(err, ErrUnavailable) {
				t.Errorf("an isolated leader answers: %v", err)
			}
		})
	})
}

func TestLeadershipIsHandedOverAtTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three()
		time.Sleep(time.Second)
		start := time.Now()
		c.end(c.leader())
		c.leader()
		if took := time.Since(start); took > 300*time.Millisecond {
			t.Errorf("a new leader after %v", took)
		}
	})
}

func TestTimeIsTheLeadersAndDoesNotGoBack(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three(func(cfg *VoterConfig) {
			if cfg.Node != "n1" {
				cfg.Now = func() time.Time { return time.Now().Add(-time.Hour) }
			}
		})
		c.leader()
		cmd := create("w_1")
		cmd.ProposedAt = 12345 // nobody else's time counts
		must(t, c.voter("n1"), cmd)
		at := c.leader().State().Time()
		c.kill(c.voter("n1"))
		must(t, c.leader(), create("w_2"))
		if now := c.leader().State().Time(); now.Before(at) {
			t.Errorf("%v, then %v", at, now)
		}
		if made := c.leader().State().Webinar("w_2").Created; made.Before(at) {
			t.Errorf("w_2 was made at %v, before w_1", made)
		}
	})
}

func TestWhatWouldHaltTheOthersDoesNotGetIntoTheLog(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three()
		future := &controlpb.Command{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: 99}}}
		if _, err := c.voter("n1").Propose(t.Context(), future); !errors.Is(err, control.ErrFeatureLevel) {
			t.Errorf("a level of the future: %v", err)
		}
		if _, err := c.voter("n1").Propose(t.Context(), &controlpb.Command{}); !errors.Is(err, control.ErrUnknownCommand) {
			t.Errorf("no kind: %v", err)
		}
		for _, garbage := range [][]byte{nil, []byte("garbage"), {0x0a, 0x02, 0xff, 0xff}} {
			if _, err := c.leader().HandlePropose(t.Context(), garbage); err == nil {
				t.Errorf("%q was answered", garbage)
			}
		}
		must(t, c.voter("n1"), create("w_1"))
		for _, v := range c.voters {
			if v.exit != nil {
				t.Errorf("%s ended: %v", v.cfg.Node, v.exit)
			}
		}
	})
}
