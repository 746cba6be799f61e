package control

import (
	"encoding/binary"
	"time"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// Due reports whether a Tick command at now would change something: a webinar that ends
// by its schedule, personal data that expires, a webinar that leaves the state, a place that somebody on a waitlist gets,
// reminders, mails that nobody could send, a node that has fallen silent, attendance that is
// summed up. It is cheap: what is due is kept in order of time.
func (s *State) Due(now time.Time) bool {
	if s.cluster.FeatureLevel < 2 {
		return false
	}
	for at, k := range s.due.All() {
		if at[:8] > dueTime(now) {
			break
		}
		if !s.kept(k, now) {
			return true
		}
	}
	return s.leasesDue(now)
}

// kept reports whether k is an ended webinar that stays, since a cluster of feature level 2
// deletes none. All else about it was done when its data expired, but for a stay that a node
// told of later, which is summed up like any.
func (s *State) kept(k Key, now time.Time) bool {
	if s.cluster.FeatureLevel >= 3 || k.Kind != KindWebinar {
		return false
	}
	w := s.Webinar(k.Webinar)
	return w.Expired && (w.Settles.IsZero() || now.Before(w.Settles))
}

// due is when something is to be done about a webinar; zero: never, as far as is known.
func due(w *webinar.Webinar) time.Time {
	at := dueBesideStays(w)
	if at.IsZero() || !w.Settles.IsZero() && w.Settles.Before(at) {
		return w.Settles
	}
	return at
}

func dueBesideStays(w *webinar.Webinar) time.Time {
	switch ends := w.Ends(); {
	case w.State == webinar.Ended && w.Expired:
		return w.Gone()
	case w.State == webinar.Ended:
		return w.Expires()
	default:
		if _, ok := w.NextPromoted(); ok {
			return time.Unix(0, 1) // at once
		}
		if !w.AutoEnd {
			return time.Time{}
		}
		return ends
	}
}

// mailDue is when a mail is dealt with by a Tick: reminders are worked out, and what
// could not be sent is dropped.
func mailDue(m *controlpb.MailRecord) time.Time {
	if m == nil {
		return time.Time{}
	}
	if m.GetKind() == mailReminders {
		return moment(m.GetDue())
	}
	return moment(m.GetDue()).Add(keepMails)
}

// setWebinar stores w in s, which nobody else has yet, and when something is due for it.
func (s *State) setWebinar(w *webinar.Webinar) {
	var before time.Time
	if old := s.Webinar(w.ID); old != nil {
		before = due(old)
	}
	s.webinars = s.webinars.With(w.ID, w)
	s.reindex(Key{Kind: KindWebinar, Webinar: w.ID}, before, due(w))
}

// reindex notes that something is due for k at after, and no more at before.
func (s *State) reindex(k Key, before, after time.Time) {
	if before.Equal(after) {
		return
	}
	if !before.IsZero() {
		s.due = s.due.Without(dueKey(before, k))
	}
	if !after.IsZero() {
		s.due = s.due.With(dueKey(after, k), k)
	}
}

// dueTime is a time as eight bytes in the order of time.
func dueTime(t time.Time) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(t.UnixNano())^1<<63))
}

func dueKey(t time.Time, k Key) string {
	return dueTime(t) + string(rune('0'+k.Kind)) + k.Webinar + "\x00" + k.ID
}
