package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"stentor/control/client"
)

// TokenCommands make, list and revoke API tokens.
type TokenCommands struct {
	Create TokenCreate `cmd:"" help:"Make an API token."`
	List   TokenList   `cmd:"" help:"List the API tokens, without what they are known by."`
	Revoke TokenRevoke `cmd:"" help:"Make an API token worthless."`
}

// TokenCreate makes an API token.
type TokenCreate struct {
	Remote
	Name  string   `arg:"" help:"Who or what will hold it; the audit log names it."`
	Scope []string `enum:"admin,host" default:"host" help:"What it may do: ${enum}; may be repeated."`
	TTL   span     `name:"ttl" default:"0" help:"How long it is good; for ever unless given." placeholder:"90d"`
}

// Run makes and prints the token.
func (c *TokenCreate) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	t, err := api.CreateToken(ctx, client.CreateToken{Name: c.Name, Scopes: c.Scope, TTL: c.TTL.seconds()})
	if err != nil {
		return err
	}
	return c.say(e, t, t.Token,
		"token", t.Token+"  (shown this once)", "id", t.ID, "name", t.Name, "scopes", strings.Join(t.Scopes, ", "), "good until", since(t.ExpiresAt))
}

// TokenList lists API tokens.
type TokenList struct{ Listing }

// Run prints the list.
func (c *TokenList) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return printList(e, c.Listing, view[client.Token]{
		heading: "TOKEN SCOPES CREATED EXPIRES BY NAME", empty: "No tokens.",
		id: func(t client.Token) string { return t.ID },
		row: func(t client.Token) []string {
			return []string{t.ID, strings.Join(t.Scopes, ","), when(t.CreatedAt), first(since(t.ExpiresAt), "never"), t.By, t.Name}
		},
	}, func(p client.Page) (client.Tokens, error) { return api.Tokens(ctx, p) })
}

// errSecretArgument means that a secret stands where everybody can read it.
var errSecretArgument = errors.New("that is a token, and its id is expected")

// TokenRevoke revokes an API token.
type TokenRevoke struct {
	Remote
	ID string `arg:"" name:"token" help:"Id of the token, not the token itself."`
}

// Run revokes the token. A token in place of its id is not sent on: it would
// stand in the log of every proxy in between.
func (c *TokenRevoke) Run(ctx context.Context, e *Env) error {
	if strings.HasPrefix(c.ID, "sta_") {
		return Hint(Usage(errSecretArgument), "stentor token list shows the ids; whoever saw these arguments has the token, so revoke it soon")
	}
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return c.done(e, api.RevokeToken(ctx, c.ID), "The token %s is revoked.", c.ID)
}

// JoinTokenCommands make join tokens.
type JoinTokenCommands struct {
	Create JoinTokenCreate `cmd:"" help:"Make a token that lets one node into the mesh."`
}

// JoinTokenCreate makes a join token.
type JoinTokenCreate struct {
	Remote
	Role string `required:"" enum:"voter,edge" help:"What the node will be: ${enum}."`
	TTL  span   `name:"ttl" default:"1h" help:"How long it can be used."`
}

// Run makes and prints the token. It goes alone to standard output, so that it
// can be written to the file that `stentor node --token-file` reads.
func (c *JoinTokenCreate) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	t, err := api.JoinToken(ctx, c.Role, time.Duration(c.TTL))
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(e.Stdout, t)
	}
	if err := nothing(e.Stdout, plain(t.Token)); err != nil || c.Quiet {
		return err
	}
	return sheet(e.Stderr, "role", t.Role, "use before", when(t.ExpiresAt))
}
