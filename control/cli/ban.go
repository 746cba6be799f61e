package cli

import (
	"context"
	"strings"

	"stentor/control/client"
)

// BanCommands list and lift bans.
type BanCommands struct {
	List BanList `cmd:"" help:"List the bans of a webinar."`
	Lift BanLift `cmd:"" help:"Let a banned person in again."`
}

// BanList lists bans.
type BanList struct {
	Listing
	Webinar string `arg:"" help:"Id of the webinar."`
}

// Run prints the list.
func (c *BanList) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return printList(e, c.Listing, view[client.Ban]{
		heading: "BAN PARTICIPANT STRENGTH KEYS BY AT NAME", empty: "Nobody is banned.",
		id: func(b client.Ban) string { return b.ID },
		row: func(b client.Ban) []string {
			return []string{b.ID, b.Participant, b.Strength, strings.Join(b.Keys, ","), b.By, when(b.At), b.Name}
		},
	}, func(p client.Page) (client.Bans, error) { return api.Bans(ctx, c.Webinar, p) })
}

// BanLift lifts a ban.
type BanLift struct {
	Remote
	Webinar string `arg:"" help:"Id of the webinar."`
	ID      string `arg:"" name:"ban" help:"Id of the ban."`
}

// Run lifts the ban.
func (c *BanLift) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return c.done(e, api.LiftBan(ctx, c.Webinar, c.ID), "The ban %s is lifted.", c.ID)
}
