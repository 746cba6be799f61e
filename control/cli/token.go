package cli

import (
	"context"
	"strings"
	"time"

	"stentor/control/client"
)

// TokenCommands make API tokens.
type TokenCommands struct {
	Create TokenCreate `cmd:"" help:"Make an API token."`
}

// TokenCreate makes an API token.
type TokenCreate struct {
	Remote
	Name  string   `arg:"" help:"Who or what will hold it; the audit log names it."`
	Scope []string `enum:"admin,host" default:"host" help:"What it may do: ${enum}; may be repeated."`
}

// Run makes and prints the token.
func (c *TokenCreate) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	t, err := api.CreateToken(ctx, client.CreateToken{Name: c.Name, Scopes: c.Scope})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(e.Stdout, t)
	}
	return sheet(e.Stdout, "token", t.Token+"  (shown this once)", "id", t.ID, "name", t.Name, "scopes", strings.Join(t.Scopes, ", "))
}

// JoinTokenCommands make join tokens.
type JoinTokenCommands struct {
	Create JoinTokenCreate `cmd:"" help:"Make a token that lets one node into the mesh."`
}

// JoinTokenCreate makes a join token.
type JoinTokenCreate struct {
	Remote
	Role string        `required:"" enum:"voter,edge" help:"What the node will be: ${enum}."`
	TTL  time.Duration `name:"ttl" default:"1h" help:"How long it can be used."`
}

// Run makes and prints the token. It goes alone to standard output, so that it
// can be written to the file that `stentor node --token-file` reads.
func (c *JoinTokenCreate) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	t, err := api.JoinToken(ctx, c.Role, c.TTL)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(e.Stdout, t)
	}
	if err := nothing(e.Stdout, plain(t.Token)); err != nil {
		return err
	}
	return sheet(e.Stderr, "role", t.Role, "use before", when(t.ExpiresAt))
}
