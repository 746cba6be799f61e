package cli

import (
	"context"

	"stentor/control/client"
)

// InviteCommands make personal links.
type InviteCommands struct {
	Create InviteCreate `cmd:"" help:"Make a personal link."`
	List   InviteList   `cmd:"" help:"The invites of a webinar, without their secrets."`
}

// InviteCreate makes a personal link.
type InviteCreate struct {
	Remote
	Webinar string `arg:"" help:"Id of the webinar."`
	Name    string `arg:"" help:"Whom it is for."`
	Role    string `enum:"owner,moderator,presenter,attendee" default:"attendee" help:"What it makes of them: ${enum}."`
}

// Run makes and prints the link.
func (c *InviteCreate) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	i, err := api.Invite(ctx, c.Webinar, client.CreateInvite{Name: c.Name, Role: c.Role})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(e.Stdout, i)
	}
	whip := ""
	if i.Role != "attendee" {
		whip = api.Server() + i.WHIPPath
	}
	return sheet(e.Stdout,
		"invite", i.ID,
		"name", i.Name,
		"role", i.Role,
		"personal link", api.Server()+i.LinkPath+"  (shown this once)",
		"WHIP", whip,
		"bearer token", i.Secret,
	)
}

// InviteList lists invites.
type InviteList struct {
	Remote
	Webinar string `arg:"" help:"Id of the webinar."`
	Limit   int    `default:"100" help:"At most so many."`
}

// Run prints the list.
func (c *InviteList) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	list, more, err := gather(c.Limit, func(p client.Page) ([]client.Invite, string, error) {
		l, err := api.Invites(ctx, c.Webinar, p)
		return l.Items, l.Next, err
	})
	if err != nil {
		return err
	}
	defer e.tellMore(more, c.Limit)
	if c.JSON {
		return printJSON(e.Stdout, client.Invites{Items: list, Next: more})
	}
	if len(list) == 0 {
		return nothing(e.Stdout, "No invites.")
	}
	rows := make([][]string, len(list))
	for i, v := range list {
		rows[i] = []string{v.ID, v.Role, v.Name}
	}
	return table(e.Stdout, "INVITE ROLE NAME", rows)
}
