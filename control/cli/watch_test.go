package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"stentor/control/client"
)

// happen serves events.
func happen(t *testing.T, s *server, events ...client.Event) {
	s.Config.Handler = checked(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked = append(s.asked, r.Header.Get("Last-Event-ID"))
		w.Header().Set("Content-Type", "text/event-stream")
		for _, e := range events {
			b, _ := json.Marshal(e)
			fmt.Fprintf(w, ": still here\nevent: %s\nid: %d\ndata: %s\n\n", e.Type, e.Index, b)
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
}

func TestWatch(t *testing.T) {
	webinar := with(allHands(), func(w *client.Webinar) { w.State = "live" })
	audit := entry(9, "participant.banned", "p-1", true)
	events := []client.Event{
		{Type: "webinar", Index: 40, ID: "w-1", Webinar: &webinar},
		{Type: "participant", Index: 41, ID: "p-1", Participant: &client.EditedParticipant{ID: "p-1", Name: "Ada\x1b[2J", StopAudio: true, Hand: &march, Role: "presenter"}},
		{Type: "participant", Index: 42, ID: "p-2", Participant: &client.EditedParticipant{ID: "p-2", Name: "Bob"}},
		{Type: "registrant", Index: 43, ID: "r-1", Registrant: &client.DecidedRegistrant{ID: "r-1", Status: "approved"}},
		{Type: "ban", Index: 44, ID: "b-1", Ban: &client.Ban{ID: "b-1", Participant: "p-1", Name: "Ada", Strength: "weak"}},
		{Type: "ban", Index: 45, ID: "b-1", Removed: true},
		{Type: "unconnected", Index: 46, ID: "p-1", Unconnected: &client.Unconnected{Participant: "p-1", Name: "Ada", By: "t-1"}},
		{Type: "invite", Index: 47, ID: "i-1", Invite: &client.Invite{ID: "i-1", Name: "Eve", Role: "attendee"}},
		{Type: "audit", Index: 48, ID: "9", Audit: &audit},
		{Type: "reset", Index: 49},
		{Type: "of a later version", Index: 50, ID: "x"},
	}
	for _, form := range []string{"", " --json", " --quiet"} {
		t.Run("watch"+form, func(t *testing.T) {
			s := newServer(t, nil)
			ctx, done := context.WithCancel(t.Context())
			happen(t, s, events...)
			args := "watch w-1 --after 39" + form
			stdout, stderr, status := s.runUntil(ctx, t, call{args: args}, len(events), done)
			if status != 0 || len(s.asked) != 1 || s.asked[0] != "39" {
				t.Errorf("exit status %d, asked %q: %s", status, s.asked, stderr)
			}
			if form == " --json" {
				for line := range strings.Lines(stdout) {
					if !json.Valid([]byte(line)) {
						t.Errorf("a line is not JSON: %s", line)
					}
				}
			}
			if strings.ContainsAny(stdout, "\x1b\u202e") {
				t.Errorf("the terminal is steered by %q", stdout)
			}
			golden(t, "watch"+strings.ReplaceAll(form, " -", ""), "$ stentor "+args+"\n"+stdout+prefixed("! ", stderr))
		})
	}
}

// runUntil runs a command that goes on, and interrupts it once it has written so
// many lines.
func (s *server) runUntil(ctx context.Context, t *testing.T, c call, lines int, interrupt func()) (stdout, stderr string, status int) {
	c.stdout = func(w io.Writer) io.Writer { return &counting{w, lines, interrupt} }
	return s.runIn(ctx, t, c)
}

// counting calls full once it was written so many lines.
type counting struct {
	io.Writer
	left int
	full func()
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	if c.left -= strings.Count(string(b), "\n"); c.left <= 0 {
		c.full()
	}
	return n, err
}

func TestWatchOfNothing(t *testing.T) {
	s := newServer(t, map[string]answer{"GET /api/v1/webinars/w-9/events": {404, &client.Problem{Code: "webinar_not_found", Status: 404, Detail: "No such webinar."}}})
	_, stderr, status := s.run(t, call{args: "watch w-9"})
	if status != 1 || stderr != "stentor: No such webinar.\nstentor: hint: stentor webinar list shows the webinars that this token may see\n" {
		t.Errorf("exit status %d: %s", status, stderr)
	}
}
