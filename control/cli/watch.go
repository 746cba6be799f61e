package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"stentor/control/client"
)

// WatchCommand follows a webinar as it happens.
type WatchCommand struct {
	Remote
	Webinar string `arg:"" help:"Id of the webinar."`
	After   string `help:"Begin after this event, as the first column and the field index say." placeholder:"INDEX"`
}

// Run prints what happens, a line each, until it is interrupted. With --json each
// line is one event.
func (c *WatchCommand) Run(ctx context.Context, e *Env) error {
	if _, err := strconv.ParseUint(c.After, 10, 64); err != nil && c.After != "" {
		return Usage(fmt.Errorf("--after: %q is no index", c.After))
	}
	api, err := c.open(e)
	if err != nil {
		return err
	}
	w := client.Watching{After: c.After, Lost: func(err error, pause time.Duration) {
		e.hint("%s; the next try is in %s", strings.TrimPrefix(err.Error(), "client: "), pause)
	}}
	for event, err := range api.Events(ctx, c.Webinar, w) {
		switch {
		case ctx.Err() != nil:
			return nil // that is how a person ends it
		case err != nil:
			return err
		}
		if err := c.print(e, event); err != nil {
			return err
		}
	}
	return nil
}

func (c *WatchCommand) print(e *Env, event client.Event) error {
	switch {
	case c.JSON:
		return printLine(e.Stdout, event)
	case c.Quiet:
		return nothing(e.Stdout, plain(event.ID))
	}
	_, err := fmt.Fprintf(e.Stdout, "%-8d  %s\n", event.Index, plain(eventText(event)))
	return err
}

// eventText says in a line what an event is about.
func eventText(e client.Event) string {
	what := e.Type + " " + e.ID
	if e.Removed {
		return what + " is gone"
	}
	switch {
	case e.Type == "reset":
		return "too much happened since then: read the lists anew"
	case e.Audit != nil:
		return auditText(*e.Audit)
	case e.Webinar != nil:
		return fmt.Sprintf("%s is %s, version %d: %s", what, e.Webinar.State, e.Webinar.Version, e.Webinar.Title)
	case e.Participant != nil:
		p := e.Participant
		holds := notes(client.Participant{Stage: p.Stage, Hand: p.Hand, StopAudio: p.StopAudio, StopVideo: p.StopVideo, StopMessages: p.StopMessages})
		return fmt.Sprintf("%s (%s) is now %s", what, p.Name, first(strings.Trim(p.Role+" "+holds, " "), "as admitted"))
	case e.Registrant != nil:
		return what + " is " + e.Registrant.Status
	case e.Ban != nil:
		return fmt.Sprintf("%s of %s (%s) is %s", what, e.Ban.Participant, e.Ban.Name, e.Ban.Strength)
	case e.Unconnected != nil:
		return fmt.Sprintf("%s (%s) was disconnected by %s", what, e.Unconnected.Name, e.Unconnected.By)
	case e.Invite != nil:
		return fmt.Sprintf("%s is for %s, %s", what, e.Invite.Name, e.Invite.Role)
	}
	return what
}

// auditText says in a line what an entry of the audit log is about.
func auditText(a client.AuditEntry) string {
	text := fmt.Sprintf("%s %s by %s", when(a.At), a.Action, a.By)
	if a.Subject != "" {
		text += ": " + a.Subject
	}
	var data map[string]any
	if json.Unmarshal(a.Data, &data) == nil && len(data) > 0 {
		text += " " + string(a.Data)
	}
	return text
}
