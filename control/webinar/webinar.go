// Package webinar holds the rules of a webinar: who may enter, what guests may
// send, and who is kept out.
//
// It does no I/O and reads no clock. Every node that holds the same Webinar gives
// the same answer, so an edge can enforce a ban without asking anyone. Nothing here
// decides how state is stored or sent; package control does.
package webinar

import (
	"iter"
	"time"

	"stentor/control/internal/table"
)

// Role is what a participant is in a webinar.
type Role string

// The roles, from the one who may do everything to the one who watches.
const (
	Owner     Role = "owner"
	Moderator Role = "moderator"
	Presenter Role = "presenter"
	Attendee  Role = "attendee"
)

// Known reports whether r is one of the roles.
func (r Role) Known() bool {
	return r == Owner || r == Moderator || r == Presenter || r == Attendee
}

// Hosts reports whether r has live control over others (S21).
func (r Role) Hosts() bool { return r == Owner || r == Moderator }

// Mode is who may be on stage (S5).
type Mode string

// The two modes.
const (
	RoleBased   Mode = "role-based"    // only the stage sends; the audience watches
	AllOnScreen Mode = "all-on-screen" // everyone may be on stage
)

// Known reports whether m is one of the modes.
func (m Mode) Known() bool { return m == RoleBased || m == AllOnScreen }

// State is where a webinar is in its life.
type State string

// The states. A webinar is live from its first stream until it ends.
const (
	Planned State = "planned"
	Live    State = "live"
	Ended   State = "ended"
)

// Webinar is one event with its rules. It is a value that is never changed: the With
// and Without methods return a changed copy that shares what is the same, so a
// decision at the door may go on with the one it holds while others replace it.
type Webinar struct {
	ID          string // "w_" and 16 letters of base32
	Title       string
	Description string
	Link        string // slug of the join link; it can be rotated, the ID can not
	Owner       string // principal that made it: an account or an API token
	Mode        Mode
	State       State
	Schedule    *Schedule // nil: whenever the host begins

	PIN          *PIN          // nil: none is needed
	Registration *Registration // nil: off. With it only registrants enter, and there is no PIN (S30)
	Guests       Permissions
	GuestLimit   int           // S60; 0: none
	Lobby        LobbyMode     // empty: off
	Locked       bool          // nobody new enters
	Partition    Partition     // empty: keep
	SlowMode     time.Duration // between two messages of a guest
	Ceilings     []Ceiling
	AutoEnd      bool          // at the end of the last occurrence
	Retention    time.Duration // of personal data after the end; 0: 30 days
	Expired      bool          // its personal data is gone
	Settles      time.Time     // when its attendance is summed up in the audit log; zero: nothing new was reported
	Recording    Recording     // zero: it is not recorded
	EmbedOrigins []string      // sites that may show the guest page in a frame, as EmbedOrigin writes them; nil: none

	Created, Started, Ended time.Time // UTC; zero until it happened
	Version                 uint64    // grows with every change of the settings, for If-Match
	AskedAgain              uint64    // index in the log of the PIN that everyone is asked for again
	Recall                  uint64    // index of the last request for seats that found none

	invites  table.Table[Invite]   // by ID
	secrets  table.Table[string]   // hash of an invite's secret -> its ID
	accounts table.Table[string]   // account -> ID of its invite
	bans     table.Table[Ban]      // by ID
	banned   table.Table[[]string] // identity key -> IDs of the bans that hold it
	removals table.Table[Removal]  // by participant
	streams  table.Table[Stream]   // by name
	people   table.Table[Participant]
	registry registry
	seating  seating
	budget   Budget
	seen     uint64 // the newest Removal.Index
}

// Invite is a personal link for a named person. Whoever holds its secret enters with
// its role, and needs no PIN (S34).
type Invite struct {
	ID      string
	Name    string
	Role    Role
	Hash    [32]byte // SHA-256 of the secret, which nobody keeps
	Created time.Time
	Account string // whoever signs in with it has the role too
	Sealed  []byte // an e-mail address; voters only
}

// Stream is what one publisher sends under one name, and the node it enters at.
type Stream struct {
	Name        string
	Origin      string // node
	Epoch       uint64 // grows with each claim of the name, so that two publishers are never mixed
	NodeEpoch   uint64 // the origin's incarnation
	Participant string
	Since       time.Time
}

// Recording says that the streams of a webinar are written into files where they enter the mesh.
type Recording struct {
	ID    string
	Since time.Time
}

// Removal says that a participant was disconnected. It is what the list of
// unconnected people shows (S66), and it ends the sessions that were admitted before
// it was known.
type Removal struct {
	Participant string
	Name        string
	Keys        Keys
	By          string
	At          time.Time
	Index       uint64 // of the command in the log; see [Admission.Since]
}

// WithInvite returns w with i, in place of an older one of the same ID.
func (w *Webinar) WithInvite(i Invite) *Webinar {
	c := *w.WithoutInvite(i.ID)
	c.invites = c.invites.With(i.ID, i)
	c.secrets = c.secrets.With(string(i.Hash[:]), i.ID)
	if i.Account != "" {
		c.accounts = c.accounts.With(i.Account, i.ID)
	}
	return &c
}

// WithoutInvite returns w without the invite.
func (w *Webinar) WithoutInvite(id string) *Webinar {
	c := *w
	old, ok := w.invites.At(id)
	if !ok {
		return &c
	}
	c.invites = c.invites.Without(id)
	c.secrets = c.secrets.Without(string(old.Hash[:]))
	if at, _ := c.accounts.At(old.Account); at == id {
		c.accounts = c.accounts.Without(old.Account)
	}
	return &c
}

// InviteByAccount returns the invite that gives an account its role.
func (w *Webinar) InviteByAccount(account string) (Invite, bool) {
	id, ok := w.accounts.At(account)
	if !ok || account == "" {
		return Invite{}, false
	}
	return w.invites.At(id)
}

// Invite returns the invite of that ID.
func (w *Webinar) Invite(id string) (Invite, bool) { return w.invites.At(id) }

// InviteBySecret returns the invite whose secret has that SHA-256. The zero hash is
// nobody's.
func (w *Webinar) InviteBySecret(hash [32]byte) (Invite, bool) {
	if hash == [32]byte{} {
		return Invite{}, false
	}
	id, ok := w.secrets.At(string(hash[:]))
	if !ok {
		return Invite{}, false
	}
	return w.invites.At(id)
}

// Invites yields the invites in the order of their IDs.
func (w *Webinar) Invites() iter.Seq[Invite] { return w.invites.Values() }

// InviteCount is the number of invites.
func (w *Webinar) InviteCount() int { return w.invites.Len() }

// WithStream returns w with s, in place of an older one of the same name.
func (w *Webinar) WithStream(s Stream) *Webinar {
	c := *w
	c.streams = c.streams.With(s.Name, s)
	return &c
}

// WithoutStream returns w without the stream.
func (w *Webinar) WithoutStream(name string) *Webinar {
	c := *w
	c.streams = c.streams.Without(name)
	return &c
}

// Stream returns the stream of that name.
func (w *Webinar) Stream(name string) (Stream, bool) { return w.streams.At(name) }

// Streams yields the streams in the order of their names.
func (w *Webinar) Streams() iter.Seq[Stream] { return w.streams.Values() }

// StreamCount is the number of streams, the talk among them.
func (w *Webinar) StreamCount() int { return w.streams.Len() }

// WithRemoval returns w with r, in place of an older one of the same participant.
func (w *Webinar) WithRemoval(r Removal) *Webinar {
	c := *w
	c.removals = c.removals.With(r.Participant, r)
	c.seen = max(c.seen, r.Index)
	return &c
}

// WithoutRemoval returns w without the participant's removal.
func (w *Webinar) WithoutRemoval(participant string) *Webinar {
	c := *w
	c.removals = c.removals.Without(participant)
	return &c
}

// Removal returns the participant's removal.
func (w *Webinar) Removal(participant string) (Removal, bool) { return w.removals.At(participant) }

// Removals yields the disconnected people in the order of their participant IDs (S66).
func (w *Webinar) Removals() iter.Seq[Removal] { return w.removals.Values() }

// RemovalCount is the number of removals.
func (w *Webinar) RemovalCount() int { return w.removals.Len() }

// TalkStream is the name under which a node holds the talk of a webinar: its chat, questions and polls. It is no stream of
// a publisher, nobody watches it, and it puts nobody on air.
const TalkStream = "talk"

// OnAir reports whether anybody publishes.
func (w *Webinar) OnAir() bool {
	_, talk := w.Stream(TalkStream)
	return w.StreamCount() > 1 || w.StreamCount() == 1 && !talk
}
