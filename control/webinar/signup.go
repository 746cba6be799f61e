package webinar

import (
	"fmt"
	"time"
)

// What a mode has room for (S5, S52). One screen shows 49 tiles, and a webinar of
// equals of more than a thousand is none.
const (
	maxRegistrantsRoleBased   = 100_000
	maxRegistrantsAllOnScreen = 1_000
	maxStageRoleBased         = 64
	maxStageAllOnScreen       = 49
)

// MaxRegistrants is how many registrants a webinar of that mode can approve (S52).
func (m Mode) MaxRegistrants() int {
	if m == AllOnScreen {
		return maxRegistrantsAllOnScreen
	}
	return maxRegistrantsRoleBased
}

// MaxStage is how many participants can be on stage at once in that mode (S5).
func (m Mode) MaxStage() int {
	if m == AllOnScreen {
		return maxStageAllOnScreen
	}
	return maxStageRoleBased
}

// RegistrationOpen reports whether somebody can sign up at now, the leader's time: nil,
// or a [*Denial] that says why not. Whether there is a place is
// [Webinar.RegistrationPlace]'s.
//
// A window is open at its beginning and closed at its end. Start and end are those of
// the whole schedule: whoever signs up for a recurring webinar does so for each time. A
// webinar without schedule starts when somebody first goes on air.
func (w *Webinar) RegistrationOpen(now time.Time) error {
	g := w.Registration
	switch {
	case g == nil:
		return ErrRegistrationOff
	case w.State == Ended:
		return ErrEnded
	case g.Closed:
		return &Denial{ErrRegistrationClosed.Code, "The host has closed the registration."}
	}
	opens, closes := w.RegistrationWindow()
	switch {
	case now.Before(opens):
		return &Denial{ErrRegistrationNotOpen.Code, fmt.Sprintf("The registration opens at %s.", moment(opens))}
	case !closes.IsZero() && !now.Before(closes):
		return &Denial{ErrRegistrationClosed.Code, fmt.Sprintf("The registration closed at %s.", moment(closes))}
	}
	return nil
}

// RegistrationWindow is when people can sign up by the clock: from opens (zero: always
// was) until closes (zero: it does not close by itself, as far as is known).
func (w *Webinar) RegistrationWindow() (opens, closes time.Time) {
	if w.Registration == nil {
		return
	}
	switch w.Registration.Window {
	case Interval:
		return w.Registration.Opens, w.Registration.Closes
	case UntilStart:
		if w.Schedule == nil {
			return opens, w.Started
		}
		return opens, w.Schedule.Start
	case Always:
		return
	}
	return opens, w.Ends() // UntilEnd, which the empty window is too
}

// moment writes t for people. In UTC, since every replica has to write the same.
func moment(t time.Time) string { return t.UTC().Format("15:04 UTC on 2 January 2006") }

// MaxRegistrants is how many registrants w approves: the registration's maximum, within
// the mode's; zero without registration.
func (w *Webinar) MaxRegistrants() int {
	switch g := w.Registration; {
	case g == nil:
		return 0
	case g.Maximum > 0:
		return min(g.Maximum, w.Mode.MaxRegistrants())
	}
	return w.Mode.MaxRegistrants()
}

// RegistrationPlace is what the next registrant becomes, or ErrRegistrationFull (S51).
//
// The maximum counts those who are approved. Where the host decides on each, whoever
// comes waits for that without a place, and gets one, or waits for one, by the decision.
// While people wait for a place nobody who comes later overtakes them.
func (w *Webinar) RegistrationPlace() (Status, error) {
	g := w.Registration
	if g == nil {
		return "", ErrRegistrationOff
	}
	free := w.registry.approved < w.MaxRegistrants()
	switch {
	case !free && !g.Waitlist:
		return "", ErrRegistrationFull
	case g.Approval:
		return Pending, nil
	case !free || g.Waitlist && w.registry.waiting > 0:
		return Waitlisted, nil
	}
	return Approved, nil
}

// ApprovalPlace is what a registrant becomes whom the host approves: approved, or
// without a place waitlisted, or ErrRegistrationFull.
func (w *Webinar) ApprovalPlace() (Status, error) {
	switch {
	case w.Registration == nil:
		return "", ErrRegistrationOff
	case w.registry.approved < w.MaxRegistrants():
		return Approved, nil
	case w.Registration.Waitlist:
		return Waitlisted, nil
	}
	return "", ErrRegistrationFull
}

// NextPromoted is who gets the place that is free: the first of the waitlist (M14). It
// reports false if nobody waits, or nothing is free.
func (w *Webinar) NextPromoted() (Registrant, bool) {
	if w.registry.approved >= w.MaxRegistrants() {
		return Registrant{}, false
	}
	for id := range w.registry.queue.Values() {
		return w.Registrant(id)
	}
	return Registrant{}, false
}
