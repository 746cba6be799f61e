package client

import "time"

// Field is one input of the registration form, beside first name, last name and
// e-mail address, which every form has.
type Field struct {
	ID       string   `json:"id" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$" doc:"What answers name it by."`
	Label    string   `json:"label" minLength:"1" maxLength:"500"`
	Type     string   `json:"type" enum:"text,long_text,email,phone,number,choice,choices,checkbox"`
	Required bool     `json:"required,omitempty" doc:"Of a checkbox: it must be ticked."`
	Options  []string `json:"options,omitempty" maxItems:"100" maxLength:"200" nullable:"false" doc:"Of choice and choices."`
}

// SetRegistration switches registration on, or changes how people sign up.
type SetRegistration struct {
	Window   string     `json:"window,omitempty" enum:"start,end,interval,always" doc:"How long people can sign up: until the start, until the end, in an interval, or without limitation. end unless given."`
	OpensAt  *time.Time `json:"opens_at,omitempty" doc:"Of an interval."`
	ClosesAt *time.Time `json:"closes_at,omitempty" doc:"Of an interval."`
	Maximum  int        `json:"maximum,omitempty" minimum:"0" maximum:"100000" doc:"Of those who are approved; 0: as many as the mode allows."`
	Approval bool       `json:"approval,omitempty" doc:"The host decides on each."`
	Waitlist bool       `json:"waitlist,omitempty" doc:"Who comes when it is full waits for a place."`
	Accounts bool       `json:"accounts,omitempty" doc:"People with an account enter although they did not sign up."`
	Fields   []Field    `json:"fields,omitempty" maxItems:"50" nullable:"false"`
}

// Registration is how people sign up for a webinar, and how many did.
type Registration struct {
	Window     string     `json:"window" enum:"start,end,interval,always"`
	OpensAt    *time.Time `json:"opens_at,omitempty"`
	ClosesAt   *time.Time `json:"closes_at,omitempty"`
	Maximum    int        `json:"maximum" minimum:"0" doc:"Of those who are approved, as it holds: the host's or the mode's."`
	Approval   bool       `json:"approval"`
	Waitlist   bool       `json:"waitlist"`
	Accounts   bool       `json:"accounts"`
	Fields     []Field    `json:"fields" nullable:"false"`
	Closed     bool       `json:"closed" doc:"By the host, whatever the window."`
	Open       bool       `json:"open" doc:"People can sign up now."`
	Reason     string     `json:"reason,omitempty" doc:"Why nobody can sign up now: the code of the refusal." example:"registration_closed"`
	Detail     string     `json:"detail,omitempty" doc:"The same as a sentence."`
	Approved   int        `json:"approved" minimum:"0"`
	Pending    int        `json:"pending" minimum:"0"`
	Waitlisted int        `json:"waitlisted" minimum:"0"`
}

// Registrant is one who signed up, as hosts see them.
type Registrant struct {
	ID        string              `json:"id"`
	Status    string              `json:"status" enum:"pending,approved,waitlisted,declined,cancelled"`
	CreatedAt time.Time           `json:"created_at"`
	DecidedAt *time.Time          `json:"decided_at,omitempty"`
	FirstName string              `json:"first_name"`
	LastName  string              `json:"last_name"`
	Email     string              `json:"email"`
	Fields    map[string][]string `json:"fields" doc:"What they gave, by id of the field."`
	Locale    string              `json:"locale,omitempty"`
	Account   string              `json:"account,omitempty"`
	Expired   bool                `json:"expired,omitempty" doc:"What they gave has been deleted, as the webinar's retention says."`
}

// Registrants is one page of registrants, in the order of their ids.
type Registrants struct {
	Items []Registrant `json:"items" nullable:"false"`
	Next  string       `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
}

// DecideRegistrants decides on people who signed up.
type DecideRegistrants struct {
	IDs      []string `json:"ids" minItems:"1" maxItems:"500" maxLength:"64" nullable:"false" uniqueItems:"true"`
	Decision string   `json:"decision" enum:"approve,decline,cancel"`
}

// DecidedRegistrants is the answer to a decision.
type DecidedRegistrants struct {
	Items        []DecidedRegistrant `json:"items" nullable:"false"`
	Registration Registration        `json:"registration" doc:"As it is now."`
}

// DecidedRegistrant is where one registrant stands after a decision.
type DecidedRegistrant struct {
	ID     string `json:"id"`
	Status string `json:"status" enum:"pending,approved,waitlisted,declined,cancelled"`
}

// Public is a webinar as its registration page shows it, to anybody who has the
// link.
type Public struct {
	Title       string     `json:"title"`
	Description string     `json:"description"`
	Mode        string     `json:"mode" enum:"role-based,all-on-screen"`
	JoinPath    string     `json:"join_path"`
	Schedule    *Schedule  `json:"schedule,omitempty"`
	Fields      []Field    `json:"fields" nullable:"false" doc:"Beside first name, last name and e-mail address."`
	Approval    bool       `json:"approval" doc:"The host decides on each."`
	Open        bool       `json:"open" doc:"One can sign up now."`
	Waiting     bool       `json:"waiting" doc:"It is full; who signs up now waits for a place."`
	Reason      string     `json:"reason,omitempty" doc:"Why one cannot sign up now: the code of the refusal." example:"registration_not_open"`
	Detail      string     `json:"detail,omitempty" doc:"The same as a sentence."`
	OpensAt     *time.Time `json:"opens_at,omitempty"`
	ClosesAt    *time.Time `json:"closes_at,omitempty"`
}

// Register signs somebody up.
type Register struct {
	FirstName string              `json:"first_name" minLength:"1" maxLength:"200"`
	LastName  string              `json:"last_name" minLength:"1" maxLength:"200"`
	Email     string              `json:"email" minLength:"3" maxLength:"254"`
	Fields    map[string][]string `json:"fields,omitempty" doc:"Answers by id of the field; a list for each, of one text where one is asked for."`
	Locale    string              `json:"locale,omitempty" maxLength:"35" pattern:"^[A-Za-z0-9-]*$" doc:"Language of the e-mails, as BCP 47 writes it." example:"de"`
}

// Registered is the answer to who signed up. Secret is theirs alone, and opens
// the door as soon as Status is approved.
type Registered struct {
	ID       string `json:"id"`
	Status   string `json:"status" enum:"pending,approved,waitlisted,declined,cancelled" doc:"pending, approved or waitlisted; when the answer is repeated, where it stands since."`
	Secret   string `json:"secret" doc:"The secret of the personal link, str_..."`
	LinkPath string `json:"link_path" doc:"The personal link, on any node; the secret is in its fragment, which no server sees."`
	ICS      string `json:"ics,omitempty" doc:"The webinar as a calendar file (RFC 5545), if it has a time."`
}

// CancelRegistration gives a registration up.
type CancelRegistration struct {
	Secret string `json:"secret" minLength:"1" maxLength:"128" doc:"Of the personal link."`
}
