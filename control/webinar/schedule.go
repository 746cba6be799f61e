package webinar

import (
	"slices"
	"strings"
	"time"
)

// Schedule is when a webinar takes place. A recurring one has a Rule and an Occurrence
// for each time that it takes place, as whoever planned it worked them out: the rules of
// time zones are not the same on every node.
type Schedule struct {
	Start       time.Time
	Duration    time.Duration // of one time; 0: nobody knows
	Zone        string        // IANA name of the time zone that Rule is in; empty: UTC
	Rule        string        // RFC 5545 RRULE, see [Occurrences]; empty: once
	Occurrences []time.Time
	Complete    bool // the rule has no more than these
}

// The bounds of a schedule.
const (
	MinDuration    = time.Minute
	MaxDuration    = 7 * 24 * time.Hour
	MaxOccurrences = 500 // that are known at once; there can be more to come
	maxZone        = 64
	firstYear      = 2000
	lastYear       = 2200
)

// Check returns nil if a webinar can take place by s, and a [*Denial] that names what is
// wrong. Whether there is a zone of that name is for whoever has the zones to say.
func (s *Schedule) Check() error {
	switch {
	case s.Start.Year() < firstYear || s.Start.Year() > lastYear:
		return invalid("schedule_start", "A webinar needs a start between the years %d and %d.", firstYear, lastYear)
	case s.Duration != 0 && (s.Duration < MinDuration || s.Duration > MaxDuration):
		return invalid("schedule_duration", "A webinar takes from a minute to seven days.")
	case !zoneName(s.Zone):
		return invalid("schedule_zone", "A time zone has a name like Europe/Berlin.")
	}
	if s.Rule != "" {
		if _, err := parseRule(s.Rule); err != nil {
			return err
		}
	}
	switch {
	case len(s.Occurrences) > MaxOccurrences:
		return invalid("schedule_occurrences", "At most %d times of a webinar are worked out in advance.", MaxOccurrences)
	case s.Rule == "" && len(s.Occurrences) > 1:
		return invalid("schedule_occurrences", "A webinar without a rule takes place once.")
	case !slices.IsSortedFunc(s.Occurrences, rising):
		return invalid("schedule_occurrences", "The times of a webinar come one after the other.")
	}
	return nil
}

// rising compares so that equal times are out of order too.
func rising(a, b time.Time) int {
	if a.After(b) {
		return 1
	}
	return -1
}

// zoneName reports whether s has the shape of an IANA name: nothing that a lookup could
// take for another file.
func zoneName(s string) bool {
	bad := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/_+-", r)
	}
	return len(s) <= maxZone && !strings.ContainsFunc(s, bad) && s != "Local" &&
		!strings.HasPrefix(s, "/") && !strings.HasSuffix(s, "/") && !strings.Contains(s, "//")
}

// times are the starts of s that are known, in order.
func (s *Schedule) times() []time.Time {
	if len(s.Occurrences) == 0 {
		return []time.Time{s.Start}
	}
	return s.Occurrences
}

// Occurrence is the time of w that is running at now, or else the next one that is
// known. It ends at end, or nobody knows when: the zero time. Until the next one begins
// it counts as running then.
func (w *Webinar) Occurrence(now time.Time) (start, end time.Time, ok bool) {
	if w.Schedule == nil {
		return
	}
	times := w.Schedule.times()
	for i, start := range times {
		if w.Schedule.Duration > 0 {
			if end = start.Add(w.Schedule.Duration); now.Before(end) {
				return start, end, true
			}
		} else if i == len(times)-1 || now.Before(times[i+1]) {
			return start, time.Time{}, true
		}
	}
	return time.Time{}, time.Time{}, false
}

// Ends is when the last time of w is over; zero if nobody knows, or there is no last one.
func (w *Webinar) Ends() time.Time {
	s := w.Schedule
	if s == nil || s.Duration == 0 || s.Rule != "" && !s.Complete {
		return time.Time{}
	}
	times := s.times()
	return times[len(times)-1].Add(s.Duration)
}

// retention is how long personal data is kept after the end of a webinar whose host says
// nothing else: long enough for the report, and no longer.
const retention = 30 * 24 * time.Hour

// Expires is when w's personal data has to be gone (M14): zero before it ended.
func (w *Webinar) Expires() time.Time {
	switch {
	case w.State != Ended || w.Ended.IsZero():
		return time.Time{}
	case w.Retention > 0:
		return w.Ended.Add(w.Retention)
	}
	return w.Ended.Add(retention)
}

// keepEnded is how long an ended webinar stays when its personal data has gone: a quarter,
// so that nobody who sums up the last one comes too late for its figures.
const keepEnded = 90 * 24 * time.Hour

// Gone is when all of w leaves the state: zero before it ended.
func (w *Webinar) Gone() time.Time {
	at := w.Expires()
	if at.IsZero() {
		return at
	}
	return at.Add(keepEnded)
}

// LobbyMode is who waits until a host admits them.
type LobbyMode string

// The modes of the lobby.
const (
	LobbyOff      LobbyMode = "off"
	LobbyGuests   LobbyMode = "guests"
	LobbyEveryone LobbyMode = "everyone" // but hosts and presenters
)

// Known reports whether l is one of the modes.
func (l LobbyMode) Known() bool { return l == LobbyOff || l == LobbyGuests || l == LobbyEveryone }

// Partition is what an edge does while it is cut off from the voters.
type Partition string

// What an edge does: with Keep it goes on with media, bans and its leased seats; with
// Strict it lets nobody in after ten seconds, and ends after thirty.
const (
	Keep   Partition = "keep"
	Strict Partition = "strict"
)

// Known reports whether p is one of both.
func (p Partition) Known() bool { return p == Keep || p == Strict }
