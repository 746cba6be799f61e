package control

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func TestAWebinarEndsByItself(t *testing.T) {
	once := &controlpb.Schedule{Start: start.Add(time.Hour).UnixNano(), Duration: int64(time.Hour)}
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{Schedule: once, AutoEnd: true}))
	l.must(plan("w_2", &controlpb.Settings{Schedule: once}))
	l.must(claim("w_1", "main", "n1", "p_1", 1, false))
	end := start.Add(2 * time.Hour)
	if l.s.Due(end.Add(-1)) || !l.s.Due(end) {
		t.Error("it is due at its end, and not before")
	}
	before := l.s.Hash()
	l.must(tick(end.Add(-1)))
	if l.s.Hash() != before {
		t.Error("a tick too early did something")
	}
	l.must(tick(end))
	w := l.s.Webinar("w_1")
	if w.State != webinar.Ended || !w.Ended.Equal(end) || w.StreamCount() != 0 {
		t.Errorf("%+v", w)
	}
	if l.s.Webinar("w_2").State == webinar.Ended {
		t.Error("one whose host ends it was ended")
	}
	if got := actions(l.s, "w_1"); got[len(got)-1] != "webinar.ended w_1" {
		t.Errorf("audit %v", got)
	}
	if l.s.Due(end) {
		t.Error("there is still something due")
	}
	t.Run("a changed schedule is another end", func(t *testing.T) {
		l.must(edit("w_2", &controlpb.Settings{AutoEnd: true, Schedule: &controlpb.Schedule{Start: end.Add(time.Hour).UnixNano(), Duration: int64(time.Hour)}}, "schedule", "auto_end"))
		if l.s.Due(end.Add(2*time.Hour-1)) || !l.s.Due(end.Add(2*time.Hour)) {
			t.Error("it ends at another time")
		}
	})
	t.Run("one that takes place again does not end", func(t *testing.T) {
		l := newLog2(t)
		l.must(plan("w_1", &controlpb.Settings{AutoEnd: true, Schedule: &controlpb.Schedule{Start: start.UnixNano(), Duration: int64(time.Hour), Rule: "FREQ=DAILY", Zone: "UTC", Occurrences: []int64{start.UnixNano()}}}))
		if l.s.Due(start.Add(365 * day)) {
			t.Error("it is due")
		}
		l.must(occurrences("w_1", true, start))
		if !l.s.Due(start.Add(time.Hour)) {
			t.Error("after its last time it is not due")
		}
	})
}

// expiring is an ended webinar with a lot of people in it.
func expiring(t testing.TB) *log {
	l := newLog2(t)
	l.must(signUp("w_1", &controlpb.Registration{Window: "always"}))
	l.must(registerNode("n1", 1))
	i := invite("w_1", "i_1", "attendee")
	i.GetCreateInvite().Name, i.GetCreateInvite().Sealed = "SEALED Ada", []byte("SEALED address")
	for _, c := range []*controlpb.Command{register("w_1", "g_1"), register("w_1", "g_2"), i, setParticipant("w_1", "p_1", stopAudio(true)),
		acquire("w_1", "n1", 1, 3), reportSeats("w_1", "n1", 2, []string{"p_1"}, nil), attend("w_1", "n1", "s_1", 0), attend("w_1", "n1", "s_2", 0)} {
		l.must(c)
	}
	kicked := disconnect("w_1", "p_2", []string{"device:SEALED", "account:SEALED"}, &controlpb.NewBan{Id: "b_1"})
	kicked.GetDisconnect().Name = "SEALED Bo"
	l.must(kicked)
	l.must(at(end("w_1"), start.Add(time.Hour)))
	l.must(tick(start.Add(time.Hour + settleEnded)))
	return l
}

func TestM14PersonalDataExpires(t *testing.T) {
	l := expiring(t)
	gone := start.Add(time.Hour + 30*day)
	for m := range l.s.Mails() {
		l.must(settleMail([]string{m.GetId()}))
	}
	if l.s.Due(gone.Add(-1)) || !l.s.Due(gone) {
		t.Fatal("it is due 30 days after the end")
	}
	l.must(tick(gone))
	var snap bytes.Buffer
	if err := l.s.Snapshot(&snap); err != nil {
		t.Fatal(err)
	}
	for _, personal := range []string{sealedText, "Name of", string(hash("SEALED mail of g_1"))} {
		if bytes.Contains(snap.Bytes(), []byte(personal)) {
			t.Errorf("M14 %q is still there", personal)
		}
	}
	w := l.s.Webinar("w_1")
	if !w.Expired || w.RegistrantCount() != 2 || l.s.Stays("w_1") != 2 || w.RemovalCount() != 1 || w.SeatCount() != 0 || w.LeaseCount() != 0 {
		t.Errorf("what stays: %+v with %d registrants, %d stays", w, w.RegistrantCount(), l.s.Stays("w_1"))
	}
	if l.s.Due(gone.Add(1_000 * day)) {
		t.Error("M14 it is due for ever")
	}
	summed := audited(l.s, "attendance.recorded")
	if got := hex.EncodeToString(AttendanceHash(l.s.Attendance("w_1"))); !strings.Contains(summed[len(summed)-1], got) {
		t.Errorf("M11 without the names the stays are %s, and in the log %v", got, summed)
	}
	l.must(at(attend("w_1", "n1", "s_late", 0), gone))
	if got := l.s.Record(Key{KindAttendance, "w_1", "s_late"}).GetAttendance().GetAttendance(); got == nil || len(got.GetSealed()) != 0 {
		t.Errorf("M14 a name that came late is kept: %v", got)
	}
	if late := gone.Add(settleLive); !l.s.Due(late) || len(l.must(tick(late)).Change.Puts) == 0 || l.s.Due(late) {
		t.Error("M11 a stay that came late is not summed up")
	}
	t.Run("M14 after as many days as the host said", func(t *testing.T) {
		l := newLog2(t)
		l.must(plan("w_1", &controlpb.Settings{RetentionDays: 2}))
		l.must(at(end("w_1"), start))
		if l.s.Due(start.Add(2*day-1)) || !l.s.Due(start.Add(2*day)) {
			t.Error("it is due after two days")
		}
	})
}

func TestM14ALargeWebinarExpiresInPieces(t *testing.T) {
	l := newLog2(t)
	l.must(signUp("w_1", &controlpb.Registration{Window: "always"}))
	for i := range tickWork + 50 {
		c := register("w_1", fmt.Sprint("g_", i))
		c.GetRegister().Mail = false
		l.must(c)
	}
	l.must(at(end("w_1"), start))
	at, ticks := start.Add(30*day), 0
	for ; l.s.Due(at); ticks++ {
		r := l.must(tick(at))
		if n := len(r.Change.Puts); n == 0 || n > tickWork+3 {
			t.Fatalf("a tick put %d records", n)
		}
	}
	if !l.s.Webinar("w_1").Expired || ticks != 2 {
		t.Errorf("expired %t after %d ticks", l.s.Webinar("w_1").Expired, ticks)
	}
}

func TestM14AnEndedWebinarLeavesTheState(t *testing.T) {
	size := func(s *State) int {
		var b bytes.Buffer
		if err := s.Snapshot(&b); err != nil {
			t.Fatal(err)
		}
		return b.Len()
	}
	l := expiring(t)
	for m := range l.s.Mails() {
		l.must(settleMail([]string{m.GetId()}))
	}
	expired, gone := start.Add(time.Hour+30*day), start.Add(time.Hour+120*day)
	l.must(tick(expired))
	t.Run("not in a cluster with nodes of level 2, which would keep it", func(t *testing.T) {
		old := &log{t: t, s: l.s}
		old.must(tick(gone))
		if old.s.Due(gone) || old.s.Webinar("w_1") == nil {
			t.Error("it is gone, or due for ever")
		}
	})
	l.must(setLevel(3))
	large, edge := size(l.s), l.s.Edge(clusterKey, nil)
	if l.s.Due(gone.Add(-1)) || !l.s.Due(gone) {
		t.Fatal("it is due 90 days after its personal data has gone")
	}
	before := l.s.Index()
	r := l.must(tick(gone))
	if l.s.Webinar("w_1") != nil || l.s.WebinarByLink("link-w_1") != nil || l.s.Stays("w_1") != 0 || l.s.Due(gone.Add(1_000*day)) {
		t.Error("it is there, or due for ever")
	}
	for rec := range l.s.Records() {
		if k := KeyOf(rec); k.Webinar == "w_1" {
			t.Errorf("%v is left", k)
		}
	}
	if got := size(l.s); got >= large {
		t.Errorf("the snapshot has %d bytes, before %d", got, large)
	}
	if got := audited(l.s, "webinar.created"); len(got) != 1 {
		t.Errorf("M11 the audit log has lost its past: %v", got)
	}
	if got := actions(l.s, "w_1"); got[len(got)-1] != "webinar.deleted w_1" {
		t.Errorf("M11 the audit log does not say so: %v", got)
	}
	changed := r.Change.Edge(clusterKey, nil)
	if changed.Index = before + 1; edge.Index() >= changed.Index {
		changed.Index = edge.Index() + 1
	}
	edge, err := edge.ApplyChange(changed)
	if err != nil || edge.Webinar("w_1") != nil {
		t.Errorf("an edge keeps it: %v", err)
	}
	l.refused("not_found", at(attend("w_1", "n1", "s_later", 0), gone))
}

func TestM14ALargeWebinarLeavesInPieces(t *testing.T) {
	l := newLog3(t)
	l.must(signUp("w_1", &controlpb.Registration{Window: "always"}))
	for i := range 2*tickWork + 50 {
		c := register("w_1", fmt.Sprint("g_", i))
		c.GetRegister().Mail = false
		l.must(c)
	}
	l.must(at(end("w_1"), start))
	for when := start.Add(30 * day); l.s.Due(when); {
		l.must(tick(when))
	}
	ticks := 0
	for when := start.Add(120 * day); l.s.Due(when); ticks++ {
		if n := len(l.must(tick(when)).Change.Deletes); n > tickWork+1 {
			t.Fatalf("a tick deleted %d records", n)
		}
	}
	if l.s.Webinar("w_1") != nil || ticks != 3 {
		t.Errorf("gone %t after %d ticks", l.s.Webinar("w_1") == nil, ticks)
	}
}

func TestRemindersComeAnHourBefore(t *testing.T) {
	first, second := start.Add(3*time.Hour), start.Add(27*time.Hour)
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{
		Registration: &controlpb.Registration{Window: "always", Approval: true},
		Schedule:     &controlpb.Schedule{Start: first.UnixNano(), Duration: int64(time.Hour), Zone: "UTC", Rule: "FREQ=DAILY", Occurrences: []int64{first.UnixNano(), second.UnixNano()}},
	}))
	for _, id := range []string{"g_1", "g_2", "g_3"} {
		c := register("w_1", id)
		c.GetRegister().Mail = false
		l.must(c)
	}
	l.must(decide("w_1", "approve", "g_1", "g_2"))
	var waiting []string
	for m := range l.s.Mails() {
		waiting = append(waiting, m.GetId())
	}
	l.must(settleMail(waiting))
	if l.s.Due(first.Add(-time.Hour-1)) || !l.s.Due(first.Add(-time.Hour)) {
		t.Fatal("they are due an hour before")
	}
	l.must(tick(first.Add(-time.Hour)))
	if got := mailKinds(l.s); !slices.Equal(got, []string{"reminder g_1", "reminder g_2"}) {
		t.Errorf("mails %v", got)
	}
	if l.s.Due(second.Add(-time.Hour-1)) || !l.s.Due(second.Add(-time.Hour)) {
		t.Error("the next ones are due an hour before the next time")
	}
	t.Run("not before a time that was put off", func(t *testing.T) {
		later := &controlpb.Schedule{Start: second.Add(time.Hour).UnixNano(), Duration: int64(time.Hour)}
		l.must(edit("w_1", &controlpb.Settings{Schedule: later}, "schedule"))
		if l.s.Due(second.Add(-1)) || !l.s.Due(second) {
			t.Error("they are due an hour before the new time")
		}
	})
	t.Run("not of a webinar that has ended", func(t *testing.T) {
		l.must(end("w_1"))
		l.must(tick(second))
		if got := mailKinds(l.s); len(got) != 2 {
			t.Errorf("mails %v", got)
		}
	})
}

func TestManyRemindersAreMadeInPieces(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{Registration: &controlpb.Registration{Window: "always"},
		Schedule: &controlpb.Schedule{Start: start.Add(20 * time.Hour).UnixNano(), Duration: int64(time.Hour)}}))
	for i := range tickWork + 50 {
		c := register("w_1", fmt.Sprint("g_", i))
		c.GetRegister().Mail = false
		l.must(c)
	}
	for range 2 {
		l.must(tick(start.Add(19 * time.Hour)))
	}
	reminded := map[string]int{}
	for m := range l.s.Mails() {
		reminded[m.GetSubject()]++
	}
	if len(reminded) != tickWork+50 || reminded["g_0"] != 1 || reminded["g_1049"] != 1 || l.s.Due(start.Add(20*time.Hour)) {
		t.Errorf("%d were reminded, due %t", len(reminded), l.s.Due(start.Add(20*time.Hour)))
	}
}

func TestMailsThatNobodyCanSendAreDropped(t *testing.T) {
	l := newLog2(t)
	l.must(signUp("w_1", &controlpb.Registration{Window: "always"}))
	l.must(register("w_1", "g_1"))
	late := l.s.Time().Add(keepMails)
	if l.s.Due(late.Add(-1)) || !l.s.Due(late) {
		t.Error("they are due after a week")
	}
	l.must(tick(late))
	if got := mailKinds(l.s); len(got) != 0 {
		t.Errorf("mails %v", got)
	}
}

func TestACheckpointChangesNothing(t *testing.T) {
	l := newLog2(t)
	hash := l.s.Hash()
	l.must(checkpoint(1))
	if l.s.Hash() != hash {
		t.Error("it did")
	}
	l.refused("invalid_index", checkpoint(99))
	c := checkpoint(1)
	c.GetCheckpoint().Hash = []byte("short")
	l.refused("invalid_hash", c)
}
