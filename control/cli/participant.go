package cli

import (
	"context"
	"fmt"
	"strings"

	"stentor/control/client"
)

// ParticipantCommands say who is inside and who has to go.
type ParticipantCommands struct {
	List       ParticipantList       `cmd:"" help:"Who is inside now, on every node."`
	Disconnect ParticipantDisconnect `cmd:"" help:"End a participant's sessions."`
}

// ParticipantList lists participants.
type ParticipantList struct {
	Remote
	Webinar string `arg:"" help:"Id of the webinar."`
}

// Run prints the list.
func (c *ParticipantList) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	l, err := api.Participants(ctx, c.Webinar)
	if err != nil {
		return err
	}
	if len(l.Unreachable) > 0 {
		defer fmt.Fprintf(e.Stderr, "stentor: hint: no answer from %s: whoever is there is missing here\n", plain(strings.Join(l.Unreachable, ", ")))
	}
	if c.JSON {
		return printJSON(e.Stdout, l)
	}
	if len(l.Items) == 0 {
		return nothing(e.Stdout, "Nobody is inside.")
	}
	rows := make([][]string, len(l.Items))
	for i, p := range l.Items {
		rows[i] = []string{p.ID, p.Role, p.Node, when(p.Since), strings.Join(p.Uses, ","), p.Name}
	}
	return table(e.Stdout, "PARTICIPANT ROLE NODE SINCE USES NAME", rows)
}

// ParticipantDisconnect removes a participant.
type ParticipantDisconnect struct {
	Remote
	Webinar     string `arg:"" help:"Id of the webinar."`
	Participant string `arg:"" help:"Id of the participant."`
	Ban         bool   `help:"Do not allow to rejoin."`
}

// Run removes the participant.
func (c *ParticipantDisconnect) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	d, err := api.Disconnect(ctx, c.Webinar, c.Participant, client.Disconnect{Ban: c.Ban})
	if err != nil {
		return err
	}
	if !d.Present {
		defer fmt.Fprintln(e.Stderr, "stentor: hint: no node that answered has this participant inside; only the participant id is known")
	}
	if c.JSON {
		return printJSON(e.Stdout, d)
	}
	if d.Ban == nil {
		return sheet(e.Stdout, "disconnected", c.Participant)
	}
	return sheet(e.Stdout, "disconnected", c.Participant, "ban", d.Ban.ID, "strength", d.Ban.Strength+strengthMeans[d.Ban.Strength])
}

// strengthMeans says what a ban of that strength binds to.
var strengthMeans = map[string]string{
	"strong": ": it binds the account",
	"medium": ": it binds the registration or the invite",
	"weak":   ": a new browser on a new network is a new person",
}
