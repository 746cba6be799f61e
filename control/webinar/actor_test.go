package webinar

import "testing"

func TestS13EachActorIsDistinct(t *testing.T) {
	w := withRegistration().WithParticipant(Participant{ID: "p_up", Role: Moderator})
	tests := []struct {
		name    string
		account string
		s       *Standing
		admin   bool
		want    Actor
	}{
		{"S13 the owner, signed in", "account:ada", nil, false, ActorOwner},
		{"S13 the owner, inside", "", &Standing{Account: "account:ada"}, false, ActorOwner},
		{"S13 who was invited as an owner", "", &Standing{InviteID: "i_owner"}, false, ActorOwner},
		{"S14 a moderator by account", "account:moderator", nil, false, ActorModerator},
		{"S14 a moderator by invite", "", &Standing{InviteID: "i_moderator"}, false, ActorModerator},
		{"S14 whom a host made a moderator", "", &Standing{Participant: "p_up", Guest: true}, false, ActorModerator},
		{"S15 an administrator is that before all else", "account:ada", nil, true, ActorAdministrator},
		{"S15 an administrator without an account, by a token", "", nil, true, ActorAdministrator},
		{"S16 a presenter by account", "account:presenter", nil, false, ActorPresenter},
		{"S16 a presenter by invite", "", &Standing{InviteID: "i_presenter"}, false, ActorPresenter},
		{"S17 an invited person, signed in", "account:attendee", nil, false, ActorInvited},
		{"S17 an invited person, inside", "", &Standing{InviteID: "i_attendee"}, false, ActorInvited},
		{"S18 authenticated, but not listed", "account:bo", nil, false, ActorAccount},
		{"S18 authenticated, and waiting for a decision", "account:pending", nil, false, ActorAccount},
		{"S18 authenticated and inside", "", &Standing{Account: "account:bo"}, false, ActorAccount},
		{"S19 a guest", "", &Standing{Participant: "p", Guest: true}, false, ActorGuest},
		{"S20 a registrant, inside", "", &Standing{Registration: "r_approved", Guest: true}, false, ActorRegistrant},
		{"S20 a registrant, signed in", "account:approved", nil, false, ActorRegistrant},
		{"S20 nobody", "", nil, false, ActorNobody},
		{"S20 whose invite was revoked is nobody", "", &Standing{InviteID: "i_gone"}, false, ActorNobody},
		{"S13 who signs in while they are inside as a guest", "account:ada", &Standing{Guest: true}, false, ActorOwner},
	}
	named := map[Actor]bool{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := w.ActorOf(tt.account, tt.s, tt.admin); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
		named[tt.want] = true
	}
	for _, a := range Actors() {
		if !named[a] {
			t.Errorf("no row makes a %s", a)
		}
	}
}

// Somebody who is signed in and not inside is the participant that they would be there.
func TestS13AnAccountIsWhatHostsMadeOfItsParticipant(t *testing.T) {
	made := func(id string, r Role) *Webinar {
		return withRegistration().WithParticipant(Participant{ID: id, Role: r})
	}
	for _, tt := range []struct {
		name    string
		w       *Webinar
		account string
		want    Actor
	}{
		{"S14 a moderator, of nobody else", made("p_account:bo", Moderator), "account:bo", ActorModerator},
		{"S16 a presenter, of an invited one", made("p_i_account_attendee", Presenter), "account:attendee", ActorPresenter},
		{"S14 a moderator, of a registrant", made("p_r_account_approved", Moderator), "account:approved", ActorModerator},
		{"S17 an attendee, of an invited moderator", made("p_i_account_moderator", Attendee), "account:moderator", ActorInvited},
		{"S13 the owner stays that", made("p_account:ada", Attendee), "account:ada", ActorOwner},
		{"S18 another account is not meant", made("p_account:bo", Moderator), "account:eve", ActorAccount},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.w.ActorOf(tt.account, nil, false); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestS64WhoIsBannedIsNobody(t *testing.T) {
	banned := func(keys ...Key) *Webinar { return withRegistration().WithBan(Ban{ID: "b", Keys: keys}) }
	for _, tt := range []struct {
		name    string
		w       *Webinar
		account string
		s       *Standing
		admin   bool
		want    Actor
	}{
		{"S64 by account", banned(Key{KindAccount, "account:moderator"}), "account:moderator", nil, false, ActorNobody},
		{"S64 by the participant that they are", banned(Key{KindParticipant, "p_i_account_moderator"}), "account:moderator", nil, false, ActorNobody},
		{"S64 by the invite of the account", banned(Key{KindInvite, "i_account_presenter"}), "account:presenter", nil, false, ActorNobody},
		{"S64 by their registration", banned(Key{KindParticipant, "p_r_account_approved"}), "account:approved", nil, false, ActorNobody},
		{"S64 while they are inside", banned(Key{KindParticipant, "p_1"}), "", &Standing{Participant: "p_1", Guest: true}, false, ActorNobody},
		{"S64 who was invited as an owner", banned(Key{KindAccount, "account:owner"}), "account:owner", nil, false, ActorNobody},
		{"S64 not the owner", banned(Key{KindAccount, "account:ada"}, Key{KindParticipant, "p_account:ada"}), "account:ada", nil, false, ActorOwner},
		{"S64 not an administrator", banned(Key{KindAccount, "account:root"}), "account:root", nil, true, ActorAdministrator},
		{"S64 nobody else", banned(Key{KindAccount, "account:eve"}), "account:moderator", nil, false, ActorModerator},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.w.ActorOf(tt.account, tt.s, tt.admin); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestS21OwnerAndModeratorsHaveFullControl(t *testing.T) {
	hosts := map[Actor]bool{ActorAdministrator: true, ActorOwner: true, ActorModerator: true}
	for _, a := range Actors() {
		t.Run("S21 "+string(a), func(t *testing.T) {
			if a.Hosts() != hosts[a] {
				t.Errorf("has control: %t", a.Hosts())
			}
		})
	}
	w := planned()
	for _, tt := range []struct {
		name string
		s    Standing
		want bool
	}{
		{"S21 the owner", Standing{Account: "account:ada"}, true},
		{"S21 a moderator", Standing{InviteID: "i_moderator"}, true},
		{"S21 a presenter has none", Standing{InviteID: "i_presenter"}, false},
		{"S21 the invited have none", Standing{InviteID: "i_attendee"}, false},
		{"S21 guests have none", Standing{Guest: true}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := w.May(tt.s, Control); got != tt.want {
				t.Errorf("got %t", got)
			}
		})
	}
}
