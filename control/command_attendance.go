package control

import (
	"crypto/sha256"
	"encoding/hex"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// reportAttendance keeps who was there, and how long (M11). A stay is reported when it
// begins and again when it ends. The audit log keeps a SHA-256 of what was reported.
func (d *draft) reportAttendance(c *controlpb.ReportAttendance) (string, error) {
	w, err := d.webinar(c.GetWebinar())
	err = first(err, checkID("node", c.GetNode()), checkBatch("attendance", len(c.GetAttendance()), maxBatch))
	if err != nil {
		return "", err
	}
	expires := w.Expires()
	expired := !expires.IsZero() && !d.at.Before(expires)
	digest := sha256.New()
	for _, a := range c.GetAttendance() {
		if err := checkAttendance(a); err != nil {
			return "", err
		}
		if expired { // it came too late to be kept
			a = withoutName(a)
		}
		r := attendanceRecord(w.ID, c.GetNode(), a)
		if d.next.Record(KeyOf(r)) == nil {
			if d.next.Stays(w.ID) >= maxStays || d.next.plain[0].Len() >= maxAttendance {
				return "", tooMany("attendance", maxStays)
			}
		}
		digest.Write(encode(r))
		if err := d.put(r); err != nil {
			return "", err
		}
	}
	return w.ID, d.audit("attendance.recorded", w.ID, c.GetNode(), facts{
		"count": len(c.GetAttendance()), "sha256": hex.EncodeToString(digest.Sum(nil)),
	})
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
	case a.GetJoined() <= 0 || a.GetLeft() != 0 && a.GetLeft() < a.GetJoined():
		return invalid("joined", "Somebody joins, and leaves after that.")
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
