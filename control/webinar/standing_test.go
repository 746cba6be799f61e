package webinar

import (
	"errors"
	"testing"
)

func TestS62AllowedSaysWhoHasToGo(t *testing.T) {
	w := planned().WithRemoval(Removal{Participant: "p_1", Index: 10})
	again := but(planned(), func(w *Webinar) { w.AskedAgain = 20 })
	registered := withRegistration()
	accounts := but(registered, func(w *Webinar) { w.Registration = &Registration{Accounts: true} })
	of := func(s Status) Standing {
		return Standing{Participant: "p", Guest: true, Registration: "r_" + string(s)}
	}
	guest := Standing{Participant: "p_9", Guest: true}
	tests := []struct {
		name string
		w    *Webinar
		s    Standing
		err  error
	}{
		{"S62 someone else stays", w, Standing{Participant: "p_2"}, nil},
		{"S62 who was disconnected goes", w, Standing{Participant: "p_1", Since: 9}, ErrDisconnected},
		{"S62 who came in after that stays", w, Standing{Participant: "p_1", Since: 10}, nil},
		{"S65 in the other mode too", but(w, func(w *Webinar) { w.Mode = AllOnScreen }), Standing{Participant: "p_1"}, ErrDisconnected},
		{"S67 who was re-invited has nothing against them", w.WithoutRemoval("p_1"), Standing{Participant: "p_1"}, nil},
		{"S64 who is banned goes", w.WithBan(Ban{ID: "b", Keys: Keys{DeviceKey(device)}}), Standing{Participant: "p_2", Keys: Keys{DeviceKey(device)}, Since: 10}, ErrBanned},
		{"S64 a ban says so also to the disconnected", w.WithBan(Ban{ID: "b", Keys: Keys{{KindParticipant, "p_1"}}}), Standing{Participant: "p_1"}, ErrBanned},
		{"S64 a ban of the account holds a session by its invite", w.WithBan(Ban{ID: "b", Keys: Keys{{KindAccount, "account:attendee"}}}),
			Standing{Participant: "p_2", InviteID: "i_account_attendee", Keys: Keys{{KindInvite, "i_account_attendee"}}, Since: 10}, ErrBanned},
		{"S69 when the ban is lifted they may come", w.WithBan(Ban{ID: "b", Keys: Keys{DeviceKey(device)}}).WithoutBan("b"), Standing{Participant: "p_2", Keys: Keys{DeviceKey(device)}}, nil},
		{"S62 everyone goes at the end", but(w, func(w *Webinar) { w.State = Ended }), Standing{Participant: "p_2", Since: 10}, ErrEnded},
		{"S17 whose invite was revoked goes", planned().WithoutInvite("i_attendee"), Standing{Participant: "p_2", InviteID: "i_attendee"}, ErrInvalidInvite},
		{"S17 unless the account is on the list still", planned().WithoutInvite("i_attendee"), Standing{Participant: "p_2", InviteID: "i_attendee", Account: "account:presenter"}, nil},
		{"S13 nothing revokes the owner", planned().WithoutInvite("i_owner"), Standing{Participant: "p_2", InviteID: "i_owner", Account: "account:ada"}, nil},

		{"S33 a new PIN throws nobody out", but(planned(), func(w *Webinar) { w.PIN = &PIN{Verifier: Verifier(pinKey, "another-one")} }), guest, nil},
		{"S33 asked again, a guest has to give the PIN", again, guest, ErrPINAgain},
		{"S33 asked again, also who came when there was no PIN", again, Standing{Participant: "p_9", Guest: true, Since: 19}, ErrPINAgain},
		{"S33 who gave the new one is not asked", again, Standing{Participant: "p_9", Guest: true, ByPIN: true, Since: 20}, nil},
		{"S33 asked again, an account on no list has to give it", again, Standing{Participant: "p_9", Account: "account:bo"}, ErrPINAgain},
		{"S34 asked again, the invited need none", again, Standing{Participant: "p_9", InviteID: "i_attendee"}, nil},
		{"S34 asked again, the owner needs none", again, Standing{Participant: "p_9", Account: "account:ada"}, nil},
		{"S34 asked again, a presenter needs none", again.WithParticipant(Participant{ID: "p_9", Role: Presenter}), guest, nil},
		{"S33 when the PIN is cleared nobody is asked", but(again, func(w *Webinar) { w.PIN = nil }), guest, nil},

		{"S46 an approved registrant stays", registered, of(Approved), nil},
		{"S46 closing registration throws nobody out", but(registered, func(w *Webinar) { w.Registration = &Registration{Closed: true} }), of(Approved), nil},
		{"S46 who was declined in the meantime goes", registered, of(Declined), ErrRegistrationDeclined},
		{"S46 who cancelled in the meantime goes", registered, of(Cancelled), ErrRegistrationCancelled},
		{"S46 who is put back to the waitlist goes", registered, of(Waitlisted), ErrRegistrationWaitlisted},
		{"S46 who has to be decided on again goes", registered, of(Pending), ErrRegistrationPending},
		{"S46 who is not on the list any more goes", registered, of("gone"), ErrRegistrationCancelled},
		{"S53 an account stays although it was declined", accounts, Standing{Participant: "p", Account: "account:declined", Registration: "r_account_declined"}, nil},
		{"S53 an account that entered by itself stays when that is switched off", registered, Standing{Participant: "p", Account: "account:bo"}, nil},
		{"S57 no anonymous person stays when registration is switched on", registered, guest, ErrRegistrationRequired},
		{"S57 the invited are not anonymous", registered, Standing{Participant: "p", InviteID: "i_attendee"}, nil},
		{"S57 nor is whom a host made a presenter", registered.WithParticipant(Participant{ID: "p_9", Role: Presenter}), guest, nil},
		{"S45 switched off, registration throws nobody out", but(registered, func(w *Webinar) { w.Registration = nil }), of(Declined), nil},
		{"S7 a lock throws nobody out", but(planned(), func(w *Webinar) { w.Locked = true }), guest, nil},
		{"S7 a rotated link throws nobody out", but(planned(), func(w *Webinar) { w.Link = "another" }), guest, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.w.Allowed(tt.s, now)
			if !errors.Is(err, tt.err) {
				t.Errorf("got %v, want %v", err, tt.err)
			}
			readable(t, err)
		})
	}
}

// Who is disconnected at one edge and comes back at another, which has not heard of it
// yet, is removed once more when it does; nobody stays who should not, and no clock
// takes part.
func TestS62AnAdmissionByAnOldStateEndsWhenTheRemovalArrives(t *testing.T) {
	old := bare()
	removed := old.WithRemoval(Removal{Participant: "p_1", Index: 7})
	before := mustAdmit(t, old, Visitor{Participant: "p_1"})
	after := mustAdmit(t, removed, Visitor{Participant: "p_1"})
	if err := removed.Allowed(before.Standing("p_1"), now); !errors.Is(err, ErrDisconnected) {
		t.Errorf("admitted before: %v", err)
	}
	if err := removed.Allowed(after.Standing("p_1"), now); err != nil {
		t.Errorf("admitted after: %v", err)
	}
}

func TestS33AnAdmissionByAnOldPINEndsWhenEveryoneIsAskedAgain(t *testing.T) {
	old := planned()
	asked := but(old, func(w *Webinar) {
		w.PIN, w.AskedAgain = &PIN{Verifier: Verifier(pinKey, "another-one")}, 7
	})
	before := mustAdmit(t, old, Visitor{PIN: rightPIN})
	after := mustAdmit(t, asked, Visitor{PIN: "another-one"})
	err := asked.Allowed(before.Standing("p_1"), now)
	if !errors.Is(err, ErrPINRequired) || err.Error() == ErrPINRequired.Error() {
		t.Errorf("admitted before: %v", err)
	}
	if err := asked.Allowed(after.Standing("p_1"), now); err != nil {
		t.Errorf("admitted after: %v", err)
	}
}

func TestS14RoleOfIsWhatTheyAreNow(t *testing.T) {
	w := planned().WithInvite(Invite{ID: "i_attendee", Role: Moderator}).
		WithParticipant(Participant{ID: "p_up", Role: Presenter}).WithParticipant(Participant{ID: "p_same", Hand: now})
	tests := []struct {
		name string
		s    Standing
		want Role
	}{
		{"S13 the account that made it is the owner", Standing{Account: "account:ada"}, Owner},
		{"S13 and stays it, whatever hosts say", Standing{Account: "account:ada", Participant: "p_up"}, Owner},
		{"S14 an invite that became a moderator's", Standing{InviteID: "i_attendee", Role: Attendee}, Moderator},
		{"S14 an account on the list as a moderator", Standing{Account: "account:moderator", Role: Attendee}, Moderator},
		{"S14 the account counts more than the link", Standing{Account: "account:moderator", InviteID: "i_presenter"}, Moderator},
		{"S16 whom hosts made a presenter", Standing{Participant: "p_up", Guest: true}, Presenter},
		{"S16 whom hosts made less than the invite says", Standing{Participant: "p_up", InviteID: "i_owner"}, Presenter},
		{"S16 about whom hosts said nothing of the kind", Standing{Participant: "p_same", InviteID: "i_presenter"}, Presenter},
		{"S19 a guest is an attendee", Standing{Participant: "p", Guest: true, Role: Presenter}, Attendee},
		{"S18 an account on no list is an attendee", Standing{Account: "account:bo"}, Attendee},
		{"S17 a revoked invite makes nobody", Standing{InviteID: "i_gone", Role: Owner}, ""},
		{"S17 also if hosts had made them more", Standing{InviteID: "i_gone", Participant: "p_up"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := w.RoleOf(tt.s); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestS7WhoWaitsInTheLobby(t *testing.T) {
	lobby := func(m LobbyMode) *Webinar { return but(planned(), func(w *Webinar) { w.Lobby = m }) }
	account := Visitor{PIN: rightPIN, Account: "account:bo"}
	tests := []struct {
		name             string
		v                Visitor
		guests, everyone bool
	}{
		{"S7 a guest waits in both", Visitor{PIN: rightPIN}, true, true},
		{"S7 an account waits in that for everyone", account, false, true},
		{"S7 so do the invited", invitedAs(Attendee), false, true},
		{"S7 presenters never wait", invitedAs(Presenter), false, false},
		{"S7 nor do moderators", invitedAs(Moderator), false, false},
		{"S7 nor does the owner", Visitor{Account: "account:ada"}, false, false},
	}
	for _, tt := range tests {
		for mode, want := range map[LobbyMode]bool{LobbyGuests: tt.guests, LobbyEveryone: tt.everyone, LobbyOff: false, "": false} {
			t.Run(tt.name+": "+string(mode), func(t *testing.T) {
				w := lobby(mode)
				a := mustAdmit(t, w, tt.v)
				s := a.Standing("p_1")
				if a.Waiting != want || w.InLobby(s) != want || w.May(s, Watch) == want {
					t.Fatalf("waiting %t, in the lobby %t, may watch %t; want waiting %t", a.Waiting, w.InLobby(s), w.May(s, Watch), want)
				}
				if admitted := w.WithParticipant(Participant{ID: "p_1", Admitted: true}); admitted.InLobby(s) {
					t.Error("waits on after a host admitted them")
				}
				if off := lobby(LobbyOff); off.InLobby(s) {
					t.Error("waits on after the lobby was switched off")
				}
				if up := w.WithParticipant(Participant{ID: "p_1", Role: Moderator}); up.InLobby(s) {
					t.Error("waits on as a moderator")
				}
			})
		}
	}
	t.Run("S7 a lobby that is switched on sends nobody back", func(t *testing.T) {
		s := mustAdmit(t, planned(), Visitor{PIN: rightPIN}).Standing("p_1")
		if lobby(LobbyEveryone).InLobby(s) {
			t.Error("who was inside waits")
		}
	})
	t.Run("S7 whom a host admitted does not wait when they come back", func(t *testing.T) {
		w := lobby(LobbyEveryone).WithParticipant(Participant{ID: "p_1", Admitted: true})
		if a := mustAdmit(t, w, Visitor{PIN: rightPIN, Participant: "p_1"}); a.Waiting {
			t.Error("waits")
		}
	})
}

func TestM8WhoOwesThePINIsNotFreedByTheLobbysEnd(t *testing.T) {
	w := planned()
	a, err := w.AdmitToLobby(Visitor{PIN: "wrong"}, now)
	if err != nil {
		t.Fatal(err)
	}
	s := a.Standing("p_1")
	tests := []struct {
		name string
		w    *Webinar
		want bool
	}{
		{"M8 with the lobby off they wait", w, true},
		{"M8 switched on and off again, they wait", but(w, func(w *Webinar) { w.Lobby = LobbyOff }), true},
		{"M8 a host lets them in", w.WithParticipant(Participant{ID: "p_1", Admitted: true}), false},
		{"M8 the PIN is cleared", but(w, func(w *Webinar) { w.PIN = nil }), false},
		{"M8 a host makes them a presenter", w.WithParticipant(Participant{ID: "p_1", Role: Presenter}), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.w.InLobby(s); got != tt.want {
				t.Errorf("in the lobby: %t", got)
			}
		})
	}
}
