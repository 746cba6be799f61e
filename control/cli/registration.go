package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"stentor/control/client"
	"stentor/control/webinar"
)

// RegistrationCommands run the sign-up of a webinar.
type RegistrationCommands struct {
	Set     RegistrationSet     `cmd:"" help:"Switch registration on, or change how people sign up."`
	Show    RegistrationShow    `cmd:"" help:"Show how people sign up, and how many did."`
	Off     RegistrationOff     `cmd:"" help:"Switch registration off: it stands before nobody any more."`
	Open    RegistrationOpen    `cmd:"" help:"Let people sign up again, while the window is open."`
	Close   RegistrationClose   `cmd:"" help:"Let nobody sign up any more; who is inside stays."`
	List    RegistrationList    `cmd:"" help:"List those who signed up."`
	Export  RegistrationExport  `cmd:"" help:"Write those who signed up as CSV."`
	Approve RegistrationApprove `cmd:"" help:"Let people in who signed up."`
	Decline RegistrationDecline `cmd:"" help:"Turn people down who signed up."`
	Cancel  RegistrationCancel  `cmd:"" help:"Take registrations back; the next ones on the waitlist get the places."`
}

// RegistrationSet switches registration on.
type RegistrationSet struct {
	Remote
	Webinar  string   `arg:"" help:"Id of the webinar."`
	Window   string   `enum:",start,end,interval,always" default:"" help:"How long people can sign up: until the start, until the end, in an interval, or always." placeholder:"WINDOW"`
	Opens    string   `help:"When the interval begins: 2026-12-31 18:00." placeholder:"TIME"`
	Closes   string   `help:"When the interval ends." placeholder:"TIME"`
	Zone     string   `help:"Time zone of the two; the webinar's unless given." placeholder:"ZONE"`
	Maximum  *int     `help:"How many people can be approved; 0: as many as the mode allows." placeholder:"N"`
	Approval *bool    `negatable:"" help:"Decide on each of them."`
	Waitlist *bool    `negatable:"" help:"Who comes when it is full waits for a place."`
	Accounts *bool    `negatable:"" help:"People with an account enter although they did not sign up."`
	Field    []string `sep:"none" help:"Another input, as 'Company', 'Company*' (required), 'Job=choice:Engineer|Manager' or 'I agree*=checkbox'." placeholder:"FIELD"`
	NoFields bool     `help:"Ask for first name, last name and e-mail address alone."`
}

// Run changes the registration. What no flag says stays as it is.
func (c *RegistrationSet) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	w, err := api.Webinar(ctx, c.Webinar)
	if err != nil {
		return err
	}
	in, err := c.body(e, w)
	if err != nil {
		return err
	}
	w, err = api.SetRegistration(ctx, c.Webinar, in, client.IfVersion(w.Version))
	if err != nil {
		return err
	}
	return c.printRegistration(e, w)
}

// body puts the flags over what holds in w.
func (c *RegistrationSet) body(e *Env, w client.Webinar) (client.SetRegistration, error) {
	var in client.SetRegistration
	if r := w.Registration; r != nil {
		in = client.SetRegistration{
			Window: r.Window, OpensAt: r.OpensAt, ClosesAt: r.ClosesAt, Maximum: r.Maximum,
			Approval: r.Approval, Waitlist: r.Waitlist, Accounts: r.Accounts, Fields: r.Fields,
		}
		if in.Maximum == webinar.Mode(w.Mode).MaxRegistrants() {
			in.Maximum = 0 // the mode's, also when that changes
		}
	}
	if err := c.window(e, w, &in); err != nil {
		return in, err
	}
	if c.Maximum != nil {
		in.Maximum = *c.Maximum
	}
	for _, f := range []struct{ to, from *bool }{{&in.Approval, c.Approval}, {&in.Waitlist, c.Waitlist}, {&in.Accounts, c.Accounts}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if err := exclusive(c.NoFields, "--no-fields", len(c.Field) > 0, "--field"); err != nil {
		return in, err
	}
	if c.NoFields {
		in.Fields = nil
	}
	if len(c.Field) > 0 {
		fields, err := parseFields(c.Field)
		if err != nil {
			return in, err
		}
		in.Fields = fields
	}
	return in, nil
}

// window puts the flags of the window over in. An interval needs no --window.
func (c *RegistrationSet) window(e *Env, w client.Webinar, in *client.SetRegistration) error {
	given := c.Opens != "" || c.Closes != ""
	if given && c.Window != "" && c.Window != "interval" {
		return Usage(fmt.Errorf("--opens and --closes are of an interval, and --window is %s", c.Window))
	}
	if given {
		c.Window = "interval"
	}
	if c.Window == "" {
		return nil
	}
	if in.Window = c.Window; in.Window != "interval" {
		in.OpensAt, in.ClosesAt = nil, nil
		return nil
	}
	planned := ""
	if w.Schedule != nil {
		planned = w.Schedule.Zone
	}
	zone, err := e.zoneOf(first(c.Zone, planned))
	if err != nil {
		return err
	}
	for _, f := range []struct {
		flag, text string
		to         **time.Time
	}{{"--opens", c.Opens, &in.OpensAt}, {"--closes", c.Closes, &in.ClosesAt}} {
		if f.text == "" {
			continue
		}
		t, err := e.moment(f.flag, f.text, zone)
		if err != nil {
			return err
		}
		*f.to = &t
	}
	if in.OpensAt == nil && in.ClosesAt == nil {
		return Usage(errors.New("an interval needs --opens, --closes or both"))
	}
	return nil
}

// RegistrationShow shows the registration.
type RegistrationShow struct{ oneWebinar }

// Run prints how people sign up.
func (c *RegistrationShow) Run(ctx context.Context, e *Env) error {
	return c.registration(e, func(api *client.Client) (client.Webinar, error) { return api.Webinar(ctx, c.Webinar) })
}

// RegistrationOpen opens the registration.
type RegistrationOpen struct{ oneWebinar }

// Run opens it.
func (c *RegistrationOpen) Run(ctx context.Context, e *Env) error {
	return c.registration(e, func(api *client.Client) (client.Webinar, error) { return api.OpenRegistration(ctx, c.Webinar) })
}

// RegistrationClose closes the registration.
type RegistrationClose struct{ oneWebinar }

// Run closes it.
func (c *RegistrationClose) Run(ctx context.Context, e *Env) error {
	return c.registration(e, func(api *client.Client) (client.Webinar, error) { return api.CloseRegistration(ctx, c.Webinar) })
}

// RegistrationOff switches registration off.
type RegistrationOff struct{ oneWebinar }

// Run switches it off.
func (c *RegistrationOff) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return c.done(e, api.ClearRegistration(ctx, c.Webinar), "Registration is off: it stands before nobody any more.")
}

// oneWebinar are the arguments of a command about one webinar.
type oneWebinar struct {
	Remote
	Webinar string `arg:"" help:"Id of the webinar."`
}

// registration prints the registration of the webinar that call returns.
func (c *oneWebinar) registration(e *Env, call func(*client.Client) (client.Webinar, error)) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	w, err := call(api)
	if err != nil {
		return err
	}
	return c.printRegistration(e, w)
}

func (r Remote) printRegistration(e *Env, w client.Webinar) error {
	g := w.Registration
	if g == nil {
		if r.JSON {
			return printJSON(e.Stdout, nil)
		}
		return r.done(e, nil, "Registration is off.")
	}
	sheet := []string{
		"registration", registrationWord(g), "window", windowText(g),
		"approval", yes(g.Approval), "waitlist", yes(g.Waitlist), "accounts enter", yes(g.Accounts),
	}
	for _, f := range g.Fields {
		sheet = append(sheet, "field "+plain(f.ID), fieldText(f))
	}
	return r.say(e, g, "", sheet...)
}

func windowText(r *client.Registration) string {
	switch r.Window {
	case "start", "end":
		return "until the " + r.Window
	case "interval":
		var parts []string
		if r.OpensAt != nil {
			parts = append(parts, "from "+when(*r.OpensAt))
		}
		if r.ClosesAt != nil {
			parts = append(parts, "until "+when(*r.ClosesAt))
		}
		return strings.Join(parts, " ")
	}
	return r.Window
}

// RegistrationList lists registrants.
type RegistrationList struct {
	Listing
	Webinar string `arg:"" help:"Id of the webinar."`
	Status  string `enum:",pending,approved,waitlisted,declined,cancelled" default:"" help:"Only those with this status: pending, approved, waitlisted, declined or cancelled." placeholder:"STATUS"`
}

// Run prints the list.
func (c *RegistrationList) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return printList(e, c.Listing, view[client.Registrant]{
		heading: "REGISTRANT STATUS AT EMAIL NAME", empty: "Nobody signed up.",
		id: func(r client.Registrant) string { return r.ID },
		row: func(r client.Registrant) []string {
			name := strings.TrimSpace(r.FirstName + " " + r.LastName)
			if r.Expired {
				name = "(deleted)"
			}
			return []string{r.ID, r.Status, when(r.CreatedAt), r.Email, name}
		},
	}, func(p client.Page) (client.Registrants, error) { return api.Registrants(ctx, c.Webinar, c.Status, p) })
}

// RegistrationExport exports registrants.
type RegistrationExport struct {
	Export
	Webinar string `arg:"" help:"Id of the webinar."`
}

// Run writes the table.
func (c *RegistrationExport) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return c.write(e, func(w *sink) error { return api.ExportRegistrants(ctx, c.Webinar, w) })
}
