// The tests of this file run in a synctest bubble (bubble): they sleep in virtual time.

package store

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"stentor/control"
	"stentor/control/controlpb"
)

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
			if err := <-ended; err == nil || time.Since(start) > writeWithin+writeSlack+time.Second {
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
		g := &Follower{cfg: f.cfg, log: f.log, metrics: f.metrics, clock: f.clock, state: f.State(), changed: make(chan struct{}), beat: &controlpb.Heartbeat{}}
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

// A change that does not fit what an edge holds, whatever the reason, must not keep it
// from hearing of bans: it begins again with a snapshot.
func TestAnEdgeThatWentAstrayBeginsAgain(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		c.three()
		f := c.follow("e1", c.leader().cfg.Node)
		must(t, c.leader(), create("w_1"))
		same(t, f, c.leader())
		bare := control.NewState() // without the webinar that the next change is about
		for r := range f.State().Records() {
			if r.GetWebinar() == nil {
				next, err := bare.ApplyChange(control.Change{Index: f.State().Index(), Puts: []*controlpb.Record{r}})
				if err != nil {
					continue
				}
				bare = next
			}
		}
		f.mu.Lock()
		f.state = bare
		f.mu.Unlock()
		must(t, c.leader(), &controlpb.Command{Kind: &controlpb.Command_Disconnect{Disconnect: &controlpb.Disconnect{Webinar: "w_1", Participant: "p_1"}}})
		same(t, f, c.leader())
		if w := f.State().Webinar("w_1"); w == nil || w.RemovalCount() != 1 {
			t.Error("the edge does not have it")
		}
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
	f := &Follower{state: control.NewState(), changed: make(chan struct{}), clock: newClock(nil, nil), metrics: newMetrics(nil, nil)}
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
