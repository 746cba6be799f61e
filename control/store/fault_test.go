package store

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"stentor/control"
)

// brokenDisk is a log whose writes fail while it is broken.
type brokenDisk struct {
	raft.LogStore
	broken *atomic.Bool
}

var errDisk = errors.New("input/output error")

func (d brokenDisk) StoreLogs(logs []*raft.Log) error {
	if d.broken.Load() {
		return errDisk
	}
	return d.LogStore.StoreLogs(logs)
}

func (d brokenDisk) IsMonotonic() bool { return d.LogStore.(raft.MonotonicLogStore).IsMonotonic() }

func TestAVoterEndsAtItsFirstWriteError(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		disks := map[string]*atomic.Bool{}
		c.three(func(cfg *VoterConfig) {
			broken := new(atomic.Bool)
			disks[cfg.Node] = broken
			cfg.WrapLogs = func(l raft.LogStore) raft.LogStore { return brokenDisk{l, broken} }
		})
		leader := c.leader()
		must(t, leader, create("w_1"))
		disks[leader.cfg.Node].Store(true)
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if r, err := leader.Propose(ctx, create("w_2")); err == nil {
			t.Errorf("acknowledged without a disk: %+v", r)
		}
		if err := <-leader.ended; !errors.Is(err, errDisk) || !errors.Is(leader.exit, errDisk) {
			t.Errorf("it ended with %v, and Exit was called with %v", err, leader.exit)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("it ended after %v", took)
		}
		leader.ended <- nil
		disks[leader.cfg.Node].Store(false) // the disk is better, but what did it lose?
		if err := leader.logs.StoreLog(&raft.Log{Index: 1000}); err == nil || !strings.Contains(err.Error(), errDisk.Error()) {
			t.Errorf("it writes again: %v", err)
		}
		resp := leader.response(nil, &control.Result{Index: 7})
		if resp.GetFailure() == "" || resp.GetIndex() != 0 {
			t.Errorf("it acknowledges again: %v", resp)
		}
		c.kill(leader)
		must(t, c.leader(), create("w_2"))
	})
}

func TestAVoterEndsAtWhatItCannotApply(t *testing.T) {
	var exit error
	m := newMachine(newLatch(func(err error) { exit = err }), newMetrics(nil, func() time.Duration { return 0 }))
	r := m.Apply(&raft.Log{Index: 1, Data: []byte("no command")}).(control.Result)
	if r.Halt == nil || exit == nil {
		t.Errorf("%+v, exit %v", r, exit)
	}
	if r := m.Apply(&raft.Log{Index: 2}).(control.Result); r.Halt == nil || m.state.Load().Index() != 0 {
		t.Errorf("it goes on: %+v", r)
	}
}

func TestAStoppedVoterSaysSo(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		v := c.start("n1")
		wait(t, v, func(s *control.State) bool { return s.Cluster().ID != "" })
		c.end(v)
		start := time.Now()
		if _, err := v.Propose(t.Context(), create("w_1")); !errors.Is(err, ErrStopped) || time.Since(start) > 0 {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestTheStateOnAnEdgesDiskIsSealed(t *testing.T) {
	dir := t.TempDir()
	open := func(node string, key []byte) *Follower {
		f, err := NewFollower(FollowerConfig{Node: node, Dir: dir, Key: key,
			Dial:    func(context.Context) (net.Conn, string, error) { return nil, "", errCut },
			Forward: func(context.Context, string, []byte) ([]byte, error) { return nil, errCut }})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := open("e1", clusterKey)
	s, r := control.NewState().Apply(1, create("w_1"))
	if r.Err != nil || r.Halt != nil {
		t.Fatal(r.Err, r.Halt)
	}
	f.replace(s.Edge(clusterKey, nil))
	if err := f.save(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "state.sealed")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte("w_1")) || bytes.Contains(b, f.PINKey("w_1")) || len(f.PINKey("w_1")) != 32 {
		t.Error("it can be read without the key")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if got := open("e1", clusterKey); got.State().Hash() != f.State().Hash() || got.Staleness() != Never {
		t.Error("it is not read back")
	}
	other := bytes.Repeat([]byte("k"), 32)
	for name, f := range map[string]*Follower{"another key": open("e1", other), "another node": open("e2", clusterKey)} {
		if f.State().Index() != 0 {
			t.Errorf("%s reads it", name)
		}
	}
	for i := range b {
		b[i] ^= 1
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if i%7 == 0 && open("e1", clusterKey).State().Index() != 0 {
			t.Fatalf("with byte %d changed it is read", i)
		}
		b[i] ^= 1
	}
	if _, err := NewFollower(FollowerConfig{Node: "e1", Dir: dir, Key: []byte("short"), Dial: f.cfg.Dial, Forward: f.cfg.Forward}); err == nil {
		t.Error("a short key is taken")
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	bubble(t, func(t *testing.T, c *cluster) {
		v := c.start("n1", func(cfg *VoterConfig) { cfg.Registerer = reg })
		wait(t, v, func(s *control.State) bool { return s.Cluster().ID != "" })
		must(t, v, create("w_1"))
		v.Propose(t.Context(), create("w_1"))
		if err := v.raft.Load().Snapshot().Error(); err != nil {
			t.Fatal(err)
		}
		if got := testutil.ToFloat64(v.metrics.appliedIndex); got != float64(v.State().Index()) {
			t.Errorf("applied index %v, want %d", got, v.State().Index())
		}
		if testutil.ToFloat64(v.metrics.proposals.WithLabelValues("refused")) != 1 || testutil.ToFloat64(v.metrics.snapshotBytes) < 100 {
			t.Error("proposals or snapshot bytes")
		}
	})
	problems, err := testutil.GatherAndLint(reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	families, err := reg.Gather()
	if err != nil || len(families) != 7 {
		t.Errorf("%d metrics, %v", len(families), err)
	}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "stentor_store_") {
			t.Errorf("%s", f.GetName())
		}
	}
}

func TestAVoterWithoutWhatItNeedsDoesNotOpen(t *testing.T) {
	for _, cfg := range []VoterConfig{{}, {Node: "n1"}, {Node: "n1", Dir: t.TempDir(), PINKey: clusterKey}} {
		if _, err := OpenVoter(cfg); err == nil {
			t.Errorf("opened with %+v", cfg)
		}
	}
	if _, err := NewFollower(FollowerConfig{Node: "e1"}); err == nil {
		t.Error("a follower without a way to a voter")
	}
}
