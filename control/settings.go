package control

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// The bounds of settings.
const (
	maxDescription = 5_000     // characters
	maxGuests      = 1_000_000 // in a guest limit
	maxRetention   = 3_650     // days
	maxSlowMode    = 3_600     // seconds
	maxHeight      = 4_320     // lines of video
	maxBitrate     = 200_000   // kbit/s
)

// embedOrigins is the name of the setting that came with feature level 3.
const embedOrigins = "embed_origins"

// settingsFields are the names of what a host plans and edits, as in an edit's mask.
var settingsFields = []string{
	"title", "description", "mode", "guests", "registration", "schedule", "guest_limit", "lobby", "locked",
	"partition", "retention_days", "slow_mode", "auto_end", "ceilings", embedOrigins,
}

// setField copies one field of s to r. It reports false for a name that is none.
func setField(r *controlpb.WebinarRecord, s *controlpb.Settings, name string) bool {
	if !slices.Contains(settingsFields, name) {
		return false
	}
	from, to := s.ProtoReflect(), r.ProtoReflect()
	source := from.Descriptor().Fields().ByTextName(name)
	target := to.Descriptor().Fields().ByTextName(name)
	if !from.Has(source) {
		to.Clear(target)
		return true
	}
	to.Set(target, proto.CloneOf(s).ProtoReflect().Get(source))
	return true
}

// maxSettings bounds one webinar's own record, in bytes: a form of fifty fields, well
// described. What is larger could not be read back from a snapshot.
const maxSettings = 512 << 10

// checkSettings refuses what does not fit into a webinar, and what contradicts itself,
// by name.
func checkSettings(r *controlpb.WebinarRecord) error {
	if proto.Size(r) > maxSettings {
		return &webinar.Denial{Code: "invalid_settings", Detail: "The description and the form of this webinar are too long together."}
	}
	mode := webinar.Mode(r.GetMode())
	switch {
	case !mode.Known():
		return invalid("mode", "The mode is role-based or all-on-screen.")
	case r.GetPin() != nil && r.GetRegistration() != nil:
		return ErrPINWithRegistration
	}
	return first(
		checkText("title", r.GetTitle(), true),
		checkDescription(r.GetDescription()),
		checkRegistration(r.GetRegistration(), mode),
		checkSchedule(r.GetSchedule()),
		checkNumbers(r),
		checkModes(r),
		checkCeilings(r.GetCeilings()),
		webinar.CheckEmbedOrigins(r.GetEmbedOrigins()),
	)
}

func checkDescription(s string) error {
	bad := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxDescription || strings.ContainsFunc(s, bad) {
		return invalid("description", fmt.Sprintf("The description has up to %d characters.", maxDescription))
	}
	return nil
}

func checkRegistration(r *controlpb.Registration, mode webinar.Mode) error {
	if r == nil {
		return nil
	}
	g := registration(r)
	return first(g.Check(), g.CheckMode(mode))
}

func checkSchedule(r *controlpb.Schedule) error {
	if r == nil {
		return nil
	}
	return schedule(r).Check()
}

func checkNumbers(r *controlpb.WebinarRecord) error {
	switch {
	case r.GetGuestLimit() > maxGuests:
		return invalid("guest_limit", fmt.Sprintf("A guest limit is at most %d.", maxGuests))
	case r.GetRetentionDays() > maxRetention:
		return invalid("retention_days", fmt.Sprintf("Personal data stays for at most %d days.", maxRetention))
	case r.GetSlowMode() > maxSlowMode:
		return invalid("slow_mode", fmt.Sprintf("Slow mode is at most %d seconds.", maxSlowMode))
	}
	return nil
}

func checkModes(r *controlpb.WebinarRecord) error {
	if l := webinar.LobbyMode(r.GetLobby()); l != "" && !l.Known() {
		return invalid("lobby", "The lobby is off, guests or everyone.")
	}
	if p := webinar.Partition(r.GetPartition()); p != "" && !p.Known() {
		return invalid("partition", "A node that is cut off does keep or strict.")
	}
	return nil
}

func checkCeilings(ceilings []*controlpb.Ceiling) error {
	seen := map[string]bool{}
	for _, c := range ceilings {
		switch {
		case !webinar.Role(c.GetRole()).Known() || seen[c.GetRole()]:
			return invalid("ceilings", "There is one ceiling for each role: owner, moderator, presenter or attendee.")
		case c.GetHeight() > maxHeight || c.GetBitrate() > maxBitrate:
			return invalid("ceilings", fmt.Sprintf("A ceiling is at most %d lines and %d kbit/s.", maxHeight, maxBitrate))
		}
		seen[c.GetRole()] = true
	}
	return nil
}
