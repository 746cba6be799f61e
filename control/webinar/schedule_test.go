package webinar

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestS27AScheduleIsChecked(t *testing.T) {
	at := func(change func(*Schedule)) *Schedule {
		s := &Schedule{Start: start, Duration: time.Hour, Zone: "Europe/Berlin", Rule: "FREQ=WEEKLY;BYDAY=TU", Occurrences: []time.Time{start, start.AddDate(0, 0, 7)}}
		change(s)
		return s
	}
	tests := []struct {
		name string
		s    *Schedule
		code string // empty: it is right
	}{
		{"S27 once", &Schedule{Start: start, Duration: time.Hour}, ""},
		{"S27 once, and nobody knows how long", &Schedule{Start: start}, ""},
		{"S27 recurring", at(func(*Schedule) {}), ""},
		{"S27 without a start", at(func(s *Schedule) { s.Start = time.Time{} }), "invalid_schedule_start"},
		{"S27 in the year 2201", at(func(s *Schedule) { s.Start = start.AddDate(200, 0, 0) }), "invalid_schedule_start"},
		{"S27 for a second", at(func(s *Schedule) { s.Duration = time.Second }), "invalid_schedule_duration"},
		{"S27 for less than no time", at(func(s *Schedule) { s.Duration = -time.Hour }), "invalid_schedule_duration"},
		{"S27 for seven days", at(func(s *Schedule) { s.Duration = MaxDuration }), ""},
		{"S27 for longer", at(func(s *Schedule) { s.Duration = MaxDuration + 1 }), "invalid_schedule_duration"},
		{"S27 without a zone it is UTC", at(func(s *Schedule) { s.Zone = "" }), ""},
		{"S27 a zone of all that there is", at(func(s *Schedule) { s.Zone = "azAZ09/_+-a" }), ""},
		{"S27 a zone with a bracket", at(func(s *Schedule) { s.Zone = "a[b]" }), "invalid_schedule_zone"},
		{"S27 a zone of one piece too many", at(func(s *Schedule) { s.Zone = "a//b" }), "invalid_schedule_zone"},
		{"S27 a zone that is a folder", at(func(s *Schedule) { s.Zone = "Europe/" }), "invalid_schedule_zone"},
		{"S27 for a minute, in the year 2000", at(func(s *Schedule) {
			s.Start, s.Duration, s.Occurrences = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), MinDuration, nil
		}), ""},
		{"S27 in the year 1999", at(func(s *Schedule) { s.Start, s.Occurrences = time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC), nil }), "invalid_schedule_start"},
		{"S27 five hundred times", at(func(s *Schedule) {
			for i := range MaxOccurrences - 2 {
				s.Occurrences = append(s.Occurrences, start.AddDate(1, 0, i))
			}
		}), ""},
		{"S27 a zone with a sign", at(func(s *Schedule) { s.Zone = "Etc/GMT+12" }), ""},
		{"S27 a zone that is a path", at(func(s *Schedule) { s.Zone = "../../etc/passwd" }), "invalid_schedule_zone"},
		{"S27 a zone that is an absolute path", at(func(s *Schedule) { s.Zone = "/etc/localtime" }), "invalid_schedule_zone"},
		{"S27 the zone of whichever node", at(func(s *Schedule) { s.Zone = "Local" }), "invalid_schedule_zone"},
		{"S27 a zone of 65 letters", at(func(s *Schedule) { s.Zone = strings.Repeat("a", 65) }), "invalid_schedule_zone"},
		{"S27 a rule that is none", at(func(s *Schedule) { s.Rule = "every tuesday" }), "invalid_schedule_rule"},
		{"S27 twice without a rule", at(func(s *Schedule) { s.Rule = "" }), "invalid_schedule_occurrences"},
		{"S27 the same time twice", at(func(s *Schedule) { s.Occurrences[1] = start }), "invalid_schedule_occurrences"},
		{"S27 times out of order", at(func(s *Schedule) { s.Occurrences[1] = start.Add(-1) }), "invalid_schedule_occurrences"},
		{"S27 five hundred times and one", at(func(s *Schedule) {
			for i := range MaxOccurrences - 1 {
				s.Occurrences = append(s.Occurrences, start.AddDate(1, 0, i))
			}
		}), "invalid_schedule_occurrences"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.s.Check()
			readable(t, err)
			if want := (&Denial{Code: tt.code}); tt.code == "" && err != nil || tt.code != "" && !errors.Is(err, want) {
				t.Errorf("got %v, want %q", err, tt.code)
			}
		})
	}
}

func TestS27TheTimeThatIsRunningOrNext(t *testing.T) {
	week := 7 * 24 * time.Hour
	weekly := &Schedule{Start: start, Duration: time.Hour, Rule: "FREQ=WEEKLY", Occurrences: []time.Time{start, start.Add(week), start.Add(2 * week)}}
	open := &Schedule{Start: start, Rule: "FREQ=WEEKLY", Occurrences: []time.Time{start, start.Add(week)}}
	tests := []struct {
		name  string
		s     *Schedule
		at    time.Duration // after the start
		begin time.Duration // -1: none
		open  bool          // nobody knows the end
	}{
		{"S27 before the first it is next", weekly, -9 * week, 0, false},
		{"S27 at its start it is running", weekly, 0, 0, false},
		{"S27 until its end", weekly, time.Hour - 1, 0, false},
		{"S27 at its end the next one is next", weekly, time.Hour, week, false},
		{"S27 to the last", weekly, 2*week + time.Hour - 1, 2 * week, false},
		{"S27 and then there is none", weekly, 2*week + time.Hour, -1, false},
		{"S27 once", once, -1, 0, false},
		{"S27 once, and over", once, time.Hour, -1, false},
		{"S27 whose end nobody knows is running until the next", open, week - 1, 0, true},
		{"S27 and the last of them for ever", open, 99 * week, week, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			begin, end, ok := signup(Registration{}, tt.s).Occurrence(start.Add(tt.at))
			if ok != (tt.begin >= 0) || ok && (!begin.Equal(start.Add(tt.begin)) || end.IsZero() != tt.open || !tt.open && end.Sub(begin) != tt.s.Duration) {
				t.Errorf("got %v to %v, %t", begin, end, ok)
			}
		})
	}
	if _, _, ok := bare().Occurrence(start); ok {
		t.Error("S27 a webinar without a schedule has a time")
	}
}

func TestS48TheEndIsThatOfTheLastTime(t *testing.T) {
	two := []time.Time{start, start.AddDate(0, 0, 7)}
	tests := []struct {
		name string
		s    *Schedule
		want time.Time
	}{
		{"S48 without a schedule nobody knows", nil, time.Time{}},
		{"S48 once", once, start.Add(time.Hour)},
		{"S48 once, without a duration", &Schedule{Start: start}, time.Time{}},
		{"S48 a rule that goes on", &Schedule{Start: start, Duration: time.Hour, Rule: "FREQ=WEEKLY", Occurrences: two}, time.Time{}},
		{"S48 a rule that is complete", &Schedule{Start: start, Duration: time.Hour, Rule: "FREQ=WEEKLY;COUNT=2", Occurrences: two, Complete: true}, start.AddDate(0, 0, 7).Add(time.Hour)},
		{"S48 a rule all of whose times are past", &Schedule{Start: start, Duration: time.Hour, Rule: "FREQ=WEEKLY;COUNT=2", Complete: true}, start.Add(time.Hour)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := signup(Registration{}, tt.s).Ends(); !got.Equal(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestM14PersonalDataExpires(t *testing.T) {
	day := 24 * time.Hour
	for _, tt := range []struct {
		name      string
		state     State
		retention time.Duration
		want      time.Duration // after the end; 0: never
	}{
		{"M14 thirty days after the end", Ended, 0, 30 * day},
		{"M14 or when the host said", Ended, 7 * day, 7 * day},
		{"M14 never before the end", Live, 7 * day, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &Webinar{State: tt.state, Retention: tt.retention, Ended: start}
			if got := w.Expires(); tt.want == 0 && !got.IsZero() || tt.want != 0 && !got.Equal(start.Add(tt.want)) {
				t.Errorf("got %v", got)
			}
		})
	}
}
