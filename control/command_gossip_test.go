package control

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
)

func keyID(name string) []byte { return []byte((name + "____")[:4]) }

// beginRotation draws a key of that name; the first one of all is k_0.
func beginRotation(generation uint64, name string) *controlpb.Command {
	return &controlpb.Command{Principal: "root", Kind: &controlpb.Command_BeginKeyRotation{BeginKeyRotation: &controlpb.BeginKeyRotation{
		Generation: generation, CurrentId: keyID("k_0"), NextId: keyID(name), Sealed: []byte(sealedText + " " + name)}}}
}

func advanceRotation(generation uint64, phase string) *controlpb.Command {
	return &controlpb.Command{Principal: "system", Kind: &controlpb.Command_AdvanceKeyRotation{AdvanceKeyRotation: &controlpb.AdvanceKeyRotation{
		Generation: generation, Phase: phase}}}
}

// newLog3 is a log of a cluster at feature level 3.
func newLog3(t testing.TB) *log {
	l := newLog(t)
	l.must(setLevel(3))
	return l
}

func TestTheGossipKeyGoesThroughItsPhases(t *testing.T) {
	l := newLog3(t)
	if r := l.s.GossipKeys(); r.GetPhase() != PhaseRemove || r.GetGeneration() != 0 || l.s.KeyIDs() != nil || !KeySince(r).Equal(l.s.Time()) {
		t.Fatalf("at the beginning: %v", r)
	}
	for i, step := range []struct {
		name            string
		c               *controlpb.Command
		generation      uint64
		phase           string
		ids             string // in order
		current, sealed string // what is sealed
	}{
		{"a key is drawn", beginRotation(0, "k_1"), 0, PhaseInstall, "k_0_k_1_", "", "k_1"},
		{"all have it", advanceRotation(0, PhaseInstall), 0, PhaseUse, "k_1_k_0_", "", "k_1"},
		{"all use it", advanceRotation(0, PhaseUse), 1, PhaseRemove, "k_1_", "k_1", ""},
		{"the next is drawn", beginRotation(1, "k_2"), 1, PhaseInstall, "k_1_k_2_", "k_1", "k_2"},
		{"all have the next", advanceRotation(1, PhaseInstall), 1, PhaseUse, "k_2_k_1_", "k_1", "k_2"},
		{"all use the next", advanceRotation(1, PhaseUse), 2, PhaseRemove, "k_2_", "k_2", ""},
	} {
		l.must(step.c)
		once := l.s.Hash()
		again := proto.CloneOf(step.c)
		again.ProposedAt = 0
		if l.must(again); l.s.Hash() != once {
			t.Errorf("%s: twice is not once", step.name)
		}
		r, sealed := l.s.GossipKeys(), l.s.SealedKeys()
		if r.GetGeneration() != step.generation || r.GetPhase() != step.phase || string(slices.Concat(l.s.KeyIDs()...)) != step.ids {
			t.Errorf("%d, %s: %v", i, step.name, r)
		}
		for want, got := range map[string][]byte{"c" + step.current: sealed.GetCurrent(), "n" + step.sealed: sealed.GetNext()} {
			if name := want[1:]; name == "" && len(got) > 0 || name != "" && string(got) != sealedText+" "+name {
				t.Errorf("%s: sealed are %v", step.name, sealed)
			}
		}
	}
	if got := actions(l.s, ""); !slices.Equal(got, []string{
		"gossip_key.rotation_began 6b5f315f", "gossip_key.in_use 6b5f315f", "gossip_key.rotated 6b5f315f",
		"gossip_key.rotation_began 6b5f325f", "gossip_key.in_use 6b5f325f", "gossip_key.rotated 6b5f325f"}) {
		t.Errorf("the audit log says %q", got)
	}
}

func TestARotationIsRefused(t *testing.T) {
	change := func(c *controlpb.Command, f func(*controlpb.BeginKeyRotation)) *controlpb.Command {
		f(c.GetBeginKeyRotation())
		return c
	}
	running := newLog3(t)
	running.must(beginRotation(0, "k_1"))
	over := newLog3(t)
	for _, c := range []*controlpb.Command{beginRotation(0, "k_1"), advanceRotation(0, PhaseInstall), advanceRotation(0, PhaseUse)} {
		over.must(c)
	}
	for _, c := range []struct {
		name string
		l    *log
		c    *controlpb.Command
		code string
	}{
		{"before feature level 3", newLog2(t), beginRotation(0, "k_1"), "feature_level"},
		{"a step before feature level 3", newLog2(t), advanceRotation(0, PhaseInstall), "feature_level"},
		{"another key while one rotates", running, beginRotation(0, "k_2"), "rotation_running"},
		{"of a generation to come", over, beginRotation(2, "k_2"), "rotation_running"},
		{"of one that is over", over, beginRotation(0, "k_2"), "rotation_running"},
		{"the key in use as the next", over, beginRotation(1, "k_1"), "invalid_next_id"},
		{"the first key as the next", newLog3(t), beginRotation(0, "k_0"), "invalid_next_id"},
		{"a short id", over, change(beginRotation(1, "k_2"), func(b *controlpb.BeginKeyRotation) { b.NextId = []byte("k") }), "invalid_next_id"},
		{"no id of the first key", newLog3(t), change(beginRotation(0, "k_2"), func(b *controlpb.BeginKeyRotation) { b.CurrentId = nil }), "invalid_current_id"},
		{"nothing sealed", over, change(beginRotation(1, "k_2"), func(b *controlpb.BeginKeyRotation) { b.Sealed = nil }), "invalid_sealed"},
		{"too much sealed", over, change(beginRotation(1, "k_2"), func(b *controlpb.BeginKeyRotation) { b.Sealed = make([]byte, 2<<10) }), "invalid_sealed"},
		{"a step from no phase", running, advanceRotation(0, PhaseRemove), "invalid_phase"},
		{"a step that is not its turn", running, advanceRotation(0, PhaseUse), "stale_rotation"},
		{"a step of another generation", running, advanceRotation(1, PhaseInstall), "stale_rotation"},
		{"a step without a rotation", newLog3(t), advanceRotation(0, PhaseInstall), "stale_rotation"},
	} {
		t.Run(c.name, func(t *testing.T) { c.l.t = t; c.l.refused(c.code, c.c) })
	}
}

func TestARemovedNodeMayHoldTheKeyUntilTheNextIsDrawn(t *testing.T) {
	l := newLog3(t)
	exposed := func(want bool, when string) {
		t.Helper()
		if l.s.KeyExposed() != want {
			t.Errorf("%s: exposed %v", when, !want)
		}
	}
	l.must(registerNode("n1", 1))
	exposed(false, "before")
	l.must(removeNode("n1"))
	exposed(true, "after the removal")
	l.must(beginRotation(0, "k_1"))
	exposed(false, "with another key")
	l.must(removeNode("n2"))
	exposed(true, "after a removal while it rotates")
	l.must(advanceRotation(0, PhaseInstall))
	l.must(advanceRotation(0, PhaseUse))
	exposed(true, "at its end")
	l.must(beginRotation(1, "k_2"))
	exposed(false, "with the key after that")
}

func TestNodesRemovedBeforeLevel3HadTheKey(t *testing.T) {
	l := newLog2(t)
	l.must(removeNode("n1"))
	l.must(setLevel(3))
	if !l.s.KeyExposed() {
		t.Error("not exposed")
	}
}

// An edge knows which keys there are, and never gets one: not with the state, nor by a
// change of it. TestAReplicaIsTheFilteredOriginal holds it for whatever happens.
func TestAnEdgeNeverGetsAGossipKey(t *testing.T) {
	l := newLog3(t)
	for _, c := range []*controlpb.Command{beginRotation(0, "k_1"), advanceRotation(0, PhaseInstall), advanceRotation(0, PhaseUse), beginRotation(1, "k_2")} {
		l.must(c)
		edge := l.s.Edge(clusterKey, nil)
		if edge.SealedKeys() != nil || !proto.Equal(edge.GossipKeys(), l.s.GossipKeys()) {
			t.Fatalf("an edge holds %v", edge.SealedKeys())
		}
		if !bytes.Contains(encode(l.s.Record(Key{Kind: KindSealedKeys})), []byte(sealedText)) {
			t.Fatal("the voters do not hold it either: the test proves nothing")
		}
	}
	for _, c := range l.changes {
		b, err := proto.Marshal(c.Edge(clusterKey, nil).Encode())
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(sealedText)) {
			t.Errorf("the change at %d brings it", c.Index)
		}
	}
}

func TestTheLevelIsRaisedOnceForRotation(t *testing.T) {
	l := newLog3(t)
	before := l.s.GossipKeys()
	l.must(at(setLevel(3), start.Add(time.Hour)))
	if !proto.Equal(before, l.s.GossipKeys()) {
		t.Errorf("it is %v now", l.s.GossipKeys())
	}
}
