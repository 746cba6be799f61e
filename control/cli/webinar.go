package cli

import (
	"context"

	"stentor/control/client"
)

// WebinarCommands plan and run webinars.
type WebinarCommands struct {
	Create WebinarCreate `cmd:"" help:"Make a webinar."`
	List   WebinarList   `cmd:"" help:"The webinars that the token may see."`
	Show   WebinarShow   `cmd:"" help:"One webinar."`
	End    WebinarEnd    `cmd:"" help:"End a webinar, and every session in it."`
}

// WebinarCreate makes a webinar.
type WebinarCreate struct {
	Remote
	Title       string `arg:"" help:"What it is called."`
	Mode        string `enum:"role-based,all-on-screen" default:"role-based" help:"Who may be on stage: ${enum}."`
	GeneratePIN bool   `name:"generate-pin" help:"Have the server draw a PIN of 8 digits."`
	AskPIN      bool   `name:"ask-pin" help:"Read the PIN from a prompt or from standard input."`
}

// Run makes the webinar.
func (c *WebinarCreate) Run(ctx context.Context, e *Env) error {
	if err := exclusive(c.GeneratePIN, "--generate-pin", c.AskPIN, "--ask-pin"); err != nil {
		return err
	}
	api, err := c.open(e)
	if err != nil {
		return err
	}
	in := client.CreateWebinar{Title: c.Title, Mode: c.Mode, GeneratePIN: c.GeneratePIN}
	if c.AskPIN {
		if in.PIN, err = e.secret("PIN: "); err != nil {
			return err
		}
	}
	w, err := api.CreateWebinar(ctx, in)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(e.Stdout, w)
	}
	return printWebinar(e, api, w)
}

func printWebinar(e *Env, api *client.Client, w client.Webinar) error {
	pin := yes(w.HasPIN)
	if w.PIN != "" {
		pin = w.PIN + "  (shown this once)"
	}
	return sheet(e.Stdout,
		"webinar", w.ID,
		"title", w.Title,
		"mode", w.Mode,
		"state", w.State,
		"join link", api.Server()+w.JoinPath,
		"PIN", pin,
		"created", when(w.CreatedAt),
	)
}

// WebinarList lists webinars.
type WebinarList struct {
	Remote
	Limit int `default:"100" help:"At most so many."`
}

// Run prints the list.
func (c *WebinarList) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	list, more, err := gather(c.Limit, func(p client.Page) ([]client.Webinar, string, error) {
		l, err := api.Webinars(ctx, p)
		return l.Items, l.Next, err
	})
	if err != nil {
		return err
	}
	defer e.tellMore(more, c.Limit)
	if c.JSON {
		return printJSON(e.Stdout, client.Webinars{Items: list, Next: more})
	}
	if len(list) == 0 {
		return nothing(e.Stdout, "No webinars.")
	}
	rows := make([][]string, len(list))
	for i, w := range list {
		rows[i] = []string{w.ID, w.State, w.Mode, yes(w.HasPIN), when(w.CreatedAt), w.Title}
	}
	return table(e.Stdout, "WEBINAR STATE MODE PIN CREATED TITLE", rows)
}

// WebinarShow shows one webinar.
type WebinarShow struct {
	Remote
	ID string `arg:"" name:"webinar" help:"Its id, w_..."`
}

// Run prints the webinar.
func (c *WebinarShow) Run(ctx context.Context, e *Env) error {
	return c.one(e, func(api *client.Client) (client.Webinar, error) { return api.Webinar(ctx, c.ID) })
}

// WebinarEnd ends a webinar.
type WebinarEnd struct {
	Remote
	ID string `arg:"" name:"webinar" help:"Its id, w_..."`
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
	if r.JSON {
		return printJSON(e.Stdout, w)
	}
	return printWebinar(e, api, w)
}
