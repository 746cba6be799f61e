package client

import "time"

// Invite is a personal link for a named person. Secret and LinkPath are there
// only in the answer to the call that made it.
type Invite struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Role      string    `json:"role" enum:"owner,moderator,presenter,attendee"`
	Account   string    `json:"account,omitempty" doc:"Whoever signs in with this account has the role too."`
	Email     string    `json:"email,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	Secret    string    `json:"secret,omitempty" doc:"Opens the door without a PIN; as bearer token it publishes by WHIP."`
	LinkPath  string    `json:"link_path,omitempty" doc:"The personal link, on any node."`
	WHIPPath  string    `json:"whip_path" doc:"Where a presenter publishes, on any node."`
}

// CreateInvite is a new personal link.
type CreateInvite struct {
	Name    string `json:"name" minLength:"1" maxLength:"100"`
	Role    string `json:"role,omitempty" enum:"owner,moderator,presenter,attendee" doc:"attendee unless given."`
	Account string `json:"account,omitempty" maxLength:"64" doc:"Id of an account that has the role whenever it is signed in."`
	Email   string `json:"email,omitempty" maxLength:"254"`
	Mail    bool   `json:"mail,omitempty" doc:"Send the link to email."`
}

// CreateInvites are up to 500 personal links in one call: all of them are made, or
// none.
type CreateInvites struct {
	Invites []CreateInvite `json:"invites" minItems:"1" maxItems:"500" nullable:"false"`
}

// CreatedInvites are the invites that one call made, in its order.
type CreatedInvites struct {
	Items []Invite `json:"items" nullable:"false"`
}

// Invites is one page of invites.
type Invites struct {
	Items []Invite `json:"items" nullable:"false"`
	Next  string   `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
}

// Participant is someone inside, as the nodes that serve them say.
type Participant struct {
	ID           string     `json:"id"`
	Name         string     `json:"name"`
	Role         string     `json:"role" enum:"owner,moderator,presenter,attendee"`
	Guest        bool       `json:"guest" doc:"Without an account, and not invited."`
	Node         string     `json:"node" doc:"The node that serves the participant."`
	Since        time.Time  `json:"since"`
	Uses         []string   `json:"uses" nullable:"false" doc:"What the sessions do: watch, publish, events."`
	Waiting      bool       `json:"waiting" doc:"In the lobby."`
	Stage        bool       `json:"stage" doc:"Brought to the stage by a host."`
	Hand         *time.Time `json:"hand,omitempty" doc:"Since when the hand is up."`
	StopAudio    bool       `json:"stop_audio" doc:"Their audio is received by nobody."`
	StopVideo    bool       `json:"stop_video" doc:"Their video is received by nobody."`
	StopMessages bool       `json:"stop_messages"`
	Invite       string     `json:"invite,omitempty" doc:"The invite that they came by."`
	Registration string     `json:"registration,omitempty" doc:"The registrant that they are."`
	Account      string     `json:"account,omitempty"`
}

// Participants are those inside now, over the whole mesh.
type Participants struct {
	Items       []Participant `json:"items" nullable:"false"`
	Unreachable []string      `json:"unreachable" nullable:"false" doc:"Nodes that did not answer: whoever is there is missing here."`
}

// EditParticipant changes what holds for one participant: what is absent stays.
type EditParticipant struct {
	StopAudio    *bool   `json:"stop_audio,omitempty" doc:"Their audio is dropped where it comes in, so that nobody receives it."`
	StopVideo    *bool   `json:"stop_video,omitempty" doc:"Their video is dropped where it comes in, so that nobody receives it."`
	StopMessages *bool   `json:"stop_messages,omitempty"`
	Stage        *bool   `json:"stage,omitempty" doc:"Bring them to the stage, or back."`
	Hand         *bool   `json:"hand,omitempty" doc:"Raise their hand, or lower it."`
	Role         *string `json:"role,omitempty" enum:",moderator,presenter,attendee" doc:"Instead of the one they were admitted with; empty: that one again."`
}

// EditedParticipant is what holds for a participant, whether they are inside or
// not.
type EditedParticipant struct {
	ID           string     `json:"id"`
	Name         string     `json:"name"`
	StopAudio    bool       `json:"stop_audio"`
	StopVideo    bool       `json:"stop_video"`
	StopMessages bool       `json:"stop_messages"`
	Stage        bool       `json:"stage"`
	Hand         *time.Time `json:"hand,omitempty" doc:"Since when the hand is up."`
	Role         string     `json:"role,omitempty" doc:"Instead of the one they were admitted with."`
	Index        uint64     `json:"index" doc:"The state that holds this; a node that has applied it enforces it."`
}

// RaiseHand raises or lowers one's own hand.
type RaiseHand struct {
	Raised bool `json:"raised"`
}

// Disconnect ends a participant's sessions, everywhere.
type Disconnect struct {
	Ban     bool `json:"ban,omitempty" doc:"Do not allow to rejoin."`
	Network bool `json:"network,omitempty" doc:"With ban: also keep out their network (IPv4 /32, IPv6 /64), for two hours."`
}

// Disconnected is the answer to a disconnect.
type Disconnected struct {
	Ban     *BanMade `json:"ban,omitempty"`
	Present bool     `json:"present" doc:"A node had the participant inside when asked. Otherwise what is kept out is the participant id alone."`
	Index   uint64   `json:"index" doc:"The state that holds this; a node that has applied it has ended the sessions."`
}

// BanMade names the ban that a disconnect made.
type BanMade struct {
	ID       string `json:"id"`
	Strength string `json:"strength" enum:"strong,medium,weak" doc:"How hard it is to come back as someone else."`
}

// Ban keeps a set of identity keys out of one webinar.
type Ban struct {
	ID          string     `json:"id"`
	Participant string     `json:"participant"`
	Name        string     `json:"name" doc:"As the participant was called."`
	Strength    string     `json:"strength" enum:"strong,medium,weak"`
	Keys        []string   `json:"keys" nullable:"false" doc:"The kinds of identity keys that it binds to, never their values."`
	By          string     `json:"by" doc:"Who banned."`
	At          time.Time  `json:"at"`
	Until       *time.Time `json:"until,omitempty" doc:"Its network prefix counts until then."`
}

// Bans is one page of bans.
type Bans struct {
	Items []Ban  `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
}

// Unconnected is someone whom a host disconnected, and who has not been asked
// back.
type Unconnected struct {
	Participant string    `json:"participant"`
	Name        string    `json:"name"`
	By          string    `json:"by" doc:"Who disconnected them."`
	At          time.Time `json:"at"`
	Banned      bool      `json:"banned" doc:"They cannot come back until they are invited again."`
	Bans        []string  `json:"bans" nullable:"false" doc:"Ids of the bans of this participant."`
}

// UnconnectedList is one page of those who were disconnected.
type UnconnectedList struct {
	Items []Unconnected `json:"items" nullable:"false"`
	Next  string        `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
}

// Reinvited is the answer to a re-invitation.
type Reinvited struct {
	Participant string `json:"participant"`
	Index       uint64 `json:"index" doc:"The state that holds this; a node that has applied it lets them in again."`
}

// Lobby are those who wait to be admitted, over the whole mesh.
type Lobby struct {
	Items       []Participant `json:"items" nullable:"false"`
	Unreachable []string      `json:"unreachable" nullable:"false" doc:"Nodes that did not answer: whoever waits there is missing here."`
}

// Admit lets people in who wait in the lobby: those named, or all.
type Admit struct {
	Participants []string `json:"participants,omitempty" maxItems:"1000" maxLength:"64" pattern:"^[A-Za-z0-9_.:-]+$" nullable:"false" uniqueItems:"true"`
	All          bool     `json:"all,omitempty" doc:"Everybody who waits now."`
}

// Admitted is the answer to an admission.
type Admitted struct {
	Participants []string `json:"participants" nullable:"false" doc:"Who was admitted."`
	Index        uint64   `json:"index" doc:"The state that holds this."`
}

// Attendance is one stay of a participant at one node.
type Attendance struct {
	ID           string     `json:"id"`
	Participant  string     `json:"participant"`
	Name         string     `json:"name" doc:"Empty once it has been deleted, as the webinar's retention says."`
	Role         string     `json:"role"`
	Guest        bool       `json:"guest"`
	Node         string     `json:"node"`
	JoinedAt     time.Time  `json:"joined_at"`
	LeftAt       *time.Time `json:"left_at,omitempty" doc:"Absent while they are still inside."`
	Registration string     `json:"registration,omitempty"`
	Invite       string     `json:"invite,omitempty"`
	Account      string     `json:"account,omitempty"`
}

// AttendanceList is one page of stays, in the order of their ids.
type AttendanceList struct {
	Items []Attendance `json:"items" nullable:"false"`
	Next  string       `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
}
