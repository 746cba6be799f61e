package control

import (
	"bytes"
	"time"

	"pgregory.net/rapid"
)

// sound checks what must hold after any commands.
func sound(t *rapid.T, s *State) {
	t.Helper()
	if recount(s) != s.sum {
		t.Fatal("the running hash is not the state's")
	}
	for w := range s.Webinars() {
		if w.PIN != nil && w.Registration != nil {
			t.Fatalf("S30 %s has a PIN and a registration", w.ID)
		}
		var approved, granted int
		for r := range w.Registrants() {
			if r.Status == "approved" {
				approved++
			}
		}
		if n, _, _ := w.RegistrantCounts(); n != approved {
			t.Fatalf("%s counts %d approved, and has %d", w.ID, n, approved)
		}
		for l := range w.Leases() {
			granted += l.Granted
		}
		if granted != w.SeatsGranted() {
			t.Fatalf("%s counts %d seats granted, and has %d", w.ID, w.SeatsGranted(), granted)
		}
	}
	soundAudit(t, s)
	soundDue(t, s)
}

func soundAudit(t *rapid.T, s *State) {
	t.Helper()
	head := s.AuditHead()
	if got, err := VerifyAudit(head.GetBefore(), s.Audit(0)); err != nil || !bytes.Equal(got, head.GetHash()) {
		t.Fatalf("M11 the audit log does not verify: %x, %v", got, err)
	}
}

// soundDue checks that the leader proposes a Tick when it changes something, and only then.
func soundDue(t *rapid.T, s *State) {
	t.Helper()
	for _, at := range []time.Time{s.Time(), s.Time().Add(3 * time.Second), s.Time().Add(25 * time.Hour), s.Time().Add(60 * day)} {
		next, r := s.Apply(s.Index()+1, tick(at))
		if r.Halt != nil {
			t.Fatal(r.Halt)
		}
		if changed := len(r.Change.Puts)+len(r.Change.Deletes) > 0; changed != s.Due(at) {
			t.Fatalf("at %v due is %t, and a tick changes %v %v", at, s.Due(at), r.Change.Puts, r.Change.Deletes)
		}
		if s.Due(at) && next.Hash() == s.Hash() {
			t.Fatalf("a tick at %v changes nothing, and the next one would not either", at)
		}
	}
}

// holdsNothingSealed checks that nothing that somebody typed is in what an edge holds.
func holdsNothingSealed(t *rapid.T, edge *State) {
	t.Helper()
	for r := range edge.Records() {
		if b := encode(r); bytes.Contains(b, []byte(sealedText)) || bytes.Contains(b, []byte("Name of")) || bytes.Contains(b, hash("SEALED mail of g_1")) {
			t.Fatalf("an edge holds %v", r)
		}
	}
}
