package cli

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"stentor/control/client"
)

// WebinarCommands plan and run webinars.
type WebinarCommands struct {
	Create WebinarCreate `cmd:"" help:"Make a webinar."`
	List   WebinarList   `cmd:"" help:"List the webinars that the token may see."`
	Show   WebinarShow   `cmd:"" help:"Show one webinar."`
	Edit   WebinarEdit   `cmd:"" help:"Change settings of a webinar, before it and during it."`
	End    WebinarEnd    `cmd:"" help:"End a webinar, and every session in it."`
	Link   WebinarLink   `cmd:"" help:"Print the join link, or replace it by another one."`
}

// WebinarCreate makes a webinar.
type WebinarCreate struct {
	Remote
	Title       string `arg:"" help:"What it is called."`
	Mode        string `enum:"role-based,all-on-screen" default:"role-based" help:"Who may be on stage: ${enum}."`
	Description string `help:"What it is about."`
	GeneratePIN bool   `name:"generate-pin" help:"Have the server draw a PIN of 8 digits."`
	AskPIN      bool   `name:"ask-pin" help:"Read the PIN from a prompt or from standard input."`
	Times
	Rules
}

// Run makes the webinar.
func (c *WebinarCreate) Run(ctx context.Context, e *Env) error {
	if err := exclusive(c.GeneratePIN, "--generate-pin", c.AskPIN, "--ask-pin"); err != nil {
		return err
	}
	in, err := c.body(e)
	if err != nil {
		return err
	}
	api, err := c.open(e)
	if err != nil {
		return err
	}
	if c.AskPIN {
		if in.PIN, err = e.newSecret("PIN: "); err != nil {
			return err
		}
	}
	w, err := api.CreateWebinar(ctx, in)
	if err != nil {
		return err
	}
	return c.printWebinar(e, api, w)
}

func (c *WebinarCreate) body(e *Env) (client.CreateWebinar, error) {
	in := client.CreateWebinar{Title: c.Title, Description: c.Description, Mode: c.Mode, GeneratePIN: c.GeneratePIN}
	if c.Times.given() {
		s, err := c.schedule(e, nil)
		if err != nil {
			return in, err
		}
		in.Schedule = &s
	}
	guests, err := c.guests()
	if err != nil {
		return in, err
	}
	in.Guests = guests
	ceilings, err := c.ceilings()
	if err != nil {
		return in, err
	}
	if ceilings != nil {
		in.Ceilings = *ceilings
	}
	in.EmbedOrigins = value(c.embeds())
	in.GuestLimit, in.Lobby, in.Locked, in.Partition = value(c.GuestLimit), value(c.Lobby), value(c.Lock), value(c.Partition)
	in.SlowModeSeconds, in.AutoEnd = int(value(c.SlowMode).seconds()), value(c.AutoEnd)
	days, err := c.days()
	in.RetentionDays = value(days)
	return in, err
}

// printWebinar prints a webinar, and warns of a door that the link alone opens.
func (r Remote) printWebinar(e *Env, api *client.Client, w client.Webinar) error {
	if w.OpenDoor && w.State != "ended" && !r.Quiet {
		defer e.hint("whoever has the link gets in: before you publish it widely, set a PIN, registration, a lobby or the lock")
	}
	return r.say(e, w, w.ID, webinarSheet(api, w)...)
}

func webinarSheet(api *client.Client, w client.Webinar) []string {
	pin := yes(w.HasPIN)
	switch {
	case w.PIN != "":
		pin = w.PIN + "  (shown this once)"
	case w.WeakPIN:
		pin += " (weak)"
	}
	limit := "none"
	if w.GuestLimit > 0 {
		limit = strconv.Itoa(w.GuestLimit)
	}
	sheet := append([]string{
		"webinar", w.ID,
		"title", w.Title,
		"description", w.Description,
		"mode", w.Mode,
		"state", w.State,
		"join link", api.Server() + w.JoinPath,
	}, scheduleSheet(w.Schedule)...)
	sheet = append(sheet,
		"PIN", pin,
		"registration", registrationWord(w.Registration),
		"guests may send", permissions(w.Guests),
		"guest limit", limit,
		"lobby", w.Lobby,
		"locked", yes(w.Locked),
	)
	if w.Recording != nil {
		sheet = append(sheet, "being recorded", "since "+when(w.Recording.Since)+", as "+w.Recording.ID)
	}
	if w.SlowModeSeconds > 0 {
		sheet = append(sheet, "slow mode", long(time.Duration(w.SlowModeSeconds)*time.Second))
	}
	if w.Partition == "strict" {
		sheet = append(sheet, "partition", "strict: a node that is cut off lets nobody in")
	}
	if w.RetentionDays > 0 {
		sheet = append(sheet, "personal data", "kept for "+count(w.RetentionDays, "day", "days")+" after the end")
	}
	for _, c := range w.Ceilings {
		sheet = append(sheet, "ceiling", ceilingText(c))
	}
	for _, o := range w.EmbedOrigins {
		sheet = append(sheet, "shown in frames of", o)
	}
	return append(sheet, "owner", w.Owner, "created", when(w.CreatedAt), "ended", since(w.EndedAt))
}

// registrationWord says in a few words how registration stands.
func registrationWord(r *client.Registration) string {
	switch {
	case r == nil:
		return "off"
	case r.Open:
		return "open, " + places(r)
	}
	return "closed (" + strings.TrimSuffix(first(r.Detail, r.Reason), ".") + "), " + places(r)
}

func places(r *client.Registration) string {
	s := strconv.Itoa(r.Approved) + " of " + strconv.Itoa(r.Maximum) + " approved"
	if r.Pending > 0 {
		s += ", " + strconv.Itoa(r.Pending) + " pending"
	}
	if r.Waitlisted > 0 {
		s += ", " + strconv.Itoa(r.Waitlisted) + " waitlisted"
	}
	return s
}

// WebinarList lists webinars.
type WebinarList struct {
	Listing
}

// Run prints the list.
func (c *WebinarList) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return printList(e, c.Listing, view[client.Webinar]{
		heading: "WEBINAR STATE NEXT MODE PIN REGISTRATION CREATED TITLE", empty: "No webinars.",
		id: func(w client.Webinar) string { return w.ID },
		row: func(w client.Webinar) []string {
			next, registration := "", "off"
			if w.Schedule != nil && len(w.Schedule.Next) > 0 {
				next = when(w.Schedule.Next[0])
			}
			if r := w.Registration; r != nil {
				registration = "closed"
				if r.Open {
					registration = "open"
				}
			}
			return []string{w.ID, w.State, next, w.Mode, yes(w.HasPIN), registration, when(w.CreatedAt), w.Title}
		},
	}, func(p client.Page) (client.Webinars, error) { return api.Webinars(ctx, p) })
}

// WebinarShow shows one webinar.
type WebinarShow struct {
	Remote
	ID string `arg:"" name:"webinar" help:"Id of the webinar, w_..."`
}

// Run prints the webinar.
func (c *WebinarShow) Run(ctx context.Context, e *Env) error {
	return c.one(e, func(api *client.Client) (client.Webinar, error) { return api.Webinar(ctx, c.ID) })
}

// WebinarEnd ends a webinar.
type WebinarEnd struct {
	Remote
	ID string `arg:"" name:"webinar" help:"Id of the webinar, w_..."`
}

// Run ends the webinar.
func (c *WebinarEnd) Run(ctx context.Context, e *Env) error {
	return c.one(e, func(api *client.Client) (client.Webinar, error) { return api.EndWebinar(ctx, c.ID) })
}

// one prints the webinar that call returns.
func (r Remote) one(e *Env, call func(*client.Client) (client.Webinar, error)) error {
	api, err := r.open(e)
	if err != nil {
		return err
	}
	w, err := call(api)
	if err != nil {
		return err
	}
	return r.printWebinar(e, api, w)
}

// WebinarEdit changes a webinar.
type WebinarEdit struct {
	Remote
	ID          string  `arg:"" name:"webinar" help:"Id of the webinar, w_..."`
	Title       *string `help:"What it is called."`
	Mode        *string `enum:"role-based,all-on-screen" help:"Who may be on stage: ${enum}."`
	Description *string `help:"What it is about."`
	IfVersion   uint64  `help:"Change it only while it has this version." placeholder:"N"`
	NoSchedule  bool    `help:"Take its times away: it begins whenever the host begins."`
	Times
	Rules
}

// Run changes the webinar.
func (c *WebinarEdit) Run(ctx context.Context, e *Env) error {
	in, err := c.body()
	if err != nil {
		return err
	}
	api, err := c.open(e)
	if err != nil {
		return err
	}
	if c.Times.given() { // the rest of the schedule stays, if nobody else changes it
		w, err := api.Webinar(ctx, c.ID)
		if err != nil {
			return err
		}
		s, err := c.schedule(e, w.Schedule)
		if err != nil {
			return err
		}
		in.Schedule = &s
		if c.IfVersion == 0 {
			c.IfVersion = w.Version
		}
	}
	var options []client.CallOption
	if c.IfVersion != 0 {
		options = append(options, client.IfVersion(c.IfVersion))
	}
	w, err := api.EditWebinar(ctx, c.ID, in, options...)
	if err != nil {
		return err
	}
	return c.printWebinar(e, api, w)
}

func (c *WebinarEdit) body() (client.EditWebinar, error) {
	in := client.EditWebinar{
		Title: c.Title, Description: c.Description, Mode: c.Mode, ClearSchedule: c.NoSchedule,
		GuestLimit: c.GuestLimit, Lobby: c.Lobby, Locked: c.Lock, Partition: c.Partition, AutoEnd: c.AutoEnd,
	}
	if err := exclusive(c.NoSchedule, "--no-schedule", c.Times.given(), "--start, --duration, --zone and --every"); err != nil {
		return in, err
	}
	var errs [3]error
	in.Guests, errs[0] = c.guests()
	in.Ceilings, errs[1] = c.ceilings()
	in.EmbedOrigins = c.embeds()
	in.RetentionDays, errs[2] = c.days()
	if c.SlowMode != nil {
		seconds := int(c.SlowMode.seconds())
		in.SlowModeSeconds = &seconds
	}
	if err := errors.Join(errs[:]...); err != nil {
		return in, err
	}
	if in == (client.EditWebinar{}) && !c.Times.given() {
		return in, Hint(Usage(errors.New("nothing is to be changed")), "stentor webinar edit --help shows the settings")
	}
	return in, nil
}

// WebinarLink prints or replaces a join link.
type WebinarLink struct {
	Remote
	ID     string `arg:"" name:"webinar" help:"Id of the webinar, w_..."`
	Rotate bool   `help:"Replace the link: the old one opens nothing any more, and who is inside stays."`
}

// Run prints the link, alone, so that it can be passed on.
func (c *WebinarLink) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	ask := api.Webinar
	if c.Rotate {
		ask = func(ctx context.Context, id string) (client.Webinar, error) { return api.RotateLink(ctx, id) }
	}
	w, err := ask(ctx, c.ID)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(e.Stdout, w)
	}
	return nothing(e.Stdout, plain(api.Server()+w.JoinPath))
}

// value returns what p points to, or nothing of its kind.
func value[T any](p *T) T {
	if p == nil {
		var none T
		return none
	}
	return *p
}
