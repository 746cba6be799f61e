package webinar

import "time"

// Schedule is when a webinar takes place. A recurring one has a Rule and an Occurrence
// for each time that it takes place, as whoever planned it worked them out: the rules of
// time zones are not the same on every node.
type Schedule struct {
	Start       time.Time
	Duration    time.Duration
	Zone        string // IANA name of the time zone that Rule is in
	Rule        string // RFC 5545 RRULE; empty: once
	Occurrences []time.Time
	Complete    bool // the rule has no more than these
}

// LobbyMode is who waits until a host admits them.
type LobbyMode string

// The modes of the lobby.
const (
	LobbyOff      LobbyMode = "off"
	LobbyGuests   LobbyMode = "guests"
	LobbyEveryone LobbyMode = "everyone" // but hosts and presenters
)

// Known reports whether l is one of the modes.
func (l LobbyMode) Known() bool { return l == LobbyOff || l == LobbyGuests || l == LobbyEveryone }

// Partition is what an edge does while it is cut off from the voters.
type Partition string

// What an edge does: with Keep it goes on with media, bans and its leased seats; with
// Strict it lets nobody in after ten seconds, and ends after thirty.
const (
	Keep   Partition = "keep"
	Strict Partition = "strict"
)

// Known reports whether p is one of both.
func (p Partition) Known() bool { return p == Keep || p == Strict }

// Ceiling bounds the video that a role sends or receives (M12).
type Ceiling struct {
	Role    Role
	Height  int // lines; 0: any
	Bitrate int // kbit/s; 0: any
}
