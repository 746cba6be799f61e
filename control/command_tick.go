package control

import (
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// tickWork is how many records one Tick changes, so that a webinar of a hundred thousand
// registrants that expires holds nobody up. What is left is done by the next Tick.
const tickWork = 1_000

// tick does what is due by the leader's clock.
func (d *draft) tick() (string, error) {
	left := tickWork
	for key, k := range d.next.due.All() { // of the state before
		if left <= 0 || key[:8] > dueTime(d.at) {
			break
		}
		n, err := d.settleDue(k, left)
		if err != nil {
			return "", err
		}
		left -= n
	}
	return "", d.tickLeases()
}

// settleDue does what is due for k, and returns how many records it changed, about.
func (d *draft) settleDue(k Key, most int) (int, error) {
	if k.Kind == KindMail {
		m := d.next.Mail(k.ID)
		if m.GetKind() == mailReminders {
			n, err := d.remind(m, most)
			return n + 1, err
		}
		return 1, d.remove(k)
	}
	w := d.next.Webinar(k.Webinar)
	if w.Settles.IsZero() || d.at.Before(w.Settles) {
		return d.settleWebinar(w, most)
	}
	n, err := d.settleAttendance(w, most)
	w = d.next.Webinar(k.Webinar)
	if at := dueBesideStays(w); err != nil || n >= most || at.IsZero() || d.at.Before(at) {
		return n, err
	}
	more, err := d.settleWebinar(w, most-n)
	return n + more, err
}

// settleWebinar does what is due for w beside its attendance.
func (d *draft) settleWebinar(w *webinar.Webinar, most int) (int, error) {
	switch {
	case w.State == webinar.Ended && w.Expired:
		return d.forget(w, most)
	case w.State == webinar.Ended:
		return d.expire(w, most)
	}
	if _, waits := w.NextPromoted(); waits {
		return maxBatch, d.promote(w.ID, maxBatch)
	}
	return 1, d.end(w, facts{"auto": true})
}

// checkpoint changes nothing: whoever applies it compares the hash with its own.
func (d *draft) checkpoint(c *controlpb.Checkpoint) (string, error) {
	if c.GetIndex() >= d.change.Index {
		return "", invalid("index", "A checkpoint is of a command before it.")
	}
	return "", checkHash("hash", c.GetHash())
}
