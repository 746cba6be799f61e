package control

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
)

func TestM11TheAuditLogIsAChain(t *testing.T) {
	l := newLog2(t)
	for _, c := range []*controlpb.Command{
		create("w_1"), setPIN("w_1", "31415926"), clearPIN("w_1"), invite("w_1", "i_1", "presenter"), claim("w_1", "main", "n1", "p_1", 1, false),
		disconnect("w_1", "p_1", nil, nil), disconnect("w_1", "p_2", nil, &controlpb.NewBan{Id: "b_1"}), liftBan("w_1", "b_1"),
		apiToken("t_1"), account("a_1", "administrator"), removeNode("n9"), end("w_1"),
	} {
		c.Principal = "ada"
		l.must(c)
	}
	entries := slices.Collect(l.s.Audit(0))
	want := []string{"webinar.created w_1", "pin.changed w_1", "pin.changed w_1", "invite.created i_1", "webinar.started w_1",
		"participant.disconnected p_1", "participant.banned p_2", "ban.lifted b_1", "webinar.ended w_1"}
	if got := actions(l.s, "w_1"); !slices.Equal(got, want) {
		t.Errorf("of the webinar: %v", got)
	}
	if got := actions(l.s, ""); !slices.Equal(got, []string{"token.created t_1", "account.created a_1", "node.removed n9"}) {
		t.Errorf("of the cluster: %v", got)
	}
	for i, e := range entries {
		if e.GetSeq() != uint64(i+1) || e.GetPrincipal() != "ada" || e.GetAt() == 0 || e.GetIndex() == 0 {
			t.Errorf("entry %d is %v", i, e)
		}
	}
	head, err := VerifyAudit(nil, l.s.Audit(0))
	if err != nil || !bytes.Equal(head, l.s.AuditHead().GetHash()) {
		t.Fatalf("M11 it verifies to %x, %v", head, err)
	}
	t.Run("M11 whatever is changed shows", func(t *testing.T) { tamper(t, entries) })
	t.Run("a refused command leaves nothing", func(t *testing.T) {
		before := l.s.AuditHead().GetSeq()
		l.apply(end("w_1"))
		if l.s.AuditHead().GetSeq() != before {
			t.Error("an entry of what did not happen")
		}
	})
}

// tamper changes each entry in each way, and expects that it is found.
func tamper(t *testing.T, entries []*controlpb.AuditRecord) {
	of := func(es []*controlpb.AuditRecord) iter.Seq[*controlpb.AuditRecord] { return slices.Values(es) }
	head := entries[len(entries)-1].GetHash()
	forge := []func(*controlpb.AuditRecord){
		func(e *controlpb.AuditRecord) { e.Principal = "eve" },
		func(e *controlpb.AuditRecord) { e.Action += "x" },
		func(e *controlpb.AuditRecord) { e.Webinar += "x" },
		func(e *controlpb.AuditRecord) { e.Subject += "x" },
		func(e *controlpb.AuditRecord) { e.Data = []byte(`{"x":1}`) },
		func(e *controlpb.AuditRecord) { e.At++ },
		func(e *controlpb.AuditRecord) { e.Hash = bytes.Repeat([]byte{1}, 32) },
		func(e *controlpb.AuditRecord) { e.Action, e.Webinar = e.GetAction()+e.GetWebinar(), "" }, // the same bytes, cut elsewhere
	}
	for i := range entries {
		for j, change := range forge {
			bad := slices.Clone(entries)
			bad[i] = proto.CloneOf(entries[i])
			if change(bad[i]); proto.Equal(bad[i], entries[i]) {
				continue
			}
			if _, err := VerifyAudit(nil, of(bad)); err == nil {
				t.Errorf("entry %d forged in way %d verifies", i, j)
			}
		}
		gone := slices.Delete(slices.Clone(entries), i, i+1)
		if got, err := VerifyAudit(nil, of(gone)); err == nil && bytes.Equal(got, head) {
			t.Errorf("without entry %d it verifies", i)
		}
	}
	rewritten := slices.Clone(entries) // with hashes to fit: only the head shows it
	prev := []byte(nil)
	for i := range rewritten {
		rewritten[i] = proto.CloneOf(rewritten[i])
		rewritten[i].Principal = "eve"
		prev = AuditHash(prev, rewritten[i])
		rewritten[i].Hash = prev
	}
	if got, err := VerifyAudit(nil, of(rewritten)); err != nil || bytes.Equal(got, head) {
		t.Errorf("a log that was written anew has the head that was signed: %v", err)
	}
}

func TestM11TheLogIsSigned(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	l.must(plan("w_2", &controlpb.Settings{}))
	l.must(sign(l.s, 1))
	l.must(sign(l.s, 2))
	if got := l.s.AuditHead().GetSigned(); got.GetSeq() != 2 || string(got.GetSignature()) != "signature" {
		t.Errorf("signed %v", got)
	}
	l.refused("wrong_signature", sign(l.s, 1))
	l.must(plan("w_3", &controlpb.Settings{}))
	if got := l.s.AuditHead(); got.GetSeq() != 3 || got.GetSigned().GetSeq() != 2 {
		t.Errorf("head %v", got)
	}
	bad := func(change func(*controlpb.SignAudit)) *controlpb.Command {
		c := sign(l.s, 3)
		change(c.GetSignAudit())
		return c
	}
	l.refused("wrong_signature", bad(func(c *controlpb.SignAudit) { c.Hash = hash("another log") }))
	l.refused("wrong_signature", bad(func(c *controlpb.SignAudit) { c.Seq = 9 }))
	l.refused("invalid_signature", bad(func(c *controlpb.SignAudit) { c.Signature = nil }))
	l.refused("invalid_signature", bad(func(c *controlpb.SignAudit) { c.Signature = make([]byte, 513) }))
	l.refused("invalid_certificate", bad(func(c *controlpb.SignAudit) { c.Certificate = make([]byte, 9_000) }))
	if got := l.s.AuditHead().GetSeq(); got != 3 {
		t.Errorf("signing is an entry itself: %d", got)
	}
}

func TestM11UndoFromTheLog(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	l.must(plan("w_2", &controlpb.Settings{}))
	l.must(disconnect("w_1", "p_1", nil, &controlpb.NewBan{Id: "b_1"}))
	l.must(disconnect("w_1", "p_2", nil, &controlpb.NewBan{Id: "b_2"}))
	undo := func(w, ban string, seq uint64) *controlpb.Command {
		c := liftBan(w, ban)
		c.GetLiftBan().Undoes = seq
		return c
	}
	l.refused("not_undoable", undo("w_1", "b_1", 1)) // that made a webinar
	l.refused("not_undoable", undo("w_1", "b_1", 4)) // that is the other ban
	l.refused("not_undoable", undo("w_1", "b_1", 99))
	l.must(undo("w_1", "b_1", 3))
	l.refused("ban_not_found", undo("w_1", "b_1", 3))
	var last *controlpb.AuditRecord
	for e := range l.s.Audit(5) {
		last = e
	}
	if last.GetAction() != "ban.lifted" || string(last.GetData()) != `{"participant":"p_1","undoes":3}` {
		t.Errorf("entry %v", last)
	}
}

func TestM11TheOldestEntriesGo(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	l.must(clearPIN("w_1"))
	full := *l.s // as if all the other entries were there
	head := proto.CloneOf(l.s.AuditHead())
	head.Seq = maxAudit
	if err := full.put(auditHead(head)); err != nil {
		t.Fatal(err)
	}
	oldest := l.s.Record(Key{Kind: KindAudit, ID: auditID(1)}).GetAudit()
	l.s = &full
	l.must(clearPIN("w_1"))
	now := l.s.AuditHead()
	if now.GetFirst() != 2 || now.GetSeq() != maxAudit+1 || !bytes.Equal(now.GetBefore(), oldest.GetHash()) {
		t.Fatalf("head %v", now)
	}
	if l.s.Record(Key{Kind: KindAudit, ID: auditID(1)}) != nil {
		t.Error("the oldest is still there")
	}
	rest := []*controlpb.AuditRecord{l.s.Record(Key{Kind: KindAudit, ID: auditID(2)}).GetAudit()}
	if got, err := VerifyAudit(now.GetBefore(), slices.Values(rest)); err != nil || !bytes.Equal(got, rest[0].GetHash()) {
		t.Errorf("what is left verifies to %x, %v", got, err)
	}
	if _, err := VerifyAudit(nil, slices.Values(rest)); err == nil {
		t.Error("what is left verifies as if nothing had been before")
	}
}

func TestBeforeLevel2ThereIsNoAuditLog(t *testing.T) {
	l := newLog(t)
	l.must(create("w_1"))
	l.must(end("w_1"))
	if l.s.AuditHead() != nil || l.s.Due(start.Add(1_000*day)) {
		t.Error("a node of level 1 would not have done that")
	}
	for _, c := range []*controlpb.Command{tick(start), register("w_1", "g_1"), func() *controlpb.Command {
		c := setPIN("w_1", "31415926")
		c.GetSetPin().AskAgain = true
		return c
	}(), plan("w_2", &controlpb.Settings{}), func() *controlpb.Command {
		c := invite("w_1", "i_1", "attendee")
		c.GetCreateInvite().Account = "a_1"
		return c
	}(), func() *controlpb.Command {
		c := liftBan("w_1", "b_1")
		c.GetLiftBan().Undoes = 1
		return c
	}(), func() *controlpb.Command {
		c := create("w_3")
		c.GetCreateWebinar().Pin, c.GetCreateWebinar().Registration = nil, &controlpb.Registration{Waitlist: true}
		return c
	}()} {
		if err := l.s.Acceptable(c); codeOf(err) != "feature_level" {
			t.Errorf("%v gets into the log: %v", c, err)
		}
		l.refused("feature_level", c)
	}
}

// Nothing that a person is known by may be in what outlives a webinar's retention.
func TestTheAuditLogNamesNobody(t *testing.T) {
	l := newLog2(t)
	l.must(signUp("w_1", &controlpb.Registration{Window: "always"}))
	for i, c := range []*controlpb.Command{
		register("w_1", "g_1"), setParticipant("w_1", "p_1", toStage(true)), disconnect("w_1", "p_1", []string{"device:x", "prefix:192.0.2.1/32"}, &controlpb.NewBan{Id: "b_1", Prefix: true}),
		account("a_1", "administrator"), attend("w_1", "n1", "s_1", 0), webhook("h_1", "w_1"), invite("w_1", "i_1", "attendee"),
	} {
		c.Principal = fmt.Sprint("a_", i)
		l.must(c)
	}
	for e := range l.s.Audit(0) {
		for _, personal := range []string{sealedText, "Name of", "192.0.2", "device:", "Invited", "hooks.example", "login-"} {
			if strings.Contains(e.String(), personal) {
				t.Errorf("entry %v has %q", e, personal)
			}
		}
	}
}
