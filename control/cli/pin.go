package cli

import (
	"context"
	"fmt"

	"stentor/control/client"
)

// PINCommands set and clear PINs.
type PINCommands struct {
	Set      PINSet      `cmd:"" help:"Set the PIN, read from a prompt or from standard input."`
	Generate PINGenerate `cmd:"" help:"Have the server draw a PIN of 8 digits."`
	Clear    PINClear    `cmd:"" help:"Remove the PIN: whoever has the link gets in."`
}

// PINSet sets a PIN by hand.
type PINSet struct {
	Remote
	Webinar string `arg:"" help:"Id of the webinar."`
}

// Run reads and sets the PIN.
func (c *PINSet) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	value, err := e.secret("PIN: ")
	if err != nil {
		return err
	}
	p, err := api.SetPIN(ctx, c.Webinar, client.SetPIN{Value: value})
	return c.printPIN(e, p, err)
}

// PINGenerate has a PIN drawn.
type PINGenerate struct {
	Remote
	Webinar string `arg:"" help:"Id of the webinar."`
}

// Run draws and prints the PIN.
func (c *PINGenerate) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	p, err := api.SetPIN(ctx, c.Webinar, client.SetPIN{Generate: true})
	return c.printPIN(e, p, err)
}

func (r Remote) printPIN(e *Env, p client.PIN, err error) error {
	if err != nil {
		return err
	}
	if p.Weak {
		defer fmt.Fprintln(e.Stderr, "stentor: hint: this PIN is weak: it is among the first that someone would guess")
	}
	if r.JSON {
		return printJSON(e.Stdout, p)
	}
	return sheet(e.Stdout, "PIN", p.PIN)
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
	if err := api.ClearPIN(ctx, c.Webinar); err != nil || c.JSON {
		return err
	}
	return nothing(e.Stdout, "The PIN is gone: whoever has the link gets in.")
}
