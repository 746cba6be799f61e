package api

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"stentor/control"
	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/personal"
	"stentor/control/webinar"
)

func (w *world) entries(id string) []client.AuditEntry {
	w.t.Helper()
	return decode[client.Audit](w.list(id, "/audit?limit=200")).Items
}

func TestM11WhatWasDoneIsInTheLog(t *testing.T) {
	w := newWorld(t)
	other := w.webinar(`{"title":"another"}`).ID
	id := w.webinar(`{"title":"a"}`).ID
	w.crowd.inside[id] = []Present{present("p_1", "n1", "device:abc")}
	w.edit(id, `{"locked":true}`)
	w.post(id, "/participants/p_1/disconnect", `{"ban":true}`).must(200)
	w.edit(other, `{"locked":true}`)
	var actions []string
	for _, e := range w.entries(id) {
		actions = append(actions, e.Action)
		if e.By != w.hostID || e.Webinar != id || e.At.IsZero() || len(e.Hash) != 64 {
			t.Errorf("an entry is %+v", e)
		}
	}
	if !slices.Equal(actions, []string{"participant.banned", "webinar.edited", "webinar.created"}) {
		t.Errorf("the log has %v", actions)
	}
	if body := string(w.list(id, "/audit").body); strings.Contains(body, "Name of p_1") || strings.Contains(body, "device:abc") {
		t.Errorf("personal data is in the log: %s", body)
	}
	all := decode[client.Audit](w.do(ask{method: "GET", path: "/api/v1/audit?limit=200", token: w.admin}).must(200)).Items
	head := decode[client.AuditHead](w.do(ask{method: "GET", path: "/api/v1/audit/head", token: w.admin}).must(200))
	if uint64(len(all)) != head.Seq || all[0].Hash != head.Hash || head.First != 1 {
		t.Errorf("%d entries, the head is %+v", len(all), head)
	}
	sum, err := control.VerifyAudit(nil, w.store.State().Audit(1))
	if err != nil || hex.EncodeToString(sum) != head.Hash {
		t.Errorf("the chain ends in %x, %v", sum, err)
	}
}

func TestPagesOfTheAuditLog(t *testing.T) {
	w := newWorld(t)
	id, other := w.webinar(`{"title":"a"}`).ID, w.webinar(`{"title":"b"}`).ID
	for i := range 10 {
		w.edit(id, fmt.Sprintf(`{"title":"a%d"}`, i))
		w.edit(other, fmt.Sprintf(`{"title":"b%d"}`, i))
	}
	var seen []uint64
	next := ""
	for {
		page := decode[client.Audit](w.list(id, "/audit?limit=3"+next))
		for _, e := range page.Items {
			seen = append(seen, e.Seq)
		}
		if page.Next == "" {
			break
		}
		next = "&cursor=" + page.Next
		w.edit(id, `{"locked":true}`) // what comes in between is new, and stands before
		w.edit(id, `{"locked":false}`)
	}
	if len(seen) != 11 || !slices.IsSortedFunc(seen, func(a, b uint64) int { return int(int64(b) - int64(a)) }) {
		t.Errorf("the pages hold %v", seen)
	}
	w.do(ask{method: "GET", path: "/api/v1/webinars/" + other + "/audit" + strings.Replace(next, "&", "?", 1), token: w.host}).refused(codeInvalidCursor)
	w.do(ask{method: "GET", path: "/api/v1/audit?cursor=" + cursor("audit ", "18446744073709551615"), token: w.admin}).refused(codeInvalidCursor)
	w.do(ask{method: "GET", path: "/api/v1/audit?cursor=" + cursor("audit ", "0"), token: w.admin}).refused(codeInvalidCursor)
}

func TestM11ABanIsUndoneFromTheLog(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"a"}`).ID
	w.post(id, "/participants/p_1/disconnect", `{"ban":true}`).must(200)
	entry := w.entries(id)[0]
	if !entry.Undoable || entry.Action != "participant.banned" {
		t.Fatalf("the entry is %+v", entry)
	}
	undo := fmt.Sprintf("/audit/%d/undo", entry.Seq)
	got := decode[client.Undone](w.post(id, undo, "").must(200))
	if got.Seq != entry.Seq || got.Action != "ban.lifted" || w.store.State().Webinar(id).BanCount() != 0 {
		t.Errorf("undone: %+v", got)
	}
	newest := w.entries(id)
	if newest[0].Action != "ban.lifted" || !strings.Contains(string(newest[0].Data), fmt.Sprintf(`"undoes":%d`, entry.Seq)) || newest[1].Undoable {
		t.Errorf("the log has %+v", newest[:2])
	}
	w.post(id, undo, "").must(409).refused(codeNotUndoable)
	w.post(id, fmt.Sprintf("/audit/%d/undo", newest[0].Seq), "").refused(codeNotUndoable)
}

func TestM11ARemovalIsUndoneFromTheLog(t *testing.T) {
	w := newWorld(t)
	id, other := w.webinar(`{"title":"a"}`).ID, w.webinar(`{"title":"b"}`).ID
	w.post(id, "/participants/p_1/disconnect", `{}`).must(200)
	first := w.entries(id)[0]
	w.post(id, "/participants/p_1/disconnect", `{}`).must(200)
	second := w.entries(id)[0]
	undo := func(id string, seq uint64, key string) reply {
		return w.do(ask{method: "POST", path: fmt.Sprintf("/api/v1/webinars/%s/audit/%d/undo", id, seq), token: w.host, header: http.Header{"Idempotency-Key": {key}}})
	}
	undo(id, first.Seq, "1").refused(codeNotUndoable) // it does not hold any more, and the second one does
	undo(other, second.Seq, "2").refused(codeEntryNotFound)
	got := decode[client.Undone](undo(id, second.Seq, "3").must(200))
	if got.Action != "participant.reinvited" || w.store.State().Webinar(id).RemovalCount() != 0 {
		t.Errorf("undone: %+v", got)
	}
	if again := decode[client.Undone](undo(id, second.Seq, "3").must(200)); again != got {
		t.Errorf("first %+v, then %+v", got, again)
	}
	undo(id, second.Seq, "4").refused(codeNotUndoable)
	w.do(ask{method: "POST", path: "/api/v1/webinars/" + id + "/audit/x/undo", token: w.host}).refused(codeInvalidRequest)
	w.do(ask{method: "POST", path: "/api/v1/webinars/" + id + "/audit/18446744073709551615/undo", token: w.host}).refused(codeInvalidRequest)
}

func TestTheSignatureUnderTheLogIsShown(t *testing.T) {
	w := newWorld(t)
	head := w.store.State().AuditHead()
	w.command(&controlpb.Command{Kind: &controlpb.Command_SignAudit{SignAudit: &controlpb.SignAudit{
		Seq: head.GetSeq(), Hash: head.GetHash(), Signature: []byte("signature"), Certificate: []byte("certificate"),
	}}})
	got := decode[client.AuditHead](w.do(ask{method: "GET", path: "/api/v1/audit/head", token: w.admin}).must(200))
	if got.Signed == nil || got.Signed.Seq != head.GetSeq() || got.Signed.Hash != hex.EncodeToString(head.GetHash()) || got.Signed.Signature != "c2lnbmF0dXJl" {
		t.Errorf("the head is %+v", got.Signed)
	}
}

// attend notes a stay.
func (w *world) attend(id, stay, name string, joined, left time.Time) {
	w.t.Helper()
	sealed, err := w.keeper.Seal(id, stay, personal.Named{Name: name})
	if err != nil {
		w.t.Fatal(err)
	}
	a := &controlpb.Attendance{Id: stay, Participant: "p_" + stay, Role: "attendee", Guest: true, Joined: joined.UnixNano(), Sealed: sealed}
	if !left.IsZero() {
		a.Left = left.UnixNano()
	}
	w.command(&controlpb.Command{Kind: &controlpb.Command_ReportAttendance{ReportAttendance: &controlpb.ReportAttendance{
		Webinar: id, Node: "n1", Attendance: []*controlpb.Attendance{a},
	}}})
}

func TestAttendanceIsListedAndExported(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"a"}`).ID
	w.attend(id, "s1", "=cmd|' /C calc'!A0", w.now, w.now.Add(90*time.Second))
	w.attend(id, "s2", "Bob", w.now, time.Time{})
	list := decode[client.AttendanceList](w.list(id, "/attendance")).Items
	if len(list) != 2 || list[0].Name != "=cmd|' /C calc'!A0" || list[0].LeftAt == nil || list[1].LeftAt != nil || list[1].Node != "n1" || !list[1].Guest {
		t.Errorf("listed %+v", list)
	}
	page := decode[client.AttendanceList](w.list(id, "/attendance?limit=1"))
	if rest := decode[client.AttendanceList](w.list(id, "/attendance?limit=1&cursor="+page.Next)).Items; len(rest) != 1 || rest[0].ID != "s2" {
		t.Errorf("the second page is %+v", rest)
	}
	csv := string(w.list(id, "/attendance.csv").body)
	lines := strings.Split(strings.TrimSpace(csv), "\r\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[1], "p_s1,'=cmd|' /C calc'!A0,attendee,yes,n1,2026-03-01T12:00:00Z,2026-03-01T12:01:30Z,90") ||
		!strings.HasPrefix(lines[2], "p_s2,Bob,attendee,yes,n1,2026-03-01T12:00:00Z,,,") {
		t.Errorf("the file is %s", csv)
	}
}

func TestM14PersonalDataThatExpiredIsNotThereAnyMore(t *testing.T) {
	w := newWorld(t)
	made := w.webinar(`{"title":"a","retention_days":1,"registration":{}}`)
	w.signUp(made.Link, "ada@example.org").must(201)
	w.attend(made.ID, "s1", "Ada", w.now, w.now)
	w.post(made.ID, "/end", "").must(200)
	w.now = w.now.Add(25 * time.Hour)
	for range 2 { // attendance is summed up first
		w.command(&controlpb.Command{Kind: &controlpb.Command_Tick{Tick: &controlpb.Tick{}}})
	}
	people := w.registrants(made.ID, "")
	if len(people) != 1 || people[0].Email != "" || people[0].FirstName != "" || !people[0].Expired {
		t.Errorf("listed %+v", people)
	}
	if stays := decode[client.AttendanceList](w.list(made.ID, "/attendance")).Items; len(stays) != 1 || stays[0].Name != "" {
		t.Errorf("listed %+v", stays)
	}
	for _, path := range []string{"/registrants.csv", "/attendance.csv"} {
		if file := string(w.list(made.ID, path).body); strings.Contains(file, "ada@") || strings.Contains(file, "Ada") {
			t.Errorf("%s has %s", path, file)
		}
	}
}

func TestARegistrantOfAnotherClusterIsShownWithoutWhatTheyGave(t *testing.T) {
	w := newWorld(t)
	made := w.signed(`{}`)
	w.signUp(made.Link, "ada@example.org").must(201)
	other, err := personal.New([]byte(strings.Repeat("x", 32)))
	if err != nil {
		t.Fatal(err)
	}
	w.api.Keeper = other
	if got := w.registrants(made.ID, ""); len(got) != 1 || got[0].Email != "" || got[0].Status != "approved" {
		t.Errorf("listed %+v", got)
	}
	if !strings.Contains(w.log.String(), "cannot be read") {
		t.Errorf("the log says %s", w.log)
	}
	if err := w.admit(made.ID, webinar.Visitor{Name: "x"}); !errors.Is(err, webinar.ErrRegistrationRequired) {
		t.Errorf("the door says %v", err)
	}
}

func TestTheGossipKeyIsRotated(t *testing.T) {
	w := newWorld(t)
	k := decode[client.GossipKey](w.do(ask{method: "POST", path: "/api/v1/gossip-key/rotate", token: w.admin}).must(202))
	if k.Generation != 0 || k.Phase != "install" || k.Current != "6b657930" || k.Next != "6b657931" || k.Since.IsZero() {
		t.Errorf("answered %+v", k)
	}
	w.do(ask{method: "POST", path: "/api/v1/gossip-key/rotate", token: w.admin}).refused(codeRotationRunning)
}

func TestANodeDrains(t *testing.T) {
	w := newWorld(t)
	w.mesh.status.Nodes = []NodeStatus{{Node: "n7", Role: "edge", Alive: true}}
	for _, c := range []struct {
		method   string
		draining bool
	}{{"PUT", true}, {"PUT", true}, {"DELETE", false}, {"DELETE", false}} {
		w.do(ask{method: c.method, path: "/api/v1/nodes/n7/drain", token: w.admin}).must(204)
		if got := w.mesh.status.Nodes[0].Draining; got != c.draining {
			t.Errorf("after %s it drains: %v", c.method, got)
		}
	}
	w.do(ask{method: "PUT", path: "/api/v1/nodes/n8/drain", token: w.admin}).refused(codeNodeNotFound)
}

func TestANodeIsRemoved(t *testing.T) {
	w := newWorld(t)
	w.mesh.status.Nodes = []NodeStatus{{Node: "n7", Role: "edge"}}
	w.do(ask{method: "DELETE", path: "/api/v1/nodes/n7", token: w.admin}).must(204)
	if !w.store.State().Node("n7").GetRemoved() {
		t.Error("it is not removed")
	}
	w.do(ask{method: "DELETE", path: "/api/v1/nodes/n8", token: w.admin}).refused(codeNodeNotFound)
	w.do(ask{method: "DELETE", path: "/api/v1/nodes/a%2Fb", token: w.admin}).refused(codeInvalidRequest)
}
