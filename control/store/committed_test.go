// The tests of this file run in a synctest bubble (bubble): they sleep in virtual time.

package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"stentor/control/webinar"
)

func refusesBanned(t *testing.T, v *running) {
	t.Helper()
	w := v.State().Webinar("w_1")
	if w == nil {
		t.Fatalf("%s is at %d and knows no webinar", v.cfg.Node, v.State().Index())
	}
	_, err := w.Admit(webinar.Visitor{Participant: "p_1", PIN: "48151623"}, v.PINKey("w_1"), time.Now())
	if !errors.Is(err, webinar.ErrBanned) {
		t.Errorf("%s lets the banned one in: %v", v.cfg.Node, err)
	}
}

func TestAVoterThatStartsAloneKeepsItsBans(t *testing.T) {
	tests := map[string]func(*VoterConfig){
		"from its log":                  func(*VoterConfig) {},
		"from a snapshot and its log":   func(cfg *VoterConfig) { cfg.SnapshotThreshold, cfg.SnapshotInterval = 8, time.Second },
		"on a log with small segments":  func(cfg *VoterConfig) { cfg.disk.segment = 4 << 10 },
		"with its clock an hour behind": func(cfg *VoterConfig) { cfg.Now = func() time.Time { return time.Now().Add(-time.Hour) } },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, c *cluster) {
				c.three(change)
				must(t, c.leader(), create("w_1"))
				for i := range 30 {
					must(t, c.leader(), create(fmt.Sprint("w_x", i)))
				}
				time.Sleep(5 * time.Second)
				must(t, c.leader(), ban("w_1", "p_1", "phone"))
				time.Sleep(2 * keepCommittedEvery)
				want, index := c.leader().State().Hash(), c.leader().State().Index()
				for _, node := range names {
					c.net.isolate(node, true) // so that nothing is handed over
				}
				c.stopAll()
				time.Sleep(time.Minute)
				v := c.start("n2", change)
				if s := v.State(); s.Index() != index || s.Hash() != want {
					t.Errorf("it begins at %d, was at %d", s.Index(), index)
				}
				refusesBanned(t, v)
				time.Sleep(time.Minute)
				refusesBanned(t, v)
				if s := v.Staleness(); s < 2*time.Minute || s > 2*time.Minute+5*time.Second {
					t.Errorf("stale by %v after two minutes", s)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if _, err := v.Propose(ctx, create("w_2")); !errors.Is(err, ErrUnavailable) {
					t.Errorf("a write without the others: %v", err)
				}
				c.start("n1", change)
				c.start("n3", change)
				must(t, c.leader(), create("w_2"))
				time.Sleep(time.Second)
				for _, node := range names {
					if c.voter(node).State().Hash() != c.leader().State().Hash() || c.voter(node).exit != nil {
						t.Errorf("%s has another state: %v", node, c.voter(node).exit)
					}
				}
				refusesBanned(t, c.voter("n3"))
			})
		})
	}
}

func TestAVoterThatIsKilledKnowsAllButTheLastMoment(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three()
		must(t, c.leader(), create("w_1"))
		must(t, c.leader(), ban("w_1", "p_1", "phone"))
		index := c.leader().State().Index()
		time.Sleep(2 * keepCommittedEvery) // and quiet since
		killed := filepath.Join(c.dir, "killed")
		if err := os.CopyFS(killed, os.DirFS(filepath.Join(c.dir, "n2"))); err != nil {
			t.Fatal(err)
		}
		must(t, c.leader(), create("w_2"))
		c.stopAll()
		v := c.start("n2", func(cfg *VoterConfig) { cfg.Dir = killed })
		if v.State().Index() != index {
			t.Errorf("it begins at %d, was at %d", v.State().Index(), index)
		}
		refusesBanned(t, v)
	})
}

func TestWhatIsNotCommittedIsNotRecalled(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three()
		leader := c.leader()
		must(t, leader, create("w_1"))
		index := leader.State().Index()
		c.net.isolate(leader.cfg.Node, true)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := leader.Propose(ctx, create("w_lonely")); err == nil {
			t.Fatal("acknowledged alone")
		}
		c.end(leader)
		must(t, c.leader(), create("w_2"))
		v := c.start(leader.cfg.Node, func(cfg *VoterConfig) { cfg.Node = leader.cfg.Node })
		if s := v.State(); s.Index() != index || s.Webinar("w_lonely") != nil {
			t.Errorf("it begins at %d with %v", s.Index(), s.Webinar("w_lonely"))
		}
		time.Sleep(5 * time.Second)
		if s := v.State(); s.Webinar("w_2") == nil || s.Webinar("w_lonely") != nil || s.Hash() != c.leader().State().Hash() {
			t.Error("it does not follow the others")
		}
	})
}
