package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// units are the words for spans of time. A month is none: it has no length.
var units = map[string]time.Duration{
	"w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
}

// maxSpan bounds every span of time that a flag takes: no webinar, token or
// retention is near as long.
const maxSpan = 100 * 366 * 24 * time.Hour

// span is a flag that takes a length of time as people write it: 90m, 1h30,
// 1:30, 2 days.
type span time.Duration

// UnmarshalText parses the value of the flag.
func (s *span) UnmarshalText(b []byte) error {
	d, err := parseSpan(string(b))
	*s = span(d)
	return err
}

// seconds is the span as the API writes it.
func (s span) seconds() int64 { return int64(time.Duration(s) / time.Second) }

// parseSpan reads a length of time. A number alone is refused: of what?
func parseSpan(text string) (time.Duration, error) {
	s := strings.ToLower(strings.ReplaceAll(text, " ", ""))
	wrong := fmt.Errorf("%q is no length of time; write 90m, 1h30m or 2d", text)
	if _, err := strconv.ParseUint(s, 10, 32); err == nil && s != "0" {
		return 0, fmt.Errorf("%s of what? write %sm, %sh or %sd", text, s, s, s)
	}
	if hours, minutes, found := strings.Cut(s, ":"); found {
		h, errH := strconv.ParseUint(hours, 10, 16)
		m, errM := strconv.ParseUint(minutes, 10, 16)
		if errors.Join(errH, errM) != nil || m > 59 || len(minutes) != 2 {
			return 0, wrong
		}
		return bounded(text, time.Duration(h)*time.Hour+time.Duration(m)*time.Minute)
	}
	if s == "0" {
		return 0, nil
	}
	var total, last time.Duration
	for s != "" {
		n, unit, rest := cutAmount(s)
		size, known := units[unit]
		if unit == "" && last == time.Hour { // 1h30
			size, known = time.Minute, true
		}
		if !known || (last != 0 && size >= last) {
			return 0, wrong
		}
		amount, err := strconv.ParseFloat(n, 64)
		if err != nil || amount*float64(size) > float64(maxSpan) {
			return 0, wrong
		}
		total, last, s = total+time.Duration(amount*float64(size)), size, rest
	}
	if last == 0 {
		return 0, wrong
	}
	return bounded(text, total)
}

func bounded(text string, d time.Duration) (time.Duration, error) {
	if d > maxSpan {
		return 0, fmt.Errorf("%q is longer than a hundred years", text)
	}
	return d.Truncate(time.Second), nil
}

// cutAmount takes a number and its unit off the beginning of s.
func cutAmount(s string) (number, unit, rest string) {
	i := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if i < 0 {
		return s, "", ""
	}
	number, rest = s[:i], s[i:]
	if j := strings.IndexFunc(rest, func(r rune) bool { return r < 'a' || r > 'z' }); j >= 0 {
		return number, rest[:j], rest[j:]
	}
	return number, rest, ""
}
