package webinar

import "time"

// Actor is who asks for something, in the words of the authorization table (S13-S20).
type Actor string

// The actors, from the one who may do everything to the one who may do nothing.
const (
	ActorAdministrator Actor = "administrator" // runs the whole installation
	ActorOwner         Actor = "owner"
	ActorModerator     Actor = "moderator"
	ActorPresenter     Actor = "presenter"
	ActorInvited       Actor = "invited"    // to watch
	ActorRegistrant    Actor = "registrant" // approved
	ActorAccount       Actor = "account"    // authenticated, but on no list
	ActorGuest         Actor = "guest"      // inside without account, invite or registration
	ActorNobody        Actor = "nobody"
)

// Actors are all of them, in that order.
func Actors() []Actor {
	return []Actor{ActorAdministrator, ActorOwner, ActorModerator, ActorPresenter, ActorInvited,
		ActorRegistrant, ActorAccount, ActorGuest, ActorNobody}
}

// Hosts reports whether a has full live control of the webinar (S21).
func (a Actor) Hosts() bool {
	return a == ActorAdministrator || a == ActorOwner || a == ActorModerator
}

// ActorOf says what somebody is to w: who is signed in with account (empty: nobody),
// who is inside as s (nil: not), or both. admin is whether the account or its token is
// an administrator's. Whoever asks has checked that s is [Webinar.Allowed].
//
// An account is the participant that it would be inside, so what hosts made of that one
// holds here too; and who is banned is nobody, also on a page where they never enter.
func (w *Webinar) ActorOf(account string, s *Standing, admin bool) Actor {
	var who Standing
	if s != nil {
		who = *s
	}
	if account != "" {
		who.Account = account
	}
	invite, invited := w.InviteByAccount(who.Account)
	if invited && who.InviteID == "" {
		who.InviteID = invite.ID
	}
	if who.Participant == "" {
		who.Participant = w.proof(Visitor{Account: who.Account}).participant(Visitor{})
	}
	role := w.RoleOf(who)
	registrant, registered := w.RegistrantByAccount(who.Account)
	switch {
	case admin:
		return ActorAdministrator
	case w.owns(who):
		return ActorOwner
	case w.bannedFor(who):
		return ActorNobody
	case role == Owner:
		return ActorOwner
	case role == Moderator:
		return ActorModerator
	case role == Presenter:
		return ActorPresenter
	case who.InviteID != "" && role != "":
		return ActorInvited
	case who.Registration != "" || registered && registrant.Status == Approved:
		return ActorRegistrant
	case who.Account != "":
		return ActorAccount
	case s != nil && role != "":
		return ActorGuest
	}
	return ActorNobody
}

// bannedFor reports whether a ban holds s by its participant or account. No clock takes
// part: only networks are free again after a time.
func (w *Webinar) bannedFor(s Standing) bool {
	var keys Keys
	if s.Account != "" {
		keys = w.linked(Keys{{KindAccount, s.Account}})
	}
	return w.Banned(s.Participant, keys, time.Time{})
}
