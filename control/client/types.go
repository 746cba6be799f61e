package client

import "time"

// Webinar is a webinar as hosts see it.
type Webinar struct {
	ID        string    `json:"id" example:"w_mfrggzdfmztwq2lk"`
	Title     string    `json:"title"`
	Mode      string    `json:"mode" enum:"role-based,all-on-screen"`
	Link      string    `json:"link" doc:"The slug of the join link; it can be rotated, the id cannot."`
	JoinPath  string    `json:"join_path" doc:"The guest page, on any node." example:"/w/4k3…"`
	State     string    `json:"state" enum:"planned,live,ended"`
	HasPIN    bool      `json:"has_pin"`
	CreatedAt time.Time `json:"created_at"`
	Version   uint64    `json:"version" doc:"Grows with every change; the ETag in quotes."`
	PIN       string    `json:"pin,omitempty" doc:"Only in the answer to the call that set it."`
}

// CreateWebinar is a new webinar. PIN and GeneratePIN exclude each other.
type CreateWebinar struct {
	Title       string `json:"title" minLength:"1" maxLength:"200"`
	Mode        string `json:"mode,omitempty" enum:"role-based,all-on-screen" doc:"role-based unless given."`
	PIN         string `json:"pin,omitempty" maxLength:"128" doc:"4 to 32 characters."`
	GeneratePIN bool   `json:"generate_pin,omitempty" doc:"Have the server draw 8 digits; the answer holds them, this once."`
}

// Webinars is one page of webinars, newest first.
type Webinars struct {
	Items []Webinar `json:"items" nullable:"false"`
	Next  string    `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
}

// SetPIN sets a PIN by hand (Value) or draws one (Generate).
type SetPIN struct {
	Value    string `json:"value,omitempty" maxLength:"128" doc:"4 to 32 characters."`
	Generate bool   `json:"generate,omitempty" doc:"Have the server draw 8 digits."`
}

// PIN is the answer to the call that set it: the only time that it is shown.
type PIN struct {
	PIN     string `json:"pin"`
	Weak    bool   `json:"weak" doc:"It is easily guessed: a row, a repetition, a year."`
	Version uint64 `json:"version" doc:"The webinar's new version."`
}

// Invite is a personal link for a named person. Secret and LinkPath are there
// only in the answer to the call that made it.
type Invite struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Role     string `json:"role" enum:"owner,moderator,presenter,attendee"`
	Secret   string `json:"secret,omitempty" doc:"Opens the door without a PIN; as bearer token it publishes by WHIP."`
	LinkPath string `json:"link_path,omitempty" doc:"The personal link, on any node."`
	WHIPPath string `json:"whip_path" doc:"Where a presenter publishes, on any node."`
}

// CreateInvite is a new personal link.
type CreateInvite struct {
	Name string `json:"name" minLength:"1" maxLength:"100"`
	Role string `json:"role,omitempty" enum:"owner,moderator,presenter,attendee" doc:"attendee unless given."`
}

// Invites is one page of invites.
type Invites struct {
	Items []Invite `json:"items" nullable:"false"`
	Next  string   `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
}

// Participant is someone inside, as the nodes that serve them say.
type Participant struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Role  string    `json:"role" enum:"owner,moderator,presenter,attendee"`
	Node  string    `json:"node" doc:"The node that serves the participant."`
	Since time.Time `json:"since"`
	Uses  []string  `json:"uses" nullable:"false" doc:"What the sessions do: watch, publish, events."`
}

// Participants are those inside now, over the whole mesh.
type Participants struct {
	Items       []Participant `json:"items" nullable:"false"`
	Unreachable []string      `json:"unreachable" nullable:"false" doc:"Nodes that did not answer: whoever is there is missing here."`
}

// Disconnect ends a participant's sessions, everywhere.
type Disconnect struct {
	Ban bool `json:"ban,omitempty" doc:"Do not allow to rejoin."`
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

// CreateToken is a new API token.
type CreateToken struct {
	Name   string   `json:"name" minLength:"1" maxLength:"100" doc:"Who or what holds it; the audit log names it."`
	Scopes []string `json:"scopes" minItems:"1" maxItems:"2" uniqueItems:"true" nullable:"false" enum:"admin,host"`
}

// Token is an API token. Token is there only in the answer that made it.
type Token struct {
	ID     string   `json:"id"`
	Token  string   `json:"token"`
	Name   string   `json:"name"`
	Scopes []string `json:"scopes" nullable:"false" enum:"admin,host"`
}

// CreateJoinToken is a new join token, which lets one node into the mesh.
type CreateJoinToken struct {
	Role string `json:"role" enum:"voter,edge"`
	TTL  int64  `json:"ttl_seconds,omitempty" minimum:"60" maximum:"604800" doc:"3600 unless given."`
}

// JoinToken is a join token, shown once.
type JoinToken struct {
	Token     string    `json:"token"`
	Role      string    `json:"role" enum:"voter,edge"`
	ExpiresAt time.Time `json:"expires_at"`
}
