package webinar

// Denial says no to someone who may know why. Code is stable, for programs; Detail
// is a sentence for people.
type Denial struct {
	Code   string
	Detail string
}

// Error returns the sentence.
func (d *Denial) Error() string { return d.Detail }

// Is reports whether target is a Denial with the same code, so that
// errors.Is(err, ErrBanned) holds also after the denial crossed the mesh.
func (d *Denial) Is(target error) bool {
	t, ok := target.(*Denial)
	return ok && t.Code == d.Code
}

// What the door says to a visitor, and to those inside when they have to go.
var (
	ErrBanned         = &Denial{"banned", "The host has removed you from this webinar."}
	ErrEnded          = &Denial{"ended", "This webinar has ended."}
	ErrPINRequired    = &Denial{"pin_required", "This webinar needs a PIN. Ask the host for it."}
	ErrPINAgain       = &Denial{"pin_required", "The host has changed the PIN and asks everyone for it again."}
	ErrWrongPIN       = &Denial{"wrong_pin", "That is not the PIN of this webinar."}
	ErrTooManyGuesses = &Denial{"too_many_guesses", "Too many wrong PINs were tried. Wait a few minutes and try again."}
	ErrInvalidInvite  = &Denial{"invalid_invite", "This personal link is not valid any more. Ask the host for a new one."}
	ErrLocked         = &Denial{"locked", "The host has locked this webinar: nobody new can enter."}
	ErrInLobby        = &Denial{"in_lobby", "You are in the lobby. The host will let you in."}
	ErrFull           = &Denial{"full", "All seats of this webinar are taken."}
	ErrStageFull      = &Denial{"stage_full", "There is no more room on the stage."}
	ErrAlreadyInside  = &Denial{"already_inside", "You are inside already, on another device. You can go on here instead."}
	ErrDisconnected   = &Denial{"disconnected", "The host has disconnected you."}
	ErrNotAllowed     = &Denial{"not_allowed", "You are not allowed to do that here."}
	ErrNotFound       = &Denial{"not_found", "There is no such webinar."}
	ErrNotLive        = &Denial{"not_live", "Nobody is on air."}
	ErrStreamTaken    = &Denial{"stream_taken", "Someone else already sends under this name."}
	ErrSuperseded     = &Denial{"superseded", "You have joined again somewhere else."}
	ErrUnavailable    = &Denial{"unavailable", "This node cannot check that now. Try another one, or later."}
	ErrInvalidName    = &Denial{"invalid_name", "A name is at most 200 characters long, on one line."}
)

// What those hear who sign up, and those who come without having done so.
var (
	ErrRegistrationRequired   = &Denial{"registration_required", "Only those who registered may enter this webinar."}
	ErrInvalidRegistration    = &Denial{"invalid_registration", "This personal link is not valid any more. Register again, or ask the host."}
	ErrRegistrationPending    = &Denial{"registration_pending", "The host has not yet decided about your registration."}
	ErrRegistrationWaitlisted = &Denial{"registration_waitlisted", "You are on the waiting list. You will hear as soon as there is a place for you."}
	ErrRegistrationDeclined   = &Denial{"registration_declined", "The host has declined your registration."}
	ErrRegistrationCancelled  = &Denial{"registration_cancelled", "This registration was cancelled."}
	ErrRegistrationOff        = &Denial{"registration_off", "This webinar has no registration."}
	ErrRegistrationClosed     = &Denial{"registration_closed", "The registration is closed."}
	ErrRegistrationNotOpen    = &Denial{"registration_not_open", "The registration is not open yet."}
	ErrRegistrationFull       = &Denial{"registration_full", "All places of this webinar are taken."}
	ErrAlreadyRegistered      = &Denial{"already_registered", "You have registered for this webinar before."}
)
