package cli

import (
	"context"
	"errors"
	"strings"

	"stentor/control/client"
)

// LobbyCommands let people in who wait.
type LobbyCommands struct {
	List  LobbyList  `cmd:"" help:"List who waits to be admitted, on every node."`
	Admit LobbyAdmit `cmd:"" help:"Let people in who wait."`
}

// LobbyList lists who waits.
type LobbyList struct{ oneWebinar }

// Run prints the list.
func (c *LobbyList) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	l, err := api.Lobby(ctx, c.Webinar)
	if err != nil {
		return err
	}
	if len(l.Unreachable) > 0 {
		defer e.hint("no answer from %s: whoever waits there is missing here", strings.Join(l.Unreachable, ", "))
	}
	return participants("PARTICIPANT NODE SINCE NAME", "Nobody waits.", func(p client.Participant) []string {
		return []string{p.ID, p.Node, when(p.Since), p.Name}
	}).print(e, c.Remote, l.Items, l)
}

// LobbyAdmit lets people in.
type LobbyAdmit struct {
	Remote
	Webinar      string   `arg:"" help:"Id of the webinar."`
	Participants []string `arg:"" optional:"" name:"participant" help:"Ids of those whom to let in."`
	All          bool     `help:"Everybody who waits now."`
}

// Run lets them in.
func (c *LobbyAdmit) Run(ctx context.Context, e *Env) error {
	if err := exclusive(c.All, "--all", len(c.Participants) > 0, "ids of participants"); err != nil {
		return err
	}
	if !c.All && len(c.Participants) == 0 {
		return Hint(Usage(errors.New("no participants are given")), "stentor lobby list "+c.Webinar+" shows who waits, and --all lets everybody in")
	}
	api, err := c.open(e)
	if err != nil {
		return err
	}
	a, err := api.Admit(ctx, c.Webinar, client.Admit{Participants: c.Participants, All: c.All})
	if err != nil {
		return err
	}
	return view[string]{
		heading: "ADMITTED", empty: "Nobody waited.",
		id: func(id string) string { return id }, row: func(id string) []string { return []string{id} },
	}.print(e, c.Remote, a.Participants, a)
}
