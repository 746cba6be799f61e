package webinar

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// frequency is the period that a rule repeats by.
type frequency string

const (
	yearly  frequency = "YEARLY"
	monthly frequency = "MONTHLY"
	weekly  frequency = "WEEKLY"
	daily   frequency = "DAILY"
)

// weekday is one of BYDAY: the nth of its kind in month or year, from the end if
// negative; 0 is each.
type weekday struct {
	n   int
	day time.Weekday
}

// recurrence is a parsed RRULE.
type recurrence struct {
	freq               frequency
	interval, count    int
	until              time.Time // in UTC if zulu, else in the rule's zone; zero: none
	zulu               bool
	wkst               time.Weekday
	days               []weekday
	months             []int
	monthdays          []int
	yeardays, weeks    []int
	positions          []int // BYSETPOS
	defaultsFromStarts bool  // nothing but months says which days
}

// The bounds of a rule. A webinar that takes place once in 366 days is as rare as they get.
const (
	maxRule     = 300 // bytes
	maxInterval = 366
	maxCount    = 10_000
	maxList     = 62
)

var weekdays = map[string]time.Weekday{
	"SU": time.Sunday, "MO": time.Monday, "TU": time.Tuesday, "WE": time.Wednesday,
	"TH": time.Thursday, "FR": time.Friday, "SA": time.Saturday,
}

func invalidRule(format string, args ...any) error {
	return invalid("schedule_rule", format, args...)
}

// parseRule reads the value of an RRULE (RFC 5545 section 3.3.10), with or without its
// name before it. A rule says on which days; at what time is the start's to say, so the
// parts and frequencies of less than a day are refused.
func parseRule(s string) (*recurrence, error) {
	if len(s) > maxRule {
		return nil, invalidRule("A rule has at most %d characters.", maxRule)
	}
	r := &recurrence{interval: 1, wkst: time.Monday}
	seen := map[string]bool{}
	for _, part := range strings.Split(strings.TrimPrefix(strings.ToUpper(s), "RRULE:"), ";") {
		name, value, ok := strings.Cut(part, "=")
		if !ok || value == "" {
			return nil, invalidRule("A rule is made of parts like FREQ=WEEKLY, with semicolons between them.")
		}
		if seen[name] {
			return nil, invalidRule("The rule says %s twice.", name)
		}
		seen[name] = true
		if err := r.set(name, value); err != nil {
			return nil, err
		}
	}
	r.defaultsFromStarts = len(r.days)+len(r.monthdays)+len(r.yeardays)+len(r.weeks) == 0
	return r, r.check(seen)
}

// set reads one part.
func (r *recurrence) set(name, value string) error {
	var ok bool
	switch name {
	case "FREQ":
		r.freq = frequency(value)
		ok = r.freq == yearly || r.freq == monthly || r.freq == weekly || r.freq == daily
	case "INTERVAL":
		r.interval, ok = number1(value, maxInterval)
	case "COUNT":
		r.count, ok = number1(value, maxCount)
	case "UNTIL":
		ok = r.setUntil(value)
	case "WKST":
		r.wkst, ok = weekdays[value]
	case "BYDAY":
		r.days, ok = nthWeekdays(value)
	case "BYMONTH":
		r.months, ok = numbers(value, 12, false)
	case "BYMONTHDAY":
		r.monthdays, ok = numbers(value, 31, true)
	case "BYYEARDAY":
		r.yeardays, ok = numbers(value, 366, true)
	case "BYWEEKNO":
		r.weeks, ok = numbers(value, 53, true)
	case "BYSETPOS":
		r.positions, ok = numbers(value, 366, true)
	case "BYHOUR", "BYMINUTE", "BYSECOND":
		return invalidRule("A rule says on which days; the time is that of the start. Take %s out.", name)
	}
	if !ok {
		return invalidRule("The rule's %s is none that this server knows: FREQ is DAILY, WEEKLY, MONTHLY or YEARLY, and with it come INTERVAL, COUNT, UNTIL, WKST, BYDAY, BYMONTH, BYMONTHDAY, BYYEARDAY, BYWEEKNO and BYSETPOS.", partName(name))
	}
	return nil
}

// partName is a part's name, fit to be shown.
func partName(s string) string {
	if len(s) > 16 || strings.ContainsFunc(s, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		return "part"
	}
	return s
}

// check refuses what RFC 5545 does.
func (r *recurrence) check(seen map[string]bool) error {
	nth := slices.ContainsFunc(r.days, func(d weekday) bool { return d.n != 0 })
	switch {
	case r.freq == "":
		return invalidRule("A rule needs a FREQ.")
	case seen["COUNT"] && seen["UNTIL"]:
		return invalidRule("A rule has COUNT or UNTIL, not both: take one of them out.")
	case nth && (r.freq == weekly || r.freq == daily):
		return invalidRule("BYDAY has numbers, as in 2MO, only with the frequencies MONTHLY and YEARLY.")
	case nth && len(r.weeks) > 0:
		return invalidRule("BYDAY has numbers, or there is BYWEEKNO, not both: take one of them out.")
	case len(r.weeks) > 0 && r.freq != yearly:
		return invalidRule("BYWEEKNO is for the frequency YEARLY.")
	case len(r.yeardays) > 0 && r.freq != yearly:
		return invalidRule("BYYEARDAY is for the frequency YEARLY.")
	case len(r.monthdays) > 0 && r.freq == weekly:
		return invalidRule("BYMONTHDAY is not for the frequency WEEKLY.")
	case len(r.positions) > 0 && r.defaultsFromStarts && len(r.months) == 0:
		return invalidRule("BYSETPOS needs another part that begins with BY.")
	}
	return nil
}

// setUntil reads a day, which counts whole, or a moment in UTC or in the rule's zone.
func (r *recurrence) setUntil(value string) bool {
	r.zulu = strings.HasSuffix(value, "Z")
	layout := "20060102T150405"
	switch len(value) {
	case 8:
		layout = "20060102"
	case 16:
		layout += "Z"
	}
	t, err := time.Parse(layout, value)
	if len(value) == 8 {
		t = t.AddDate(0, 0, 1).Add(-1)
	}
	r.until = t
	return err == nil
}

// number1 reads a number from 1 to largest, without sign.
func number1(s string, largest int) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 1 && n <= largest && s[0] != '+'
}

// numbers reads numbers from 1 to largest, and the negative ones if they are signed.
func numbers(s string, largest int, signed bool) ([]int, bool) {
	parts := strings.Split(s, ",")
	if len(parts) > maxList {
		return nil, false
	}
	list := make([]int, 0, len(parts))
	for _, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil || n == 0 || n > largest || n < -largest || n < 0 && !signed {
			return nil, false
		}
		list = append(list, n)
	}
	return list, true
}

func nthWeekdays(s string) ([]weekday, bool) {
	parts := strings.Split(s, ",")
	if len(parts) > maxList {
		return nil, false
	}
	list := make([]weekday, 0, len(parts))
	for _, p := range parts {
		if len(p) < 2 {
			return nil, false
		}
		n, name := p[:len(p)-2], p[len(p)-2:]
		day, ok := weekdays[name]
		d := weekday{day: day}
		if n != "" {
			var err error
			d.n, err = strconv.Atoi(n)
			ok = ok && err == nil && d.n != 0 && d.n >= -53 && d.n <= 53
		}
		if !ok {
			return nil, false
		}
		list = append(list, d)
	}
	return list, true
}
