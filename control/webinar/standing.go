package webinar

import (
	"strings"
	"time"
)

// Allowed reports whether someone who was admitted may stay, or come back by a session
// token, at now: nil or a [*Denial].
//
// A new PIN throws nobody out, unless the host asked everyone again; nor does a
// registration that closes. But with a registration nobody stays who is anonymous (S57).
func (w *Webinar) Allowed(s Standing, now time.Time) error {
	if !w.owns(s) && w.Banned(s.Participant, w.linked(s.Keys), now) {
		return ErrBanned
	}
	if r, ok := w.removals.At(s.Participant); ok && r.Index > s.Since {
		return ErrDisconnected
	}
	if w.State == Ended {
		return ErrEnded
	}
	switch role := w.RoleOf(s); {
	case role == "":
		return ErrInvalidInvite
	case w.asksPIN(s) && w.AskedAgain > s.Since:
		return ErrPINAgain
	case w.Registration != nil && s.InviteID == "" && !role.trusted():
		return w.stillRegistered(s)
	}
	return nil
}

// stillRegistered is Allowed for the audience that was not invited, in a webinar with
// registration.
func (w *Webinar) stillRegistered(s Standing) error {
	r, ok := w.Registrant(s.Registration)
	switch {
	case ok && r.Status == Approved:
		return nil
	case s.Account != "" && (s.Registration == "" || w.Registration.Accounts):
		return nil
	case ok:
		return r.Status.refusal()
	case s.Registration != "":
		return ErrRegistrationCancelled
	}
	return ErrRegistrationRequired
}

// owns reports whether s is the account that made w.
func (w *Webinar) owns(s Standing) bool { return s.Account != "" && s.Account == w.Owner }

// RoleOf is what s is in w now: what the hosts made of them, or what their account or
// invite says; an invite can have changed, or can be gone, and then they are nothing:
// the empty Role. The owner's account is always the owner.
func (w *Webinar) RoleOf(s Standing) Role {
	if w.owns(s) {
		return Owner
	}
	role := Attendee
	if i, ok := w.InviteByAccount(s.Account); ok {
		role = i.Role
	} else if s.InviteID != "" {
		i, ok := w.Invite(s.InviteID)
		if !ok {
			return ""
		}
		role = i.Role
	}
	if p, ok := w.Participant(s.Participant); ok && p.Role != "" {
		return p.Role
	}
	return role
}

// RoleByID is RoleOf for a participant of whom only the ID is known: it names the owner's
// account, an invite, or neither.
func (w *Webinar) RoleByID(participant string) Role {
	s := Standing{Participant: participant}
	id, _ := strings.CutPrefix(participant, "p_")
	if _, invited := w.Invite(id); invited {
		s.InviteID = id
	}
	if participant == w.OwnerID() {
		s.Account = w.Owner
	}
	return w.RoleOf(s)
}

// OwnerID is the participant that the owner's account is inside; empty if there is none.
func (w *Webinar) OwnerID() string {
	if w.Owner == "" {
		return ""
	}
	return "p_" + w.Owner
}

// InLobby reports whether s waits until a host admits them. A lobby that is switched
// off lets everyone in but those who owe the PIN.
func (w *Webinar) InLobby(s Standing) bool {
	if !s.Waiting || w.welcomed(s.Participant) || w.RoleOf(s).trusted() {
		return false
	}
	return w.waits(s) || !s.ByPIN && w.asksPIN(s)
}

// waits reports whether the lobby is for s.
func (w *Webinar) waits(s Standing) bool {
	if w.RoleOf(s).trusted() || w.welcomed(s.Participant) {
		return false
	}
	return w.Lobby == LobbyEveryone || w.Lobby == LobbyGuests && s.Guest
}

// trusted reports whether neither PIN nor lobby nor lock holds up someone of that role.
func (r Role) trusted() bool { return r.Hosts() || r == Presenter }

// welcomed reports whether a host has let the participant in by name.
func (w *Webinar) welcomed(participant string) bool {
	p, ok := w.people.At(participant)
	return ok && p.Admitted
}
