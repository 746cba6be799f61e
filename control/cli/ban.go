package cli

import (
	"context"
	"strings"

	"stentor/control/client"
)

// BanCommands list and lift bans.
type BanCommands struct {
	List BanList `cmd:"" help:"The bans of a webinar."`
	Lift BanLift `cmd:"" help:"Let a banned person in again."`
}

// BanList lists bans.
type BanList struct {
	Remote
	Webinar string `arg:"" help:"Id of the webinar."`
	Limit   int    `default:"100" help:"At most so many."`
}

// Run prints the list.
func (c *BanList) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	list, more, err := gather(c.Limit, func(p client.Page) ([]client.Ban, string, error) {
		l, err := api.Bans(ctx, c.Webinar, p)
		return l.Items, l.Next, err
	})
	if err != nil {
		return err
	}
	defer e.tellMore(more, c.Limit)
	if c.JSON {
		return printJSON(e.Stdout, client.Bans{Items: list, Next: more})
	}
	if len(list) == 0 {
		return nothing(e.Stdout, "Nobody is banned.")
	}
	rows := make([][]string, len(list))
	for i, b := range list {
		rows[i] = []string{b.ID, b.Participant, b.Strength, strings.Join(b.Keys, ","), b.By, when(b.At), b.Name}
	}
	return table(e.Stdout, "BAN PARTICIPANT STRENGTH KEYS BY AT NAME", rows)
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
	if err := api.LiftBan(ctx, c.Webinar, c.ID); err != nil || c.JSON {
		return err
	}
	return sheet(e.Stdout, "lifted", c.ID)
}
