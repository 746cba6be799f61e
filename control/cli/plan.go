package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"stentor/control/client"
)

// Times are the flags that say when a webinar takes place.
type Times struct {
	Start    string `help:"When it begins: 2026-12-31 18:00, tomorrow 18:00, or +90m." placeholder:"TIME" group:"Times:"`
	Duration *span  `help:"How long it takes; an hour unless given." placeholder:"1h30m" group:"Times:"`
	Zone     string `help:"Time zone of the times and of the recurrence, as Europe/Berlin; this machine's unless given." placeholder:"ZONE" group:"Times:"`
	Every    string `help:"How it recurs: daily, weekdays, weekly, monthly, an RRULE as FREQ=WEEKLY;COUNT=10, or once." placeholder:"RULE" group:"Times:"`
}

func (t *Times) given() bool {
	return t.Start != "" || t.Duration != nil || t.Zone != "" || t.Every != ""
}

// rules are the words for recurrences that people use most.
var rules = map[string]string{
	"once": "", "never": "",
	"daily": "FREQ=DAILY", "weekly": "FREQ=WEEKLY", "monthly": "FREQ=MONTHLY", "yearly": "FREQ=YEARLY",
	"weekdays": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
}

// schedule puts the flags over what was planned before (nil: nothing).
func (t *Times) schedule(e *Env, before *client.Schedule) (client.SetSchedule, error) {
	s := client.SetSchedule{Duration: int64(time.Hour / time.Second)}
	if before != nil {
		s = client.SetSchedule{Start: before.Start, Duration: before.Duration, Zone: before.Zone, Rule: before.Rule}
	} else if t.Start == "" {
		return s, Usage(errors.New("--duration, --zone and --every need --start"))
	}
	zone, err := e.zoneOf(first(t.Zone, s.Zone))
	if err != nil {
		return s, err
	}
	s.Zone = zone.String()
	if t.Start != "" {
		if s.Start, err = e.moment("--start", t.Start, zone); err != nil {
			return s, err
		}
		s.Start = s.Start.In(zone)
	}
	if t.Duration != nil {
		if s.Duration = t.Duration.seconds(); s.Duration < 60 {
			return s, Usage(errors.New("--duration has to be at least a minute"))
		}
	}
	if t.Every != "" {
		s.Rule, err = ruleOf(t.Every)
	}
	return s, err
}

// ruleOf returns the RRULE that was meant. Whether it is a good one the server
// says.
func ruleOf(text string) (string, error) {
	word := strings.ToLower(strings.TrimSpace(text))
	if r, known := rules[word]; known {
		return r, nil
	}
	rule := strings.ToUpper(strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(text)), "RRULE:"))
	if !strings.Contains(rule, "FREQ=") {
		known := []string{"once", "daily", "weekdays", "weekly", "monthly", "yearly"}
		return "", Hint(Usage(fmt.Errorf("--every: %q is no recurrence; write daily, weekdays, weekly, monthly, or an RRULE as FREQ=WEEKLY", text)), DidYouMean(word, known))
	}
	return rule, nil
}

func scheduleSheet(s *client.Schedule) []string {
	if s == nil {
		return nil
	}
	lines := []string{"starts", whenIn(s.Start, s.Zone), "takes", long(time.Duration(s.Duration) * time.Second), "time zone", s.Zone, "recurs", s.Rule}
	if s.Rule != "" && len(s.Next) > 0 {
		lines = append(lines, "next", whenIn(s.Next[0], s.Zone))
	}
	return lines
}

// Rules are the flags of what holds in a webinar. What is not given stays, or is
// what the server takes for it.
type Rules struct {
	Allow      []string `help:"What guests may send: audio, video, messages, files, images, all." placeholder:"KIND" group:"Rules:"`
	Deny       []string `help:"What guests may not send; --deny all makes them listeners." placeholder:"KIND" group:"Rules:"`
	GuestLimit *int     `help:"How many guests may be inside at once; 0: any number." placeholder:"N" group:"Rules:"`
	Lobby      *string  `enum:"off,guests,everyone" help:"Who waits until a host admits them: ${enum}." placeholder:"WHO" group:"Rules:"`
	Lock       *bool    `negatable:"unlock" help:"Let nobody new in but hosts and presenters." group:"Rules:"`
	SlowMode   *span    `help:"Time between two messages of a guest; 0: none." placeholder:"10s" group:"Rules:"`
	AutoEnd    *bool    `negatable:"" help:"End it by itself at the end of its last occurrence." group:"Rules:"`
	Retention  *span    `help:"How long personal data is kept after the end, in days." placeholder:"30d" group:"Rules:"`
	Partition  *string  `enum:"keep,strict" help:"What a node does while it is cut off: go on (keep), or let nobody in and end (strict)." placeholder:"HOW" group:"Rules:"`
	Ceiling    []string `help:"Bound of a role's video, as attendee=720p, presenter=2160p@12000 (kbit/s), or none." placeholder:"ROLE=BOUND" group:"Rules:"`
	Embed      []string `help:"Site that may show the guest page in a frame, as https://www.example.org (up to ten of them), or none." placeholder:"ORIGIN" group:"Rules:"`
}

var permissionNames = []string{"audio", "video", "messages", "files", "images"}

// guests returns what --allow and --deny change, nil for nothing. A kind that is
// named beats "all".
func (r *Rules) guests() (*client.EditPermissions, error) {
	var p client.EditPermissions
	fields := map[string]**bool{"audio": &p.Audio, "video": &p.Video, "messages": &p.Messages, "files": &p.Files, "images": &p.Images}
	named := map[string]bool{}
	for _, side := range []struct {
		flag  string
		kinds []string
		may   bool
	}{{"--allow", r.Allow, true}, {"--deny", r.Deny, false}} {
		for _, kind := range side.kinds {
			if kind != "all" && fields[kind] == nil {
				return nil, Hint(Usage(fmt.Errorf("%s: guests send no %q", side.flag, kind)), DidYouMean(kind, append(permissionNames, "all")))
			}
			if may, before := named[kind]; before && may != side.may {
				return nil, Usage(fmt.Errorf("--allow and --deny exclude each other for %s", kind))
			}
			named[kind] = side.may
		}
	}
	if len(named) == 0 {
		return nil, nil
	}
	for _, kind := range permissionNames {
		may, found := named[kind]
		if !found {
			may, found = named["all"]
		}
		if found {
			*fields[kind] = &may
		}
	}
	return &p, nil
}

func permissions(p client.Permissions) string {
	var may []string
	for i, on := range []bool{p.Audio, p.Video, p.Messages, p.Files, p.Images} {
		if on {
			may = append(may, permissionNames[i])
		}
	}
	return first(strings.Join(may, ", "), "nothing")
}

// days returns the retention in whole days.
func (r *Rules) days() (*int, error) {
	if r.Retention == nil {
		return nil, nil
	}
	const day = 24 * time.Hour
	d := time.Duration(*r.Retention)
	if d%day != 0 {
		return nil, Usage(fmt.Errorf("--retention counts days, and %s is no number of them", long(d)))
	}
	days := int(d / day)
	return &days, nil
}

// ceilings parses --ceiling; nil: it was not given.
func (r *Rules) ceilings() (*[]client.Ceiling, error) {
	if r.Ceiling == nil {
		return nil, nil
	}
	all := []client.Ceiling{}
	if slices.Equal(r.Ceiling, []string{"none"}) {
		return &all, nil
	}
	for _, text := range r.Ceiling {
		c, err := parseCeiling(text)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return &all, nil
}

// embeds returns the sites of --embed; nil: it was not given. Whether they are good ones the server says.
func (r *Rules) embeds() *[]string {
	if r.Embed == nil {
		return nil
	}
	sites := r.Embed
	if slices.Equal(sites, []string{"none"}) {
		sites = []string{}
	}
	return &sites
}

// parseCeiling reads ROLE=LINESp, ROLE=LINESp@KBITS or ROLE=@KBITS.
func parseCeiling(text string) (client.Ceiling, error) {
	role, bound, _ := strings.Cut(text, "=")
	lines, kbits, atRate := strings.Cut(bound, "@")
	wrong := Usage(fmt.Errorf("--ceiling: %q is no bound; write attendee=720p, presenter=2160p@12000, attendee=@800, or none", text))
	if !slices.Contains(roles, role) || (lines == "" && !atRate) {
		return client.Ceiling{}, wrong
	}
	c := client.Ceiling{Role: role}
	for _, n := range []struct {
		text string
		to   *int
	}{{strings.TrimSuffix(lines, "p"), &c.Height}, {kbits, &c.Bitrate}} {
		if n.text == "" {
			continue
		}
		v, err := strconv.ParseUint(n.text, 10, 30)
		if err != nil || v == 0 {
			return client.Ceiling{}, wrong
		}
		*n.to = int(v)
	}
	return c, nil
}

// roles are those that a participant can have.
var roles = []string{"owner", "moderator", "presenter", "attendee"}

func ceilingText(c client.Ceiling) string {
	text := c.Role + ":"
	if c.Height > 0 {
		text += fmt.Sprintf(" at most %d lines", c.Height)
	}
	if c.Bitrate > 0 {
		text += " at most " + rate(uint64(c.Bitrate)*1000)
	}
	return text
}
