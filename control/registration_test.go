package control

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// statuses are where the registrants of w_1 stand, by ID.
func statuses(s *State) map[string]webinar.Status {
	m := map[string]webinar.Status{}
	for r := range s.Webinar("w_1").Registrants() {
		m[r.ID] = r.Status
	}
	return m
}

func mailKinds(s *State) []string {
	var kinds []string
	for m := range s.Mails() {
		kinds = append(kinds, m.GetKind()+" "+m.GetSubject())
	}
	return kinds
}

func TestS46OnlyWhoSignedUpGetsIn(t *testing.T) {
	l := newLog2(t)
	l.must(signUp("w_1", &controlpb.Registration{Window: "always"}))
	r := l.must(register("w_1", "g_1"))
	if r.Subject != "g_1" || statuses(l.s)["g_1"] != webinar.Approved {
		t.Fatalf("%s is %s", r.Subject, statuses(l.s)["g_1"])
	}
	edge := l.s.Edge(clusterKey, nil).Webinar("w_1")
	a, err := edge.Admit(webinar.Visitor{Name: "Bo", Registrant: sha256.Sum256([]byte("secret of w_1g_1"))}, nil, l.s.Time())
	if err != nil || a.Registration != "g_1" {
		t.Errorf("S46 at an edge: %+v, %v", a, err)
	}
	_, err = edge.Admit(webinar.Visitor{Name: "Bo"}, nil, l.s.Time())
	if codeOf(err) != "registration_required" {
		t.Errorf("S57 somebody anonymous: %v", err)
	}
	t.Run("S45 nobody signs up where registration is off", func(t *testing.T) {
		l.must(plan("w_2", &controlpb.Settings{}))
		l.refused("registration_off", register("w_2", "g_1"))
	})
	t.Run("S57 what they gave is kept", func(t *testing.T) {
		g, _ := l.s.Webinar("w_1").Registrant("g_1")
		if string(g.Sealed) != "SEALED g_1" {
			t.Errorf("kept %q", g.Sealed)
		}
	})
}

func TestS47ToS50WindowsByTheLeadersTime(t *testing.T) {
	s0, hour := start.Add(10*time.Hour), time.Hour
	schedule := &controlpb.Schedule{Start: s0.UnixNano(), Duration: int64(hour)}
	daily := &controlpb.Schedule{Start: s0.UnixNano(), Duration: int64(hour), Rule: "FREQ=DAILY", Zone: "UTC", Occurrences: []int64{s0.UnixNano(), s0.Add(day).UnixNano()}}
	interval := func(g *controlpb.Registration) {
		g.Opens, g.Closes = start.Add(2*hour).UnixNano(), start.Add(4*hour).UnixNano()
	}
	tests := []struct {
		name, window string
		schedule     *controlpb.Schedule
		at           time.Duration
		code         string
	}{
		{"S47 until the start: a moment before", "start", schedule, 10*hour - 1, ""},
		{"S47 until the start: at it", "start", schedule, 10 * hour, "registration_closed"},
		{"S48 until the end: while it runs", "end", schedule, 10*hour + 30*time.Minute, ""},
		{"S48 until the end: at it", "end", schedule, 11 * hour, "registration_closed"},
		{"S49 in an interval: before", "interval", schedule, 2*hour - 1, "registration_not_open"},
		{"S49 in an interval: as it opens", "interval", schedule, 2 * hour, ""},
		{"S49 in an interval: a moment before it closes", "interval", schedule, 4*hour - 1, ""},
		{"S49 in an interval: as it closes", "interval", schedule, 4 * hour, "registration_closed"},
		{"S50 without limitation: between the times", "always", daily, 20 * hour, ""},
		{"S50 without limitation: after the first year", "always", daily, 366 * 24 * hour, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLog2(t)
			g := &controlpb.Registration{Window: tt.window}
			if tt.window == "interval" {
				interval(g)
			}
			l.must(at(plan("w_1", &controlpb.Settings{Registration: g, Schedule: tt.schedule}), start))
			if r := l.apply(at(register("w_1", "g_1"), start.Add(tt.at))); codeOf(r.Err) != tt.code {
				t.Errorf("got %v, want %q", r.Err, tt.code)
			}
		})
	}
}

func TestS49TheHostClosesAndOpensIt(t *testing.T) {
	l := newLog2(t)
	l.must(at(plan("w_1", &controlpb.Settings{Registration: &controlpb.Registration{Window: "start"},
		Schedule: &controlpb.Schedule{Start: start.Add(time.Hour).UnixNano(), Duration: int64(time.Hour)}}), start))
	l.must(register("w_1", "g_1"))
	l.must(openRegistration("w_1", false))
	l.refused("registration_closed", register("w_1", "g_2"))
	if s := statuses(l.s)["g_1"]; s != webinar.Approved {
		t.Errorf("who was approved is %s: closing throws nobody out", s)
	}
	l.must(openRegistration("w_1", true))
	l.must(register("w_1", "g_2"))
	hash := l.s.Hash()
	l.must(openRegistration("w_1", true))
	if l.s.Hash() != hash {
		t.Error("open already, and yet something changed")
	}
	l.must(openRegistration("w_1", false))
	l.refused("registration_closed", at(openRegistration("w_1", true), start.Add(2*time.Hour)))
	l.must(plan("w_2", &controlpb.Settings{}))
	l.refused("registration_off", openRegistration("w_2", true))
}

func TestS51TheMaximumIsExact(t *testing.T) {
	for _, maximum := range []uint32{1, 7, 40} {
		t.Run(fmt.Sprintf("S51 a maximum of %d", maximum), func(t *testing.T) {
			l := newLog2(t)
			l.must(signUp("w_1", &controlpb.Registration{Window: "always", Maximum: maximum}))
			approved := 0
			for i := range 50 {
				switch r := l.apply(register("w_1", fmt.Sprint("g_", i))); codeOf(r.Err) {
				case "":
					approved++
				case "registration_full":
				default:
					t.Fatal(r.Err)
				}
			}
			if n, _, _ := l.s.Webinar("w_1").RegistrantCounts(); approved != int(maximum) || n != int(maximum) {
				t.Errorf("%d were told yes, %d are approved", approved, n)
			}
			t.Run("M14 a cancelled place is free at once", func(t *testing.T) {
				l.must(decide("w_1", "cancel", "g_0"))
				l.must(register("w_1", "g_late"))
				l.refused("registration_full", register("w_1", "g_later"))
			})
			t.Run("a lower maximum throws nobody out", func(t *testing.T) {
				l.must(edit("w_1", &controlpb.Settings{Registration: &controlpb.Registration{Window: "always", Maximum: 1}}, "registration"))
				if n, _, _ := l.s.Webinar("w_1").RegistrantCounts(); n != int(maximum) {
					t.Errorf("%d are approved", n)
				}
			})
		})
	}
}

func TestS52TheMaximumOfTheMode(t *testing.T) {
	l := newLog2(t)
	c := signUp("w_1", &controlpb.Registration{Window: "always"})
	c.GetCreateWebinar().Settings.Mode = "all-on-screen"
	l.must(c)
	for i := range 1_000 {
		next, r := l.s.Apply(l.s.Index()+1, register("w_1", fmt.Sprint("g_", i)))
		if r.Err != nil {
			t.Fatal(i, r.Err)
		}
		l.s = next
	}
	l.refused("registration_full", register("w_1", "g_one_too_many"))
	l.must(edit("w_1", &controlpb.Settings{Mode: "role-based"}, "mode"))
	l.must(register("w_1", "g_one_too_many"))
}

func TestS53AccountsThatAreNotOnTheList(t *testing.T) {
	l := newLog2(t)
	l.must(signUp("w_1", &controlpb.Registration{Window: "always", Accounts: true}))
	enter := func() error {
		_, err := l.s.Edge(clusterKey, nil).Webinar("w_1").Admit(webinar.Visitor{Name: "Bo", Account: "a_1"}, nil, l.s.Time())
		return err
	}
	if err := enter(); err != nil {
		t.Errorf("S53 on: %v", err)
	}
	l.must(edit("w_1", &controlpb.Settings{Registration: &controlpb.Registration{Window: "always"}}, "registration"))
	if err := enter(); codeOf(err) != "registration_required" {
		t.Errorf("S53 off: %v", err)
	}
}

func TestOneRegistrationForAnAddressAndAnAccount(t *testing.T) {
	l := newLog2(t)
	l.must(signUp("w_1", &controlpb.Registration{Window: "always"}))
	withAccount := func(c *controlpb.Command, account string) *controlpb.Command {
		c.GetRegister().Account = account
		return c
	}
	l.must(withAccount(register("w_1", "g_1"), "a_1"))
	again := register("w_1", "g_2")
	again.GetRegister().EmailHash = register("w_1", "g_1").GetRegister().EmailHash
	if r := l.refused("already_registered", again); r.Subject != "g_1" {
		t.Errorf("the same address: subject %q", r.Subject)
	}
	if r := l.refused("already_registered", withAccount(register("w_1", "g_3"), "a_1")); r.Subject != "g_1" {
		t.Errorf("the same account: subject %q", r.Subject)
	}
	same := register("w_1", "g_1")
	same.GetRegister().EmailHash = hash("another address")
	l.refused("exists", same)
	l.must(decide("w_1", "cancel", "g_1"))
	l.must(again)
	l.refused("registration_cancelled", decide("w_1", "approve", "g_1"))
	l.must(decide("w_1", "decline", "g_2"))
	other := register("w_1", "g_4")
	other.GetRegister().EmailHash = again.GetRegister().EmailHash
	l.must(other)
	l.refused("already_registered", decide("w_1", "approve", "g_2"))
	t.Run("S64 a banned account signs up nowhere here", func(t *testing.T) {
		l.must(disconnect("w_1", "p_1", []string{"account:a_9"}, &controlpb.NewBan{Id: "b_1"}))
		l.refused("banned", withAccount(register("w_1", "g_9"), "a_9"))
	})
}

func TestTheHostDecides(t *testing.T) {
	l := newLog2(t)
	l.must(signUp("w_1", &controlpb.Registration{Window: "always", Approval: true, Maximum: 2}))
	for _, id := range []string{"g_1", "g_2", "g_3", "g_4"} {
		l.must(register("w_1", id))
	}
	if _, pending, _ := l.s.Webinar("w_1").RegistrantCounts(); pending != 4 {
		t.Fatalf("%d wait for the decision", pending)
	}
	l.refused("registration_full", decide("w_1", "approve", "g_1", "g_2", "g_3"))
	if s := statuses(l.s)["g_1"]; s != webinar.Pending {
		t.Errorf("a batch that did not fit made the first one %s", s)
	}
	l.must(decide("w_1", "approve", "g_1", "g_2"))
	l.must(decide("w_1", "decline", "g_3"))
	want := map[string]webinar.Status{"g_1": "approved", "g_2": "approved", "g_3": "declined", "g_4": "pending"}
	for id, s := range statuses(l.s) {
		if want[id] != s {
			t.Errorf("%s is %s", id, s)
		}
	}
	for _, kind := range []string{"approved g_1", "approved g_2", "declined g_3", "confirmation g_4"} {
		if !slices.Contains(mailKinds(l.s), kind) {
			t.Errorf("no mail %q in %v", kind, mailKinds(l.s))
		}
	}
	hash := l.s.Hash()
	l.must(decide("w_1", "approve", "g_1"))
	if l.s.Hash() != hash {
		t.Error("approved again, and something changed")
	}
	l.refused("registrant_not_found", decide("w_1", "approve", "g_none"))
	l.refused("invalid_decision", decide("w_1", "eat", "g_1"))
	l.refused("invalid_registrants", decide("w_1", "approve"))
	l.refused("invalid_registrants", decide("w_1", "approve", slices.Repeat([]string{"g_1"}, 501)...))
	t.Run("who is declined has to go", func(t *testing.T) {
		l.must(decide("w_1", "decline", "g_1"))
		inside := webinar.Standing{Participant: "p_1", Registration: "g_1"}
		if err := l.s.Edge(clusterKey, nil).Webinar("w_1").Allowed(inside, l.s.Time()); codeOf(err) != "registration_declined" {
			t.Errorf("%v", err)
		}
	})
}

func TestM14TheWaitlistMovesUp(t *testing.T) {
	l := newLog2(t)
	l.must(signUp("w_1", &controlpb.Registration{Window: "always", Waitlist: true, Maximum: 2}))
	for _, id := range []string{"g_5", "g_4", "g_3", "g_2", "g_1"} { // not in the order of their IDs
		l.must(register("w_1", id))
	}
	if _, _, waiting := l.s.Webinar("w_1").RegistrantCounts(); waiting != 3 {
		t.Fatalf("%d wait", waiting)
	}
	promoted := func() (ids []string) {
		for e := range l.s.Audit(0) {
			if e.GetAction() == "registrant.promoted" {
				ids = append(ids, e.GetSubject())
			}
		}
		return ids
	}
	t.Run("M14 the first who waits gets a place that is cancelled, in the same command", func(t *testing.T) {
		l.must(decide("w_1", "cancel", "g_5"))
		if got := promoted(); !slices.Equal(got, []string{"g_3"}) || statuses(l.s)["g_3"] != webinar.Approved {
			t.Errorf("promoted %v", got)
		}
	})
	t.Run("M14 who is declined makes room too", func(t *testing.T) {
		l.must(decide("w_1", "decline", "g_4"))
		if got := promoted(); !slices.Equal(got, []string{"g_3", "g_2"}) {
			t.Errorf("promoted %v", got)
		}
	})
	t.Run("M14 nobody overtakes those who wait", func(t *testing.T) {
		l.must(register("w_1", "g_6"))
		if s := statuses(l.s)["g_6"]; s != webinar.Waitlisted {
			t.Errorf("who came last is %s", s)
		}
	})
	t.Run("M14 a larger webinar takes in all who wait", func(t *testing.T) {
		l.must(edit("w_1", &controlpb.Settings{Registration: &controlpb.Registration{Window: "always", Waitlist: true, Maximum: 10}}, "registration"))
		if _, _, waiting := l.s.Webinar("w_1").RegistrantCounts(); waiting != 0 {
			t.Errorf("%d still wait", waiting)
		}
	})
	if got := mailKinds(l.s); !slices.Contains(got, "waitlisted g_6") || !slices.Contains(got, "approved g_3") {
		t.Errorf("mails %v", got)
	}
	t.Run("what does not fit into one command, a tick does", func(t *testing.T) {
		l := newLog2(t)
		l.must(signUp("w_1", &controlpb.Registration{Window: "always", Waitlist: true, Maximum: 1}))
		for i := range maxBatch + 11 {
			l.must(register("w_1", fmt.Sprint("g_", i)))
		}
		l.must(edit("w_1", &controlpb.Settings{Registration: &controlpb.Registration{Window: "always", Maximum: 1_000}}, "registration"))
		if _, _, waiting := l.s.Webinar("w_1").RegistrantCounts(); waiting != 10 || !l.s.Due(l.s.Time()) {
			t.Fatalf("%d wait, due %t", waiting, l.s.Due(l.s.Time()))
		}
		l.must(tick(l.s.Time()))
		if _, _, waiting := l.s.Webinar("w_1").RegistrantCounts(); waiting != 0 || l.s.Due(l.s.Time()) {
			t.Errorf("%d wait, due %t", waiting, l.s.Due(l.s.Time()))
		}
	})
	t.Run("a host who begins to decide decides on those who wait", func(t *testing.T) {
		l := newLog2(t)
		l.must(signUp("w_1", &controlpb.Registration{Window: "always", Waitlist: true, Maximum: 1}))
		l.must(register("w_1", "g_1"))
		l.must(register("w_1", "g_2"))
		l.must(edit("w_1", &controlpb.Settings{Registration: &controlpb.Registration{Window: "always", Waitlist: true, Approval: true, Maximum: 1}}, "registration"))
		l.must(decide("w_1", "cancel", "g_1"))
		if s := statuses(l.s)["g_2"]; s != webinar.Pending {
			t.Errorf("g_2 is %s", s)
		}
		l.must(decide("w_1", "approve", "g_2"))
	})
	t.Run("whom the host approved without a place waits for one", func(t *testing.T) {
		l := newLog2(t)
		l.must(signUp("w_1", &controlpb.Registration{Window: "always", Waitlist: true, Approval: true, Maximum: 1}))
		l.must(register("w_1", "g_1"))
		l.must(register("w_1", "g_2"))
		l.must(decide("w_1", "approve", "g_1", "g_2"))
		if s := statuses(l.s)["g_2"]; s != webinar.Waitlisted {
			t.Fatalf("g_2 is %s", s)
		}
		l.must(decide("w_1", "cancel", "g_1"))
		if s := statuses(l.s)["g_2"]; s != webinar.Approved {
			t.Errorf("g_2 is %s", s)
		}
	})
}

func TestRegisterOutOfBounds(t *testing.T) {
	tests := []struct {
		name   string
		change func(*controlpb.Register)
		code   string
	}{
		{"no ID", func(c *controlpb.Register) { c.Id = "" }, "invalid_id"},
		{"no secret", func(c *controlpb.Register) { c.Hash = nil }, "invalid_hash"},
		{"a secret of zeros", func(c *controlpb.Register) { c.Hash = make([]byte, 32) }, "invalid_hash"},
		{"a form of 16 KiB and a byte", func(c *controlpb.Register) { c.Sealed = make([]byte, maxSealed+1) }, "invalid_sealed"},
		{"a long hash of the address", func(c *controlpb.Register) { c.EmailHash = make([]byte, 65) }, "invalid_email_hash"},
		{"an account on two lines", func(c *controlpb.Register) { c.Account = "a\nb" }, "invalid_account"},
		{"no such webinar", func(c *controlpb.Register) { c.Webinar = "w_none" }, "not_found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLog2(t)
			l.must(signUp("w_1", &controlpb.Registration{Window: "always"}))
			c := register("w_1", "g_1")
			tt.change(c.GetRegister())
			l.refused(tt.code, c)
		})
	}
}
