package webinar

import (
	"iter"
	"time"
)

// Participant is what hosts decided about one participant. Who has none is as they were
// admitted.
type Participant struct {
	ID           string
	Name         string
	StopAudio    bool // their audio is not received (S70)
	StopVideo    bool // nor their video (S71)
	StopMessages bool
	Stage        bool      // brought to the stage
	Hand         time.Time // since when it is up; zero: down
	Role         Role      // instead of the one they were admitted with; empty: that one
	Admitted     bool      // out of the lobby
	Index        uint64    // of the command that changed it last
}

// WithParticipant returns w with p, in place of an older one of the same ID.
func (w *Webinar) WithParticipant(p Participant) *Webinar {
	c := *w
	c.people = c.people.With(p.ID, p)
	return &c
}

// WithoutParticipant returns w without what was decided about the participant.
func (w *Webinar) WithoutParticipant(id string) *Webinar {
	c := *w
	c.people = c.people.Without(id)
	return &c
}

// Participant returns what was decided about a participant.
func (w *Webinar) Participant(id string) (Participant, bool) { return w.people.At(id) }

// Participants yields the participants about whom something was decided, in the order
// of their IDs. Who is inside is known to the edges alone.
func (w *Webinar) Participants() iter.Seq[Participant] { return w.people.Values() }

// ParticipantCount is the number of participants about whom something was decided.
func (w *Webinar) ParticipantCount() int { return w.people.Len() }

// SameParticipants reports whether nothing was decided about anybody since v, an older
// version of w; it compares no more than two pointers. Nobody is the same as a nil v.
func (w *Webinar) SameParticipants(v *Webinar) bool { return v != nil && w.people == v.people }
