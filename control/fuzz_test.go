package control

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// Whatever is in the log: Apply answers, a refusal changes nothing, the state can be
// written and read, and an edge can be fed.
func FuzzCommand(f *testing.F) {
	for _, v := range fixtures {
		for _, c := range v.read(f) {
			one, err := proto.Marshal(c)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(one)
		}
	}
	base := newLog(f)
	for _, c := range fixtures[1].read(f)[:45] {
		base.apply(c)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var c controlpb.Command
		if proto.Unmarshal(b, &c) != nil {
			return
		}
		s := base.s
		before := s.Hash()
		next, r := s.Apply(s.Index()+1, &c)
		if s.Hash() != before {
			t.Fatal("the state before has changed")
		}
		if r.Halt != nil {
			if next != s || s.Acceptable(&c) == nil {
				t.Fatalf("a command that passes Acceptable halts: %v", r.Halt)
			}
			return
		}
		var d *webinar.Denial
		if r.Err != nil && !errors.As(r.Err, &d) {
			t.Fatalf("refused without a code: %v", r.Err)
		}
		sum := recount(next)
		if sum != next.sum {
			t.Fatal("the running hash is not the state's")
		}
		var snap bytes.Buffer
		if err := next.Snapshot(&snap); err != nil {
			t.Fatal(err)
		}
		again, err := Restore(&snap)
		if err != nil || again.Hash() != next.Hash() {
			t.Fatalf("its snapshot cannot be read: %v", err)
		}
		ticks(t, next)
		edge, err := s.Edge(clusterKey, nil).ApplyChange(r.Change.Edge(clusterKey, nil))
		if err != nil || edge.Hash() != next.Edge(clusterKey, nil).Hash() {
			t.Fatalf("an edge cannot follow: %v", err)
		}
	})
}

// ticks checks that a tick does something when it is due, and only then.
func ticks(t *testing.T, s *State) {
	for _, at := range []time.Time{s.Time(), s.Time().Add(40 * day)} {
		_, r := s.Apply(s.Index()+1, tick(at))
		if changed := len(r.Change.Puts)+len(r.Change.Deletes) > 0; r.Halt != nil || changed != s.Due(at) {
			t.Fatalf("at %v a tick halts (%v), or is due (%t) where it changes nothing", at, r.Halt, s.Due(at))
		}
	}
}

func recount(s *State) (total sum) {
	for r := range s.Records() {
		total.add(r)
	}
	return total
}

// Whatever is restored is written again, and read again, as the same.
func FuzzSnapshot(f *testing.F) {
	for _, v := range fixtures {
		b, err := os.ReadFile(v.snapshot())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(snapshotMagic))
	var empty bytes.Buffer
	if err := NewState().Snapshot(&empty); err != nil {
		f.Fatal(err)
	}
	f.Add(empty.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Restore(bytes.NewReader(resum(b)))
		if err != nil {
			return
		}
		if recount(s) != s.sum {
			t.Fatal("the running hash is not the state's")
		}
		var out bytes.Buffer
		if err := s.Snapshot(&out); err != nil {
			t.Fatal(err)
		}
		again, err := Restore(&out)
		if err != nil || again.Hash() != s.Hash() || again.Index() != s.Index() {
			t.Fatalf("read again: %v", err)
		}
		if s.Index()+1 > s.Index() {
			ticks(t, s)
		}
	})
}

// resum gives b the sum that it needs, so that a fuzzer gets past it.
func resum(b []byte) []byte {
	if len(b) < 32 {
		return b
	}
	body := b[:len(b)-32]
	h := sha256.Sum256(body)
	return append(bytes.Clone(body), h[:]...)
}

func TestABrokenSnapshotIsRefused(t *testing.T) {
	good, err := os.ReadFile(fixtures[0].snapshot())
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if _, err := Restore(bytes.NewReader(bad)); err == nil {
			t.Fatalf("with byte %d of %d wrong it is read", i, len(good))
		}
		if _, err := Restore(bytes.NewReader(good[:i])); err == nil {
			t.Fatalf("with %d of %d bytes it is read", i, len(good))
		}
	}
}
