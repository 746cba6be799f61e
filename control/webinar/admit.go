package webinar

import (
	"net/netip"
	"time"
)

// Visitor is someone at the door. Account, Registration and Participant are what the
// door has proven already; Invite, PIN and Device are what the visitor brought.
type Visitor struct {
	Participant  string // the ID they had before, when they come back
	Name         string
	PIN          string
	Invite       [32]byte // SHA-256 of the invite's secret; zero: none
	Account      string
	Registration string
	Device       [32]byte // SHA-256 of the device's random key; zero: none
	Prefix       netip.Prefix
}

// Admission is what a visitor becomes by entering.
type Admission struct {
	Role     Role
	Guest    bool   // no account and not invited: the webinar's permissions of guests hold
	InviteID string // the invite they came by, if any
	Name     string // the invite's name, for those who came by one
	Keys     Keys   // what a ban will know them by
	// Since is the newest removal that this node knew of. A session goes on only while
	// no newer one names its participant: an order of the log, so no clock takes part.
	Since uint64
}

// Admit is the one way in: it reports what v becomes in w at now, or a [*Denial].
// pinKey is the webinar's derived key (see [DeriveKey]).
//
// A ban comes before everything else, so that a removed participant learns nothing
// from trying other names or PINs. Whoever calls it for a visitor who [Webinar.NeedsPIN]
// takes a guess from the webinar's [Guesses] first.
func (w *Webinar) Admit(v Visitor, pinKey []byte, now time.Time) (Admission, error) {
	a := Admission{Role: Attendee, Keys: w.Keys(v), Since: w.seen}
	if w.Banned(v.Participant, a.Keys, now) {
		return Admission{}, ErrBanned
	}
	if w.State == Ended {
		return Admission{}, ErrEnded
	}
	if CheckName(v.Name) != nil {
		return Admission{}, ErrInvalidName
	}
	invite, invited := w.InviteBySecret(v.Invite)
	switch {
	case v.Account != "" && v.Account == w.Owner:
		a.Role = Owner
	case invited:
		a.Role, a.InviteID, a.Name = invite.Role, invite.ID, invite.Name
	case v.Invite != [32]byte{}:
		return Admission{}, ErrInvalidInvite
	case w.Registration != nil:
		return Admission{}, ErrRegistrationRequired
	default: // a guest, or somebody with an account that is on no list
		a.Guest = v.Account == ""
		if err := w.checkPIN(v.PIN, pinKey); err != nil {
			return Admission{}, err
		}
	}
	return a, nil
}

// NeedsPIN reports whether Admit would look at v's PIN, and v brought one: then the
// answer is worth a guess.
func (w *Webinar) NeedsPIN(v Visitor) bool {
	_, invited := w.InviteBySecret(v.Invite)
	owner := v.Account != "" && v.Account == w.Owner
	return w.PIN != nil && w.Registration == nil && !invited && !owner && v.Invite == [32]byte{} && v.PIN != ""
}

func (w *Webinar) checkPIN(pin string, key []byte) error {
	switch {
	case w.PIN == nil:
		return nil
	case pin == "":
		return ErrPINRequired
	case len(key) == 0: // without the key nothing can be proven, so nobody enters
		return ErrUnavailable
	case !w.PIN.matches(key, pin):
		return ErrWrongPIN
	}
	return nil
}

// Allowed reports whether a participant who was admitted with a.Since may stay, or
// come back by a session token, at now: nil or a [*Denial].
//
// A new PIN throws nobody out.
func (w *Webinar) Allowed(participant string, keys Keys, since uint64, now time.Time) error {
	if w.Banned(participant, keys, now) {
		return ErrBanned
	}
	if r, ok := w.removals.At(participant); ok && r.Index > since {
		return ErrDisconnected
	}
	if w.State == Ended {
		return ErrEnded
	}
	return nil
}
