package webinar

import (
	"net/netip"
	"time"
)

// Visitor is someone at the door. Account and Participant are what the door has proven
// already; the rest is what the visitor brought.
type Visitor struct {
	Participant string // the ID they had before, when they come back
	Name        string
	PIN         string
	Invite      [32]byte // SHA-256 of the invite's secret; zero: none
	Registrant  [32]byte // SHA-256 of the secret of a registrant's personal link; zero: none
	Account     string
	Device      [32]byte // SHA-256 of the device's random key; zero: none
	Prefix      netip.Prefix
}

// Admission is what a visitor becomes by entering.
type Admission struct {
	// Participant is who they are by what they proved, each time the same (M7), or who
	// they were before. Empty: nobody knows them, and the door draws an ID.
	Participant  string
	Role         Role
	Guest        bool   // no account and not invited: the permissions and the limit of guests hold
	Waiting      bool   // in the lobby, until a host admits them
	ByPIN        bool   // the PIN was looked at, and right
	InviteID     string // the invite they came by, if any
	Registration string // the registrant that they are, if they are approved
	Account      string // proven
	Name         string // the invite's name, for those who came by one
	Keys         Keys   // what a ban will know them by
	// Since is the newest removal, and the newest question for the PIN, that this node
	// knew of. A session goes on only while no newer one names its participant: an order
	// of the log, so no clock takes part.
	Since uint64
}

// Standing is someone who was admitted, as their session token keeps it.
type Standing struct {
	Participant  string
	Keys         Keys
	Since        uint64 // [Admission.Since]
	Role         Role   // when they were admitted; [Webinar.RoleOf] says what they are now
	Guest        bool
	Waiting      bool
	ByPIN        bool
	InviteID     string
	Registration string
	Account      string
}

// Standing is what a becomes for the participant of that ID.
func (a Admission) Standing(participant string) Standing {
	return Standing{
		Participant: participant, Keys: a.Keys, Since: a.Since, Role: a.Role, Guest: a.Guest, Waiting: a.Waiting,
		ByPIN: a.ByPIN, InviteID: a.InviteID, Registration: a.Registration, Account: a.Account,
	}
}

// Admit is the one way in: it reports what v becomes in w at now, or a [*Denial].
// pinKey is the webinar's derived key (see [DeriveKey]).
//
// A ban comes before everything else, so that a removed participant learns nothing
// from trying other names or PINs; only the owner's account stands above it, who may
// share a device or a network with somebody that a moderator banned. And whoever needs the PIN learns nothing of lock and
// lobby without it. Whoever calls it for a visitor who [Webinar.NeedsPIN] takes a guess
// from the webinar's budget first.
func (w *Webinar) Admit(v Visitor, pinKey []byte, now time.Time) (Admission, error) {
	a, asked, err := w.recognise(v, now)
	if err != nil {
		return Admission{}, err
	}
	if asked {
		if err := w.PIN.check(v.PIN, pinKey); err != nil {
			return Admission{}, err
		}
		a.ByPIN = true
	}
	return w.enter(a)
}

// Opens reports whether v may hear anything of w: it is open, or v has shown to belong
// there. For everybody else a webinar that has ended or is locked is like one that never
// was, which is nil, before any hash is computed (S33). All three look for the same
// things, so that none of them answers with less work.
func (w *Webinar) Opens(v Visitor) bool {
	exists := w != nil
	if !exists {
		w = &Webinar{State: Ended}
	}
	if w.State != Ended && !w.Locked {
		return true
	}
	_, invited := w.InviteBySecret(v.Invite)
	_, registered := w.RegistrantBySecret(v.Registrant)
	return exists && (invited || registered || v.Account != "")
}

// Unknown reports whether v brought the secret of a link that w does not know; no webinar,
// which is nil, knows none. It looks for the same things in all of them.
func (w *Webinar) Unknown(v Visitor) bool {
	if w == nil {
		w = &Webinar{}
	}
	_, invited := w.InviteBySecret(v.Invite)
	_, registered := w.RegistrantBySecret(v.Registrant)
	return v.Invite != [32]byte{} && !invited || v.Registrant != [32]byte{} && !registered
}

// AdmitToLobby is Admit without a look at the PIN: whoever needs it waits in the lobby,
// also where there is none, until a host admits them. It is for when the budget of
// wrong PINs is spent (M8), so that guessing locks nobody out.
func (w *Webinar) AdmitToLobby(v Visitor, now time.Time) (Admission, error) {
	a, asked, err := w.recognise(v, now)
	if err != nil {
		return Admission{}, err
	}
	a, err = w.enter(a)
	a.Waiting = err == nil && (a.Waiting || asked)
	return a, err
}

// NeedsPIN reports whether Admit would look at v's PIN, and v brought one: then the
// answer is worth a guess.
func (w *Webinar) NeedsPIN(v Visitor) bool {
	a, p := w.identify(v)
	return v.PIN != "" && p.refusal(v) == nil && w.asksPIN(a.Standing(a.Participant))
}

// NeedsSeat reports whether a has to have one of the webinar's seats: only guests are
// counted (S60, S61).
func (w *Webinar) NeedsSeat(a Admission) bool { return w.GuestLimit > 0 && a.Guest }

// asksPIN reports whether the PIN stands before s (S30, S34).
func (w *Webinar) asksPIN(s Standing) bool {
	return w.PIN != nil && w.Registration == nil && s.InviteID == "" && !w.RoleOf(s).trusted()
}

// identify says what v would become if nothing stood against it.
func (w *Webinar) identify(v Visitor) (Admission, proof) {
	p := w.proof(v)
	a := Admission{
		Participant: p.participant(v), Keys: w.Keys(v), Since: max(w.seen, w.AskedAgain),
		Account: v.Account, Guest: v.Account == "" && !p.invited,
	}
	if p.invited && !p.owner {
		a.InviteID, a.Name = p.invite.ID, p.invite.Name
	}
	if p.registrant.Status == Approved {
		a.Registration = p.registrant.ID
	}
	a.Role = w.RoleOf(a.Standing(a.Participant))
	return a, p
}

// recognise says what v would become, and whether the PIN stands before that.
func (w *Webinar) recognise(v Visitor, now time.Time) (a Admission, asked bool, err error) {
	a, p := w.identify(v)
	switch {
	case !p.owner && (w.Banned(v.Participant, a.Keys, now) || w.Banned(a.Participant, nil, now)):
		err = ErrBanned
	case w.State == Ended:
		err = ErrEnded
	case CheckName(v.Name) != nil:
		err = ErrInvalidName
	case p.refusal(v) != nil:
		err = p.refusal(v)
	case w.Registration != nil && !p.invited && !a.Role.trusted():
		err = w.registered(p, v)
	}
	return a, w.asksPIN(a.Standing(a.Participant)), err
}

// enter is what stands behind every proof: the lock and the lobby.
func (w *Webinar) enter(a Admission) (Admission, error) {
	s := a.Standing(a.Participant)
	if w.Locked && !a.Role.trusted() && !w.welcomed(a.Participant) {
		return Admission{}, ErrLocked
	}
	a.Waiting = w.waits(s)
	return a, nil
}

// registered reports whether v may enter a webinar with registration.
func (w *Webinar) registered(p proof, v Visitor) error {
	switch {
	case p.registrant.Status == Approved:
		return nil
	case v.Account != "" && w.Registration.Accounts:
		return nil
	case p.registrant.ID != "":
		return p.registrant.Status.refusal()
	case v.Registrant != [32]byte{}:
		return ErrInvalidRegistration
	}
	return ErrRegistrationRequired
}

// proof is who a visitor is by what they proved.
type proof struct {
	owner      bool
	account    string
	invited    bool
	invite     Invite
	registrant Registrant // zero: none
}

// proof looks v up. An account counts more than a link, which others can come by.
func (w *Webinar) proof(v Visitor) proof {
	p := proof{account: v.Account, owner: v.Account != "" && v.Account == w.Owner}
	if p.invite, p.invited = w.InviteByAccount(v.Account); !p.invited {
		p.invite, p.invited = w.InviteBySecret(v.Invite)
	}
	p.registrant, _ = w.RegistrantBySecret(v.Registrant)
	if own, ok := w.RegistrantByAccount(v.Account); ok && p.registrant.Status != Approved {
		p.registrant = own
	}
	return p
}

// refusal is what whoever brings a personal link hears that nobody has any more, also
// with the PIN: it might have been taken from them.
func (p proof) refusal(v Visitor) error {
	if v.Invite != [32]byte{} && !p.owner && !p.invited {
		return ErrInvalidInvite
	}
	return nil
}

// participant is the ID that follows from a proof, so that one link is one person (M7).
func (p proof) participant(v Visitor) string {
	switch {
	case p.owner:
		return "p_" + p.account
	case p.invited:
		return "p_" + p.invite.ID
	case p.registrant.ID != "":
		return "p_" + p.registrant.ID
	case p.account != "":
		return "p_" + p.account
	}
	return v.Participant
}
