package session

import (
	"context"
	"net/netip"
	"time"

	"stentor/control/webinar"
)

// Use is what a connection is for. The door asks different things of each.
type Use int

// The uses of a session.
const (
	Watch   Use = iota // receive the stage
	Publish            // send to the stage
	Events             // hear what happens, and be heard
)

// String returns the word that the roster and the metrics show.
func (u Use) String() string {
	switch u {
	case Watch:
		return "watch"
	case Publish:
		return "publish"
	case Events:
		return "events"
	}
	return "unknown"
}

// A Session is one live connection of a participant to this edge. It lives from
// [Door.Open] until End is called or its context is done, whichever is first.
type Session struct {
	ID          string
	Participant string
	Name        string
	Webinar     string // webinar id
	Role        webinar.Role
	Use         Use
	Since       time.Time

	claims claims
	remote netip.Addr
	ctx    context.Context
	cancel context.CancelCauseFunc
	door   *Door
}

// Context is done when the session must end: the participant was removed, the
// webinar has ended, or the node stops. [context.Cause] says why: a
// [*webinar.Denial] wherever a person should read the reason.
func (s *Session) Context() context.Context { return s.ctx }

// End says that the connection behind the session has gone. It may be called
// more than once.
func (s *Session) End() {
	s.cancel(context.Canceled)
	s.door.forget(s)
}

// Info is what the roster tells of a live session.
type Info struct {
	Session     string       `json:"session"`
	Participant string       `json:"participant"`
	Name        string       `json:"name"`
	Webinar     string       `json:"webinar"`
	Role        webinar.Role `json:"role"`
	Use         string       `json:"use"`
	Since       time.Time    `json:"since"`
	Keys        []string     `json:"keys"` // what a ban would bind to, as [webinar.Key] writes it
}

func (s *Session) info() Info {
	return Info{
		Session: s.ID, Participant: s.Participant, Name: s.Name, Webinar: s.Webinar,
		Role: s.Role, Use: s.Use.String(), Since: s.Since, Keys: s.claims.keys(s.remote).Strings(),
	}
}
