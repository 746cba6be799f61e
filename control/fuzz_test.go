package control

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"testing"

	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// Whatever is in the log: Apply answers, a refusal changes nothing, the state can be
// written and read, and an edge can be fed.
func FuzzCommand(f *testing.F) {
	b, err := os.ReadFile(commandsV1)
	if err != nil {
		f.Fatal(err)
	}
	for r := bytes.NewReader(b); r.Len() > 0; {
		var c controlpb.Command
		if err := protodelim.UnmarshalFrom(r, &c); err != nil {
			f.Fatal(err)
		}
		one, err := proto.Marshal(&c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(one)
	}
	base := newLog(f)
	for _, c := range recorded()[:14] {
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
		edge, err := s.Edge(clusterKey, nil).ApplyChange(r.Change.Edge(clusterKey, nil))
		if err != nil || edge.Hash() != next.Edge(clusterKey, nil).Hash() {
			t.Fatalf("an edge cannot follow: %v", err)
		}
	})
}

func recount(s *State) (total sum) {
	for r := range s.Records() {
		total.add(r)
	}
	return total
}

// Whatever is restored is written again, and read again, as the same.
func FuzzSnapshot(f *testing.F) {
	b, err := os.ReadFile(snapshotV1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
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
	good, err := os.ReadFile(snapshotV1)
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
