package cli

import (
	"strings"
	"testing"
	"time"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// A Sunday.
var sunday = time.Date(2026, 11, 22, 10, 30, 15, 500, time.UTC)

func TestTimesAsPeopleWriteThem(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	for text, want := range map[string]string{
		"2026-12-01 18:00":         "2026-12-01T18:00:00+01:00",
		"2026-12-01T18:00":         "2026-12-01T18:00:00+01:00",
		" 2026-12-01   18:00:30 ":  "2026-12-01T18:00:30+01:00",
		"2026/12/01 6pm":           "2026-12-01T18:00:00+01:00",
		"20261201 1800":            "2026-12-01T18:00:00+01:00",
		"1.12.2026 18h":            "2026-12-01T18:00:00+01:00",
		"01.12.2026 18h30":         "2026-12-01T18:30:00+01:00",
		"1 Dec 2026 6:30 PM":       "2026-12-01T18:30:00+01:00",
		"1 December 2026 at 18:00": "2026-12-01T18:00:00+01:00",
		"Dec 1, 2026, 6pm":         "2026-12-01T18:00:00+01:00",
		"December 1, 2026 18:00":   "2026-12-01T18:00:00+01:00",
		"2026-07-01 18:00":         "2026-07-01T18:00:00+02:00",
		"2026-12-01T18:00:00Z":     "2026-12-01T18:00:00Z",
		"2026-12-01t18:00z":        "2026-12-01T18:00:00Z",
		"2026-12-01 18:00 -05:00":  "2026-12-01T18:00:00-05:00",
		"2026-12-01 18:00:00+0530": "2026-12-01T18:00:00+05:30",
		"today 23:00":              "2026-11-22T23:00:00+01:00",
		"Tomorrow 9:30":            "2026-11-23T09:30:00+01:00",
		"sunday 23:00":             "2026-11-22T23:00:00+01:00",
		"sunday 9:00":              "2026-11-29T09:00:00+01:00", // today's is over
		"fri 9:00":                 "2026-11-27T09:00:00+01:00",
		"monday at 6pm":            "2026-11-23T18:00:00+01:00",
		"now":                      "2026-11-22T10:30:15Z",
		"+90m":                     "2026-11-22T12:00:15Z",
		"in 2 days":                "2026-11-24T10:30:15Z",
		"2026-10-25 02:30":         "2026-10-25T02:30:00+02:00", // which the clocks show twice
		"2026-12-31 00:00":         "2026-12-31T00:00:00+01:00",
		"2028-02-29 12:00":         "2028-02-29T12:00:00+01:00",
		"2026-12-01 12am":          "2026-12-01T00:00:00+01:00",
	} {
		got, clock, err := parseMoment(text, berlin, sunday)
		if err != nil || got.Format(time.RFC3339) != inForm(t, want, got) || !got.Equal(at(t, want)) || !clock {
			t.Errorf("%q: %v %v, %v, want %s", text, got, clock, err, want)
		}
	}
}

// inForm writes want in the zone of got, so that the comparison is of moments.
func inForm(t *testing.T, want string, got time.Time) string {
	return at(t, want).In(got.Location()).Format(time.RFC3339)
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func TestADayAloneIsItsMidnight(t *testing.T) {
	for text, want := range map[string]string{"2026-12-01": "2026-12-01T00:00:00+01:00", "tomorrow": "2026-11-23T00:00:00+01:00", "friday": "2026-11-27T00:00:00+01:00"} {
		got, clock, err := parseMoment(text, zone(t, "Europe/Berlin"), sunday)
		if err != nil || clock || !got.Equal(at(t, want)) {
			t.Errorf("%q: %v %v, %v", text, got, clock, err)
		}
	}
}

func TestTimesThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"12/01/2026 18:00":               "in two ways",
		"1/12/2026":                      "in two ways",
		"":                               "is no time",
		"soon":                           "is no time",
		"1234-01-01 12:00":               "is no time",
		"2026-13-01 18:00":               "is no time",
		"2026-02-30 18:00":               "is no time",
		"2026-12-01 25:00":               "is no time",
		"2026-12-01 18:00 Europe/Berlin": "is no time",
		"18:00":                          "is no time",
		"+90":                            "of what?",
		"in a while":                     "no length of time",
		"2027-03-28 02:30":               "is not on any clock of Europe/Berlin",
		"Tomorrow morning":               "is no time",
		"2026-12-01T":                    "is no time",
		"\x1b[2J":                        "is no time",
	} {
		if got, _, err := parseMoment(text, zone(t, "Europe/Berlin"), sunday); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestSpans(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90m": 90 * time.Minute, "1h30": 90 * time.Minute, "1h30m": 90 * time.Minute, "1:30": 90 * time.Minute, "1.5h": 90 * time.Minute,
		"90 min": 90 * time.Minute, "1 hour 30 minutes": 90 * time.Minute, "90M": 90 * time.Minute, "0": 0, "0s": 0,
		"2d": 48 * time.Hour, "1w": 168 * time.Hour, "2 weeks 1 day": 15 * 24 * time.Hour, "45s": 45 * time.Second, "0:05": 5 * time.Minute,
	} {
		if got, err := parseSpan(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"90": "write 90m, 90h or 90d", "": "no length", "m": "no length", "1x": "no length", "-1h": "no length", "1h1h": "no length", "30m1h": "no length", "1:5": "no length",
		"1:99": "no length", "1e9h": "no length", "99999999999999w": "no length", "1 month": "no length", "1..5h": "no length", "h30": "no length", "1 year": "no length",
	} {
		if got, err := parseSpan(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %s", text, got, err, want)
		}
	}
}

func FuzzParseMoment(f *testing.F) {
	for _, s := range []string{"2026-12-01 18:00", "tomorrow 6pm", "+1h30", "1 Dec 2026", "fri", "2026-12-01T18:00:00+01:00"} {
		f.Add(s)
	}
	z, err := time.LoadLocation("Australia/Lord_Howe")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, _, err := parseMoment(s, z, sunday)
		if err != nil {
			return
		}
		again, _, err := parseMoment(got.Format(time.RFC3339), z, sunday)
		if err != nil || !again.Equal(got) {
			t.Errorf("%q is %v, and written again %v, %v", s, got, again, err)
		}
	})
}
