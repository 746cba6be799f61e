package control

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func TestS30APINOrARegistration(t *testing.T) {
	on := &controlpb.Settings{Registration: &controlpb.Registration{}}
	tests := []struct {
		name   string
		before []*controlpb.Command
		c      *controlpb.Command
		code   string
	}{
		{"S30 a PIN and registration in one plan", nil, func() *controlpb.Command {
			c := signUp("w_1", &controlpb.Registration{})
			c.GetCreateWebinar().Pin = create("w_1").GetCreateWebinar().Pin
			return c
		}(), "pin_with_registration"},
		{"S30 registration where there is a PIN", []*controlpb.Command{create("w_1")}, edit("w_1", on, "registration"), "pin_with_registration"},
		{"S30 a PIN where registration is on", []*controlpb.Command{signUp("w_1", &controlpb.Registration{})}, setPIN("w_1", "48151623"), "pin_with_registration"},
		{"S30 registration once the PIN is cleared", []*controlpb.Command{create("w_1"), clearPIN("w_1")}, edit("w_1", on, "registration"), ""},
		{"S30 a PIN once registration is off", []*controlpb.Command{signUp("w_1", &controlpb.Registration{}), edit("w_1", &controlpb.Settings{}, "registration")}, setPIN("w_1", "48151623"), ""},
		{"S30 an edit of something else keeps the PIN", []*controlpb.Command{create("w_1")}, edit("w_1", &controlpb.Settings{Title: "New"}, "title"), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLog2(t)
			for _, c := range tt.before {
				l.must(c)
			}
			if r := l.apply(tt.c); codeOf(r.Err) != tt.code {
				t.Errorf("got %v, want %q", r.Err, tt.code)
			}
		})
	}
}

func TestS33ANewPINMayAskEveryoneAgain(t *testing.T) {
	l := newLog2(t)
	l.must(create("w_1"))
	l.must(setPIN("w_1", "31415926"))
	if got := l.s.Webinar("w_1").AskedAgain; got != 0 {
		t.Errorf("a new PIN asked everyone again, at %d", got)
	}
	c := setPIN("w_1", "27182818")
	c.GetSetPin().AskAgain = true
	r := l.must(c)
	if got := l.s.Webinar("w_1").AskedAgain; got != r.Index {
		t.Errorf("asked again at %d, want %d", got, r.Index)
	}
}

func TestS42S43GuestPermissionsAreChangedLive(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{Mode: "all-on-screen", Guests: &controlpb.Permissions{Audio: true, Messages: true}}))
	guest := webinar.Standing{Participant: "p_1", Role: webinar.Attendee, Guest: true}
	may := func(what webinar.What) bool { return l.s.Edge(clusterKey, nil).Webinar("w_1").May(guest, what) }
	if !may(webinar.Audio) || may(webinar.Video) {
		t.Error("S42 the preset does not hold at an edge")
	}
	l.must(claim("w_1", "main", "n1", "p_host", 1, false))
	l.must(edit("w_1", &controlpb.Settings{Guests: &controlpb.Permissions{Video: true}}, "guests"))
	if may(webinar.Audio) || !may(webinar.Video) {
		t.Error("S43 the change does not hold at an edge")
	}
	t.Run("S73 messages off for guests, live", func(t *testing.T) {
		l.must(edit("w_1", &controlpb.Settings{Guests: &controlpb.Permissions{Messages: true}}, "guests"))
		was := may(webinar.Messages)
		l.must(edit("w_1", &controlpb.Settings{Guests: &controlpb.Permissions{}}, "guests"))
		if !was || may(webinar.Messages) {
			t.Errorf("before %t, after %t", was, may(webinar.Messages))
		}
	})
}

func TestS28AnEditChangesWhatItNames(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{Title: "Old", Description: "About\nit", GuestLimit: 5, Lobby: "guests", Locked: true,
		Ceilings: []*controlpb.Ceiling{{Role: "attendee", Height: 720}}}))
	before := l.s.Webinar("w_1")
	r := l.must(edit("w_1", &controlpb.Settings{Title: "New", GuestLimit: 9, SlowMode: 30}, "title", "guest_limit", "ceilings"))
	w := l.s.Webinar("w_1")
	if w.Title != "New" || w.GuestLimit != 9 || len(w.Ceilings) != 0 {
		t.Errorf("named fields: %+v", w)
	}
	if w.Description != before.Description || w.SlowMode != 0 || !w.Locked || w.Lobby != webinar.LobbyGuests {
		t.Errorf("fields that the mask does not name: %+v", w)
	}
	if w.Version != before.Version+1 || r.Subject != "w_1" {
		t.Errorf("version %d after %d", w.Version, before.Version)
	}
	t.Run("nothing changed, nothing counted", func(t *testing.T) {
		hash := l.s.Hash()
		l.must(edit("w_1", &controlpb.Settings{Title: "New"}, "title"))
		if l.s.Hash() != hash {
			t.Error("an edit without effect changed the state")
		}
	})
	t.Run("of another version", func(t *testing.T) {
		c := edit("w_1", &controlpb.Settings{Title: "Newer"}, "title")
		c.ExpectedVersion = before.Version
		l.refused("version_mismatch", c)
	})
	t.Run("S60 during the webinar", func(t *testing.T) {
		l.must(claim("w_1", "main", "n1", "p_1", 1, false))
		l.must(edit("w_1", &controlpb.Settings{GuestLimit: 1}, "guest_limit"))
		if l.s.Webinar("w_1").GuestLimit != 1 {
			t.Error("the limit did not change")
		}
	})
	t.Run("an ended one", func(t *testing.T) {
		l.must(end("w_1"))
		l.refused("ended", edit("w_1", &controlpb.Settings{Title: "Late"}, "title"))
	})
}

func TestSettingsOutOfBounds(t *testing.T) {
	recurring := &controlpb.Schedule{Start: start.UnixNano(), Duration: int64(time.Hour), Zone: "Europe/Berlin", Rule: "FREQ=DAILY"}
	tests := []struct {
		name string
		s    *controlpb.Settings
		mask string
		code string
	}{
		{"no title", &controlpb.Settings{Title: " "}, "title", "invalid_title"},
		{"a description of 5001 characters", &controlpb.Settings{Description: strings.Repeat("x", 5001)}, "description", "invalid_description"},
		{"a description with a bell", &controlpb.Settings{Description: "\a"}, "description", "invalid_description"},
		{"an unknown mode", &controlpb.Settings{Mode: "circus"}, "mode", "invalid_mode"},
		{"more guests than people", &controlpb.Settings{GuestLimit: 1_000_001}, "guest_limit", "invalid_guest_limit"},
		{"an unknown lobby", &controlpb.Settings{Lobby: "bar"}, "lobby", "invalid_lobby"},
		{"an unknown way to be cut off", &controlpb.Settings{Partition: "panic"}, "partition", "invalid_partition"},
		{"data for eleven years", &controlpb.Settings{RetentionDays: 4_000}, "retention_days", "invalid_retention_days"},
		{"one message in two hours", &controlpb.Settings{SlowMode: 7_200}, "slow_mode", "invalid_slow_mode"},
		{"a ceiling for nobody", &controlpb.Settings{Ceilings: []*controlpb.Ceiling{{Role: "king"}}}, "ceilings", "invalid_ceilings"},
		{"two ceilings for one role", &controlpb.Settings{Ceilings: []*controlpb.Ceiling{{Role: "owner"}, {Role: "owner"}}}, "ceilings", "invalid_ceilings"},
		{"a ceiling above 8K", &controlpb.Settings{Ceilings: []*controlpb.Ceiling{{Role: "owner", Height: 5_000}}}, "ceilings", "invalid_ceilings"},
		{"a duration of a month", &controlpb.Settings{Schedule: &controlpb.Schedule{Start: start.UnixNano(), Duration: int64(30 * day)}}, "schedule", "invalid_schedule_duration"},
		{"S52 more registrants than the mode has room for", &controlpb.Settings{Registration: &controlpb.Registration{Maximum: 100_001}}, "registration", "invalid_registration_maximum"},
		{"S54 two fields of one ID", &controlpb.Settings{Registration: &controlpb.Registration{Fields: []*controlpb.Field{
			{Id: "x", Label: "X", Type: "text"}, {Id: "x", Label: "X", Type: "text"}}}}, "registration", "invalid_field_id"},
		{"a setting of level 3 in a cluster of level 2", &controlpb.Settings{EmbedOrigins: []string{"https://www.example.org"}}, "embed_origins", "feature_level"},
		{"a setting that there is not", &controlpb.Settings{}, "colour", "invalid_mask"},
		{"a field that is no setting", &controlpb.Settings{}, "id", "invalid_mask"},
		{"a schedule that recurs", &controlpb.Settings{Schedule: recurring}, "schedule", ""},
		{"S50 a registration without end", &controlpb.Settings{Registration: &controlpb.Registration{Window: "always"}}, "registration", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLog2(t)
			l.must(plan("w_1", &controlpb.Settings{}))
			if r := l.apply(edit("w_1", tt.s, tt.mask)); codeOf(r.Err) != tt.code {
				t.Errorf("an edit: %v, want %q", r.Err, tt.code)
			}
			if !slices.Contains(settingsFields, tt.mask) {
				return
			}
			s := proto.CloneOf(tt.s)
			if tt.mask != "title" {
				s.Title = "About it"
			}
			c := &controlpb.Command{Kind: &controlpb.Command_CreateWebinar{CreateWebinar: &controlpb.CreateWebinar{Id: "w_2", Link: "l", Settings: s}}}
			if r := l.apply(c); codeOf(r.Err) != tt.code {
				t.Errorf("a new webinar: %v, want %q", r.Err, tt.code)
			}
		})
	}
	t.Run("S52 a mode that has no room for the registration's maximum", func(t *testing.T) {
		l := newLog2(t)
		l.must(signUp("w_1", &controlpb.Registration{Maximum: 5_000}))
		l.refused("invalid_registration_maximum", edit("w_1", &controlpb.Settings{Mode: "all-on-screen"}, "mode"))
	})
	t.Run("no mask", func(t *testing.T) {
		l := newLog2(t)
		l.must(plan("w_1", &controlpb.Settings{}))
		l.refused("invalid_mask", edit("w_1", &controlpb.Settings{Title: "New"}))
	})
}

func TestS6S7ALinkIsRotated(t *testing.T) {
	l := newLog2(t)
	l.must(plan("w_1", &controlpb.Settings{}))
	l.must(plan("w_2", &controlpb.Settings{}))
	l.refused("exists", rotate("w_1", "link-w_2"))
	l.refused("invalid_link", rotate("w_1", "a link"))
	l.must(rotate("w_1", "fresh"))
	if l.s.WebinarByLink("link-w_1") != nil {
		t.Error("the old link opens it still")
	}
	if w := l.s.WebinarByLink("fresh"); w == nil || w.ID != "w_1" || w.Version != 2 {
		t.Errorf("by the new link: %+v", w)
	}
	for e := range l.s.Audit(0) {
		if strings.Contains(e.String(), "fresh") {
			t.Error("the link is in the audit log")
		}
	}
}

func TestS22OccurrencesAreExtended(t *testing.T) {
	l := newLog2(t)
	once := &controlpb.Schedule{Start: start.UnixNano(), Duration: int64(time.Hour)}
	daily := &controlpb.Schedule{Start: start.UnixNano(), Duration: int64(time.Hour), Zone: "Europe/Berlin", Rule: "FREQ=DAILY"}
	l.must(plan("w_once", &controlpb.Settings{Schedule: once}))
	l.must(plan("w_1", &controlpb.Settings{Schedule: daily}))
	l.refused("not_recurring", occurrences("w_once", true, start))
	l.refused("invalid_schedule_occurrences", occurrences("w_1", false, start.Add(day), start))
	l.must(occurrences("w_1", false, start, start.Add(day)))
	w := l.s.Webinar("w_1")
	if len(w.Schedule.Occurrences) != 2 || w.Schedule.Complete || !w.Ends().IsZero() {
		t.Errorf("%+v ends %v", w.Schedule, w.Ends())
	}
	if w.Version != 1 {
		t.Errorf("the host's version went to %d", w.Version)
	}
	l.must(occurrences("w_1", true, start, start.Add(day)))
	if ends := l.s.Webinar("w_1").Ends(); !ends.Equal(start.Add(25 * time.Hour)) {
		t.Errorf("ends %v", ends)
	}
}
