package session

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
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
	Webinar     string       // webinar id
	Role        webinar.Role // at its beginning; see [Session.Situation]
	Use         Use
	Since       time.Time

	claims    claims
	remote    netip.Addr
	ctx       context.Context
	cancel    context.CancelCauseFunc
	door      *Door
	changed   chan struct{} // one may wait in it
	situation atomic.Pointer[Situation]
	flowing   atomic.Pointer[func() bool]

	mu    sync.Mutex // guards the following
	place *place     // nil in the lobby
	gone  bool
}

// Situation is what holds for the participant of a session now. It changes while the
// session goes on.
type Situation struct {
	Role    webinar.Role
	Live    bool            // somebody is on air
	Waiting bool            // in the lobby
	Stage   bool            // on it, or free to go
	Hand    bool            // raised
	Ceiling webinar.Ceiling // of the video that the participant is sent (M12)
	// What is taken from the participant: they may send it, and no host stopped it.
	Audio, Video, Messages, Files, Images bool
	// StopAudio and StopVideo are that a host stopped it (S70, S71).
	StopAudio, StopVideo bool
	SlowMode             time.Duration // between two messages of the audience
	Recording            bool          // what is sent is being recorded
}

// Standing is what the rules know the participant by, seen from where they are.
func (s *Session) Standing() webinar.Standing { return s.claims.standing(s.remote) }

// Context is done when the session must end: the participant was removed, the
// webinar has ended, or the node stops. [context.Cause] says why: a
// [*webinar.Denial] wherever a person should read the reason.
func (s *Session) Context() context.Context { return s.ctx }

// Situation is what holds for the participant now.
func (s *Session) Situation() Situation { return s.now() }

// Changed receives after the Situation has changed, once for any number of changes.
func (s *Session) Changed() <-chan struct{} { return s.changed }

// Media reports which kinds of media are received from the participant now. It costs
// one atomic load, so it can be asked for every packet.
func (s *Session) Media() (audio, video bool) {
	now := s.situation.Load()
	return now.Audio, now.Video
}

// Carry says how to find out whether media flows over the session's connection. The
// roster does not show a session whose does not: nobody is seen who is not there.
func (s *Session) Carry(flowing func() bool) { s.flowing.Store(&flowing) }

// End says that the connection behind the session has gone. It may be called
// more than once.
func (s *Session) End() {
	s.cancel(context.Canceled)
	s.door.forget(s)
}

func (s *Session) now() Situation { return *s.situation.Load() }

// see looks at what w says of the participant, and rings when that is new. It is
// called by Open, and then by Run alone.
func (s *Session) see(w *webinar.Webinar) {
	who := s.claims.standing(s.remote)
	p, _ := w.Participant(s.Participant)
	now := Situation{
		Role: w.RoleOf(who), Live: w.OnAir(), Waiting: w.InLobby(who), Hand: !p.Hand.IsZero(), Stage: onStage(w, who),
		Messages: w.May(who, webinar.Messages), Files: w.May(who, webinar.Files), Images: w.May(who, webinar.Images),
	}
	now.Audio, now.Video = w.Receives(who)
	now.StopAudio, now.StopVideo = w.Stopped(s.Participant)
	now.Ceiling = w.Ceiling(now.Role)
	now.SlowMode, now.Recording = w.SlowMode, w.Recording.ID != ""
	if old := s.situation.Swap(&now); old != nil && *old != now {
		select {
		case s.changed <- struct{}{}:
		default: // one waits already
		}
	}
}

// onStage reports whether the stage is open to somebody, whatever guests may send.
func onStage(w *webinar.Webinar, s webinar.Standing) bool {
	p, _ := w.Participant(s.Participant)
	return !w.InLobby(s) && (sends(w.RoleOf(s)) || w.Mode == webinar.AllOnScreen || p.Stage)
}

// leave gives the session's place back, once.
func (s *Session) leave() {
	s.mu.Lock()
	p := s.place
	s.place, s.gone = nil, true
	s.mu.Unlock()
	if p != nil {
		s.door.places.leave(p)
	}
}

// sit gives a session out of the lobby its place, unless it has ended.
func (s *Session) sit(p *place) {
	s.mu.Lock()
	late := s.gone || s.place != nil
	if !late {
		s.place = p
	}
	s.mu.Unlock()
	if late {
		s.door.places.leave(p)
		return
	}
	s.door.places.began(p, s)
}

// seat is the session's place.
func (s *Session) seat() *place {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.place
}

// Info is what the roster tells of a live session.
type Info struct {
	Session     string       `json:"session"`
	Participant string       `json:"participant"`
	Name        string       `json:"name"`
	Webinar     string       `json:"webinar"`
	Role        webinar.Role `json:"role"` // now
	Guest       bool         `json:"guest,omitempty"`
	Use         string       `json:"use"`
	Since       time.Time    `json:"since"`
	Keys        []string     `json:"keys"`                 // what a ban would bind to, as [webinar.Key] writes it
	Waiting     bool         `json:"waiting,omitempty"`    // in the lobby
	Stage       bool         `json:"stage,omitempty"`      // on it, or free to go
	Hand        bool         `json:"hand,omitempty"`       // raised
	StopAudio   bool         `json:"stop_audio,omitempty"` // S70
	StopVideo   bool         `json:"stop_video,omitempty"` // S71
	TookOver    bool         `json:"took_over,omitempty"`  // from another device
	Registrant  string       `json:"registrant,omitempty"`
	Account     string       `json:"account,omitempty"`
}

func (s *Session) info() Info {
	now := s.now()
	return Info{
		Session: s.ID, Participant: s.Participant, Name: s.Name, Webinar: s.Webinar, Role: now.Role, Guest: s.claims.Guest,
		Use: s.Use.String(), Since: s.Since, Keys: s.claims.keys(s.remote).Strings(), Waiting: now.Waiting, Stage: now.Stage,
		Hand: now.Hand, StopAudio: now.StopAudio, StopVideo: now.StopVideo, TookOver: s.claims.TookOver,
		Registrant: s.claims.Registration, Account: s.claims.Account,
	}
}

// there reports whether the roster shows the session: media flows, or it carries none.
func (s *Session) there() bool {
	flowing := s.flowing.Load()
	return flowing == nil || (*flowing)()
}
