package cli

import (
	"context"
	"errors"
	"strings"

	"stentor/control/client"
)

// ParticipantCommands say who is inside, who has to go and who may come back.
type ParticipantCommands struct {
	List          ParticipantList        `cmd:"" help:"List who is inside now, on every node."`
	Disconnect    ParticipantDisconnect  `cmd:"" help:"End a participant's sessions."`
	Unconnected   ParticipantUnconnected `cmd:"" help:"List those who were disconnected."`
	Reinvite      ParticipantReinvite    `cmd:"" help:"Let people in again who were disconnected, and lift their bans."`
	StopAudio     StopAudio              `cmd:"" help:"Stop receiving somebody's audio: nobody hears them."`
	AllowAudio    AllowAudio             `cmd:"" help:"Receive somebody's audio again."`
	StopVideo     StopVideo              `cmd:"" help:"Stop receiving somebody's video: nobody sees them."`
	AllowVideo    AllowVideo             `cmd:"" help:"Receive somebody's video again."`
	StopMessages  StopMessages           `cmd:"" help:"Stop receiving somebody's messages."`
	AllowMessages AllowMessages          `cmd:"" help:"Receive somebody's messages again."`
	Stage         Stage                  `cmd:"" help:"Bring somebody to the stage."`
	Unstage       Unstage                `cmd:"" help:"Bring somebody back from the stage."`
	Role          ParticipantRole        `cmd:"" help:"Give somebody another role."`
	HandDown      HandDown               `cmd:"" help:"Lower somebody's raised hand."`
}

// ParticipantList lists participants.
type ParticipantList struct{ oneWebinar }

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
		defer e.hint("no answer from %s: whoever is there is missing here", strings.Join(l.Unreachable, ", "))
	}
	return participants("PARTICIPANT ROLE NODE SINCE USES NOTES NAME", "Nobody is inside.", func(p client.Participant) []string {
		return []string{p.ID, p.Role, p.Node, when(p.Since), strings.Join(p.Uses, ","), notes(p), p.Name}
	}).print(e, c.Remote, l.Items, l)
}

func participants(heading, empty string, row func(client.Participant) []string) view[client.Participant] {
	return view[client.Participant]{heading: heading, empty: empty, id: func(p client.Participant) string { return p.ID }, row: row}
}

// notes says what is not as usual about a participant.
func notes(p client.Participant) string {
	var all []string
	for _, n := range []struct {
		holds bool
		word  string
	}{
		{p.Guest, "guest"}, {p.Waiting, "waiting"}, {p.Stage, "stage"}, {p.Hand != nil, "hand-up"},
		{p.StopAudio, "no-audio"}, {p.StopVideo, "no-video"}, {p.StopMessages, "no-messages"},
	} {
		if n.holds {
			all = append(all, n.word)
		}
	}
	return strings.Join(all, ",")
}

// ParticipantDisconnect removes a participant.
type ParticipantDisconnect struct {
	Remote
	Webinar     string `arg:"" help:"Id of the webinar."`
	Participant string `arg:"" help:"Id of the participant."`
	Ban         bool   `help:"Do not allow to rejoin."`
	Network     bool   `help:"With --ban: keep their network out as well, for two hours."`
}

// Run removes the participant.
func (c *ParticipantDisconnect) Run(ctx context.Context, e *Env) error {
	if c.Network && !c.Ban {
		return Usage(errors.New("--network goes with --ban alone"))
	}
	api, err := c.open(e)
	if err != nil {
		return err
	}
	d, err := api.Disconnect(ctx, c.Webinar, c.Participant, client.Disconnect{Ban: c.Ban, Network: c.Network})
	if err != nil {
		return err
	}
	if !d.Present {
		defer e.hint("no node that answered has this participant inside; only the participant id is known")
	}
	if d.Ban == nil {
		return c.say(e, d, "", "disconnected", c.Participant)
	}
	if d.Ban.Strength == "weak" && !c.Network {
		defer e.hint("registration or the lobby keeps out who comes back as somebody else; --network keeps their network out for two hours")
	}
	return c.say(e, d, d.Ban.ID, "disconnected", c.Participant, "ban", d.Ban.ID, "strength", d.Ban.Strength+strengthMeans[d.Ban.Strength])
}

// strengthMeans says what a ban of that strength binds to.
var strengthMeans = map[string]string{
	"strong": ": it binds the account",
	"medium": ": it binds the registration or the invite",
	"weak":   ": a new browser on a new network is a new person",
}

// ParticipantUnconnected lists those who were disconnected.
type ParticipantUnconnected struct {
	Listing
	Webinar string `arg:"" help:"Id of the webinar."`
}

// Run prints the list.
func (c *ParticipantUnconnected) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return printList(e, c.Listing, view[client.Unconnected]{
		heading: "PARTICIPANT BANNED BY AT NAME", empty: "Nobody was disconnected.",
		id: func(u client.Unconnected) string { return u.Participant },
		row: func(u client.Unconnected) []string {
			return []string{u.Participant, yes(u.Banned), u.By, when(u.At), u.Name}
		},
	}, func(p client.Page) (client.UnconnectedList, error) { return api.Unconnected(ctx, c.Webinar, p) })
}

// ParticipantReinvite lets people in again.
type ParticipantReinvite struct{ somePeople }

// Run lets them in again.
func (c *ParticipantReinvite) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	for _, p := range c.Participants {
		r, err := api.Reinvite(ctx, c.Webinar, p)
		if err != nil {
			return err
		}
		if err := c.say(e, r, "", "invited again", r.Participant); err != nil {
			return err
		}
	}
	return nil
}

// somePeople are the arguments of a command about participants. With --json each
// of them is an answer of its own.
type somePeople struct {
	Remote
	Webinar      string   `arg:"" help:"Id of the webinar."`
	Participants []string `arg:"" name:"participant" help:"Ids of the participants."`
}

// edit changes the same of each participant, and stops at the first that cannot
// be changed.
func (c *somePeople) edit(ctx context.Context, e *Env, in client.EditParticipant) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	for _, p := range c.Participants {
		now, err := api.EditParticipant(ctx, c.Webinar, p, in)
		if err != nil {
			return err
		}
		holds := notes(client.Participant{Stage: now.Stage, Hand: now.Hand, StopAudio: now.StopAudio, StopVideo: now.StopVideo, StopMessages: now.StopMessages})
		if err := c.say(e, now, "", "participant", now.ID, "name", now.Name, "role", now.Role, "now", first(holds, "as admitted")); err != nil {
			return err
		}
	}
	return nil
}

// StopAudio stops receiving audio.
type StopAudio struct{ somePeople }

// Run stops it.
func (c *StopAudio) Run(ctx context.Context, e *Env) error {
	return c.edit(ctx, e, client.EditParticipant{StopAudio: new(true)})
}

// AllowAudio receives audio again.
type AllowAudio struct{ somePeople }

// Run allows it.
func (c *AllowAudio) Run(ctx context.Context, e *Env) error {
	return c.edit(ctx, e, client.EditParticipant{StopAudio: new(false)})
}

// StopVideo stops receiving video.
type StopVideo struct{ somePeople }

// Run stops it.
func (c *StopVideo) Run(ctx context.Context, e *Env) error {
	return c.edit(ctx, e, client.EditParticipant{StopVideo: new(true)})
}

// AllowVideo receives video again.
type AllowVideo struct{ somePeople }

// Run allows it.
func (c *AllowVideo) Run(ctx context.Context, e *Env) error {
	return c.edit(ctx, e, client.EditParticipant{StopVideo: new(false)})
}

// StopMessages stops receiving messages.
type StopMessages struct{ somePeople }

// Run stops them.
func (c *StopMessages) Run(ctx context.Context, e *Env) error {
	return c.edit(ctx, e, client.EditParticipant{StopMessages: new(true)})
}

// AllowMessages receives messages again.
type AllowMessages struct{ somePeople }

// Run allows them.
func (c *AllowMessages) Run(ctx context.Context, e *Env) error {
	return c.edit(ctx, e, client.EditParticipant{StopMessages: new(false)})
}

// Stage brings people to the stage.
type Stage struct{ somePeople }

// Run brings them.
func (c *Stage) Run(ctx context.Context, e *Env) error {
	return c.edit(ctx, e, client.EditParticipant{Stage: new(true)})
}

// Unstage brings people back from the stage.
type Unstage struct{ somePeople }

// Run brings them back.
func (c *Unstage) Run(ctx context.Context, e *Env) error {
	return c.edit(ctx, e, client.EditParticipant{Stage: new(false)})
}

// HandDown lowers hands.
type HandDown struct{ somePeople }

// Run lowers them.
func (c *HandDown) Run(ctx context.Context, e *Env) error {
	return c.edit(ctx, e, client.EditParticipant{Hand: new(false)})
}

// ParticipantRole gives a participant another role.
type ParticipantRole struct {
	Remote
	Webinar     string `arg:"" help:"Id of the webinar."`
	Participant string `arg:"" help:"Id of the participant."`
	Role        string `arg:"" enum:"moderator,presenter,attendee,admitted" help:"What they are from now on: moderator, presenter, attendee, or as they were admitted."`
}

// Run gives the role.
func (c *ParticipantRole) Run(ctx context.Context, e *Env) error {
	if c.Role == "admitted" {
		c.Role = ""
	}
	people := somePeople{c.Remote, c.Webinar, []string{c.Participant}}
	return people.edit(ctx, e, client.EditParticipant{Role: &c.Role})
}
