package client

import "time"

// Webinar is a webinar as hosts see it.
type Webinar struct {
	ID              string        `json:"id" example:"w_mfrggzdfmztwq2lk"`
	Title           string        `json:"title"`
	Description     string        `json:"description"`
	Owner           string        `json:"owner" doc:"The account or API token that it was made with."`
	Mode            string        `json:"mode" enum:"role-based,all-on-screen"`
	Link            string        `json:"link" doc:"The slug of the join link; it can be rotated, the id cannot."`
	JoinPath        string        `json:"join_path" doc:"The guest page, on any node." example:"/w/4k3…"`
	State           string        `json:"state" enum:"planned,live,ended"`
	Schedule        *Schedule     `json:"schedule,omitempty" doc:"When it takes place; absent: whenever the host begins."`
	HasPIN          bool          `json:"has_pin"`
	WeakPIN         bool          `json:"weak_pin" doc:"The PIN is easily guessed."`
	Registration    *Registration `json:"registration,omitempty" doc:"Absent while registration is off."`
	Guests          Permissions   `json:"guests" doc:"What guests may send."`
	GuestLimit      int           `json:"guest_limit" minimum:"0" doc:"Guests inside at once; 0: no limit."`
	Lobby           string        `json:"lobby" enum:"off,guests,everyone" doc:"Who waits until a host admits them."`
	Locked          bool          `json:"locked" doc:"Nobody new enters but hosts and presenters."`
	OpenDoor        bool          `json:"open_door" doc:"The link alone opens it: neither PIN nor registration, lobby or lock stands behind it."`
	Partition       string        `json:"partition" enum:"keep,strict" doc:"What a node does while it is cut off: go on, or let nobody in and end."`
	RetentionDays   int           `json:"retention_days" minimum:"0" doc:"How long personal data is kept after the end."`
	SlowModeSeconds int           `json:"slow_mode_seconds" minimum:"0" doc:"Between two messages of a guest; 0: off."`
	AutoEnd         bool          `json:"auto_end" doc:"It ends by itself at the end of the last occurrence."`
	Ceilings        []Ceiling     `json:"ceilings" nullable:"false" doc:"Bounds of video by role."`
	EmbedOrigins    []string      `json:"embed_origins" nullable:"false" doc:"Sites whose pages may show the guest page in a frame." example:"[\"https://www.example.org\"]"`
	Recording       *Recording    `json:"recording,omitempty" doc:"Absent while it is not recorded."`
	CreatedAt       time.Time     `json:"created_at"`
	StartedAt       *time.Time    `json:"started_at,omitempty"`
	EndedAt         *time.Time    `json:"ended_at,omitempty"`
	Version         uint64        `json:"version" doc:"Grows with every change; the ETag in quotes."`
	PIN             string        `json:"pin,omitempty" doc:"Only in the answer to the call that set it."`
}

// Permissions are what guests may send. With all of them off they are passive
// listeners.
type Permissions struct {
	Audio    bool `json:"audio"`
	Video    bool `json:"video"`
	Messages bool `json:"messages"`
	Files    bool `json:"files"`
	Images   bool `json:"images" doc:"Images and GIFs."`
}

// EditPermissions changes some of what guests may send: what is absent stays.
type EditPermissions struct {
	Audio    *bool `json:"audio,omitempty"`
	Video    *bool `json:"video,omitempty"`
	Messages *bool `json:"messages,omitempty"`
	Files    *bool `json:"files,omitempty"`
	Images   *bool `json:"images,omitempty"`
}

// Ceiling bounds the video that a role sends or receives.
type Ceiling struct {
	Role    string `json:"role" enum:"owner,moderator,presenter,attendee"`
	Height  int    `json:"height,omitempty" minimum:"0" maximum:"8640" doc:"Lines of video; 0: any."`
	Bitrate int    `json:"bitrate_kbps,omitempty" minimum:"0" maximum:"1000000" doc:"0: any."`
}

// SetSchedule plans when a webinar takes place.
type SetSchedule struct {
	Start    time.Time `json:"start" doc:"Of the first occurrence."`
	Duration int64     `json:"duration_seconds" minimum:"60" maximum:"604800"`
	Zone     string    `json:"zone,omitempty" maxLength:"64" doc:"Time zone of the rule, as IANA calls it; UTC unless given." example:"Europe/Berlin"`
	Rule     string    `json:"rule,omitempty" maxLength:"500" doc:"How it recurs: an RRULE of RFC 5545; absent: once." example:"FREQ=WEEKLY;COUNT=10"`
}

// Schedule is when a webinar takes place.
type Schedule struct {
	Start    time.Time   `json:"start" doc:"Of the first occurrence."`
	Duration int64       `json:"duration_seconds" minimum:"0"`
	Zone     string      `json:"zone"`
	Rule     string      `json:"rule,omitempty" doc:"How it recurs: an RRULE of RFC 5545; absent: once."`
	Next     []time.Time `json:"next" nullable:"false" doc:"Starts of the running and the next occurrences, up to ten."`
	EndsAt   *time.Time  `json:"ends_at,omitempty" doc:"End of the last occurrence, if it is known."`
}

// CreateWebinar is a new webinar. PIN and GeneratePIN exclude each other, and
// either one excludes Registration.
type CreateWebinar struct {
	Title           string           `json:"title" minLength:"1" maxLength:"200"`
	Description     string           `json:"description,omitempty" maxLength:"4000"`
	Mode            string           `json:"mode,omitempty" enum:"role-based,all-on-screen" doc:"role-based unless given."`
	PIN             string           `json:"pin,omitempty" maxLength:"128" doc:"4 to 32 characters."`
	GeneratePIN     bool             `json:"generate_pin,omitempty" doc:"Have the server draw 8 digits; the answer holds them, this once."`
	Schedule        *SetSchedule     `json:"schedule,omitempty"`
	Registration    *SetRegistration `json:"registration,omitempty" doc:"Absent: off."`
	Guests          *EditPermissions `json:"guests,omitempty" doc:"Everything unless given."`
	GuestLimit      int              `json:"guest_limit,omitempty" minimum:"0" maximum:"1000000" doc:"Guests inside at once; 0: no limit."`
	Lobby           string           `json:"lobby,omitempty" enum:"off,guests,everyone" doc:"off unless given."`
	Locked          bool             `json:"locked,omitempty"`
	Partition       string           `json:"partition,omitempty" enum:"keep,strict" doc:"keep unless given."`
	RetentionDays   int              `json:"retention_days,omitempty" minimum:"0" maximum:"3650" doc:"30 unless given."`
	SlowModeSeconds int              `json:"slow_mode_seconds,omitempty" minimum:"0" maximum:"3600"`
	AutoEnd         bool             `json:"auto_end,omitempty"`
	Ceilings        []Ceiling        `json:"ceilings,omitempty" maxItems:"4" nullable:"false"`
	EmbedOrigins    []string         `json:"embed_origins,omitempty" maxItems:"10" maxLength:"300" nullable:"false" doc:"Sites whose pages may show the guest page in a frame: https://NAME, perhaps with a port; http with localhost alone. None unless given."`
}

// EditWebinar changes settings of a webinar: what is absent stays. Registration
// and PIN have calls of their own.
type EditWebinar struct {
	Title           *string          `json:"title,omitempty" minLength:"1" maxLength:"200"`
	Description     *string          `json:"description,omitempty" maxLength:"4000"`
	Mode            *string          `json:"mode,omitempty" enum:"role-based,all-on-screen"`
	Schedule        *SetSchedule     `json:"schedule,omitempty"`
	ClearSchedule   bool             `json:"clear_schedule,omitempty" doc:"It has no time any more; not together with schedule."`
	Guests          *EditPermissions `json:"guests,omitempty" doc:"What is absent stays."`
	GuestLimit      *int             `json:"guest_limit,omitempty" minimum:"0" maximum:"1000000" doc:"0: no limit. Nobody inside has to go when it is lowered."`
	Lobby           *string          `json:"lobby,omitempty" enum:"off,guests,everyone"`
	Locked          *bool            `json:"locked,omitempty"`
	Partition       *string          `json:"partition,omitempty" enum:"keep,strict"`
	RetentionDays   *int             `json:"retention_days,omitempty" minimum:"0" maximum:"3650" doc:"0: the default of 30."`
	SlowModeSeconds *int             `json:"slow_mode_seconds,omitempty" minimum:"0" maximum:"3600"`
	AutoEnd         *bool            `json:"auto_end,omitempty"`
	Ceilings        *[]Ceiling       `json:"ceilings,omitempty" maxItems:"4" nullable:"false" doc:"In place of all that there are."`
	EmbedOrigins    *[]string        `json:"embed_origins,omitempty" maxItems:"10" maxLength:"300" nullable:"false" doc:"In place of all that there are."`
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
	AskAgain bool   `json:"ask_again,omitempty" doc:"Ask those again, too, who came in by the old one. Otherwise nobody inside has to go."`
}

// PIN is the answer to the call that set it: the only time that it is shown.
type PIN struct {
	PIN     string `json:"pin"`
	Weak    bool   `json:"weak" doc:"It is easily guessed: a row, a repetition, a year."`
	Version uint64 `json:"version" doc:"The webinar's new version."`
}
