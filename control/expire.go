package control

import (
	"iter"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// expire deletes the personal data of an ended webinar (M14), at most most records at
// once: what registrants gave and the names of those who came; names, devices and
// addresses of those who were disconnected or banned; names and addresses of those who
// were invited. Who was there how long stays, without saying who it was. It returns how
// many records it changed.
func (d *draft) expire(w *webinar.Webinar, most int) (int, error) {
	n := 0
	for r := range d.personal(w) {
		if n == most {
			return n, nil
		}
		n++
		if err := d.anonymise(r); err != nil {
			return n, err
		}
	}
	r := webinarRecord(d.next.Webinar(w.ID))
	r.GetWebinar().Expired = true
	return n + 1, first(d.put(r), d.audit("webinar.expired", w.ID, w.ID, nil))
}

// forget deletes an ended webinar whose personal data has gone, at most most records at
// once, itself last: what is left to know of it is in the audit log. It returns how many
// records it deleted.
func (d *draft) forget(w *webinar.Webinar, most int) (int, error) {
	own := Key{Kind: KindWebinar, Webinar: w.ID}
	if d.next.kept(own, d.at) {
		return 0, nil
	}
	s, n, all := d.next, 0, true
	var err error
	s.webinarRecords(w, func(r *controlpb.Record) bool {
		k := KeyOf(r)
		switch {
		case k == own:
			return true
		case n == most:
			all = false
			return false
		}
		n++
		err = d.remove(k)
		return err == nil
	})
	if err != nil || !all {
		return n, err
	}
	return n + 1, first(d.remove(own), d.audit("webinar.deleted", w.ID, w.ID, nil))
}

// personal yields the records of an ended webinar that say who somebody was. They are
// those of the state before.
func (d *draft) personal(w *webinar.Webinar) iter.Seq[*controlpb.Record] {
	s := d.next
	return func(yield func(*controlpb.Record) bool) {
		s.webinarRecords(w, func(r *controlpb.Record) bool { return !identifies(r) || yield(r) })
	}
}

// identifies reports whether r of an ended webinar says who somebody was.
func identifies(r *controlpb.Record) bool {
	switch k := r.GetKind().(type) {
	case *controlpb.Record_Registrant:
		return len(k.Registrant.GetSealed())+len(k.Registrant.GetEmailHash()) > 0
	case *controlpb.Record_Attendance:
		return len(k.Attendance.GetAttendance().GetSealed()) > 0
	case *controlpb.Record_Removal:
		return k.Removal.GetName() != "" || len(k.Removal.GetKeys()) > 0
	case *controlpb.Record_Ban:
		return k.Ban.GetName() != "" || len(k.Ban.GetKeys()) > 0
	case *controlpb.Record_Invite:
		return k.Invite.GetName() != "" || len(k.Invite.GetSealed()) > 0
	case *controlpb.Record_Participant, *controlpb.Record_Seat, *controlpb.Record_Lease:
		return true // of no use any more
	}
	return false
}

// anonymise takes out of r who it is about.
func (d *draft) anonymise(r *controlpb.Record) error {
	switch k := r.GetKind().(type) {
	case *controlpb.Record_Participant, *controlpb.Record_Seat, *controlpb.Record_Lease:
		return d.remove(KeyOf(r))
	case *controlpb.Record_Attendance: // kept as it is written, so it must not be changed
		a := k.Attendance
		return d.put(attendanceRecord(a.GetWebinar(), a.GetNode(), withoutName(a.GetAttendance())))
	case *controlpb.Record_Registrant: // the others are made for whoever asks
		k.Registrant.Sealed, k.Registrant.EmailHash = nil, nil
	case *controlpb.Record_Removal:
		k.Removal.Name, k.Removal.Keys = "", nil
	case *controlpb.Record_Ban:
		k.Ban.Name, k.Ban.Keys = "", nil
	case *controlpb.Record_Invite:
		k.Invite.Name, k.Invite.Sealed = "", nil
	}
	return d.put(r)
}
