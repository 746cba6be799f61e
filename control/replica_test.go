package control

import (
	"bytes"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"stentor/control/controlpb"
)

// An edge that is fed by changes, from whatever snapshot it began with, holds what is
// left of the voters' state when it is filtered; and a state that went through a
// snapshot is the one before.
func TestAReplicaIsTheFilteredOriginal(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := newLog(t)
		topics := Topics(rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"w_1", "w_2"}), 0, 2, rapid.ID[string]).Draw(rt, "topics"))
		n := rapid.IntRange(1, 60).Draw(rt, "commands")
		from := rapid.IntRange(0, n).Draw(rt, "replica starts at")
		replica := NewState()
		if rapid.Bool().Draw(rt, "feature level 2") {
			for _, c := range (drawer{rt, l.s}).scene() {
				l.must(c)
			}
		}
		for i := range n {
			if i == from {
				replica = throughSnapshot(rt, l.s.Edge(clusterKey, topics))
				l.changes = nil
			}
			l.apply(drawer{rt, l.s}.command())
			sound(rt, l.s)
		}
		if from == n {
			replica, l.changes = throughSnapshot(rt, l.s.Edge(clusterKey, topics)), nil
		}
		for _, c := range l.changes {
			replica = feed(rt, replica, c.Edge(clusterKey, topics))
		}
		want := l.s.Edge(clusterKey, topics)
		holdsNothingSealed(rt, want)
		if replica.Hash() != want.Hash() || replica.Index() != want.Index() || !replica.Time().Equal(want.Time()) {
			rt.Fatalf("replica at %d, original at %d:\n%v\n%v", replica.Index(), want.Index(), records(replica), records(want))
		}
		sameRecords(rt, replica, want)
		again := throughSnapshot(rt, l.s)
		if again.Hash() != l.s.Hash() || again.Index() != l.s.Index() || again.cluster.FeatureLevel != l.s.cluster.FeatureLevel {
			rt.Fatal("a snapshot changed the state")
		}
		sameRecords(rt, again, l.s)
	})
}

// feed sends c as a watch stream does.
func feed(t *rapid.T, s *State, c Change) *State {
	b, err := proto.Marshal(c.Encode())
	if err != nil {
		t.Fatal(err)
	}
	var pb controlpb.Change
	if err := proto.Unmarshal(b, &pb); err != nil {
		t.Fatal(err)
	}
	next, err := s.ApplyChange(DecodeChange(&pb))
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func throughSnapshot(t *rapid.T, s *State) *State {
	var b bytes.Buffer
	if err := s.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	out, err := Restore(&b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func records(s *State) []*controlpb.Record { return slices.Collect(s.Records()) }

func sameRecords(t *rapid.T, a, b *State) {
	x, y := records(a), records(b)
	if !slices.EqualFunc(x, y, func(a, b *controlpb.Record) bool { return proto.Equal(a, b) }) {
		t.Fatalf("records differ:\n%v\n%v", x, y)
	}
	for i, r := range x {
		if found := a.Record(KeyOf(r)); !proto.Equal(found, r) {
			t.Fatalf("record %d is not under its key: %v, %v", i, r, found)
		}
		if KeyOf(r).Webinar != "" && i > 0 && KeyOf(x[i-1]).Compare(KeyOf(r)) >= 0 {
			t.Fatalf("records out of order: %v, %v", x[i-1], r)
		}
	}
}

func TestAChangeMustFollow(t *testing.T) {
	l := newLog(t)
	l.must(create("w_1"))
	l.must(end("w_1"))
	s := NewState()
	if _, err := s.ApplyChange(l.changes[1]); err != nil {
		t.Errorf("a change says what is, not what was before it: %v", err)
	}
	if _, err := l.s.ApplyChange(l.changes[1]); err == nil {
		t.Error("a change was applied twice")
	}
	orphan := Change{Index: 9, Puts: []*controlpb.Record{{Kind: &controlpb.Record_Stream{Stream: &controlpb.StreamRecord{Webinar: "w_none", Name: "main"}}}}}
	if _, err := s.ApplyChange(orphan); err == nil {
		t.Error("a stream of no webinar")
	}
	if _, err := s.ApplyChange(Change{Index: 9, Puts: []*controlpb.Record{{}}}); err == nil {
		t.Error("a record of an unknown kind")
	}
}
