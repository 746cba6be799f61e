// The tests of this file run in a synctest bubble (bubble): they sleep in virtual time.

package store

import (
	"crypto/sha256"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"stentor/control"
	"stentor/control/controlpb"
)

// sleeper is CLOCK_BOOTTIME in a bubble: it also counts what the machine slept.
type sleeper struct{ slept atomic.Int64 }

func (s *sleeper) boot() time.Duration {
	return time.Since(time.Unix(946684800, 0)) + time.Duration(s.slept.Load()) // bubbles begin in 2000
}

func (s *sleeper) sleep(d time.Duration) { s.slept.Add(int64(d)) }

func verifies(cfg *FollowerConfig) { cfg.Verify = verify }

func TestAnEdgeIsAsFreshAsTheLeaderHasSigned(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three(signs)
		level2(t, c.leader())
		other := c.voter("n2")
		if other == c.leader() {
			other = c.voter("n3")
		}
		for _, voter := range []string{c.leader().cfg.Node, other.cfg.Node} {
			f := c.followWith("e_"+voter, verifies, voter)
			must(t, f, create("w_"+voter))
			time.Sleep(3 * time.Second)
			if s := f.Staleness(); s > heartbeatEvery+beatEvery+time.Second/10 {
				t.Errorf("behind %s it is stale by %v", voter, s)
			}
			said, err := openBeat(f.Beat(), "c_1", verify)
			if err != nil || said.GetLeader() != c.leader().cfg.Node || said.GetIndex() != f.State().Index() {
				t.Errorf("the leader said %v, %v", said, err)
			}
			f.end(t)
		}
	})
}

func TestAVoterCannotMakeAnEdgeFresher(t *testing.T) {
	forge := newSigner("x9")
	tests := []struct {
		name  string
		sign  func(hash []byte) (signature, certificate []byte)
		fresh bool
	}{
		{"signed by the leader", newSigner("n1").sign, true},
		{"signed by somebody else", forge.sign, false},
		{"signed with another certificate", func(h []byte) (signature, certificate []byte) {
			signature, _ = forge.sign(h)
			_, certificate = newSigner("n1").sign(h)
			return signature, certificate
		}, false},
		{"something else signed", func([]byte) (signature, certificate []byte) {
			h := sha256.Sum256([]byte("the head of the audit log"))
			return newSigner("n1").sign(h[:])
		}, false},
		{"not signed", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, c *cluster) {
				v := c.start("n1", func(cfg *VoterConfig) { cfg.Sign = tt.sign })
				wait(t, v, func(s *control.State) bool { return s.Cluster().ID != "" })
				level2(t, v)
				f := c.followWith("e1", verifies, "n1")
				time.Sleep(5 * time.Second)
				if fresh := f.Staleness() < 2*time.Second; fresh != tt.fresh {
					t.Errorf("stale by %v", f.Staleness())
				}
				f.end(t)
			})
		})
	}
}

func TestASignedHeartbeatCountsOnce(t *testing.T) {
	signed := func(term, index uint64, at time.Time, cluster string) *controlpb.Heartbeat {
		b, err := proto.Marshal(&controlpb.Heartbeat{Cluster: cluster, Leader: "n1", Term: term, Index: index, LeaderTime: at.UnixNano()})
		if err != nil {
			t.Fatal(err)
		}
		signature, certificate := newSigner("n1").sign(beatHash(b))
		return &controlpb.Heartbeat{Signed: b, Signature: signature, Certificate: certificate}
	}
	s, _ := control.NewState().Apply(7, initial()[0])
	now, start := time.Unix(1000, 0), time.Unix(1000, 0)
	f := &Follower{state: s, clock: newClock(func() time.Time { return now }, func() time.Duration { return now.Sub(start) }), metrics: newMetrics(nil, nil)}
	f.cfg.Verify = verify
	stale := func(want time.Duration, what string) {
		t.Helper()
		if got := f.Staleness(); got != want {
			t.Errorf("%s: stale by %v, want %v", what, got, want)
		}
	}
	take := func(b *controlpb.Heartbeat, ok bool) {
		t.Helper()
		if err := f.heartbeat(b); (err == nil) != ok {
			t.Errorf("taken: %v", err)
		}
	}
	stale(Never, "at first")
	first := signed(3, 7, start, "c_1")
	take(first, true)
	stale(0, "signed")
	now = now.Add(5 * time.Second)
	take(first, true)
	stale(5*time.Second, "the same one again")
	take(signed(2, 7, start.Add(time.Hour), "c_1"), true)
	stale(5*time.Second, "one of an older term")
	take(signed(3, 9, start.Add(5*time.Second), "c_1"), true)
	stale(5*time.Second, "one of a later index")
	ahead, _ := s.Apply(9, create("w_1"))
	now = now.Add(time.Second)
	f.changed = make(chan struct{})
	f.replace(ahead)
	stale(time.Second, "when the state is there")
	late := signed(3, 9, start.Add(6*time.Second), "c_1")
	late.SignedAge = int64(2 * time.Second)
	take(late, true)
	stale(time.Second, "one that was long on its way")
	take(signed(4, 9, start.Add(-time.Hour), "c_1"), true)
	stale(0, "of the next leader, whose clock is behind")
	take(signed(9, 9, start.Add(time.Hour), "c_2"), false)
	bad := signed(9, 9, start.Add(time.Hour), "c_1")
	bad.Signed[len(bad.Signed)-1] ^= 1
	take(bad, false)
	plain := &controlpb.Heartbeat{Index: 9, Age: 0}
	now = now.Add(time.Second)
	take(plain, true)
	stale(0, "not signed, by voters that are older")
}

func TestASuspendedMachineIsStale(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		clocks := map[string]*sleeper{"n1": {}, "n2": {}, "n3": {}, "e1": {}}
		c.three(signs, func(cfg *VoterConfig) { cfg.Boot = clocks[cfg.Node].boot })
		level2(t, c.leader())
		f := c.followWith("e1", func(cfg *FollowerConfig) { cfg.Boot, cfg.Verify = clocks["e1"].boot, verify })
		must(t, f, create("w_1"))
		time.Sleep(3 * time.Second)
		staleness := func(node string) time.Duration {
			if node == "e1" {
				return f.Staleness()
			}
			return c.voter(node).Staleness()
		}
		for node, clock := range clocks {
			if s := staleness(node); s > 2*time.Second {
				t.Errorf("%s is stale by %v", node, s)
			}
			clock.sleep(time.Hour)
			if s := staleness(node); s < time.Hour {
				t.Errorf("%s slept for an hour and is stale by %v", node, s)
			}
			time.Sleep(10 * time.Second)
			if s := staleness(node); s > 2*time.Second {
				t.Errorf("%s is stale by %v after it woke up", node, s)
			}
		}
		f.end(t)
	})
}

func TestBoottimeRuns(t *testing.T) {
	a := Boottime()
	for Boottime() == a {
	}
	if a <= 0 {
		t.Errorf("up for %v", a)
	}
}

func FuzzOpenBeat(f *testing.F) {
	b, _ := proto.Marshal(&controlpb.Heartbeat{Cluster: "c_1", Term: 1})
	f.Add(b, "c_1")
	f.Fuzz(func(t *testing.T, signed []byte, cluster string) {
		said, err := openBeat(&controlpb.Heartbeat{Signed: signed}, cluster, func(_, _, _ []byte) error { return nil })
		if err == nil && cluster != "" && said.GetCluster() != cluster {
			t.Error("another cluster's")
		}
		if _, err := openBeat(&controlpb.Heartbeat{Signed: signed}, cluster, func(_, _, _ []byte) error { return errSignature }); err == nil {
			t.Error("not signed")
		}
	})
}
