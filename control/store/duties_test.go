// The tests of this file run in a synctest bubble (bubble): they sleep in virtual time.

package store

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

var names = []string{"n1", "n2", "n3"}

// level2 brings a cluster to the feature level of the duties.
func level2(t testing.TB, p proposer) {
	t.Helper()
	must(t, p, &controlpb.Command{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: 2}}})
}

func planned(id string, s *controlpb.Settings) *controlpb.Command {
	s.Title = "About " + id
	return &controlpb.Command{Principal: "host", Kind: &controlpb.Command_CreateWebinar{CreateWebinar: &controlpb.CreateWebinar{
		Id: id, Link: "link-" + id, Settings: s}}}
}

// signer signs as a node: its certificate is its public key.
type signer struct{ key ed25519.PrivateKey }

func newSigner(node string) signer {
	return signer{ed25519.NewKeyFromSeed(bytes.Repeat([]byte(node[:2]), 16))}
}

func (s signer) sign(hash []byte) (signature, certificate []byte) {
	return ed25519.Sign(s.key, hash), s.key.Public().(ed25519.PublicKey)
}

var errSignature = errors.New("bad signature")

// verify takes the signatures of n1, n2 and n3.
func verify(certificate, hash, signature []byte) error {
	known := slices.ContainsFunc(names, func(n string) bool {
		return newSigner(n).key.Public().(ed25519.PublicKey).Equal(ed25519.PublicKey(certificate))
	})
	if !known || len(hash) != 32 || !ed25519.Verify(certificate, hash, signature) {
		return errSignature
	}
	return nil
}

func signs(cfg *VoterConfig) { cfg.Sign = newSigner(cfg.Node).sign }

func TestALeaderDoesWhatIsDueAndNothingElse(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three()
		leader := c.leader()
		level2(t, leader)
		start := time.Now().Add(time.Minute)
		must(t, leader, planned("w_1", &controlpb.Settings{AutoEnd: true, Schedule: &controlpb.Schedule{
			Start: start.UnixNano(), Duration: int64(time.Minute), Occurrences: []int64{start.UnixNano()}, Complete: true}}))
		index := leader.State().Index()
		time.Sleep(2*time.Minute - 2*time.Second)
		if got := leader.State().Index(); got != index || leader.State().Webinar("w_1").State == webinar.Ended {
			t.Errorf("before its end: at %d, was at %d", got, index)
		}
		time.Sleep(3 * time.Second)
		for _, node := range names {
			if w := c.voter(node).State().Webinar("w_1"); w.State != webinar.Ended {
				t.Errorf("%s: it is %s a second after its end", node, w.State)
			}
		}
		if got := leader.State().Index(); got != index+1 {
			t.Errorf("%d commands for it", got-index)
		}
		step(t, "also another leader", func(t *testing.T) {
			c.kill(leader)
			leader := c.leader()
			must(t, leader, planned("w_2", &controlpb.Settings{AutoEnd: true, Schedule: &controlpb.Schedule{
				Start: time.Now().UnixNano(), Duration: int64(time.Minute), Occurrences: []int64{time.Now().UnixNano()}, Complete: true}}))
			time.Sleep(time.Minute + time.Second)
			if w := leader.State().Webinar("w_2"); w.State != webinar.Ended {
				t.Errorf("it is %s", w.State)
			}
		})
	})
}

func TestAnOlderClusterGetsNoneOfTheNewCommands(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		asked := false
		v := c.start("n1", signs, func(cfg *VoterConfig) {
			cfg.Occurrences = func(*webinar.Webinar, time.Time) ([]time.Time, bool) { asked = true; return nil, true }
		})
		wait(t, v, func(s *control.State) bool { return s.Cluster().ID != "" })
		for i := range markEvery + 10 {
			must(t, v, create(fmt.Sprint("w_", i)))
		}
		index := v.State().Index()
		time.Sleep(5 * time.Minute)
		if v.State().Index() != index || asked {
			t.Errorf("at %d, was at %d", v.State().Index(), index)
		}
	})
}

// wrongDisk changes what a voter writes to its log.
type wrongDisk struct{ raft.LogStore }

func (d wrongDisk) StoreLogs(logs []*raft.Log) error {
	for _, l := range logs {
		l.Data = bytes.Replace(l.Data, []byte("About w_7"), []byte("about w_7"), 1)
	}
	return d.LogStore.StoreLogs(logs)
}

func (d wrongDisk) IsMonotonic() bool { return true }

func TestAVoterThatWentAstrayHaltsAtTheNextCheckpoint(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three(func(cfg *VoterConfig) {
			if cfg.Node == "n3" {
				cfg.WrapLogs = func(l raft.LogStore) raft.LogStore { return wrongDisk{l} }
			}
		})
		if c.leader() != c.voter("n1") {
			t.Fatal("n1 does not lead")
		}
		leader, wrong := c.leader(), c.voter("n3")
		level2(t, leader)
		must(t, leader, create("w_7"))
		time.Sleep(time.Second)
		if wrong.State().Hash() == leader.State().Hash() || wrong.exit != nil {
			t.Fatalf("it has the same state, or ended already: %v", wrong.exit)
		}
		for i := range markEvery {
			must(t, leader, create(fmt.Sprint("w_1", i)))
		}
		err := <-wrong.ended
		wrong.ended <- nil
		if err == nil || wrong.exit == nil {
			t.Fatalf("it ended with %v, and Exit was called with %v", err, wrong.exit)
		}
		marks := leader.machine.marks.all
		if len(marks) != 1 || !strings.Contains(err.Error(), fmt.Sprintf("%x", marks[0].GetHash())) || strings.Count(err.Error(), "this voter's state is") != 1 {
			t.Errorf("it says %v", err)
		}
		must(t, leader, create("w_after"))
		time.Sleep(time.Second)
		if a, b := c.voter("n2"), leader; a.exit != nil || b.exit != nil || a.State().Hash() != b.State().Hash() {
			t.Errorf("the others: %v, %v", a.exit, b.exit)
		}
	})
}

func TestCheckpointsAreOfTheSameIndexAfterARestart(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		often := func(cfg *VoterConfig) { cfg.SnapshotThreshold, cfg.SnapshotInterval = 64, time.Second }
		c.three(often)
		level2(t, c.leader())
		for round := range 3 {
			for i := range markEvery {
				must(t, c.leader(), create(fmt.Sprintf("w_%d_%d", round, i)))
				if i%100 == 0 {
					time.Sleep(time.Second) // snapshots
				}
			}
			time.Sleep(time.Second)
			restart := names[(round+1)%3]
			c.end(c.voter(restart))
			c.start(restart, often)
			must(t, c.leader(), create(fmt.Sprint("w_between_", round)))
		}
		time.Sleep(time.Second)
		want := c.leader().State()
		for _, node := range names {
			v := c.voter(node)
			if v.exit != nil || v.State().Hash() != want.Hash() {
				t.Errorf("%s: %v", node, v.exit)
			}
		}
		if m := &c.leader().machine.marks; m.checked < 2*markEvery {
			t.Errorf("the last checkpoint was at %d", m.checked)
		}
	})
}

func TestTheAuditLogIsSignedWithinASecond(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three(signs)
		level2(t, c.leader())
		must(t, c.leader(), create("w_1"))
		for i := range 3 {
			must(t, c.leader(), ban("w_1", fmt.Sprint("p_", i), "phone"))
			time.Sleep(time.Second)
			head := c.voter("n3").State().AuditHead()
			s := head.GetSigned()
			if head.GetSeq() == 0 || s.GetSeq() != head.GetSeq() || !bytes.Equal(s.GetHash(), head.GetHash()) {
				t.Fatalf("the log is at %d, signed at %d", head.GetSeq(), s.GetSeq())
			}
			if err := verify(s.GetCertificate(), s.GetHash(), s.GetSignature()); err != nil {
				t.Error(err)
			}
		}
		index := c.leader().State().Index()
		time.Sleep(time.Minute)
		if got := c.leader().State().Index(); got != index {
			t.Errorf("it is signed again: %d commands", got-index)
		}
		old := c.leader()
		c.kill(old)
		must(t, c.leader(), ban("w_1", "p_9", "phone"))
		time.Sleep(time.Second)
		s := c.leader().State().AuditHead().GetSigned()
		if bytes.Equal(s.GetCertificate(), newSigner(old.cfg.Node).key.Public().(ed25519.PublicKey)) || verify(s.GetCertificate(), s.GetHash(), s.GetSignature()) != nil {
			t.Error("the next leader has not signed")
		}
	})
}

func TestAWebinarThatRunsOutOfOccurrencesGetsMore(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		const every = 10 * time.Minute // the rule says daily; who works it out is not this package
		work := func(w *webinar.Webinar, now time.Time) (starts []time.Time, complete bool) {
			for i := range 21 {
				at := w.Schedule.Start.Add(time.Duration(i) * every)
				if at.Add(w.Schedule.Duration).After(now) && len(starts) < 6 {
					starts = append(starts, at)
				}
			}
			return starts, len(starts) < 6
		}
		v := c.start("n1", func(cfg *VoterConfig) { cfg.Occurrences = work })
		wait(t, v, func(s *control.State) bool { return s.Cluster().ID != "" })
		level2(t, v)
		start := time.Now().Add(time.Hour)
		must(t, v, planned("w_1", &controlpb.Settings{Schedule: &controlpb.Schedule{Start: start.UnixNano(),
			Duration: int64(time.Minute), Zone: "UTC", Rule: "FREQ=DAILY;COUNT=21", Occurrences: []int64{start.UnixNano()}}}))
		time.Sleep(2 * time.Minute)
		if got := v.State().Webinar("w_1").Schedule; len(got.Occurrences) != 6 || got.Complete {
			t.Fatalf("it has %d occurrences", len(got.Occurrences))
		}
		index := v.State().Index()
		time.Sleep(50 * time.Minute)
		if got := v.State().Index() - index; got != 0 {
			t.Errorf("%d commands while nothing happened", got)
		}
		time.Sleep(21*every + 10*time.Minute)
		if got := v.State().Webinar("w_1").Schedule; !got.Complete {
			t.Errorf("it still has %d occurrences after its end", len(got.Occurrences))
		}
		index = v.State().Index()
		time.Sleep(time.Hour)
		if got := v.State().Index() - index; got != 0 {
			t.Errorf("%d commands after its end", got)
		}
	})
}

func remove(node string) *controlpb.Command {
	return &controlpb.Command{Principal: "admin", Kind: &controlpb.Command_RemoveNode{RemoveNode: &controlpb.RemoveNode{Node: node}}}
}

func TestARemovedNodeLeavesTheVoters(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three()
		level2(t, c.leader())
		step(t, "a dead one", func(t *testing.T) {
			dead := c.voter("n3")
			if dead == c.leader() {
				dead = c.voter("n2")
			}
			name := dead.cfg.Node
			c.kill(dead)
			must(t, c.leader(), remove(name))
			time.Sleep(2 * time.Second)
			if got := c.leader().Status().Voters; len(got) != 2 || slices.Contains(got, name) {
				t.Fatalf("voters: %v", got)
			}
			for _, add := range []*controlpb.Request{
				{Kind: &controlpb.Request_AddVoter{AddVoter: name}}, {Kind: &controlpb.Request_AddLearner{AddLearner: name}},
			} {
				if resp, err := c.leader().handle(t.Context(), add); err != nil || resp.GetFailure() == "" {
					t.Errorf("it is added again: %v, %v", resp, err)
				}
			}
		})
		step(t, "the leader itself", func(t *testing.T) {
			old := c.leader()
			must(t, old, remove(old.cfg.Node))
			time.Sleep(5 * time.Second)
			next := c.leader()
			if got := next.Status().Voters; next == old || len(got) != 1 || got[0] != next.cfg.Node {
				t.Fatalf("%s leads %v", next.cfg.Node, got)
			}
			must(t, next, create("w_1"))
		})
		step(t, "but the last one stays", func(t *testing.T) {
			last := c.leader()
			must(t, last, remove(last.cfg.Node))
			time.Sleep(5 * time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if _, err := last.Propose(ctx, create("w_2")); err != nil {
				t.Errorf("nobody is left: %v", err)
			}
		})
	})
}
