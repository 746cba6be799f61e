package store

// All of this runs in a synctest bubble, see the tests that start voters.

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"stentor/control"
	"stentor/control/controlpb"
)

// gossip is what a leader sees of it, all voters the same.
type gossip struct {
	mu         sync.Mutex // guards the following
	drawn      int
	have, use  bool
	quietSince time.Time
	mayBe      bool // Draw gives something
}

func (g *gossip) Draw(s *control.State) *controlpb.BeginKeyRotation {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.mayBe {
		return nil
	}
	g.drawn++
	return &controlpb.BeginKeyRotation{Generation: s.GossipKeys().GetGeneration(), CurrentId: []byte("k000"),
		NextId: fmt.Appendf(nil, "k%03d", g.drawn), Sealed: []byte("sealed")}
}

func (g *gossip) All(id []byte, first bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.have && (g.use || !first) && string(id) == fmt.Sprintf("k%03d", g.drawn)
}

func (g *gossip) Quiet() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Since(g.quietSince)
}

// keys is how many were drawn.
func (g *gossip) keys() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.drawn
}

func (g *gossip) set(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
}

// stands waits two turns of the duties and says where the rotation stands.
func stands(v *running) string {
	time.Sleep(2*dutyEvery + time.Millisecond)
	r := v.State().GossipKeys()
	return fmt.Sprintf("%d %s", r.GetGeneration(), r.GetPhase())
}

func level(n uint32) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: n}}}
}

func removal(node string) *controlpb.Command {
	return &controlpb.Command{Principal: "root", Kind: &controlpb.Command_RemoveNode{RemoveNode: &controlpb.RemoveNode{Node: node}}}
}

// rotating runs a voter whose leader may change the gossip key, at that feature level.
func rotating(t *testing.T, n uint32, f func(t *testing.T, v *running, g *gossip)) {
	bubble(t, func(t *testing.T, c *cluster) {
		g := &gossip{mayBe: true}
		v := c.start("n1", signs, func(cfg *VoterConfig) { cfg.Rotation = g })
		wait(t, v, func(s *control.State) bool { return s.Cluster().ID != "" })
		must(t, v, level(n))
		f(t, v, g)
	})
}

// after returns the state after commands, each proposed at at.
func after(t *testing.T, s *control.State, at time.Time, cs ...*controlpb.Command) *control.State {
	t.Helper()
	for _, c := range cs {
		c.ProposedAt = at.UnixNano()
		next, r := s.Apply(s.Index()+1, c)
		if r.Halt != nil || r.Err != nil {
			t.Fatal(r.Halt, r.Err)
		}
		s = next
	}
	return s
}

func TestAGossipKeyIsUsedForAWeek(t *testing.T) {
	now := time.Now()
	g := &gossip{mayBe: true, quietSince: now}
	s := after(t, control.NewState(), now, level(3))
	for _, step := range []struct {
		name      string
		in        time.Duration // after the phase began
		have, use bool
		heard     time.Duration // the old key, so long ago
		goes      string
	}{
		{name: "before the week is over", in: rotateEvery - time.Second, goes: "0 remove"},
		{name: "after a week", in: rotateEvery, goes: "0 install"},
		{name: "while not everyone has it", in: phaseMost - time.Second, goes: "0 install"},
		{name: "when everyone has it", in: time.Second, have: true, goes: "0 use"},
		{name: "while not everyone seals with it", in: quietFor, have: true, heard: quietFor, goes: "0 use"},
		{name: "while the old one is heard", in: quietFor, have: true, use: true, heard: quietFor - time.Second, goes: "0 use"},
		{name: "when it is not heard", in: quietFor, have: true, use: true, heard: quietFor, goes: "1 remove"},
		{name: "in the week after", in: rotateEvery - time.Second, have: true, use: true, heard: quietFor, goes: "1 remove"},
		{name: "a week after", in: rotateEvery, goes: "1 install"},
		{name: "after ten minutes without some", in: phaseMost, goes: "1 use"},
		{name: "after ten minutes without some that use it", in: phaseMost, goes: "2 remove"},
	} {
		at := control.KeySince(s.GossipKeys()).Add(step.in)
		g.have, g.use, g.quietSince = step.have, step.use, time.Now().Add(-step.heard)
		if c := rotate(s, at, g); c != nil {
			s = after(t, s, at, c)
		}
		if got := fmt.Sprint(s.GossipKeys().GetGeneration(), " ", s.GossipKeys().GetPhase()); got != step.goes {
			t.Fatalf("%s: %s, want %s", step.name, got, step.goes)
		}
	}
	if g.keys() != 2 {
		t.Errorf("%d keys drawn", g.keys())
	}
}

func TestARemovalChangesTheGossipKeyAtOnce(t *testing.T) {
	rotating(t, 3, func(t *testing.T, v *running, g *gossip) {
		must(t, v, removal("n7"))
		if got := stands(v); got != "0 install" {
			t.Fatalf("after the removal: %s", got)
		}
		g.set(func() { g.have, g.use, g.quietSince = true, true, time.Now().Add(-time.Hour) })
		must(t, v, removal("n8")) // it may have the next key already
		time.Sleep(5 * time.Second)
		if got := stands(v); got != "2 remove" || g.keys() != 2 {
			t.Errorf("after both: %s, %d keys drawn", got, g.keys())
		}
	})
}

func TestAnotherLeaderGoesOnWithARotation(t *testing.T) {
	bubble(t, func(t *testing.T, c *cluster) {
		g := &gossip{mayBe: true}
		c.three(func(cfg *VoterConfig) { cfg.Rotation = g })
		leader := c.leader()
		must(t, leader, level(3))
		must(t, leader, removal("n7"))
		if got := stands(leader); got != "0 install" {
			t.Fatal(got)
		}
		c.kill(leader)
		leader = c.leader()
		g.set(func() { g.have, g.use, g.quietSince = true, true, time.Now().Add(-time.Hour) })
		time.Sleep(5 * time.Second)
		if got := stands(leader); got != "1 remove" || g.keys() != 1 {
			t.Errorf("under another leader: %s, %d keys drawn", got, g.keys())
		}
	})
}

func TestNoRotationIsBegun(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		level uint32
		by    Rotation
	}{
		"in an older cluster":              {2, &gossip{mayBe: true}},
		"by a node that cannot draw a key": {3, &gossip{}},
		"by a voter without gossip":        {3, nil},
	} {
		s := after(t, control.NewState(), now, level(c.level), removal("n7"))
		if c := rotate(s, now.Add(2*rotateEvery), c.by); c != nil {
			t.Errorf("%s: %v", name, c)
		}
	}
}
