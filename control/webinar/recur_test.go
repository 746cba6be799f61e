package webinar

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/teambition/rrule-go"
	"pgregory.net/rapid"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// The examples of RFC 5545 section 3.8.5.3 that say on which days, moved from 1997 to
// 2003, where a Tuesday is the 2nd of September too; at 09:00 in New York.
func TestS27TheExamplesOfRFC5545(t *testing.T) {
	newYork := zone(t, "America/New_York")
	tests := []struct {
		rule  string
		start string
		want  string // the first ones, as days
		all   bool
	}{
		{"FREQ=DAILY;COUNT=3", "2003-09-02", "2003-09-02 2003-09-03 2003-09-04", true},
		{"FREQ=DAILY;UNTIL=20030905T000000Z", "2003-09-02", "2003-09-02 2003-09-03 2003-09-04", true},
		{"FREQ=DAILY;INTERVAL=2", "2003-09-02", "2003-09-02 2003-09-04 2003-09-06", false},
		{"FREQ=DAILY;INTERVAL=10;COUNT=3", "2003-09-02", "2003-09-02 2003-09-12 2003-09-22", true},
		{"FREQ=YEARLY;UNTIL=20050131T140000Z;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA", "2005-01-29", "2005-01-29 2005-01-30 2005-01-31", true},
		{"FREQ=DAILY;UNTIL=20050131T140000Z;BYMONTH=1", "2005-01-29", "2005-01-29 2005-01-30 2005-01-31", true},
		{"FREQ=WEEKLY;COUNT=3", "2003-09-02", "2003-09-02 2003-09-09 2003-09-16", true},
		{"FREQ=WEEKLY;INTERVAL=2;WKST=SU", "2003-09-02", "2003-09-02 2003-09-16 2003-09-30", false},
		{"FREQ=WEEKLY;COUNT=4;WKST=SU;BYDAY=TU,TH", "2003-09-02", "2003-09-02 2003-09-04 2003-09-09 2003-09-11", true},
		{"FREQ=WEEKLY;INTERVAL=2;COUNT=4;WKST=SU;BYDAY=TU,TH", "2003-09-02", "2003-09-02 2003-09-04 2003-09-16 2003-09-18", true},
		{"FREQ=MONTHLY;COUNT=3;BYDAY=1FR", "2003-09-05", "2003-09-05 2003-10-03 2003-11-07", true},
		{"FREQ=MONTHLY;INTERVAL=2;COUNT=4;BYDAY=1SU,-1SU", "2003-09-07", "2003-09-07 2003-09-28 2003-11-02 2003-11-30", true},
		{"FREQ=MONTHLY;COUNT=3;BYDAY=-2MO", "2003-09-22", "2003-09-22 2003-10-20 2003-11-17", true},
		{"FREQ=MONTHLY;BYMONTHDAY=-3", "2003-09-28", "2003-09-28 2003-10-29 2003-11-28 2003-12-29", false},
		{"FREQ=MONTHLY;COUNT=4;BYMONTHDAY=2,15", "2003-09-02", "2003-09-02 2003-09-15 2003-10-02 2003-10-15", true},
		{"FREQ=MONTHLY;COUNT=4;BYMONTHDAY=1,-1", "2003-09-30", "2003-09-30 2003-10-01 2003-10-31 2003-11-01", true},
		{"FREQ=MONTHLY;INTERVAL=18;COUNT=4;BYMONTHDAY=10,11", "2003-09-10", "2003-09-10 2003-09-11 2005-03-10 2005-03-11", true},
		{"FREQ=YEARLY;COUNT=4;BYMONTH=6,7", "2003-06-10", "2003-06-10 2003-07-10 2004-06-10 2004-07-10", true},
		{"FREQ=YEARLY;INTERVAL=3;COUNT=4;BYYEARDAY=1,100,200", "2003-01-01", "2003-01-01 2003-04-10 2003-07-19 2006-01-01", true},
		{"FREQ=YEARLY;BYDAY=20MO", "2003-05-19", "2003-05-19 2004-05-17 2005-05-16", false},
		{"FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "2003-05-12", "2003-05-12 2004-05-10 2005-05-16", false},
		{"FREQ=YEARLY;BYWEEKNO=20", "2003-05-14", "2003-05-14 2004-05-12 2005-05-18", false}, // on the start's weekday
		{"FREQ=YEARLY;BYWEEKNO=-1;BYDAY=MO", "2003-12-22", "2003-12-22 2004-12-27 2005-12-26", false},
		{"FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO", "2003-12-29", "2003-12-29 2005-01-03 2006-01-02", false},  // in the year before
		{"FREQ=YEARLY;BYWEEKNO=53;BYDAY=SU", "2005-01-02", "2005-01-02 2010-01-03 2016-01-03", false}, // in the year after
		{"FREQ=YEARLY", "2004-02-29", "2004-02-29 2008-02-29 2012-02-29", false},
		{"FREQ=YEARLY;BYYEARDAY=-1", "2003-12-31", "2003-12-31 2004-12-31 2005-12-31", false},
		{"FREQ=YEARLY;BYYEARDAY=366", "2004-12-31", "2004-12-31 2008-12-31 2012-12-31", false},
		{"FREQ=YEARLY;BYDAY=-1SU", "2003-12-28", "2003-12-28 2004-12-26 2005-12-25", false},
		{"FREQ=YEARLY;BYMONTH=1;BYDAY=2MO,-1FR", "2003-01-13", "2003-01-13 2003-01-31 2004-01-12 2004-01-30", false},
		{"FREQ=MONTHLY", "2003-01-31", "2003-01-31 2003-03-31 2003-05-31", false},
		{"FREQ=MONTHLY;BYDAY=5FR", "2003-01-31", "2003-01-31 2003-05-30 2003-08-29", false},
		{"FREQ=WEEKLY;BYMONTH=1;BYDAY=WE", "2003-01-22", "2003-01-22 2003-01-29 2004-01-07", false},
		{"FREQ=DAILY;BYDAY=SA,SU;BYMONTHDAY=1,31", "2003-02-01", "2003-02-01 2003-03-01 2003-05-31 2003-06-01", false},
		{"FREQ=YEARLY;BYMONTH=3;BYDAY=TH", "2003-03-06", "2003-03-06 2003-03-13 2003-03-20 2003-03-27 2004-03-04", false},
		{"FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "2003-06-13", "2003-06-13 2004-02-13 2004-08-13", false},
		{"FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13", "2003-09-13", "2003-09-13 2003-10-11 2003-11-08 2003-12-13", false},
		{"FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8", "2004-11-02", "2004-11-02 2008-11-04 2012-11-06", false},
		{"FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "2003-09-04", "2003-09-04 2003-10-07 2003-11-06", true},
		{"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", "2003-09-29", "2003-09-29 2003-10-30 2003-11-27", false},
		{"FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", "2003-08-05", "2003-08-05 2003-08-10 2003-08-19 2003-08-24", true},
		{"FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", "2003-08-05", "2003-08-05 2003-08-17 2003-08-19 2003-08-31", true},
		{"FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", "2007-01-15", "2007-01-15 2007-01-30 2007-02-15 2007-03-15 2007-03-30", true},
	}
	for _, tt := range tests {
		t.Run("S27 "+tt.rule, func(t *testing.T) {
			day, err := time.ParseInLocation("2006-01-02", tt.start, newYork)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Fields(tt.want)
			starts, complete, err := Occurrences(day.Add(9*time.Hour), time.Hour, newYork, tt.rule, day, len(want))
			var got []string
			for _, s := range starts {
				if s.In(newYork).Format("15:04:05") != "09:00:00" {
					t.Errorf("at %v", s)
				}
				got = append(got, s.In(newYork).Format("2006-01-02"))
			}
			if err != nil || complete != tt.all || !slices.Equal(got, want) {
				t.Errorf("got %v, complete %t, %v; want %v", got, complete, err, want)
			}
		})
	}
}

func TestS27TheTimeZoneIsKept(t *testing.T) {
	berlin, newYork := zone(t, "Europe/Berlin"), zone(t, "America/New_York")
	at := func(z *time.Location, s string) time.Time {
		day, err := time.ParseInLocation("2006-01-02 15:04", s, z)
		if err != nil {
			t.Fatal(err)
		}
		return day
	}
	tests := []struct {
		name  string
		zone  *time.Location
		start time.Time
		rule  string
		want  []string // in UTC
	}{
		{"S27 ten in Berlin is ten in Berlin in summer too", berlin, at(berlin, "2026-03-22 10:00"), "FREQ=WEEKLY;COUNT=3",
			[]string{"2026-03-22T09:00:00Z", "2026-03-29T08:00:00Z", "2026-04-05T08:00:00Z"}},
		{"S27 an hour that is left out is read as if it were there", berlin, at(berlin, "2026-03-28 02:30"), "FREQ=DAILY;COUNT=3",
			[]string{"2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"}},
		{"S27 of an hour that comes twice it is the first", berlin, at(berlin, "2026-10-24 02:30"), "FREQ=DAILY;COUNT=3",
			[]string{"2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		{"S27 so it is in New York, where the hour is left out", newYork, at(newYork, "2027-03-13 02:30"), "FREQ=DAILY;COUNT=3",
			[]string{"2027-03-13T07:30:00Z", "2027-03-14T07:30:00Z", "2027-03-15T06:30:00Z"}},
		{"S27 and where it comes twice", newYork, at(newYork, "2026-10-31 01:30"), "FREQ=DAILY;COUNT=3",
			[]string{"2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}},
		{"S27 the weekday is that of the zone", newYork, at(newYork, "2026-06-01 22:00"), "FREQ=WEEKLY;BYDAY=MO;COUNT=2",
			[]string{"2026-06-02T02:00:00Z", "2026-06-09T02:00:00Z"}},
		{"S27 a start given in another zone is the same moment", berlin, at(berlin, "2026-03-22 10:00").In(newYork), "FREQ=WEEKLY;COUNT=2",
			[]string{"2026-03-22T09:00:00Z", "2026-03-29T08:00:00Z"}},
		{"S27 an UNTIL without Z is in the zone", berlin, at(berlin, "2026-06-01 10:00"), "FREQ=DAILY;UNTIL=20260602T100000",
			[]string{"2026-06-01T08:00:00Z", "2026-06-02T08:00:00Z"}},
		{"S27 an UNTIL with Z is in UTC", berlin, at(berlin, "2026-06-01 10:00"), "FREQ=DAILY;UNTIL=20260602T075959Z", []string{"2026-06-01T08:00:00Z"}},
		{"S27 an UNTIL that is a day has the whole day", berlin, at(berlin, "2026-06-01 23:30"), "FREQ=DAILY;UNTIL=20260602",
			[]string{"2026-06-01T21:30:00Z", "2026-06-02T21:30:00Z"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			starts, complete, err := Occurrences(tt.start, time.Hour, tt.zone, tt.rule, time.Time{}, 10)
			var got []string
			for _, s := range starts {
				got = append(got, s.UTC().Format(time.RFC3339))
			}
			if err != nil || !complete || !slices.Equal(got, tt.want) {
				t.Errorf("got %v, complete %t, %v; want %v", got, complete, err, tt.want)
			}
		})
	}
}

func TestS27WhatAWebinarsTimesAre(t *testing.T) {
	tuesday := time.Date(2026, 12, 1, 18, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	tests := []struct {
		name     string
		rule     string
		duration time.Duration
		after    time.Time
		limit    int
		want     []int // days after the start
		complete bool
	}{
		{"S27 without a rule it takes place once", "", time.Hour, tuesday, 10, []int{0}, true},
		{"S27 also before that", "", time.Hour, tuesday.AddDate(-1, 0, 0), 10, []int{0}, true},
		{"S27 while it runs it is there", "", time.Hour, tuesday.Add(time.Hour - 1), 10, []int{0}, true},
		{"S27 when it is over it is not", "", time.Hour, tuesday.Add(time.Hour), 10, nil, true},
		{"S27 one of no known length is there at its start", "", 0, tuesday, 10, []int{0}, true},
		{"S27 and not after", "", 0, tuesday.Add(1), 10, nil, true},
		{"S27 no more than somebody asked for", "FREQ=DAILY", time.Hour, tuesday, 3, []int{0, 1, 2}, false},
		{"S27 exactly as many as there are", "FREQ=DAILY;COUNT=3", time.Hour, tuesday, 3, []int{0, 1, 2}, true},
		{"S27 those that are over count", "FREQ=DAILY;COUNT=3", time.Hour, tuesday.Add(day), 3, []int{1, 2}, true},
		{"S27 the start is one, although the rule does not say so", "FREQ=WEEKLY;BYDAY=WE;COUNT=3", time.Hour, tuesday, 9, []int{0, 1, 8}, true},
		{"S27 a rule that never comes true is the start alone", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", time.Hour, tuesday, 9, []int{0}, true},
		{"S27 an UNTIL before the start leaves the start", "FREQ=DAILY;UNTIL=20200101", time.Hour, tuesday, 9, []int{0}, true},
		{"S27 small letters and the name before it are understood", "rrule:freq=daily;count=2", time.Hour, tuesday, 9, []int{0, 1}, true},
		{"S27 none at all", "FREQ=DAILY", time.Hour, tuesday, 0, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			starts, complete, err := Occurrences(tuesday, tt.duration, time.UTC, tt.rule, tt.after, tt.limit)
			var got []int
			for _, s := range starts {
				got = append(got, int(s.Sub(tuesday)/day))
			}
			if err != nil || complete != tt.complete || !slices.Equal(got, tt.want) {
				t.Errorf("got %v, complete %t, %v; want %v", got, complete, err, tt.want)
			}
		})
	}
	if _, _, err := Occurrences(time.Time{}, 0, time.UTC, "", start, 1); err == nil {
		t.Error("S27 a webinar takes place in the year 1")
	}
}

func TestS27ARuleIsRefusedByName(t *testing.T) {
	for rule, word := range map[string]string{
		"":                                                       "parts",
		"every tuesday":                                          "parts",
		"FREQ=":                                                  "parts",
		"COUNT=3":                                                "FREQ",
		"FREQ=HOURLY":                                            "FREQ",
		"FREQ=SECONDLY;COUNT=1":                                  "FREQ",
		"FREQ=FORTNIGHTLY":                                       "FREQ",
		"FREQ=DAILY;FREQ=DAILY":                                  "twice",
		"FREQ=DAILY;INTERVAL=0":                                  "INTERVAL",
		"FREQ=DAILY;INTERVAL=-1":                                 "INTERVAL",
		"FREQ=DAILY;INTERVAL=+1":                                 "INTERVAL",
		"FREQ=DAILY;INTERVAL=367":                                "INTERVAL",
		"FREQ=DAILY;COUNT=10001":                                 "COUNT",
		"FREQ=DAILY;COUNT=3;UNTIL=2027":                          "UNTIL",
		"FREQ=DAILY;COUNT=3;UNTIL=2027010":                       "UNTIL",
		"FREQ=DAILY;UNTIL=20270101;COUNT=3":                      "not both",
		"FREQ=DAILY;UNTIL=20270132":                              "UNTIL",
		"FREQ=DAILY;UNTIL=20270101T250000Z":                      "UNTIL",
		"FREQ=DAILY;WKST=XX":                                     "WKST",
		"FREQ=DAILY;BYHOUR=9":                                    "BYHOUR",
		"FREQ=DAILY;BYMINUTE=9":                                  "BYMINUTE",
		"FREQ=DAILY;BYSECOND=9":                                  "BYSECOND",
		"FREQ=DAILY;BYEASTER=1":                                  "BYEASTER",
		"FREQ=WEEKLY;BYDAY=2MO":                                  "BYDAY",
		"FREQ=DAILY;BYDAY=-1MO":                                  "BYDAY",
		"FREQ=MONTHLY;BYDAY=0MO":                                 "BYDAY",
		"FREQ=MONTHLY;BYDAY=54MO":                                "BYDAY",
		"FREQ=MONTHLY;BYDAY=M":                                   "BYDAY",
		"FREQ=MONTHLY;BYDAY=MO,,TU":                              "BYDAY",
		"FREQ=YEARLY;BYWEEKNO=3;BYDAY=2MO":                       "BYWEEKNO",
		"FREQ=MONTHLY;BYWEEKNO=3":                                "BYWEEKNO",
		"FREQ=YEARLY;BYWEEKNO=54":                                "BYWEEKNO",
		"FREQ=DAILY;BYYEARDAY=3":                                 "BYYEARDAY",
		"FREQ=YEARLY;BYYEARDAY=367":                              "BYYEARDAY",
		"FREQ=WEEKLY;BYMONTHDAY=3":                               "BYMONTHDAY",
		"FREQ=MONTHLY;BYMONTHDAY=32":                             "BYMONTHDAY",
		"FREQ=MONTHLY;BYMONTHDAY=0":                              "BYMONTHDAY",
		"FREQ=YEARLY;BYMONTH=-1":                                 "BYMONTH",
		"FREQ=YEARLY;BYMONTH=13":                                 "BYMONTH",
		"FREQ=DAILY;BYSETPOS=1":                                  "BYSETPOS",
		"FREQ=YEARLY;BYMONTH=1;BYSETPOS=367":                     "BYSETPOS",
		"FREQ=DAILY;\x00=1":                                      "part",
		"DTSTART:20260101T000000Z\nFREQ=DAILY":                   "part",
		"FREQ=DAILY;BYMONTH=" + strings.Repeat("1,", 62) + "1":   "BYMONTH",
		"FREQ=MONTHLY;BYDAY=" + strings.Repeat("MO,", 62) + "MO": "BYDAY",
		"FREQ=YEARLY;BYYEARDAY=" + strings.Repeat("1,", 200) + "1": "characters",
	} {
		_, err := parseRule(rule)
		var d *Denial
		if !errors.As(err, &d) || d.Code != "invalid_schedule_rule" || !strings.Contains(d.Detail, word) || !oneLine(d.Detail, MaxLabel) {
			t.Errorf("S27 %q: %v, want something about %s", rule, err, word)
		}
	}
}

func TestS27TheLargestRulesAreTaken(t *testing.T) {
	for _, rule := range []string{
		"FREQ=DAILY;INTERVAL=366", "FREQ=DAILY;INTERVAL=1", "FREQ=DAILY;COUNT=10000", "FREQ=DAILY;COUNT=1", "FREQ=YEARLY;BYMONTH=1,12", "FREQ=MONTHLY;BYMONTHDAY=31,-31,1,-1",
		"FREQ=YEARLY;BYYEARDAY=366,-366", "FREQ=YEARLY;BYWEEKNO=53,-53", "FREQ=YEARLY;BYDAY=53MO,-53MO", "FREQ=DAILY;BYMONTH=1;BYSETPOS=366,-366",
		"FREQ=YEARLY;BYYEARDAY=" + strings.TrimSuffix(strings.Repeat("1,", maxList), ","), "FREQ=MONTHLY;BYDAY=" + strings.TrimSuffix(strings.Repeat("MO,", maxList), ","),
	} {
		if _, err := parseRule(rule); err != nil {
			t.Errorf("S27 %s: %v", rule, err)
		}
		if _, _, err := Occurrences(start, time.Hour, time.UTC, rule, start, 3); err != nil {
			t.Errorf("S27 %s: %v", rule, err)
		}
	}
}

// anyRule draws a rule that both this package and rrule-go take.
func anyRule(t *rapid.T) string {
	list := func(name string, low, high int, signed bool) string {
		n := rapid.IntRange(1, 3).Draw(t, name+" count")
		parts := make([]string, n)
		for i := range parts {
			v := rapid.IntRange(low, high).Draw(t, name)
			if signed && rapid.Bool().Draw(t, name+" from the end") {
				v = -v
			}
			parts[i] = fmt.Sprint(v)
		}
		return ";" + name + "=" + strings.Join(parts, ",")
	}
	restrictions := 0 // with many of them nothing matches for centuries, which takes rrule-go long
	chance := func(what string) bool {
		if strings.HasSuffix(what, "s") {
			if restrictions++; restrictions > 2 {
				return false
			}
		}
		return rapid.IntRange(0, 3).Draw(t, what) == 0
	}
	freq := rapid.SampledFrom([]string{"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}).Draw(t, "freq")
	rule := "FREQ=" + freq
	if chance("interval") {
		rule += fmt.Sprintf(";INTERVAL=%d", rapid.IntRange(1, 20).Draw(t, "interval"))
	}
	if chance("wkst") {
		rule += ";WKST=" + rapid.SampledFrom([]string{"SU", "MO", "WE"}).Draw(t, "wkst")
	}
	by := false
	if chance("months") {
		rule, by = rule+list("BYMONTH", 1, 12, false), true
	}
	days := ""
	if rapid.Bool().Draw(t, "days") {
		days = ";BYDAY=" + strings.Join(rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"MO", "TU", "WE", "TH", "FR", "SA", "SU"}), 1, 4, rapid.ID).Draw(t, "weekdays"), ",")
		if (freq == "MONTHLY") && chance("nth") {
			days = ";BYDAY=" + rapid.SampledFrom([]string{"1MO", "2TU", "-1FR", "-2SU", "4WE", "1MO,-1FR"}).Draw(t, "nth")
		}
		rule, by = rule+days, true
	}
	if freq != "WEEKLY" && chance("monthdays") {
		rule, by = rule+list("BYMONTHDAY", 1, 31, true), true
	}
	if freq == "YEARLY" && chance("yeardays") {
		rule, by = rule+list("BYYEARDAY", 1, 366, true), true
	}
	if freq == "YEARLY" && days != "" && chance("weeks") {
		rule += list("BYWEEKNO", 2, 51, false)
	}
	if by && chance("positions") {
		rule += list("BYSETPOS", 1, 5, true)
	}
	if chance("count") {
		rule += fmt.Sprintf(";COUNT=%d", rapid.IntRange(1, 30).Draw(t, "count"))
	}
	return rule
}

func anyStart(t *rapid.T) time.Time {
	return time.Date(rapid.IntRange(2020, 2035).Draw(t, "year"), time.Month(rapid.IntRange(1, 12).Draw(t, "month")), rapid.IntRange(1, 31).Draw(t, "day"),
		rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute"), 0, 0, time.UTC)
}

// rrule-go works rules out in another way; both have to agree, but that here the start
// is always the first occurrence, and that the positions in a week are those of the
// whole week, also in the one that the start is in.
func TestS27OccurrencesAsAnotherProgramWorksThemOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rule, start := anyRule(t), anyStart(t)
		if strings.HasPrefix(rule, "FREQ=WEEKLY") && strings.Contains(rule, "BYSETPOS") {
			t.Skip("positions in a week")
		}
		option, err := rrule.StrToROption(rule)
		if err != nil {
			t.Fatal(err)
		}
		option.Dtstart = start
		option.Until = start.AddDate(12, 0, 0)
		other, err := rrule.NewRRule(*option)
		if err != nil {
			t.Fatal(err)
		}
		var want []time.Time
		for next := other.Iterator(); len(want) < 40; {
			o, ok := next()
			if !ok {
				break
			}
			want = append(want, o)
		}
		if len(want) == 0 || !want[0].Equal(start) {
			t.Skip("the start does not fit the rule")
		}
		got, _, err := Occurrences(start, 0, time.UTC, rule, start, 40)
		if err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		got = got[:min(len(got), len(want))]
		if !slices.EqualFunc(got, want, time.Time.Equal) {
			t.Fatalf("%s from %v\n got %v\nwant %v", rule, start, got, want)
		}
	})
}

// The laws of occurrences: they are in order, at the same time of day, the same
// whichever piece is asked for, and as many as COUNT says.
func TestS27LawsOfOccurrences(t *testing.T) {
	zones := []*time.Location{time.UTC, zone(t, "Europe/Berlin"), zone(t, "America/New_York"), zone(t, "Australia/Lord_Howe"), zone(t, "Asia/Kathmandu")}
	rapid.Check(t, func(t *rapid.T) {
		rule, start, z := anyRule(t), anyStart(t), rapid.SampledFrom(zones).Draw(t, "zone")
		duration := time.Duration(rapid.IntRange(0, 50).Draw(t, "hours")) * time.Hour
		all, complete, err := Occurrences(start, duration, z, rule, start, 60)
		if err != nil || len(all) == 0 || !all[0].Equal(start) {
			t.Fatalf("%s: %v, %v", rule, all, err)
		}
		if (&Schedule{Start: start, Zone: "UTC", Rule: rule, Occurrences: all, Complete: complete}).Check() != nil {
			t.Fatalf("%s: its own schedule is refused", rule)
		}
		wall := start.In(z).Format("15:04")
		for i, o := range all {
			if i > 0 && !all[i-1].Before(o) {
				t.Fatalf("%s: %v comes after %v", rule, o, all[i-1])
			}
			if got := o.In(z).Format("15:04"); got != wall && o.Add(-3*time.Hour).In(z).Format("-07") == o.Add(3*time.Hour).In(z).Format("-07") {
				t.Fatalf("%s: at %v, not at %s", rule, o.In(z), wall)
			}
		}
		from := all[rapid.IntRange(0, len(all)-1).Draw(t, "from")]
		piece, _, err := Occurrences(start, 0, z, rule, from, 60)
		i, _ := slices.BinarySearchFunc(all, from, time.Time.Compare)
		if err != nil || len(piece) < len(all)-i || !slices.EqualFunc(piece[:len(all)-i], all[i:], time.Time.Equal) {
			t.Fatalf("%s: from %v on it is %v, not %v", rule, from, piece, all[i:])
		}
	})
}

// FuzzRRULE feeds anything as a rule: it is refused with a sentence, or gives times in
// order, soon.
func FuzzRRULE(f *testing.F) {
	for _, s := range []string{
		"FREQ=DAILY", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;BYDAY=1MO,-53SU", "FREQ=DAILY;BYDAY=MO;BYSETPOS=366",
		"FREQ=YEARLY;BYWEEKNO=53,-53;BYDAY=SU;WKST=TH", "RRULE:FREQ=WEEKLY;UNTIL=20300101T000000Z", "FREQ=MONTHLY;INTERVAL=366;COUNT=10000", ";;;=", "FREQ=DAILY;COUNT=99999999999999999999",
	} {
		f.Add(s, int64(1_800_000_000), int64(0))
	}
	berlin := zone(f, "Europe/Berlin")
	f.Fuzz(func(t *testing.T, rule string, start, after int64) {
		began := time.Now()
		starts, complete, err := Occurrences(time.Unix(start, 0), time.Hour, berlin, rule, time.Unix(after, 0), MaxOccurrences)
		if took := time.Since(began); took > 2*time.Second {
			t.Fatalf("%q took %v", rule, took)
		}
		readable(t, err)
		if err != nil {
			return
		}
		if !slices.IsSortedFunc(starts, rising) || len(starts) > MaxOccurrences || !complete && len(starts) < MaxOccurrences {
			t.Fatalf("%q: %d times, complete %t", rule, len(starts), complete)
		}
	})
}

// BenchmarkOccurrences is the worst that a host can ask for, and what is usual.
func BenchmarkOccurrences(b *testing.B) {
	for name, rule := range map[string]string{
		"weekly": "FREQ=WEEKLY;BYDAY=TU", "never": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "leap": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := Occurrences(start, time.Hour, time.UTC, rule, start, 50); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
