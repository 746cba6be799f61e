package webinar

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

var (
	start = time.Date(2026, 12, 1, 18, 0, 0, 0, time.UTC)
	once  = &Schedule{Start: start, Duration: time.Hour}
)

// signup returns a webinar with that registration and schedule.
func signup(g Registration, s *Schedule) *Webinar {
	w := bare()
	w.Registration, w.Schedule = &g, s
	return w
}

func TestS47RegistrationIsOpenInItsWindow(t *testing.T) {
	weekly := &Schedule{Start: start, Duration: time.Hour, Rule: "FREQ=WEEKLY", Occurrences: []time.Time{start, start.AddDate(0, 0, 7)}}
	complete := *weekly
	complete.Complete = true
	interval := Registration{Window: Interval, Opens: start.AddDate(0, 0, -10), Closes: start.AddDate(0, 0, -3)}
	live := signup(Registration{Window: UntilStart}, nil)
	live.Started, live.State = start, Live
	second := time.Nanosecond
	tests := []struct {
		name string
		w    *Webinar
		at   time.Time
		err  error
	}{
		{"S45 without registration nobody signs up", bare(), start, ErrRegistrationOff},
		{"S47 until the start it is open", signup(Registration{Window: UntilStart}, once), start.Add(-second), nil},
		{"S47 at the start it is closed", signup(Registration{Window: UntilStart}, once), start, ErrRegistrationClosed},
		{"S47 a year before it is open", signup(Registration{Window: UntilStart}, once), start.AddDate(-1, 0, 0), nil},
		{"S47 of a recurring webinar, until the first start", signup(Registration{Window: UntilStart}, weekly), start.Add(time.Hour), ErrRegistrationClosed},
		{"S47 without a schedule, until somebody is on air", signup(Registration{Window: UntilStart}, nil), start, nil},
		{"S47 and no longer", live, start, ErrRegistrationClosed},
		{"S47 a rehearsal before the planned start closes nothing", but(signup(Registration{Window: UntilStart}, once), func(w *Webinar) { w.State, w.Started = Live, start.AddDate(0, 0, -1) }), start.Add(-second), nil},
		{"S48 until the end it is open", signup(Registration{Window: UntilEnd}, once), start.Add(time.Hour - second), nil},
		{"S48 at the end it is closed", signup(Registration{Window: UntilEnd}, once), start.Add(time.Hour), ErrRegistrationClosed},
		{"S48 the window that nobody chose is that", signup(Registration{}, once), start.Add(time.Hour), ErrRegistrationClosed},
		{"S48 of a recurring webinar, until the last end", signup(Registration{Window: UntilEnd}, &complete), start.AddDate(0, 0, 7).Add(time.Hour - second), nil},
		{"S48 and no longer than that", signup(Registration{Window: UntilEnd}, &complete), start.AddDate(0, 0, 7).Add(time.Hour), ErrRegistrationClosed},
		{"S48 of one that goes on for ever, always", signup(Registration{Window: UntilEnd}, weekly), start.AddDate(50, 0, 0), nil},
		{"S48 of one whose end nobody knows, until it has ended", signup(Registration{Window: UntilEnd}, &Schedule{Start: start}), start.AddDate(1, 0, 0), nil},
		{"S48 without a schedule, until it has ended", signup(Registration{Window: UntilEnd}, nil), start, nil},
		{"S49 before the interval it is not open yet", signup(interval, once), interval.Opens.Add(-second), ErrRegistrationNotOpen},
		{"S49 at its beginning it is open", signup(interval, once), interval.Opens, nil},
		{"S49 to its end", signup(interval, once), interval.Closes.Add(-second), nil},
		{"S49 at its end it is closed", signup(interval, once), interval.Closes, ErrRegistrationClosed},
		{"S49 an interval may have no beginning", signup(Registration{Window: Interval, Closes: start}, once), start.AddDate(-9, 0, 0), nil},
		{"S49 an interval may have no end", signup(Registration{Window: Interval, Opens: start}, once), start.AddDate(9, 0, 0), nil},
		{"S50 without limitation it is open after the start", signup(Registration{Window: Always}, weekly), start.Add(second), nil},
		{"S50 and years later", signup(Registration{Window: Always}, weekly), start.AddDate(20, 0, 0), nil},
		{"S50 until the webinar has ended", but(signup(Registration{Window: Always}, weekly), func(w *Webinar) { w.State = Ended }), start, ErrEnded},
		{"S45 the host can close it before", signup(Registration{Window: Always, Closed: true}, once), start.AddDate(-1, 0, 0), ErrRegistrationClosed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.w.RegistrationOpen(tt.at)
			if !errors.Is(err, tt.err) {
				t.Errorf("got %v, want %v", err, tt.err)
			}
			readable(t, err)
		})
	}
}

func TestS49TheSentenceSaysWhen(t *testing.T) {
	berlin := time.FixedZone("", 3600)
	w := signup(Registration{Window: Interval, Opens: start.In(berlin), Closes: start.Add(time.Hour)}, nil)
	for _, tt := range []struct {
		at   time.Time
		want string
	}{
		{start.Add(-1), "The registration opens at 18:00 UTC on 1 December 2026."},
		{start.AddDate(0, 0, 1), "The registration closed at 19:00 UTC on 1 December 2026."},
	} {
		if err := w.RegistrationOpen(tt.at); err == nil || err.Error() != tt.want {
			t.Errorf("S49 got %v, want %s", err, tt.want)
		}
	}
}

func TestS51TheNextRegistrantBecomes(t *testing.T) {
	fill := func(w *Webinar, s Status, n int) *Webinar {
		for i := range n {
			w = w.WithRegistrant(Registrant{ID: fmt.Sprint(s, i), Hash: [32]byte{1, byte(i), byte(len(s))}, Status: s, Index: uint64(i)})
		}
		return w
	}
	tests := []struct {
		name              string
		g                 Registration
		approved, waiting int
		want              Status
		err               error
	}{
		{"S51 while there is a place they are approved", Registration{Maximum: 3}, 2, 0, Approved, nil},
		{"S51 at the maximum it closes by itself", Registration{Maximum: 3}, 3, 0, "", ErrRegistrationFull},
		{"S51 it stays closed when the maximum was lowered", Registration{Maximum: 2}, 3, 0, "", ErrRegistrationFull},
		{"S51 with the host's decision they wait for that", Registration{Maximum: 3, Approval: true}, 2, 0, Pending, nil},
		{"S51 also then it closes at the maximum", Registration{Maximum: 3, Approval: true}, 3, 0, "", ErrRegistrationFull},
		{"M14 at the maximum they wait for a place", Registration{Maximum: 3, Waitlist: true}, 3, 0, Waitlisted, nil},
		{"M14 nobody overtakes those who wait", Registration{Maximum: 3, Waitlist: true}, 2, 1, Waitlisted, nil},
		{"M14 with both, the decision comes first", Registration{Maximum: 3, Waitlist: true, Approval: true}, 3, 1, Pending, nil},
		{"M14 a waitlist that was switched off holds nobody up", Registration{Maximum: 3}, 2, 1, Approved, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := fill(fill(signup(tt.g, once), Approved, tt.approved), Waitlisted, tt.waiting)
			w = fill(fill(w, Declined, 5), Cancelled, 5) // who count for nothing
			got, err := w.RegistrationPlace()
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %q, %v; want %q, %v", got, err, tt.want, tt.err)
			}
		})
	}
	if _, err := bare().RegistrationPlace(); !errors.Is(err, ErrRegistrationOff) {
		t.Errorf("S45 without registration: %v", err)
	}
}

func TestS51WhomTheHostApproves(t *testing.T) {
	full := signup(Registration{Maximum: 1}, once).WithRegistrant(Registrant{ID: "r", Status: Approved})
	for _, tt := range []struct {
		name string
		w    *Webinar
		want Status
		err  error
	}{
		{"S51 gets a place", signup(Registration{Maximum: 1}, once), Approved, nil},
		{"S51 but never more than there are", full, "", ErrRegistrationFull},
		{"M14 or waits for one", but(full, func(w *Webinar) { w.Registration = &Registration{Maximum: 1, Waitlist: true} }), Waitlisted, nil},
		{"S45 without registration nobody is approved", bare(), "", ErrRegistrationOff},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := tt.w.ApprovalPlace(); got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestM14TheFirstOfTheWaitlistGetsThePlace(t *testing.T) {
	w := signup(Registration{Maximum: 1, Waitlist: true}, once)
	if _, ok := w.NextPromoted(); ok {
		t.Error("M14 somebody is promoted where nobody waits")
	}
	w = w.WithRegistrant(Registrant{ID: "r_in", Status: Approved}).
		WithRegistrant(Registrant{ID: "r_a", Hash: [32]byte{1}, Status: Waitlisted, Index: 20}).
		WithRegistrant(Registrant{ID: "r_b", Hash: [32]byte{2}, Status: Waitlisted, Index: 9}).
		WithRegistrant(Registrant{ID: "r_c", Hash: [32]byte{3}, Status: Waitlisted, Index: 100})
	if r, ok := w.NextPromoted(); ok {
		t.Errorf("M14 %s is promoted where nothing is free", r.ID)
	}
	w = w.WithoutRegistrant("r_in")
	for _, want := range []string{"r_b", "r_a", "r_c"} {
		r, ok := w.NextPromoted()
		if !ok || r.ID != want {
			t.Fatalf("M14 the first is %q, want %q", r.ID, want)
		}
		r.Status = Cancelled
		w = w.WithRegistrant(r)
	}
	if _, ok := w.NextPromoted(); ok {
		t.Error("M14 the list is not empty")
	}
}

func TestS52TheMaximumDependsOnTheMode(t *testing.T) {
	tests := []struct {
		name       string
		mode       Mode
		maximum    int
		registrant int
		stage      int
	}{
		{"S52 role-based, without one of its own", RoleBased, 0, 100_000, 64},
		{"S52 all-on-screen, without one of its own", AllOnScreen, 0, 1_000, 49},
		{"S52 a smaller one of its own", RoleBased, 250, 250, 64},
		{"S52 a larger one than the mode has room for", AllOnScreen, 5_000, 1_000, 49},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := signup(Registration{Maximum: tt.maximum}, once)
			w.Mode = tt.mode
			if got := w.MaxRegistrants(); got != tt.registrant {
				t.Errorf("%d registrants, want %d", got, tt.registrant)
			}
			if got := tt.mode.MaxStage(); got != tt.stage {
				t.Errorf("%d on stage, want %d", got, tt.stage)
			}
			err := w.Registration.CheckMode(tt.mode)
			if (err != nil) != (tt.maximum > tt.mode.MaxRegistrants()) {
				t.Errorf("CheckMode says %v", err)
			}
			if err != nil && (!strings.Contains(err.Error(), string(tt.mode)) || !strings.Contains(err.Error(), fmt.Sprint(tt.maximum))) {
				t.Errorf("%q does not name both", err)
			}
		})
	}
	if got := bare().MaxRegistrants(); got != 0 {
		t.Errorf("S45 without registration %d", got)
	}
}

func TestS46ARegistrantIsFound(t *testing.T) {
	r := Registrant{ID: "r_1", Hash: [32]byte{7}, EmailHash: []byte("mail"), Account: "account:bo", Status: Approved, Index: 3}
	w := signup(Registration{}, once).WithRegistrant(r)
	found := func(w *Webinar) (secret, email, account bool) {
		_, secret = w.RegistrantBySecret(r.Hash)
		_, email = w.RegistrantByEmail(r.EmailHash)
		_, account = w.RegistrantByAccount(r.Account)
		return
	}
	for _, s := range []Status{Pending, Approved, Waitlisted, Declined, Cancelled} {
		r.Status = s
		in := w.WithRegistrant(r)
		again := s == Declined || s == Cancelled // they may sign up once more
		if secret, email, account := found(in); !secret || email == again || account == again {
			t.Errorf("S46 %s: by the link %t, the address %t, the account %t", s, secret, email, account)
		}
		approved, pending, waiting := in.RegistrantCounts()
		if in.RegistrantCount() != 1 || approved+pending+waiting > 1 || (approved == 1) != (s == Approved) || (pending == 1) != (s == Pending) || (waiting == 1) != (s == Waitlisted) {
			t.Errorf("S46 %s: %d approved, %d pending, %d waiting", s, approved, pending, waiting)
		}
		if (s.refusal() == nil) != (s == Approved) {
			t.Errorf("S46 %s: %v", s, s.refusal())
		}
	}
	if secret, email, account := found(w.WithoutRegistrant("r_1")); secret || email || account {
		t.Error("S46 who is gone is found")
	}
	if _, ok := w.RegistrantBySecret([32]byte{}); ok {
		t.Error("S46 the zero hash is somebody's")
	}
}
