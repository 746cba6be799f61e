package calendar

import (
	"bytes"
	"strings"
	"testing"
	"time"

	ics "github.com/arran4/golang-ical"
	"pgregory.net/rapid"

	"stentor/control/webinar"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func planned(s *webinar.Schedule) *webinar.Webinar {
	return &webinar.Webinar{
		ID: "w_1", Link: "aZ-_09", Title: "All hands", Version: 7, Schedule: s,
		Created: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
	}
}

// unfolded returns the content lines of a file, and complains about lines that are too
// long or end otherwise than with CR LF.
func unfolded(t testing.TB, file []byte) []string {
	t.Helper()
	for _, l := range strings.Split(strings.TrimSuffix(string(file), "\r\n"), "\r\n") {
		if len(l) > 75 || strings.ContainsAny(l, "\r\n") {
			t.Errorf("a line has %d bytes or breaks: %q", len(l), l)
		}
	}
	return strings.Split(strings.TrimSuffix(strings.ReplaceAll(string(file), "\r\n ", ""), "\r\n"), "\r\n")
}

func TestS59TheFileOfAnOccurrenceInUTC(t *testing.T) {
	w := planned(&webinar.Schedule{Start: time.Date(2026, 12, 1, 17, 0, 0, 0, time.UTC), Duration: 90 * time.Minute})
	w.Description = "Bring questions;\r\nand, maybe, \\ answers"
	want := []string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Stentor//Stentor//EN", "METHOD:PUBLISH",
		"BEGIN:VEVENT", "UID:w_1@stentor", "DTSTAMP:20260301T120000Z", "SEQUENCE:7",
		"DTSTART:20261201T170000Z", "DTEND:20261201T183000Z", "SUMMARY:All hands",
		`DESCRIPTION:Bring questions\;\nand\, maybe\, \\ answers`,
		"URL:https://stentor.example/w/aZ-_09", "STATUS:CONFIRMED", "END:VEVENT", "END:VCALENDAR",
	}
	got := unfolded(t, Of(w, "https://stentor.example/", "w_1@stentor"))
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("wrote\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestS22ARecurringWebinarKeepsItsZone(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	start := time.Date(2026, 10, 5, 18, 0, 0, 0, berlin)
	w := planned(&webinar.Schedule{
		Start: start, Duration: time.Hour, Zone: "Europe/Berlin", Rule: "RRULE:FREQ=WEEKLY;COUNT=10",
		Occurrences: []time.Time{start, start.AddDate(0, 0, 63)}, Complete: true,
	})
	text := strings.Join(unfolded(t, Of(w, "https://stentor.example", "w_1@stentor")), "\n")
	for _, want := range []string{
		"BEGIN:VTIMEZONE\nTZID:Europe/Berlin\n" +
			"BEGIN:DAYLIGHT\nDTSTART:20260329T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nTZNAME:CEST\nEND:DAYLIGHT\n" +
			"BEGIN:STANDARD\nDTSTART:20261025T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nTZNAME:CET\nEND:STANDARD\n" +
			"END:VTIMEZONE",
		"DTSTART;TZID=Europe/Berlin:20261005T180000\nDTEND;TZID=Europe/Berlin:20261005T190000\nRRULE:FREQ=WEEKLY;COUNT=10\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no\n%s\nin\n%s", want, text)
		}
	}
}

func TestTheEndOfARuleIsInUTC(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	for in, want := range map[string]string{
		"freq=daily;until=20261101T120000":    "FREQ=DAILY;UNTIL=20261101T110000Z",
		"FREQ=DAILY;UNTIL=20261101T120000Z":   "FREQ=DAILY;UNTIL=20261101T120000Z",
		"FREQ=DAILY;UNTIL=20261101;WKST=SU":   "FREQ=DAILY;UNTIL=20261101T225959Z;WKST=SU",
		"RRULE:FREQ=WEEKLY;BYDAY=MO,WE":       "FREQ=WEEKLY;BYDAY=MO,WE",
		"FREQ=DAILY;UNTIL=tomorrow":           "FREQ=DAILY;UNTIL=TOMORROW",
		"":                                    "",
		"FREQ=DAILY\r\nATTENDEE:mailto:a@b.c": "FREQ=DAILY  ATTENDEE:MAILTO:A@B.C",
	} {
		if got := rule(in, berlin); got != want {
			t.Errorf("%q became %q, not %q", in, got, want)
		}
	}
}

func TestZonesWithOtherClocks(t *testing.T) {
	for _, c := range []struct {
		name, zone string
		start      time.Time
		open       bool
		want       []string
		changes    int
	}{
		{"a zone that never changes", "Asia/Kolkata", time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC), true,
			[]string{"TZOFFSETFROM:+0630\nTZOFFSETTO:+0530"}, 1}, // since 1945
		{"half an hour of summer time", "Australia/Lord_Howe", time.Date(2026, 1, 15, 9, 0, 0, 0, time.UTC), true,
			[]string{"TZOFFSETFROM:+1100\nTZOFFSETTO:+1030", "TZOFFSETFROM:+1030\nTZOFFSETTO:+1100"}, 5},
		{"one occurrence meets one clock", "Europe/Berlin", time.Date(2026, 1, 15, 9, 0, 0, 0, time.UTC), false,
			[]string{"BEGIN:STANDARD\nDTSTART:20251026T030000"}, 1},
		{"a zone by its offset", "Etc/GMT+5", time.Date(2026, 1, 15, 9, 0, 0, 0, time.UTC), false,
			[]string{"DTSTART:19700101T000000\nTZOFFSETFROM:-0500\nTZOFFSETTO:-0500"}, 1},
	} {
		s := &webinar.Schedule{Start: c.start, Duration: time.Hour, Zone: c.zone}
		if c.open {
			s.Rule = "FREQ=WEEKLY"
		}
		text := strings.Join(unfolded(t, Of(planned(s), "https://x", "u")), "\n")
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: there is no\n%s\nin\n%s", c.name, want, text)
			}
		}
		if got := strings.Count(text, "TZOFFSETTO"); got != c.changes {
			t.Errorf("%s: %d changes of the clock, not %d", c.name, got, c.changes)
		}
	}
}

func TestWhatHasNoFile(t *testing.T) {
	start := time.Date(2026, 12, 1, 17, 0, 0, 0, time.UTC)
	if Of(planned(nil), "https://x", "u") != nil {
		t.Error("a webinar without a time has a file")
	}
	if Of(planned(&webinar.Schedule{Start: start, Zone: "Mars/Olympus"}), "https://x", "u") != nil {
		t.Error("a zone that nobody knows has a file")
	}
	w := planned(&webinar.Schedule{Start: start})
	if text := string(Of(w, "https://x", "u")); strings.Contains(text, "DTEND") {
		t.Errorf("nobody knows how long, and the file does:\n%s", text)
	}
	w.Created, w.State = time.Time{}, webinar.Ended
	if text := string(Of(w, "https://x", "u")); !strings.Contains(text, "DTSTAMP:20261201T170000Z") || !strings.Contains(text, "STATUS:CANCELLED") {
		t.Errorf("the file of an ended webinar says\n%s", text)
	}
}

// Whatever a host writes, the file has one event, of these properties and no others.
func TestTextsCannotAddToTheFile(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := planned(&webinar.Schedule{Start: time.Date(2026, 12, 1, 17, 0, 0, 0, time.UTC), Zone: "Europe/Berlin"})
		odd := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			"x\r\nATTACH:http://evil", "x\nEND:VEVENT\nBEGIN:VEVENT", "\u2028BEGIN:VALARM", "\x00\x07", strings.Repeat("ü", 300), "\r", " \r\n ",
		}))
		w.Title, w.Description = odd.Draw(rt, "title"), odd.Draw(rt, "description")
		w.Schedule.Rule = odd.Draw(rt, "rule")
		file := Of(w, "https://x", odd.Draw(rt, "uid"))
		parsed, err := ics.ParseCalendar(bytes.NewReader(file))
		if err != nil {
			rt.Fatalf("%v in\n%s", err, file)
		}
		if len(parsed.Events()) != 1 || len(parsed.Components) != 2 {
			rt.Fatalf("%d components in\n%s", len(parsed.Components), file)
		}
		allowed := map[string]bool{"UID": true, "DTSTAMP": true, "SEQUENCE": true, "DTSTART": true, "RRULE": true, "SUMMARY": true, "DESCRIPTION": true, "URL": true, "STATUS": true}
		for _, p := range parsed.Events()[0].Properties {
			if !allowed[p.IANAToken] {
				rt.Fatalf("%s in\n%s", p.IANAToken, file)
			}
			delete(allowed, p.IANAToken) // each once
		}
	})
}

func TestTheSameWebinarIsTheSameFile(t *testing.T) {
	w := planned(&webinar.Schedule{Start: time.Date(2026, 12, 1, 17, 0, 0, 0, time.UTC), Zone: "America/New_York", Rule: "FREQ=DAILY"})
	first := Of(w, "https://x", "u")
	if !bytes.Equal(first, Of(w, "https://x", "u")) {
		t.Error("twice is another file")
	}
	w.Version++
	if bytes.Equal(first, Of(w, "https://x", "u")) {
		t.Error("a newer version is the same file")
	}
}
