package webinar

import (
	"slices"
	"time"
)

// lookahead is how far after the last of start and after a rule is followed. A rule
// that matches nothing in it, like the 30th of February, matches nothing.
const lookahead = 50 // years

// Occurrences works out when a webinar takes place that starts first at start and again
// by rule, an RRULE of RFC 5545: the times that are not over at after, at most limit of
// them, and whether those are all. It takes a few milliseconds for the worst rule.
//
// The time of day is that of start in zone, also when clocks change between. Where there
// is no such time, the clock is read as if it had not been changed; where there are two,
// the first counts (RFC 5545 section 3.3.5). The start is the first occurrence, whether
// it fits the rule or not, and COUNT counts it (section 3.8.5.3). An UNTIL that is a day
// includes that day.
//
// The errors are of type [*Denial].
func Occurrences(start time.Time, duration time.Duration, zone *time.Location, rule string, after time.Time, limit int) (starts []time.Time, complete bool, err error) {
	r := &recurrence{freq: daily, interval: 1, count: 1}
	if rule != "" {
		if r, err = parseRule(rule); err != nil {
			return nil, false, err
		}
	}
	if y := start.Year(); y < firstYear || y > lastYear {
		return nil, false, invalid("schedule_start", "A webinar needs a start between the years %d and %d.", firstYear, lastYear)
	}
	complete = true
	r.each(start, zone, min(after.Year(), lastYear), func(t time.Time) bool {
		if over := t.Add(duration); over.Before(after) || duration > 0 && over.Equal(after) {
			return true
		}
		if len(starts) == limit {
			complete = false
			return false
		}
		starts = append(starts, t)
		return true
	})
	return starts, complete, nil
}

// each calls visit with each occurrence in order until it reports false. It gives up
// lookahead years after the start and the year that is of interest.
func (r *recurrence) each(start time.Time, zone *time.Location, year int, visit func(time.Time) bool) {
	local := start.In(zone)
	h, m, s := local.Clock()
	clock := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second + time.Duration(local.Nanosecond())
	until := r.until
	if !until.IsZero() && !r.zulu {
		until = inZone(until, zone)
	}
	if !visit(start) {
		return
	}
	count := 1
	end := dayOf(max(local.Year(), year)+lookahead, time.December, 31)
	for begin := r.firstPeriod(dayOf(local.Date())); !begin.After(end); begin = r.nextPeriod(begin) {
		for _, d := range r.pick(begin, local) {
			t := inZone(d.Add(clock), zone)
			if !t.After(start) || d.Equal(dayOf(local.Date())) {
				continue
			}
			if r.count > 0 && count >= r.count || !until.IsZero() && t.After(until) || !visit(t) {
				return
			}
			count++
		}
		if r.count > 0 && count >= r.count || !until.IsZero() && begin.After(until.AddDate(0, 0, 2)) {
			return
		}
	}
}

// dayOf is a calendar day, as its midnight in UTC: days are counted without a zone.
func dayOf(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// firstPeriod is the first day of the period that day is in.
func (r *recurrence) firstPeriod(day time.Time) time.Time {
	switch r.freq {
	case yearly:
		return dayOf(day.Year(), time.January, 1)
	case monthly:
		return dayOf(day.Year(), day.Month(), 1)
	case weekly:
		return day.AddDate(0, 0, -((int(day.Weekday()) - int(r.wkst) + 7) % 7))
	}
	return day
}

// nextPeriod is the first day of the period after the one that begins at begin.
func (r *recurrence) nextPeriod(begin time.Time) time.Time {
	switch r.freq {
	case yearly:
		return begin.AddDate(r.interval, 0, 0)
	case monthly:
		return begin.AddDate(0, r.interval, 0)
	case weekly:
		return begin.AddDate(0, 0, 7*r.interval)
	}
	return begin.AddDate(0, 0, r.interval)
}

// pick returns the days of the period that begins at begin, in order.
func (r *recurrence) pick(begin, start time.Time) []time.Time {
	var days []time.Time
	one := recurrence{freq: r.freq, interval: 1}
	// Weeks belong to years, and reach over their ends by three days (ISO 8601).
	first, end := begin, one.nextPeriod(begin)
	if len(r.weeks) > 0 {
		first, end = first.AddDate(0, 0, -3), end.AddDate(0, 0, 3)
	}
	for d := first; d.Before(end); d = d.Add(24 * time.Hour) { // in UTC, where each day has those
		if r.matches(d, start, begin.Year()) {
			days = append(days, d)
		}
	}
	if len(r.positions) == 0 {
		return days
	}
	var chosen []time.Time
	for i, d := range days {
		if slices.Contains(r.positions, i+1) || slices.Contains(r.positions, i-len(days)) {
			chosen = append(chosen, d)
		}
	}
	return chosen
}

// matches reports whether the parts of the rule, and start where they say nothing, fit d.
// year is that of the period, which weeks are counted in.
func (r *recurrence) matches(d, start time.Time, year int) bool {
	if len(r.months) > 0 && !slices.Contains(r.months, int(d.Month())) {
		return false
	}
	if r.defaultsFromStarts {
		return r.matchesStart(d, start)
	}
	if len(r.monthdays) > 0 && !fits(r.monthdays, d.Day(), monthLength(d)) {
		return false
	}
	if len(r.yeardays) > 0 && !fits(r.yeardays, d.YearDay(), yearLength(d)) {
		return false
	}
	if len(r.weeks) > 0 {
		week, of, weeks := weekOf(d, r.wkst)
		if of != year || !fits(r.weeks, week, weeks) {
			return false
		}
		if len(r.days)+len(r.monthdays)+len(r.yeardays) == 0 {
			return d.Weekday() == start.Weekday()
		}
	}
	return len(r.days) == 0 || slices.ContainsFunc(r.days, func(w weekday) bool { return r.isNth(d, w) })
}

// matchesStart is matches where no part says which days of the period.
func (r *recurrence) matchesStart(d, start time.Time) bool {
	switch r.freq {
	case yearly:
		return d.Day() == start.Day() && (len(r.months) > 0 || d.Month() == start.Month())
	case monthly:
		return d.Day() == start.Day()
	case weekly:
		return d.Weekday() == start.Weekday()
	}
	return true
}

// monthLength and yearLength are the days of d's month and year.
func monthLength(d time.Time) int { return dayOf(d.Year(), d.Month()+1, 0).Day() }

func yearLength(d time.Time) int { return dayOf(d.Year(), time.December, 31).YearDay() }

// fits reports whether list has n counted from the front or, negative, from the end of
// total.
func fits(list []int, n, total int) bool {
	return slices.Contains(list, n) || slices.Contains(list, n-total-1)
}

// isNth reports whether d is w: the nth of the month, or of the year where nothing says
// which months.
func (r *recurrence) isNth(d time.Time, w weekday) bool {
	if d.Weekday() != w.day || w.n == 0 {
		return d.Weekday() == w.day
	}
	day, length := d.Day(), monthLength(d)
	if r.freq == yearly && len(r.months) == 0 {
		day, length = d.YearDay(), yearLength(d)
	}
	return w.n == (day-1)/7+1 || w.n == -((length-day)/7+1)
}

// weekOf returns the number of d's week, of which year it is, and how many that year
// has. A week belongs to the year that has four of its days or more.
func weekOf(d time.Time, wkst time.Weekday) (week, year, weeks int) {
	begin := d.AddDate(0, 0, -((int(d.Weekday()) - int(wkst) + 7) % 7))
	year = begin.AddDate(0, 0, 3).Year()
	first := firstWeek(year, wkst)
	weeks = int(firstWeek(year+1, wkst).Sub(first).Hours()) / (7 * 24)
	return int(begin.Sub(first).Hours())/(7*24) + 1, year, weeks
}

// firstWeek is the day that the first week of a year begins at: the one with 4 January.
func firstWeek(year int, wkst time.Weekday) time.Time {
	d := dayOf(year, time.January, 4)
	return d.AddDate(0, 0, -((int(d.Weekday()) - int(wkst) + 7) % 7))
}

// inZone is the moment at which clocks in zone show what wall does in UTC: the first of
// two, and where there is none, what they would show had they not been changed.
func inZone(wall time.Time, zone *time.Location) time.Time {
	offset := func(t time.Time) time.Duration {
		_, s := t.In(zone).Zone()
		return time.Duration(s) * time.Second
	}
	before, after := offset(wall.Add(-24*time.Hour)), offset(wall.Add(24*time.Hour))
	early, late := wall.Add(-before), wall.Add(-after)
	if offset(early) != before && offset(late) == after {
		return late.In(zone)
	}
	return early.In(zone)
}
