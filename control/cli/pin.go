package cli

import (
	"context"

	"stentor/control/client"
)

// PINCommands set and clear PINs.
type PINCommands struct {
	Set      PINSet      `cmd:"" help:"Set the PIN, read from a prompt or from standard input."`
	Generate PINGenerate `cmd:"" help:"Have the server draw a PIN of 8 digits."`
	Clear    PINClear    `cmd:"" help:"Remove the PIN: whoever has the link gets in."`
}

// pinChange are the arguments of what changes a PIN.
type pinChange struct {
	Remote
	Webinar  string `arg:"" help:"Id of the webinar."`
	AskAgain bool   `help:"Ask those again, too, who came in by the old one; without it nobody inside has to go."`
}

// PINSet sets a PIN by hand.
type PINSet struct{ pinChange }

// Run reads and sets the PIN.
func (c *PINSet) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	value, err := e.newSecret("PIN: ")
	if err != nil {
		return err
	}
	return c.set(ctx, e, api, client.SetPIN{Value: value, AskAgain: c.AskAgain})
}

// PINGenerate has a PIN drawn.
type PINGenerate struct{ pinChange }

// Run draws and prints the PIN.
func (c *PINGenerate) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return c.set(ctx, e, api, client.SetPIN{Generate: true, AskAgain: c.AskAgain})
}

func (c *pinChange) set(ctx context.Context, e *Env, api *client.Client, in client.SetPIN) error {
	p, err := api.SetPIN(ctx, c.Webinar, in)
	if err != nil {
		return err
	}
	if p.Weak {
		defer e.hint("this PIN is weak: it is among the first that someone would guess")
	}
	return c.say(e, p, p.PIN, "PIN", p.PIN)
}

// PINClear removes a PIN.
type PINClear struct {
	Remote
	Webinar string `arg:"" help:"Id of the webinar."`
}

// Run removes the PIN.
func (c *PINClear) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return c.done(e, api.ClearPIN(ctx, c.Webinar), "The PIN is gone: whoever has the link gets in.")
}
