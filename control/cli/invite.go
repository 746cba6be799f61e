package cli

import (
	"context"

	"stentor/control/client"
)

// InviteCommands make personal links.
type InviteCommands struct {
	Create InviteCreate `cmd:"" help:"Make a personal link."`
	Batch  InviteBatch  `cmd:"" help:"Make personal links for everybody on a list."`
	List   InviteList   `cmd:"" help:"List the invites of a webinar, without their secrets."`
	Revoke InviteRevoke `cmd:"" help:"Make a personal link open nothing any more."`
}

// InviteCreate makes a personal link.
type InviteCreate struct {
	Remote
	Webinar string `arg:"" help:"Id of the webinar."`
	Name    string `arg:"" help:"Whom it is for."`
	Role    string `enum:"owner,moderator,presenter,attendee" default:"attendee" help:"What it makes of them: ${enum}."`
	Email   string `help:"Their e-mail address." placeholder:"ADDRESS"`
	Mail    bool   `help:"Send the link to the address."`
	Account string `help:"Id of an account that has the role whenever it is signed in." placeholder:"ID"`
}

// Run makes and prints the link.
func (c *InviteCreate) Run(ctx context.Context, e *Env) error {
	if err := needsAddress(c.Mail, c.Email); err != nil {
		return err
	}
	api, err := c.open(e)
	if err != nil {
		return err
	}
	i, err := api.Invite(ctx, c.Webinar, client.CreateInvite{Name: c.Name, Role: c.Role, Email: c.Email, Mail: c.Mail, Account: c.Account})
	if err != nil {
		return err
	}
	whip := ""
	if i.Role != "attendee" {
		whip = api.Server() + i.WHIPPath
	}
	link := api.Server() + i.LinkPath
	return c.say(e, i, link,
		"invite", i.ID,
		"name", i.Name,
		"role", i.Role,
		"account", i.Account,
		"e-mail", i.Email,
		"personal link", link+"  (shown this once)",
		"WHIP", whip,
		"bearer token", i.Secret,
	)
}

// InviteList lists invites.
type InviteList struct {
	Listing
	Webinar string `arg:"" help:"Id of the webinar."`
}

// Run prints the list.
func (c *InviteList) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return printList(e, c.Listing, view[client.Invite]{
		heading: "INVITE ROLE CREATED ACCOUNT EMAIL NAME", empty: "No invites.",
		id: func(i client.Invite) string { return i.ID },
		row: func(i client.Invite) []string {
			return []string{i.ID, i.Role, when(i.CreatedAt), i.Account, i.Email, i.Name}
		},
	}, func(p client.Page) (client.Invites, error) { return api.Invites(ctx, c.Webinar, p) })
}

// InviteRevoke revokes an invite.
type InviteRevoke struct {
	Remote
	Webinar string `arg:"" help:"Id of the webinar."`
	ID      string `arg:"" name:"invite" help:"Id of the invite."`
}

// Run revokes the invite.
func (c *InviteRevoke) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return c.done(e, api.RevokeInvite(ctx, c.Webinar, c.ID), "The invite %s is revoked: its link opens nothing any more.", c.ID)
}
