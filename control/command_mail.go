package control

import (
	"fmt"
	"slices"
	"time"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// The kinds of mails.
const (
	mailConfirmation = "confirmation" // somebody signed up: they are approved, or the host will decide
	mailWaitlisted   = "waitlisted"
	mailApproved     = "approved"
	mailDeclined     = "declined"
	mailReminder     = "reminder"
	mailInvite       = "invite"

	// mailReminders is no mail: it says when the reminders of a webinar become mails, and
	// its subject is the registrant up to whom they did.
	mailReminders = "reminders"
)

// keepMails is how long a mail that could not be sent is tried.
const keepMails = 7 * day

// remindBefore is how long before the start a reminder comes: soon enough that one does
// not forget again, and not too late to get ready.
const remindBefore = time.Hour

func mailOfRegistering(s webinar.Status) string {
	if s == webinar.Waitlisted {
		return mailWaitlisted
	}
	return mailConfirmation
}

// mail puts a mail to a registrant or invite into the queue. When that is full, there is
// none: nobody is refused for it.
func (d *draft) mail(kind, id, subject string) error {
	if d.next.plain[KindMail-KindAttendance].Len() >= maxMails {
		return nil
	}
	d.mails++
	return d.put(mailRecord(&controlpb.MailRecord{
		Id: fmt.Sprintf("m_%d_%d", d.change.Index, d.mails), Kind: kind, Webinar: id, Subject: subject, Due: nanos(d.at),
	}))
}

func mailRecord(m *controlpb.MailRecord) *controlpb.Record {
	return &controlpb.Record{Kind: &controlpb.Record_Mail{Mail: m}}
}

// settleMail notes what became of mails. One that is not there any more is none.
func (d *draft) settleMail(c *controlpb.SettleMail) (string, error) {
	if err := checkBatch("mails", len(c.GetSent())+len(c.GetFailed()), maxBatch); err != nil {
		return "", err
	}
	gone := slices.Clone(c.GetSent())
	for _, f := range c.GetFailed() {
		if err := checkText("reason", f.GetReason(), false); err != nil {
			return "", err
		}
		m := d.next.Mail(f.GetId())
		switch {
		case m == nil || m.GetKind() == mailReminders:
		case f.GetNext() == 0:
			gone = append(gone, f.GetId())
		default:
			err := d.put(mailRecord(&controlpb.MailRecord{
				Id: m.GetId(), Kind: m.GetKind(), Webinar: m.GetWebinar(), Subject: m.GetSubject(),
				Due: f.GetNext(), Attempts: m.GetAttempts() + 1, Reason: f.GetReason(),
			}))
			if err != nil {
				return "", err
			}
		}
	}
	for _, id := range gone {
		if m := d.next.Mail(id); m == nil || m.GetKind() == mailReminders {
			continue
		}
		if err := d.remove(Key{Kind: KindMail, ID: id}); err != nil {
			return "", err
		}
	}
	return "", nil
}

// remindersID is where it is kept when the reminders of a webinar are due.
func remindersID(id string) string { return "reminders:" + id }

// planReminders notes when those who registered are reminded of the next time that the
// webinar takes place.
func (d *draft) planReminders(id string) error {
	if d.next.cluster.FeatureLevel < 2 {
		return nil
	}
	w := d.next.Webinar(id)
	key := Key{Kind: KindMail, ID: remindersID(id)}
	due := nextStart(w, d.at.Add(remindBefore)).Add(-remindBefore)
	switch old := d.next.Mail(key.ID); {
	case w.State == webinar.Ended || w.Registration == nil || !due.After(d.at):
		if old == nil {
			return nil
		}
		return d.remove(key)
	case old != nil && old.GetDue() == nanos(due):
		return nil
	}
	return d.put(mailRecord(&controlpb.MailRecord{Id: key.ID, Kind: mailReminders, Webinar: id, Due: nanos(due)}))
}

// nextStart is when w starts next after now; zero: not, as far as is known.
func nextStart(w *webinar.Webinar, now time.Time) time.Time {
	if w.Schedule == nil {
		return time.Time{}
	}
	starts := w.Schedule.Occurrences
	if len(starts) == 0 {
		starts = []time.Time{w.Schedule.Start}
	}
	for _, start := range starts {
		if start.After(now) {
			return start
		}
	}
	return time.Time{}
}

// remind makes mails of the reminders that m stands for, up to a number of them, and
// plans the next ones when all are made. It returns how many it made.
func (d *draft) remind(m *controlpb.MailRecord, most int) (int, error) {
	w := d.next.Webinar(m.GetWebinar())
	if w == nil {
		return 0, d.remove(Key{Kind: KindMail, ID: m.GetId()})
	}
	made, last := 0, ""
	for r := range w.Registrants() {
		if r.ID <= m.GetSubject() || r.Status != webinar.Approved || len(r.Sealed) == 0 {
			continue
		}
		if made == most {
			next := &controlpb.MailRecord{Id: m.GetId(), Kind: mailReminders, Webinar: w.ID, Due: m.GetDue(), Subject: last}
			return made, d.put(mailRecord(next))
		}
		if err := d.mail(mailReminder, w.ID, r.ID); err != nil {
			return made, err
		}
		made, last = made+1, r.ID
	}
	return made, first(d.remove(Key{Kind: KindMail, ID: m.GetId()}), d.planReminders(w.ID))
}
