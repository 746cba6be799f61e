// Package calendar writes a webinar as an iCalendar file (RFC 5545), for mails and for the
// page of those who signed up.
//
//	BEGIN:VCALENDAR  METHOD:PUBLISH
//	  VTIMEZONE      the zone's changes of the clock, as this computer knows them
//	  VEVENT         UID, SEQUENCE, DTSTART;TZID=..., RRULE, URL of the join link
//	END:VCALENDAR
//
// No secret and no person is in it: calendars are shared, and synchronised with others.
// It reads no clock: the same webinar is the same bytes.
package calendar

import (
	"net/url"
	"strings"
	"time"
	"unicode"

	ics "github.com/arran4/golang-ical"

	"stentor/control/webinar"
)

// Type is the media type of what Of returns.
const Type = "text/calendar; charset=utf-8; method=PUBLISH"

const (
	product  = "-//Stentor//Stentor//EN"
	utcForm  = "20060102T150405Z"
	zoneForm = "20060102T150405"
)

// Of returns w as an iCalendar file, or nil if w is not planned for a time, or in a zone
// that this computer does not know. base is the public URL that links begin with. uid
// names the event in calendars: with the same one, a newer version of w replaces the
// older one there.
func Of(w *webinar.Webinar, base, uid string) []byte {
	if w.Schedule == nil {
		return nil
	}
	zone, err := Zone(w.Schedule.Zone)
	if err != nil {
		return nil
	}
	c := &ics.Calendar{}
	c.SetVersion("2.0")
	c.SetProductId(product)
	c.SetMethod(ics.MethodPublish)
	if zone != time.UTC {
		c.AddVTimezone(timezone(zone, w.Schedule))
	}
	c.AddVEvent(event(w, base, uid, zone))
	var b strings.Builder
	if err := c.SerializeTo(&b, ics.WithNewLineWindows); err != nil {
		return nil // a strings.Builder takes everything
	}
	return []byte(b.String())
}

// Zone returns the time zone of that IANA name; of an empty one, UTC.
func Zone(name string) (*time.Location, error) {
	if name == "" || name == "UTC" || name == "Etc/UTC" {
		return time.UTC, nil
	}
	return time.LoadLocation(name)
}

// Link is the join link of w below base, without any secret.
func Link(w *webinar.Webinar, base string) string {
	return strings.TrimRight(base, "/") + "/w/" + url.PathEscape(w.Link)
}

func event(w *webinar.Webinar, base, uid string, zone *time.Location) *ics.VEvent {
	s := w.Schedule
	e := ics.NewEvent(line(uid))
	e.SetDtStampTime(stamp(w))
	e.SetSequence(int(w.Version))
	at := func(p ics.ComponentProperty, t time.Time) {
		if zone == time.UTC {
			e.SetProperty(p, t.UTC().Format(utcForm))
			return
		}
		e.SetProperty(p, t.In(zone).Format(zoneForm), ics.WithTZID(zone.String()))
	}
	at(ics.ComponentPropertyDtStart, s.Start)
	if s.Duration > 0 {
		at(ics.ComponentPropertyDtEnd, s.Start.Add(s.Duration))
	}
	if r := rule(s.Rule, zone); r != "" {
		e.AddRrule(r)
	}
	e.SetSummary(line(w.Title))
	if text := lines(w.Description); text != "" {
		e.SetDescription(text)
	}
	e.SetURL(Link(w, base))
	e.SetStatus(ics.ObjectStatusConfirmed)
	if w.State == webinar.Ended {
		e.SetStatus(ics.ObjectStatusCancelled)
	}
	return e
}

// rule is an RRULE as calendars want it: without its name, and with the end in UTC, which
// RFC 5545 asks for (section 3.3.10) and hosts do not think of.
func rule(s string, zone *time.Location) string {
	parts := strings.Split(strings.TrimPrefix(strings.ToUpper(line(s)), "RRULE:"), ";")
	for i, part := range parts {
		value, ok := strings.CutPrefix(part, "UNTIL=")
		if !ok || strings.HasSuffix(value, "Z") {
			continue
		}
		if len(value) == len("20060102") {
			value += "T235959" // that day is the last one
		}
		if t, err := time.ParseInLocation(zoneForm, value, zone); err == nil {
			parts[i] = "UNTIL=" + t.UTC().Format(utcForm)
		}
	}
	return strings.Join(parts, ";")
}

// stamp is when the file was made, which must not change while w does not.
func stamp(w *webinar.Webinar) time.Time {
	if w.Created.IsZero() {
		return w.Schedule.Start.UTC()
	}
	return w.Created.UTC()
}

// ahead is how far past the last known occurrence the zone's changes go, for a rule that
// goes on: calendars know most zones by name, and need the changes for the others.
const ahead = 2 * 366 * 24 * time.Hour

// maxChanges bounds them: four decades of summer times.
const maxChanges = 80

// timezone writes the changes of the clock that the occurrences of s meet.
func timezone(zone *time.Location, s *webinar.Schedule) *ics.VTimezone {
	v := ics.NewTimezone(zone.String())
	last := s.Start
	if n := len(s.Occurrences); n > 0 && s.Occurrences[n-1].After(last) {
		last = s.Occurrences[n-1]
	}
	if s.Rule != "" && !s.Complete {
		last = last.Add(ahead)
	}
	for t, n := s.Start.In(zone), 0; n < maxChanges; n++ {
		begin, end := t.ZoneBounds()
		v.Components = append(v.Components, observance(t, begin, zone))
		if end.IsZero() || end.After(last) {
			break
		}
		t = end
	}
	return v
}

// observance writes what holds at t, since begin.
func observance(t, begin time.Time, zone *time.Location) ics.Component {
	name, offset := t.Zone()
	before := offset
	if begin.IsZero() { // as long as anyone knows
		begin = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Duration(offset) * time.Second)
	} else {
		_, before = begin.Add(-time.Second).In(zone).Zone()
	}
	b := ics.ComponentBase{}
	wall := begin.In(time.FixedZone("", before))
	b.AddProperty(ics.ComponentPropertyDtStart, wall.Format(zoneForm))
	b.AddProperty(ics.ComponentProperty(ics.PropertyTzoffsetfrom), wall.Format(offsetForm(before)))
	b.AddProperty(ics.ComponentProperty(ics.PropertyTzoffsetto), begin.In(time.FixedZone("", offset)).Format(offsetForm(offset)))
	b.AddProperty(ics.ComponentProperty(ics.PropertyTzname), name)
	if t.IsDST() {
		return &ics.Daylight{ComponentBase: b}
	}
	return &ics.Standard{ComponentBase: b}
}

// offsetForm is how an offset is written; seconds only where there are some.
func offsetForm(offset int) string {
	if offset%60 != 0 {
		return "-070000"
	}
	return "-0700"
}

// line makes one line of a text: control characters become spaces.
func line(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " ")))
}

// lines keeps line breaks, and nothing else that controls.
func lines(s string) string {
	parts := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i := range parts {
		parts[i] = line(parts[i])
	}
	return strings.TrimSpace(strings.Join(parts, "\n"))
}
