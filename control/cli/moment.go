package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	_ "time/tzdata" // so that --zone works on machines without a database of zones
)

// dateLayouts are the ways to write a day. 12/01/2026 is not among them: one half
// of the world reads January, the other December.
var dateLayouts = []string{
	"2006-01-02", "2006/01/02", "20060102", "2.1.2006",
	"2 Jan 2006", "2 January 2006", "Jan 2 2006", "January 2 2006",
}

// clockLayouts are the ways to write a time of day.
var clockLayouts = []string{"15:04", "15:04:05", "15h04", "15h", "3pm", "3:04pm", "1504"}

// parseMoment reads a point in time as people write it: 2026-12-01 18:00,
// 1 Dec 2026 6pm, tomorrow 18:00, friday 9:30, +90m, or RFC 3339. What has no
// offset of its own is in zone. A day without a time is its midnight; the caller
// says whether that is meant.
func parseMoment(text string, zone *time.Location, now time.Time) (t time.Time, clock bool, err error) {
	t, clock, err = readMoment(text, zone, now)
	if year := t.UTC().Year(); err == nil && (year < 1970 || year > 9998) {
		return time.Time{}, false, momentError(text)
	}
	return t, clock, err
}

func readMoment(text string, zone *time.Location, now time.Time) (t time.Time, clock bool, err error) {
	s := strings.ToLower(strings.Join(strings.Fields(text), " "))
	if span, found := relative(s); found {
		d, err := parseSpan(span)
		if err != nil {
			return time.Time{}, false, err
		}
		return now.Add(d).Truncate(time.Second), true, nil
	}
	if t, found := parseOffset(s); found {
		return t, true, nil
	}
	day, rest := cutDay(s, now.In(zone))
	if day.IsZero() {
		return time.Time{}, false, momentError(text)
	}
	if rest == "" {
		t, err = inZone(day, 0, zone)
		return t, false, err
	}
	c, ok := parseClock(rest)
	if !ok {
		return time.Time{}, false, momentError(text)
	}
	t, err = inZone(day, c, zone)
	if dayWord(s) && err == nil && t.Before(now) && isWeekday(s) {
		t, err = inZone(day.AddDate(0, 0, 7), c, zone)
	}
	return t, true, err
}

// momentError says how a time is written.
func momentError(text string) error {
	if strings.Count(strings.Fields(text + " -")[0], "/") == 2 {
		return fmt.Errorf("%q can be read in two ways; write the day as 2026-12-31", text)
	}
	return fmt.Errorf("%q is no time that is understood; write 2026-12-31 18:00, or tomorrow 18:00, or +90m", text)
}

// relative returns the span of "+90m" and "in 90m", and none of "now".
func relative(s string) (span string, found bool) {
	if s == "now" {
		return "0s", true
	}
	if after, found := strings.CutPrefix(s, "in "); found {
		return after, true
	}
	return strings.CutPrefix(s, "+")
}

// parseOffset reads a time that says by itself how far it is from UTC.
func parseOffset(s string) (time.Time, bool) {
	s = strings.ToUpper(s)
	for _, day := range []string{"2006-01-02T", "2006-01-02 "} {
		for _, clock := range []string{"15:04:05", "15:04"} {
			for _, offset := range []string{"Z07:00", " Z07:00", "Z0700", " Z0700"} {
				if t, err := time.Parse(day+clock+offset, s); err == nil {
					return t, true
				}
			}
		}
	}
	return time.Time{}, false
}

// cutDay takes the day off the beginning of s. The day is midnight in UTC: a date
// and nothing else. A zero one means that s begins with none.
func cutDay(s string, today time.Time) (day time.Time, rest string) {
	s = strings.ReplaceAll(s, ",", "")
	date := time.Date(today.Year(), today.Month(), today.Day(), 0, 0, 0, 0, time.UTC)
	word, rest, _ := strings.Cut(s, " ")
	switch {
	case word == "today":
		return date, rest
	case word == "tomorrow":
		return date.AddDate(0, 0, 1), rest
	case isWeekday(s):
		for d := range 7 {
			if day := date.AddDate(0, 0, d); nameOfDay(day, word) {
				return day, rest
			}
		}
	}
	for _, layout := range dateLayouts {
		words := strings.SplitN(s, " ", strings.Count(layout, " ")+2)
		n := min(len(words), strings.Count(layout, " ")+1)
		if day, err := time.Parse(layout, strings.Join(words[:n], " ")); err == nil {
			return day, strings.Join(words[n:], " ")
		}
	}
	if day, clock, found := strings.Cut(s, "t"); found { // 2026-12-31T18:00
		if day, err := time.Parse("2006-01-02", day); err == nil && clock != "" {
			return day, clock
		}
	}
	return time.Time{}, ""
}

// dayWord reports whether s begins with a word that means a day near now.
func dayWord(s string) bool {
	word, _, _ := strings.Cut(s, " ")
	return word == "today" || word == "tomorrow" || isWeekday(s)
}

func isWeekday(s string) bool {
	word, _, _ := strings.Cut(s, " ")
	for d := range 7 {
		if nameOfDay(time.Date(2026, 1, 4+d, 0, 0, 0, 0, time.UTC), word) {
			return true
		}
	}
	return false
}

// nameOfDay reports whether word is the name of the weekday, or its first three
// letters.
func nameOfDay(day time.Time, word string) bool {
	name := strings.ToLower(day.Weekday().String())
	return word == name || word == name[:3]
}

// parseClock reads a time of day, as the time since midnight.
func parseClock(s string) (time.Duration, bool) {
	s = strings.TrimPrefix(strings.ReplaceAll(s, " ", ""), "at")
	for _, layout := range clockLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second, true
		}
	}
	return 0, false
}

// inZone returns the moment at which the clocks of zone show that time of that
// day. One that they skip is refused; of one that they show twice it is the first.
func inZone(day time.Time, clock time.Duration, zone *time.Location) (time.Time, error) {
	shows := func(t time.Time) bool {
		l := t.In(zone)
		since := time.Duration(l.Hour())*time.Hour + time.Duration(l.Minute())*time.Minute + time.Duration(l.Second())*time.Second
		return l.YearDay() == day.YearDay() && l.Year() == day.Year() && since == clock
	}
	t := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, int(clock/time.Second), 0, zone)
	if !shows(t) {
		return time.Time{}, fmt.Errorf("%s is not on any clock of %s: that is when they go forward", day.Add(clock).Format("2006-01-02 15:04"), zone)
	}
	for _, shift := range []time.Duration{2 * time.Hour, time.Hour, 30 * time.Minute} {
		if earlier := t.Add(-shift); shows(earlier) {
			return earlier, nil
		}
	}
	return t, nil
}

// localZone returns the time zone of this machine by its IANA name, which the
// server can be told: of TZ, else of the link at path; UTC where neither says.
func localZone(tz, path string) *time.Location {
	name := strings.TrimPrefix(tz, ":")
	if name == "" {
		to, err := os.Readlink(path)
		if _, after, found := strings.Cut(to, "zoneinfo/"); err == nil && found {
			name = after
		}
	}
	if z, err := time.LoadLocation(name); err == nil && name != "Local" {
		return z
	}
	return time.UTC
}

// zoneOf returns the time zone of that name, or the machine's for "".
func (e *Env) zoneOf(name string) (*time.Location, error) {
	if name == "" {
		if e.Zone != nil {
			return e.Zone, nil
		}
		return time.UTC, nil
	}
	z, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, Hint(Usage(fmt.Errorf("--zone: %q is no time zone", name)), "name one as Europe/Berlin or America/New_York")
	}
	return z, nil
}

// moment parses the value of a flag that takes a point in time.
func (e *Env) moment(flag, text string, zone *time.Location) (time.Time, error) {
	t, clock, err := parseMoment(text, zone, e.Now())
	if err == nil && !clock {
		err = errors.New("at what time? write " + t.Format("2006-01-02") + " 18:00")
	}
	if err != nil {
		return time.Time{}, Usage(fmt.Errorf("%s: %w", flag, err))
	}
	return t, nil
}
