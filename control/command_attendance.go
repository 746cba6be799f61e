package control

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"iter"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// How long reported stays wait until the audit log sums them up: while a webinar goes on
// an hour, so that nobody fills the log by coming and going; once it ended a minute, in
// which the nodes have told when their last sessions went.
const (
	settleLive  = time.Hour
	settleEnded = time.Minute
)

// reportAttendance keeps who was there, and how long (M11). A stay is reported when it
// begins and again when it ends. Its subject is how many were kept: one that is not well
// formed, finds no room, or belongs to another node holds up no others.
//
// The audit log gets one entry for all reports of an hour, and one after the end: see
// settleAttendance. What was reported since the last entry is not under the log before
// the next one.
func (d *draft) reportAttendance(c *controlpb.ReportAttendance) (string, error) {
	w, err := d.webinar(c.GetWebinar())
	err = first(err, checkID("node", c.GetNode()), checkBatch("attendance", len(c.GetAttendance()), maxBatch))
	if err != nil {
		return "", err
	}
	kept := 0
	for _, a := range c.GetAttendance() {
		if !d.keeps(w, c.GetNode(), a) {
			continue
		}
		kept++
		if err := d.put(attendanceRecord(w.ID, c.GetNode(), d.asKept(w, a))); err != nil {
			return "", err
		}
	}
	if kept == 0 {
		return "0", nil
	}
	return strconv.Itoa(kept), d.settleLater(w)
}

// keeps reports whether a stay that a node reports is to be kept. What ended does not go
// on: who reports that was late.
func (d *draft) keeps(w *webinar.Webinar, node string, a *controlpb.Attendance) bool {
	if checkAttendance(a) != nil {
		return false
	}
	old := d.next.Record(Key{KindAttendance, w.ID, a.GetId()}).GetAttendance()
	if old == nil {
		return d.next.Stays(w.ID) < maxStays && d.next.plain[0].Len() < maxAttendance
	}
	return old.GetNode() == node && (a.GetLeft() != 0 || old.GetAttendance().GetLeft() == 0)
}

// asKept returns a as it is kept: nobody leaves before they joined, whatever a node's
// clock says, and a name that comes too late is not kept.
func (d *draft) asKept(w *webinar.Webinar, a *controlpb.Attendance) *controlpb.Attendance {
	if expires := w.Expires(); !expires.IsZero() && !d.at.Before(expires) {
		a = withoutName(a)
	}
	if a.GetLeft() != 0 && a.GetLeft() < a.GetJoined() {
		a = leftAt(a, a.GetJoined())
	}
	return a
}

// settleLater has the attendance of w summed up, unless that is to come anyway.
func (d *draft) settleLater(w *webinar.Webinar) error {
	if !w.Settles.IsZero() {
		return nil
	}
	r := webinarRecord(d.next.Webinar(w.ID))
	r.GetWebinar().Settles = nanos(d.at.Add(settleLive))
	return d.put(r)
}

// settleAttendance ends the stays that an ended webinar has still, at most most at once,
// and then sums all of them up in the audit log: how many there are, and their
// [AttendanceHash]. It returns how many records it changed.
func (d *draft) settleAttendance(w *webinar.Webinar, most int) (int, error) {
	n := 0
	if w.State == webinar.Ended {
		for a := range d.openStays(w.ID) {
			if n == most {
				return n, nil
			}
			n++
			if err := d.closeStay(a, w.Ended); err != nil {
				return n, err
			}
		}
	}
	r := webinarRecord(d.next.Webinar(w.ID))
	r.GetWebinar().Settles = 0
	return n + 1, first(d.put(r), d.audit("attendance.recorded", w.ID, w.ID, facts{
		"count": d.next.Stays(w.ID), "sha256": hex.EncodeToString(AttendanceHash(d.next.Attendance(w.ID))),
	}))
}

// AttendanceHash returns what the audit log keeps of the stays in a webinar: SHA-256 of
//
//	"stentor attendance/1\n" | { length u32 | AttendanceRecord } ...
//
// in big endian and in the order of their IDs, each without the sealed name, so that it
// is the same when the names have expired.
func AttendanceHash(stays iter.Seq[*controlpb.AttendanceRecord]) []byte {
	h := sha256.New()
	io.WriteString(h, attendanceDomain)
	for a := range stays {
		b := encode(attendanceRecord(a.GetWebinar(), a.GetNode(), withoutName(a.GetAttendance())))
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b))))
		h.Write(b)
	}
	return h.Sum(nil)
}

// attendanceDomain begins what AttendanceHash hashes.
const attendanceDomain = "stentor attendance/1\n"

// closeStays ends the stays at a node which began up to a time and go on as far as
// anybody knows: the node is there no more, or has started again. If it tells the true
// end later, that holds. Those of ended webinars end when they are summed up.
func (d *draft) closeStays(node string, before time.Time) error {
	if d.next.Node(node) == nil { // it was never there
		return nil
	}
	for w := range d.next.Webinars() {
		if w.State == webinar.Ended {
			continue
		}
		closed := false
		for a := range d.openStays(w.ID) {
			if a.GetNode() != node || a.GetAttendance().GetJoined() > nanos(before) {
				continue
			}
			closed = true
			if err := d.closeStay(a, d.at); err != nil {
				return err
			}
		}
		if !closed {
			continue
		}
		if err := d.settleLater(w); err != nil {
			return err
		}
	}
	return nil
}

// openStays yields the stays in a webinar that have not ended, of the state before.
func (d *draft) openStays(webinar string) iter.Seq[*controlpb.AttendanceRecord] {
	s := d.next
	return func(yield func(*controlpb.AttendanceRecord) bool) {
		for a := range s.Attendance(webinar) {
			if a.GetAttendance().GetLeft() == 0 && !yield(a) {
				return
			}
		}
	}
}

func (d *draft) closeStay(a *controlpb.AttendanceRecord, at time.Time) error {
	left := max(nanos(at), a.GetAttendance().GetJoined())
	return d.put(attendanceRecord(a.GetWebinar(), a.GetNode(), leftAt(a.GetAttendance(), left)))
}

func leftAt(a *controlpb.Attendance, left int64) *controlpb.Attendance {
	c := proto.CloneOf(a)
	c.Left = left
	return c
}

func checkAttendance(a *controlpb.Attendance) error {
	err := first(
		checkID("id", a.GetId()), checkID("participant", a.GetParticipant()),
		checkOptionalID("registration", a.GetRegistration()), checkOptionalID("invite", a.GetInvite()),
		checkText("account", a.GetAccount(), false), checkSealed("sealed", a.GetSealed()),
	)
	switch {
	case err != nil:
		return err
	case !webinar.Role(a.GetRole()).Known():
		return invalid("role", "The role is owner, moderator, presenter or attendee.")
	case a.GetJoined() <= 0:
		return invalid("joined", "Somebody joins at a time.")
	}
	return nil
}

func attendanceRecord(id, node string, a *controlpb.Attendance) *controlpb.Record {
	return &controlpb.Record{Kind: &controlpb.Record_Attendance{Attendance: &controlpb.AttendanceRecord{
		Webinar: id, Node: node, Attendance: a,
	}}}
}

func withoutName(a *controlpb.Attendance) *controlpb.Attendance {
	c := proto.CloneOf(a)
	c.Sealed = nil
	return c
}
