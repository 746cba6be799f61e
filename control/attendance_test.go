package control

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
)

// audited are the data of the entries of the audit log with that action, oldest first.
func audited(s *State, action string) []string {
	var out []string
	for e := range s.Audit(0) {
		if e.GetAction() == action {
			out = append(out, string(e.GetData()))
		}
	}
	return out
}

// stay is what is kept of one.
func stay(s *State, id string) *controlpb.Attendance {
	return s.Record(Key{KindAttendance, "w_1", id}).GetAttendance().GetAttendance()
}

// attendAll is one report of several stays.
func attendAll(reports ...*controlpb.Command) *controlpb.Command {
	c := proto.CloneOf(reports[0])
	for _, r := range reports[1:] {
		c.GetReportAttendance().Attendance = append(c.GetReportAttendance().Attendance, r.GetReportAttendance().GetAttendance()...)
	}
	return c
}

func TestAttendanceIsKept(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	l.must(attend("w_1", "n1", "s_1", 0))
	l.must(attend("w_1", "n1", "s_1", start.Add(time.Hour).UnixNano()))
	l.must(attend("w_1", "n2", "s_2", 0))
	stays := slices.Collect(l.s.Attendance("w_1"))
	if len(stays) != 2 || l.s.Stays("w_1") != 2 || stays[0].GetAttendance().GetLeft() == 0 || stays[1].GetNode() != "n2" {
		t.Errorf("%v", stays)
	}
	l.refused("not_found", attend("w_9", "n1", "s_1", 0))
	none := attend("w_1", "n1", "s_1", 0)
	none.GetReportAttendance().Attendance = nil
	l.refused("invalid_attendance", none)
}

func TestOneBadStayHoldsUpNoOthers(t *testing.T) {
	bad := func(change func(*controlpb.Attendance)) *controlpb.Command {
		c := attend("w_1", "n1", "s_bad", 0)
		change(c.GetReportAttendance().GetAttendance()[0])
		return c
	}
	for name, c := range map[string]*controlpb.Command{
		"never joined":     bad(func(a *controlpb.Attendance) { a.Joined = 0 }),
		"an unknown role":  bad(func(a *controlpb.Attendance) { a.Role = "king" }),
		"no ID":            bad(func(a *controlpb.Attendance) { a.Id = "" }),
		"too much of it":   bad(func(a *controlpb.Attendance) { a.Sealed = make([]byte, maxSealed+1) }),
		"of another node":  attend("w_1", "n1", "s_other", start.Add(time.Hour).UnixNano()),
		"begins once more": attend("w_1", "n1", "s_over", 0),
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog2(t)
			l.must(plan("w_1", &controlpb.Settings{}))
			l.must(attend("w_1", "n2", "s_other", 0))
			l.must(attend("w_1", "n1", "s_over", start.Add(time.Minute).UnixNano()))
			r := l.must(attendAll(attend("w_1", "n1", "s_1", 0), c, attend("w_1", "n1", "s_2", 0)))
			if r.Subject != "2" || stay(l.s, "s_1") == nil || stay(l.s, "s_2") == nil || stay(l.s, "s_bad") != nil {
				t.Errorf("%s were kept", r.Subject)
			}
			if stay(l.s, "s_other").GetLeft() != 0 || stay(l.s, "s_over").GetLeft() == 0 {
				t.Error("a stay was changed that is over, or another node's")
			}
			if r := l.must(c); r.Subject != "0" {
				t.Errorf("%s were kept of a bad one", r.Subject)
			}
		})
	}
	t.Run("who left before they joined did so at once", func(t *testing.T) {
		l := newLog2(t)
		l.must(plan("w_1", &controlpb.Settings{}))
		l.must(attend("w_1", "n1", "s_1", 1))
		if a := stay(l.s, "s_1"); a.GetLeft() != a.GetJoined() {
			t.Errorf("kept %v", a)
		}
	})
}

func TestAFullAttendanceStillHearsWhoLeft(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	l.must(attend("w_1", "n1", "s_1", 0))
	full := *l.s
	full.stays = full.stays.With("w_1", maxStays)
	left := start.Add(time.Hour).UnixNano()
	for name, s := range map[string]*State{"full": &full, "with room": l.s} {
		want := map[string]string{"full": "1", "with room": "2"}[name]
		next, r := s.Apply(s.Index()+1, at(attendAll(attend("w_1", "n1", "s_new", 0), attend("w_1", "n1", "s_1", left)), start))
		if r.Err != nil || r.Subject != want || stay(next, "s_1").GetLeft() != left {
			t.Errorf("%s: kept %s, %v: %v", name, r.Subject, r.Err, stay(next, "s_1"))
		}
	}
}

func TestTheStaysOfANodeThatIsGoneEnd(t *testing.T) {
	later := start.Add(time.Hour)
	for name, c := range map[string]*controlpb.Command{"removed": removeNode("n1"), "started again": registerNode("n1", 2)} {
		t.Run(name, func(t *testing.T) {
			l := newLog2(t)
			l.must(plan("w_1", &controlpb.Settings{}))
			l.must(registerNode("n1", 1))
			ahead := attend("w_1", "n1", "s_new", 0) // by a clock that is ahead, or of the new incarnation
			ahead.GetReportAttendance().GetAttendance()[0].Joined = later.Add(1).UnixNano()
			l.must(attendAll(attend("w_1", "n1", "s_1", 0), attend("w_1", "n1", "s_over", start.Add(time.Minute).UnixNano()), ahead))
			l.must(attend("w_1", "n2", "s_2", 0))
			l.must(at(c, later))
			for id, want := range map[string]int64{"s_1": later.UnixNano(), "s_over": start.Add(time.Minute).UnixNano(), "s_2": 0, "s_new": 0} {
				if got := stay(l.s, id).GetLeft(); got != want {
					t.Errorf("%s left at %d, want %d", id, got, want)
				}
			}
			told := start.Add(30 * time.Minute).UnixNano()
			l.must(attend("w_1", "n1", "s_1", told))
			if got := stay(l.s, "s_1").GetLeft(); got != told {
				t.Errorf("the node knows better when it was, and %d is kept", got)
			}
		})
	}
	t.Run("the same incarnation again ends nothing", func(t *testing.T) {
		l := newLog2(t)
		l.must(plan("w_1", &controlpb.Settings{}))
		l.must(registerNode("n1", 1))
		l.must(attend("w_1", "n1", "s_1", 0))
		l.must(at(registerNode("n1", 1), later))
		if got := stay(l.s, "s_1").GetLeft(); got != 0 {
			t.Errorf("left at %d", got)
		}
	})
}

func TestTheStaysOfAWebinarEndWithIt(t *testing.T) {
	over := start.Add(time.Hour)
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	for i := range tickWork + 50 {
		l.must(at(attend("w_1", "n1", fmt.Sprint("s_", i), 0), start))
	}
	l.must(at(end("w_1"), over))
	told := over.Add(-time.Second).UnixNano()
	l.must(at(attend("w_1", "n1", "s_7", told), over.Add(time.Second)))
	if l.s.Due(over.Add(settleEnded-1)) || !l.s.Due(over.Add(settleEnded)) {
		t.Fatal("it is due when the nodes have told when their sessions ended")
	}
	ticks := 0
	for ; l.s.Due(over.Add(settleEnded)); ticks++ {
		r := l.must(tick(over.Add(settleEnded)))
		if n := len(r.Change.Puts); n > tickWork+3 {
			t.Fatalf("a tick put %d records", n)
		}
	}
	for a := range l.s.Attendance("w_1") {
		want := over.UnixNano()
		if a.GetAttendance().GetId() == "s_7" {
			want = told
		}
		if got := a.GetAttendance().GetLeft(); got != want {
			t.Errorf("%s left at %d, want %d", a.GetAttendance().GetId(), got, want)
		}
	}
	if n := len(audited(l.s, "attendance.recorded")); n != 1 || ticks != 2 {
		t.Errorf("%d entries after %d ticks", n, ticks)
	}
}

// One guest who comes and goes must not push the others' moderation out of the log.
func TestM11AttendanceIsSummedUpOnceAnHour(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	before := l.s.AuditHead().GetSeq()
	for i := range 1_000 {
		l.must(at(attend("w_1", "n1", fmt.Sprint("s_", i), 0), start.Add(time.Duration(i)*time.Second)))
	}
	if n := l.s.AuditHead().GetSeq() - before; n != 0 {
		t.Fatalf("%d entries of 1000 reports", n)
	}
	summed := func(n int) {
		t.Helper()
		got := audited(l.s, "attendance.recorded")
		want := hex.EncodeToString(AttendanceHash(l.s.Attendance("w_1")))
		if len(got) != n || !strings.Contains(got[n-1], want) || !strings.Contains(got[n-1], fmt.Sprintf(`"count":%d,`, l.s.Stays("w_1"))) {
			t.Errorf("the log has %v, want %d, the last of %s", got, n, want)
		}
	}
	if l.s.Due(start.Add(settleLive-1)) || !l.s.Due(start.Add(settleLive)) {
		t.Fatal("it is due an hour after the first report")
	}
	l.must(tick(start.Add(settleLive)))
	summed(1)
	if l.s.Due(start.Add(1_000 * day)) {
		t.Error("nothing new was reported, and it is due")
	}
	l.must(at(attend("w_1", "n1", "s_1", start.Add(2*time.Hour).UnixNano()), start.Add(2*time.Hour)))
	l.must(at(end("w_1"), start.Add(2*time.Hour)))
	l.must(tick(start.Add(2*time.Hour + settleEnded)))
	summed(2)
	l.must(at(attend("w_1", "n3", "s_isolated", start.Add(time.Hour).UnixNano()), start.Add(4*time.Hour)))
	l.must(tick(start.Add(5 * time.Hour)))
	summed(3)
	if v := l.s.Webinar("w_1").Version; v != 2 {
		t.Errorf("reports made it version %d", v)
	}
}

func TestM11AForgedStayShows(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	l.must(attend("w_1", "n1", "s_1", 0))
	l.must(attend("w_1", "n1", "s_2", 0))
	stays := slices.Collect(l.s.Attendance("w_1"))
	right := string(AttendanceHash(slices.Values(stays)))
	for name, change := range map[string]func(*controlpb.AttendanceRecord){
		"who it was":  func(a *controlpb.AttendanceRecord) { a.Attendance.Participant = "p_2" },
		"how long":    func(a *controlpb.AttendanceRecord) { a.Attendance.Left++ },
		"at which":    func(a *controlpb.AttendanceRecord) { a.Node = "n2" },
		"of whom not": func(a *controlpb.AttendanceRecord) { a.Attendance.Registration = "g_1" },
	} {
		forged := slices.Clone(stays)
		forged[1] = proto.CloneOf(stays[1])
		change(forged[1])
		if string(AttendanceHash(slices.Values(forged))) == right {
			t.Errorf("%s is forged, and does not show", name)
		}
	}
	if string(AttendanceHash(slices.Values(stays[:1]))) == right {
		t.Error("one is left out, and it does not show")
	}
	nameless := slices.Clone(stays)
	nameless[0] = proto.CloneOf(stays[0])
	nameless[0].Attendance.Sealed = nil
	if string(AttendanceHash(slices.Values(nameless))) != right {
		t.Error("it is another one when the names have expired")
	}
}
