package api

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// plan is settings of a webinar on their way into a command: what was given, and the
// names of it.
type plan struct {
	settings *controlpb.Settings
	mask     []string
}

func (p *plan) gives(field string) { p.mask = append(p.mask, field) }

// created are the settings of a new webinar.
func created(in client.CreateWebinar, now time.Time) (*controlpb.Settings, error) {
	s := &controlpb.Settings{
		Title: strings.TrimSpace(in.Title), Description: strings.TrimSpace(in.Description), Mode: in.Mode,
		Guests: permissionsOf(webinar.AllPermissions, in.Guests), GuestLimit: uint32(in.GuestLimit), Lobby: in.Lobby,
		Locked: in.Locked, Partition: in.Partition, RetentionDays: uint32(in.RetentionDays),
		SlowMode: uint32(in.SlowModeSeconds), AutoEnd: in.AutoEnd, Ceilings: ceilingsOf(in.Ceilings),
	}
	if s.Mode == "" {
		s.Mode = string(webinar.RoleBased)
	}
	if in.Registration != nil {
		s.Registration = registrationOf(*in.Registration)
	}
	var err error
	if s.EmbedOrigins, err = embedOriginsOf(in.EmbedOrigins); err != nil {
		return nil, err
	}
	if in.Schedule != nil {
		s.Schedule, err = scheduleOf(*in.Schedule, now)
	}
	return s, err
}

// edited are the settings of w that change; what is absent stays.
func edited(w *webinar.Webinar, in client.EditWebinar, now time.Time) (plan, error) {
	p := plan{settings: &controlpb.Settings{}}
	if err := p.times(in, now); err != nil {
		return p, err
	}
	s := p.settings
	if in.EmbedOrigins != nil {
		origins, err := embedOriginsOf(*in.EmbedOrigins)
		if err != nil {
			return p, err
		}
		s.EmbedOrigins = origins
		p.gives("embed_origins")
	}
	give(&p, "title", in.Title, func(v string) { s.Title = strings.TrimSpace(v) })
	give(&p, "description", in.Description, func(v string) { s.Description = strings.TrimSpace(v) })
	give(&p, "mode", in.Mode, func(v string) { s.Mode = v })
	give(&p, "guests", in.Guests, func(v client.EditPermissions) { s.Guests = permissionsOf(w.Guests, &v) })
	give(&p, "guest_limit", in.GuestLimit, func(v int) { s.GuestLimit = uint32(v) })
	give(&p, "lobby", in.Lobby, func(v string) { s.Lobby = v })
	give(&p, "locked", in.Locked, func(v bool) { s.Locked = v })
	give(&p, "partition", in.Partition, func(v string) { s.Partition = v })
	give(&p, "retention_days", in.RetentionDays, func(v int) { s.RetentionDays = uint32(v) })
	give(&p, "slow_mode", in.SlowModeSeconds, func(v int) { s.SlowMode = uint32(v) })
	give(&p, "auto_end", in.AutoEnd, func(v bool) { s.AutoEnd = v })
	give(&p, "ceilings", in.Ceilings, func(v []client.Ceiling) { s.Ceilings = ceilingsOf(v) })
	if len(p.mask) == 0 {
		return p, refuse(codeEmptyEdit, "")
	}
	return p, nil
}

// give sets a field that was given, and names it.
func give[T any](p *plan, field string, v *T, set func(T)) {
	if v != nil {
		set(*v)
		p.gives(field)
	}
}

func (p *plan) times(in client.EditWebinar, now time.Time) (err error) {
	switch {
	case in.Schedule != nil && in.ClearSchedule:
		return refuse(codeInvalidSchedule, "Give a schedule or clear it, not both.")
	case in.ClearSchedule:
		p.gives("schedule")
	case in.Schedule != nil:
		p.settings.Schedule, err = scheduleOf(*in.Schedule, now)
		p.gives("schedule")
	}
	return err
}

// plans reports whether an edit changes what is planned, and not only what hosts change
// while a webinar is live.
func (p *plan) plans() bool {
	for _, field := range p.mask {
		switch field {
		case "guests", "lobby", "locked", "slow_mode":
		default:
			return true
		}
	}
	return false
}

// maxOccurrences is how many times of a recurring webinar are worked out ahead; the
// leader works out more when they run short.
const maxOccurrences = 100

// scheduleOf works out when a webinar takes place, which the state cannot: the rules of
// time zones are not the same on every node.
func scheduleOf(in client.SetSchedule, now time.Time) (*controlpb.Schedule, error) {
	zone, err := zoneOf(in.Zone)
	if err != nil {
		return nil, refuse(codeInvalidSchedule, "There is no time zone of that name.",
			client.FieldError{Location: "body.schedule.zone", Message: "is not a name of the IANA time zone database"})
	}
	duration := time.Duration(in.Duration) * time.Second
	if year := in.Start.UTC().Year(); year < 1970 || year > 2200 {
		return nil, refuse(codeInvalidSchedule, "The start is not in these centuries.",
			client.FieldError{Location: "body.schedule.start", Message: "is not between 1970 and 2200"})
	}
	starts, complete, err := webinar.Occurrences(in.Start, duration, zone, in.Rule, now, maxOccurrences)
	if err != nil {
		var denial *webinar.Denial
		if !errors.As(err, &denial) {
			return nil, err
		}
		return nil, refuse(codeInvalidSchedule, denial.Detail, client.FieldError{Location: "body.schedule.rule", Message: "is not a rule of recurrence that we know"})
	}
	s := &controlpb.Schedule{Start: in.Start.UnixNano(), Duration: int64(duration), Zone: zone.String(), Rule: in.Rule, Complete: complete}
	for _, t := range starts {
		s.Occurrences = append(s.Occurrences, t.UnixNano())
	}
	return s, nil
}

// zoneOf returns a time zone by its IANA name. "Local" is none: it is another one on each
// node.
func zoneOf(name string) (*time.Location, error) {
	switch name {
	case "":
		return time.UTC, nil
	case "Local":
		return nil, errors.New("api: the local time zone is nobody's")
	}
	return time.LoadLocation(name)
}

func permissionsOf(now webinar.Permissions, in *client.EditPermissions) *controlpb.Permissions {
	p := &controlpb.Permissions{Audio: now.Audio, Video: now.Video, Messages: now.Messages, Files: now.Files, Images: now.Images}
	if in == nil {
		return p
	}
	for _, one := range []struct {
		to   *bool
		from *bool
	}{{&p.Audio, in.Audio}, {&p.Video, in.Video}, {&p.Messages, in.Messages}, {&p.Files, in.Files}, {&p.Images, in.Images}} {
		if one.from != nil {
			*one.to = *one.from
		}
	}
	return p
}

func ceilingsOf(in []client.Ceiling) []*controlpb.Ceiling {
	out := make([]*controlpb.Ceiling, len(in))
	for i, c := range in {
		out[i] = &controlpb.Ceiling{Role: c.Role, Height: uint32(c.Height), Bitrate: uint32(c.Bitrate)}
	}
	return out
}

// embedOriginsOf are sites as the state keeps them, each once.
func embedOriginsOf(in []string) ([]string, error) {
	var out []string
	for i, text := range in {
		origin, err := webinar.EmbedOrigin(text)
		if err != nil {
			return nil, refuse(codeInvalidRequest, webinar.ErrEmbedOrigin.Detail,
				client.FieldError{Location: fmt.Sprintf("body.embed_origins[%d]", i), Message: "is not the origin of a site"})
		}
		if !slices.Contains(out, origin) {
			out = append(out, origin)
		}
	}
	return out, nil
}

func registrationOf(in client.SetRegistration) *controlpb.Registration {
	g := &controlpb.Registration{
		Window: in.Window, Maximum: uint32(in.Maximum), Approval: in.Approval, Waitlist: in.Waitlist, Accounts: in.Accounts,
	}
	if g.Window == "" {
		g.Window = string(webinar.UntilEnd)
	}
	if in.OpensAt != nil {
		g.Opens = in.OpensAt.UnixNano()
	}
	if in.ClosesAt != nil {
		g.Closes = in.ClosesAt.UnixNano()
	}
	for _, f := range in.Fields {
		g.Fields = append(g.Fields, &controlpb.Field{
			Id: f.ID, Label: strings.TrimSpace(f.Label), Type: f.Type, Required: f.Required, Options: f.Options,
		})
	}
	return g
}
