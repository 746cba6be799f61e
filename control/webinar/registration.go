package webinar

import (
	"fmt"
	"iter"
	"time"

	"stentor/control/internal/table"
)

// Window is when people can sign up.
type Window string

// The windows of a registration (S47-S50).
const (
	UntilStart Window = "start"    // until the webinar's start
	UntilEnd   Window = "end"      // until its end
	Interval   Window = "interval" // in an interval of the host's choice
	Always     Window = "always"   // without limitation, for a recurring webinar
)

// Known reports whether w is one of the windows.
func (w Window) Known() bool {
	return w == UntilStart || w == UntilEnd || w == Interval || w == Always
}

// Registration is the sign-up form of a webinar (S45): only those who signed up enter.
type Registration struct {
	Window        Window
	Opens, Closes time.Time // of an Interval
	Maximum       int       // of approved registrants; 0: the mode's (S52)
	Approval      bool      // the host decides on each
	Waitlist      bool      // who comes when it is full waits for a place (M14)
	Accounts      bool      // people with an account enter although they are not on the list (S53)
	Closed        bool      // by the host, whatever the window
	Fields        []Field   // beside first name, last name and e-mail, which every form has (S56)
}

// FieldType is what can be typed into a Field.
type FieldType string

// The types of fields (S54).
const (
	TextField     FieldType = "text"
	LongTextField FieldType = "long_text"
	EmailField    FieldType = "email"
	PhoneField    FieldType = "phone"
	NumberField   FieldType = "number"
	ChoiceField   FieldType = "choice"   // one of Options
	ChoicesField  FieldType = "choices"  // any of Options
	CheckboxField FieldType = "checkbox" // a consent: required means that it is ticked
)

// Field is one input of the registration form.
type Field struct {
	ID       string
	Label    string
	Type     FieldType
	Required bool // S55
	Options  []string
}

// Status is where a registrant stands.
type Status string

// The statuses. Only the approved enter.
const (
	Pending    Status = "pending" // waits for the host's decision
	Approved   Status = "approved"
	Waitlisted Status = "waitlisted" // waits for a place
	Declined   Status = "declined"
	Cancelled  Status = "cancelled"
)

// Registrant is one who signed up. What they gave is sealed: only voters can read it,
// and edges do not have it.
type Registrant struct {
	ID        string
	Hash      [32]byte // SHA-256 of the personal link's secret
	Status    Status
	Created   time.Time
	EmailHash []byte // keyed; finds the second registration of one address. Voters only
	Sealed    []byte // voters only
	Account   string // who signed up, if they were signed in
	Index     uint64 // of the command in the log: the order of the waitlist
	Decided   time.Time
}

// refusal is what the door says to a registrant who is not approved.
func (s Status) refusal() error {
	switch s {
	case Approved:
		return nil
	case Pending:
		return ErrRegistrationPending
	case Waitlisted:
		return ErrRegistrationWaitlisted
	case Declined:
		return ErrRegistrationDeclined
	}
	return ErrRegistrationCancelled
}

// registry is the registrants of a webinar and how they are found.
type registry struct {
	byID     table.Table[Registrant]
	secrets  table.Table[string] // hash of the personal link's secret -> ID
	emails   table.Table[string] // keyed hash of the e-mail address -> ID
	accounts table.Table[string] // account -> ID
	former   table.Table[string] // keyed hash of the e-mail address -> ID, of the declined and cancelled
	queue    table.Table[string] // place in the waitlist -> ID
	approved int
	pending  int
	waiting  int
}

// WithRegistrant returns w with r, in place of an older one of the same ID.
func (w *Webinar) WithRegistrant(r Registrant) *Webinar {
	c := *w.WithoutRegistrant(r.ID)
	g := &c.registry
	g.byID = g.byID.With(r.ID, r)
	g.secrets = g.secrets.With(string(r.Hash[:]), r.ID)
	if r.Status != Cancelled && r.Status != Declined {
		if len(r.EmailHash) > 0 {
			g.emails = g.emails.With(string(r.EmailHash), r.ID)
		}
		if r.Account != "" {
			g.accounts = g.accounts.With(r.Account, r.ID)
		}
	} else if len(r.EmailHash) > 0 {
		g.former = g.former.With(string(r.EmailHash), r.ID)
	}
	if r.Status == Waitlisted {
		g.queue = g.queue.With(place(r), r.ID)
	}
	g.count(r.Status, 1)
	return &c
}

// WithoutRegistrant returns w without the registrant.
func (w *Webinar) WithoutRegistrant(id string) *Webinar {
	c := *w
	r, ok := w.registry.byID.At(id)
	if !ok {
		return &c
	}
	g := &c.registry
	g.byID = g.byID.Without(id)
	g.secrets = g.secrets.Without(string(r.Hash[:]))
	if at, _ := g.emails.At(string(r.EmailHash)); at == id {
		g.emails = g.emails.Without(string(r.EmailHash))
	}
	if at, _ := g.accounts.At(r.Account); at == id {
		g.accounts = g.accounts.Without(r.Account)
	}
	if at, _ := g.former.At(string(r.EmailHash)); at == id {
		g.former = g.former.Without(string(r.EmailHash))
	}
	if r.Status == Waitlisted {
		g.queue = g.queue.Without(place(r))
	}
	g.count(r.Status, -1)
	return &c
}

// place is where r stands in the waitlist: the order of the log, and in one command that
// of the IDs.
func place(r Registrant) string { return fmt.Sprintf("%020d ", r.Index) + r.ID }

func (g *registry) count(s Status, n int) {
	switch s {
	case Approved:
		g.approved += n
	case Pending:
		g.pending += n
	case Waitlisted:
		g.waiting += n
	}
}

// Registrant returns the registrant of that ID.
func (w *Webinar) Registrant(id string) (Registrant, bool) { return w.registry.byID.At(id) }

// RegistrantBySecret returns the registrant whose personal link's secret has that
// SHA-256. The zero hash is nobody's.
func (w *Webinar) RegistrantBySecret(hash [32]byte) (Registrant, bool) {
	if hash == [32]byte{} {
		return Registrant{}, false
	}
	id, ok := w.registry.secrets.At(string(hash[:]))
	if !ok {
		return Registrant{}, false
	}
	return w.registry.byID.At(id)
}

// RegistrantByEmail returns the registrant, neither declined nor cancelled, whose
// e-mail address has that keyed hash.
func (w *Webinar) RegistrantByEmail(hash []byte) (Registrant, bool) {
	id, ok := w.registry.emails.At(string(hash))
	if !ok {
		return Registrant{}, false
	}
	return w.registry.byID.At(id)
}

// RegistrantByAccount returns the registrant, neither declined nor cancelled, who
// signed up with that account.
func (w *Webinar) RegistrantByAccount(account string) (Registrant, bool) {
	id, ok := w.registry.accounts.At(account)
	if !ok {
		return Registrant{}, false
	}
	return w.registry.byID.At(id)
}

// EmailBanned reports whether somebody who gave this e-mail address, and cancelled or was
// declined since, is banned: signing up again makes nobody another person.
func (w *Webinar) EmailBanned(hash []byte, now time.Time) bool {
	id, ok := w.registry.former.At(string(hash))
	return ok && len(hash) > 0 && w.bannedBy(Key{KindRegistration, id}, now)
}

// Registrants yields the registrants in the order of their IDs.
func (w *Webinar) Registrants() iter.Seq[Registrant] { return w.registry.byID.Values() }

// RegistrantCount is the number of registrants, whatever their status.
func (w *Webinar) RegistrantCount() int { return w.registry.byID.Len() }

// RegistrantCounts are how many are approved, wait for a decision, and wait for a place.
func (w *Webinar) RegistrantCounts() (approved, pending, waitlisted int) {
	return w.registry.approved, w.registry.pending, w.registry.waiting
}
