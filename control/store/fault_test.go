package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	"stentor/control/controlpb"
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

func TestASlowEdgeIsDroppedToASnapshot(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		v := c.start("n1")
		wait(t, v, func(s *control.State) bool { return s.Cluster().ID != "" })
		v.machine.feed.max = 4
		f := c.follow("e1", "n1")
		must(t, f, create("w_0"))
		same(t, f, v)
		resets := testutil.ToFloat64(v.metrics.watchResets)

		step(t, "a short break is resumed", func(t *testing.T) {
			c.net.isolate("e1", true)
			must(t, v, create("w_1"))
			c.net.isolate("e1", false)
			same(t, f, v)
			if n := testutil.ToFloat64(v.metrics.watchResets); n != resets {
				t.Errorf("%v snapshots for it", n-resets)
			}
		})
		step(t, "a long one needs a snapshot", func(t *testing.T) {
			c.net.isolate("e1", true)
			for i := range 20 {
				must(t, v, create(fmt.Sprint("w_1", i)))
			}
			c.net.isolate("e1", false)
			same(t, f, v)
			if n := testutil.ToFloat64(v.metrics.watchResets); n != resets+1 {
				t.Errorf("%v snapshots for it", n-resets)
			}
		})
		step(t, "an edge that does not read holds nobody up", func(t *testing.T) {
			x, y := net.Pipe()
			ended := make(chan error)
			go func() { ended <- v.ServeWatch(t.Context(), y, "e2") }()
			if err := writeMessage(x, &controlpb.WatchRequest{Version: watchVersion, Node: "e2"}); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			for i := range 20 {
				must(t, v, create(fmt.Sprint("w_2", i)))
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("20 writes took %v", took)
			}
			if err := <-ended; err == nil || time.Since(start) > writeWithin+time.Second {
				t.Errorf("it was let go after %v: %v", time.Since(start), err)
			}
			x.Close()
		})
		f.end(t)
	})
}

func TestAnEdgeLeavesAVoterThatIsCutOffItself(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three()
		var lonely *running
		for _, node := range []string{"n1", "n2", "n3"} {
			if c.voter(node) != c.leader() {
				lonely = c.voter(node)
			}
		}
		f := c.follow("e1", lonely.cfg.Node)
		must(t, f, create("w_1"))
		time.Sleep(2 * time.Second)
		if f.at() != lonely.cfg.Node {
			t.Fatalf("the edge follows %s", f.at())
		}
		// From now on the lonely voter hears nobody; its edge still hears it.
		c.net.mu.Lock()
		c.net.cut[lonely.cfg.Node] = true
		for conn, ends := range c.net.open {
			if (ends[0] == lonely.cfg.Node || ends[1] == lonely.cfg.Node) && ends[0] != "e1" {
				conn.Close()
			}
		}
		c.net.mu.Unlock()
		start := time.Now()
		must(t, c.leader(), ban("w_1", "p_1", "phone"))
		wait(t, f, func(s *control.State) bool { return s.Webinar("w_1").BanCount() == 1 })
		if took := time.Since(start); took > 3*staleFor || f.at() == lonely.cfg.Node {
			t.Errorf("the ban was there after %v, from %s", took, f.at())
		}
		f.end(t)
	})
}

func TestAnEdgeNeverGoesBack(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three()
		behind := c.voter("n3")
		if behind == c.leader() {
			behind = c.voter("n2")
		}
		f := c.follow("e1", c.leader().cfg.Node)
		c.net.isolate(behind.cfg.Node, true)
		must(t, c.leader(), create("w_1"))
		same(t, f, c.leader())
		index := f.State().Index()
		// The edge goes over to a voter that has not heard of w_1, and holds on to it.
		x, y := net.Pipe()
		served := make(chan error)
		go func() { served <- behind.ServeWatch(t.Context(), y, "e1") }()
		g := &Follower{cfg: f.cfg, log: f.log, metrics: f.metrics, state: f.State(), changed: make(chan struct{}), beat: &controlpb.Heartbeat{}}
		g.cfg.Dial = func(context.Context) (net.Conn, string, error) { return x, "behind", nil }
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		g.follow(ctx)
		<-served
		if g.State().Index() < index || g.State().Webinar("w_1") == nil {
			t.Errorf("back at %d from %d", g.State().Index(), index)
		}
		if g.Staleness() != Never {
			t.Errorf("fresh by %v, as a voter says that knows less", g.Staleness())
		}
		f.end(t)
	})
}

func TestAnEdgeTakesNoOlderSnapshotAndNoOtherCluster(t *testing.T) {
	snapshot := func(id string, index uint64) *controlpb.WatchMessage {
		info := &controlpb.Command{Kind: &controlpb.Command_SetClusterInfo{SetClusterInfo: &controlpb.SetClusterInfo{Id: id}}}
		s := control.NewState()
		if id != "" {
			s, _ = s.Apply(index, info)
		}
		var b bytes.Buffer
		if err := s.Snapshot(&b); err != nil {
			t.Fatal(err)
		}
		return &controlpb.WatchMessage{Kind: &controlpb.WatchMessage_Snapshot{Snapshot: &controlpb.WatchSnapshot{Data: b.Bytes(), Last: true}}}
	}
	f := &Follower{state: control.NewState(), changed: make(chan struct{}), metrics: newMetrics(nil, nil)}
	in := &stream{f: f}
	for _, step := range []struct {
		cluster string
		index   uint64
		taken   bool
	}{{"c_1", 5, true}, {"", 0, false}, {"c_1", 4, false}, {"c_2", 9, false}, {"c_1", 7, true}} {
		if err := in.take(snapshot(step.cluster, step.index)); (err == nil) != step.taken {
			t.Errorf("%+v: %v", step, err)
		}
	}
	if f.State().Index() != 7 || f.State().Cluster().ID != "c_1" {
		t.Errorf("at %d of %s", f.State().Index(), f.State().Cluster().ID)
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

func TestWatchRefusesWhoIsNotWhatTheyAre(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		v := c.start("n1")
		fresh := &Voter{machine: newMachine(v.latch, v.metrics), metrics: v.metrics}
		if why := fresh.refusal(&controlpb.WatchRequest{Version: watchVersion, Node: "e1", Cluster: "c_1", Resume: 9}, "e1"); why != "no state yet" {
			t.Errorf("a voter that has heard nothing yet: %q", why)
		}
		wait(t, v, func(s *control.State) bool { return s.Cluster().ID != "" })
		tests := map[string]func(net.Conn) error{
			"another node's name": func(x net.Conn) error {
				return writeMessage(x, &controlpb.WatchRequest{Version: watchVersion, Node: "e2"})
			},
			"another version": func(x net.Conn) error {
				return writeMessage(x, &controlpb.WatchRequest{Version: 99, Node: "e1"})
			},
			"another cluster": func(x net.Conn) error {
				return writeMessage(x, &controlpb.WatchRequest{Version: watchVersion, Node: "e1", Cluster: "c_9", Resume: 1})
			},
			"garbage":                  func(x net.Conn) error { _, err := x.Write([]byte("GET / HTTP/1.1\r\n\r\n")); return err },
			"nothing":                  func(net.Conn) error { return nil },
			"a message of no protobuf": func(x net.Conn) error { _, err := x.Write([]byte{0, 0, 0, 1, 0xff}); return err },
		}
		for name, send := range tests {
			step(t, name, func(t *testing.T) {
				x, y := net.Pipe()
				ended := make(chan error, 1)
				go func() { ended <- v.ServeWatch(t.Context(), y, "e1") }()
				go func() {
					var m controlpb.WatchMessage
					for readMessage(x, &m, maxMessage) == nil {
						if m.GetSnapshot() != nil || m.GetChanges() != nil {
							t.Errorf("%s was given state", name)
						}
					}
				}()
				send(x)
				if err := <-ended; err == nil {
					t.Error("no error")
				}
				x.Close()
			})
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

// Whatever a peer sends: it is refused, or read as a message that can be written again.
func FuzzMessage(f *testing.F) {
	var b bytes.Buffer
	if err := writeMessage(&b, &controlpb.WatchMessage{Kind: &controlpb.WatchMessage_Heartbeat{Heartbeat: &controlpb.Heartbeat{Index: 1}}}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		var m, again controlpb.WatchMessage
		if readMessage(bytes.NewReader(b), &m, maxMessage) != nil {
			return
		}
		var out bytes.Buffer
		if err := writeMessage(&out, &m); err != nil {
			t.Fatal(err)
		}
		if err := readMessage(&out, &again, maxMessage); err != nil || out.Len() != 0 {
			t.Fatalf("what was read cannot be written: %v", err)
		}
	})
}
