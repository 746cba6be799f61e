package webinar

import (
	"crypto/sha256"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// entry is one row of a table of who enters.
type entry struct {
	name string
	w    *Webinar
	v    Visitor
	key  []byte // empty: the webinar's
	role Role
	err  error
}

func (e entry) run(t *testing.T) {
	key := e.key
	if key == nil {
		key = pinKey
	}
	a, err := e.w.Admit(e.v, key, now)
	if !errors.Is(err, e.err) || a.Role != e.role {
		t.Fatalf("got %q, %v; want %q, %v", a.Role, err, e.role, e.err)
	}
	readable(t, err)
	if err != nil {
		if a.Keys != nil || a.Participant != "" {
			t.Error("a refusal gives something away")
		}
		return
	}
	if err := e.w.Allowed(a.Standing("p_x"), now); err != nil {
		t.Errorf("who was admitted may not stay: %v", err)
	}
}

func TestS33ThePINStandsBeforeThoseWhoNeedIt(t *testing.T) {
	open := bare()
	ended := but(planned(), func(w *Webinar) { w.State = Ended })
	promoted := planned().WithParticipant(Participant{ID: "p_1", Role: Presenter})
	for _, e := range []entry{
		{"S6 the join link of an open webinar lets everyone in", open, Visitor{Name: "Bo"}, nil, Attendee, nil},
		{"S29 without a PIN everyone with the link enters", open, Visitor{}, nil, Attendee, nil},
		{"S29 a PIN that nobody asked for does no harm", open, Visitor{PIN: "anything"}, nil, Attendee, nil},
		{"S33 a guest enters with the PIN", planned(), Visitor{PIN: rightPIN}, nil, Attendee, nil},
		{"S33 digits may be grouped", planned(), Visitor{PIN: " 4815-1623 "}, nil, Attendee, nil},
		{"S33 a guest without a PIN is asked for it", planned(), Visitor{}, nil, "", ErrPINRequired},
		{"S33 a wrong PIN does not open", planned(), Visitor{PIN: "48151624"}, nil, "", ErrWrongPIN},
		{"S33 a piece of the PIN does not open", planned(), Visitor{PIN: "4815162"}, nil, "", ErrWrongPIN},
		{"S33 the PIN does not open under another webinar's key", planned(), Visitor{PIN: rightPIN}, DeriveKey(clusterKey, "w_two"), "", ErrWrongPIN},
		{"S33 without the key nobody can prove a PIN", planned(), Visitor{PIN: rightPIN}, []byte{}, "", ErrUnavailable},
		{"S33 an account that is on no list needs the PIN", planned(), Visitor{Account: "account:bo"}, nil, "", ErrPINRequired},
		{"S33 a former participant needs the PIN again", planned(), Visitor{Participant: "p_1"}, nil, "", ErrPINRequired},
		{"S33 where registration was switched off, registrants need the PIN like others", but(withRegistration(), func(w *Webinar) { w.Registration, w.PIN = nil, planned().PIN }),
			registeredAs(Approved), nil, "", ErrPINRequired},
		{"S34 the owner needs no PIN", planned(), Visitor{Account: "account:ada"}, nil, Owner, nil},
		{"S34 an owner's invite needs no PIN", planned(), invitedAs(Owner), nil, Owner, nil},
		{"S34 a moderator needs no PIN", planned(), invitedAs(Moderator), nil, Moderator, nil},
		{"S34 a presenter needs no PIN", planned(), invitedAs(Presenter), nil, Presenter, nil},
		{"S34 an invited person needs no PIN", planned(), invitedAs(Attendee), nil, Attendee, nil},
		{"S34 an account on the list needs no PIN", planned(), Visitor{Account: "account:attendee"}, nil, Attendee, nil},
		{"S34 a wrong PIN does not hold up those who need none", planned(), Visitor{Account: "account:moderator", PIN: "wrong"}, nil, Moderator, nil},
		{"S34 whom a host made a presenter needs no PIN", promoted, Visitor{Participant: "p_1"}, nil, Presenter, nil},
		{"S34 an invite that is not there does not open, also with the PIN", planned(), Visitor{Invite: device, PIN: rightPIN}, nil, "", ErrInvalidInvite},
		{"S34 the owner enters by a link that nobody has", planned(), Visitor{Account: "account:ada", Invite: device}, nil, Owner, nil},
		{"S34 who has no account does not own what nobody owns", but(planned(), func(w *Webinar) { w.Owner = "" }), Visitor{PIN: rightPIN}, nil, Attendee, nil},
		{"S34 a revoked invite does not open", planned().WithoutInvite("i_presenter"), invitedAs(Presenter), nil, "", ErrInvalidInvite},
		{"S34 an ended webinar lets nobody in", ended, invitedAs(Owner), nil, "", ErrEnded},
		{"S34 a name of two lines is refused", open, Visitor{Name: "Ada\nHost"}, nil, "", ErrInvalidName},
		{"S34 a name of 201 characters is refused", open, Visitor{Name: strings.Repeat("a", 201)}, nil, "", ErrInvalidName},
		{"S34 a name with markup is a name", open, Visitor{Name: "<script>alert(1)</script>"}, nil, Attendee, nil},
	} {
		t.Run(e.name, e.run)
	}
}

func TestS46OnlyThoseWhoSignedUpEnter(t *testing.T) {
	on := withRegistration()
	accounts := but(on, func(w *Webinar) { w.Registration = &Registration{Window: Always, Accounts: true} })
	off := but(on, func(w *Webinar) { w.Registration = nil })
	closed := but(on, func(w *Webinar) { w.Registration = &Registration{Window: Always, Closed: true} })
	account := func(s Status) Visitor { return Visitor{Account: "account:" + string(s)} }
	both := registeredAs(Pending)
	both.Account = "account:approved"
	for _, e := range []entry{
		{"S30 registration replaces the PIN: guests are asked to register, not for a PIN", on, Visitor{PIN: rightPIN}, nil, "", ErrRegistrationRequired},
		{"S30 a PIN that is there beside registration, which cannot be, opens nothing", but(on, func(w *Webinar) { w.PIN = planned().PIN }), Visitor{PIN: rightPIN}, nil, "", ErrRegistrationRequired},
		{"S30 the invited enter where there is registration", on, invitedAs(Attendee), nil, Attendee, nil},
		{"S45 where registration is off nobody is asked for it", off, Visitor{}, nil, Attendee, nil},
		{"S45 where registration is off a link that was declined is as good as none", off, registeredAs(Declined), nil, Attendee, nil},
		{"S46 an approved registrant enters", on, registeredAs(Approved), nil, Attendee, nil},
		{"S46 closing registration does not close the door to those who have registered", closed, registeredAs(Approved), nil, Attendee, nil},
		{"S46 who waits for the host's decision does not enter", on, registeredAs(Pending), nil, "", ErrRegistrationPending},
		{"S46 who waits for a place does not enter", on, registeredAs(Waitlisted), nil, "", ErrRegistrationWaitlisted},
		{"S46 who was declined does not enter", on, registeredAs(Declined), nil, "", ErrRegistrationDeclined},
		{"S46 who cancelled does not enter", on, registeredAs(Cancelled), nil, "", ErrRegistrationCancelled},
		{"S46 a personal link that nobody has does not open", on, Visitor{Registrant: device}, nil, "", ErrInvalidRegistration},
		{"S46 the owner enters without registration", on, Visitor{Account: "account:ada"}, nil, Owner, nil},
		{"S46 a presenter enters without registration", on, invitedAs(Presenter), nil, Presenter, nil},
		{"S18 an account that is on no list does not enter", on, Visitor{Account: "account:bo"}, nil, "", ErrRegistrationRequired},
		{"S53 an account that is on no list enters if the host allows that", accounts, Visitor{Account: "account:bo"}, nil, Attendee, nil},
		{"S53 so does one that waits for the host's decision", accounts, account(Pending), nil, Attendee, nil},
		{"S53 a guest does not enter by that", accounts, Visitor{Name: "Bo"}, nil, "", ErrRegistrationRequired},
		{"S53 nor does a link that waits, without an account", accounts, registeredAs(Pending), nil, "", ErrRegistrationPending},
		{"S20 an account that registered enters without the link", on, account(Approved), nil, Attendee, nil},
		{"S20 an account that waits for a place does not enter", on, account(Waitlisted), nil, "", ErrRegistrationWaitlisted},
		{"S20 what is approved counts more than what waits", on, both, nil, Attendee, nil},
	} {
		t.Run(e.name, e.run)
	}
}

func TestS64ABanComesBeforeEverything(t *testing.T) {
	banned := planned().WithBan(Ban{ID: "b", Participant: "p_1", Keys: Keys{DeviceKey(device), {KindParticipant, "p_1"}}})
	ended := but(banned, func(w *Webinar) { w.State = Ended })
	locked := but(banned, func(w *Webinar) { w.Locked = true })
	of := func(w *Webinar, keys ...Key) *Webinar { return w.WithBan(Ban{ID: "b", Keys: keys}) }
	owner := Visitor{Account: "account:ada"}
	for _, e := range []entry{
		{"S64 a ban comes before the PIN", banned, Visitor{Device: device, PIN: "wrong"}, nil, "", ErrBanned},
		{"S64 a ban comes before the end", ended, Visitor{Device: device}, nil, "", ErrBanned},
		{"S64 a ban comes before the lock", locked, Visitor{Device: device, PIN: rightPIN}, nil, "", ErrBanned},
		{"S64 a ban comes before an invite that is not there", banned, Visitor{Device: device, Invite: device}, nil, "", ErrBanned},
		{"S64 a ban holds the participant", banned, Visitor{Participant: "p_1", PIN: rightPIN}, nil, "", ErrBanned},
		{"S64 a ban holds an invite", of(planned(), Key{KindInvite, "i_presenter"}), invitedAs(Presenter), nil, "", ErrBanned},
		{"S64 a ban of one invite leaves the others", of(planned(), Key{KindInvite, "i_presenter"}), invitedAs(Moderator), nil, Moderator, nil},
		{"S64 a ban holds a registration", of(withRegistration(), Key{KindRegistration, "r_approved"}), registeredAs(Approved), nil, "", ErrBanned},
		{"S64 a ban of an account holds its registration's link", of(withRegistration(), Key{KindAccount, "account:approved"}),
			Visitor{Registrant: sha256.Sum256([]byte("str_account_approved"))}, nil, "", ErrBanned},
		{"S64 a ban of a registration holds its account", of(withRegistration(), Key{KindRegistration, "r_account_approved"}), Visitor{Account: "account:approved"}, nil, "", ErrBanned},
		{"S64 a ban of an invite holds the account that it is for", of(planned(), Key{KindInvite, "i_account_attendee"}), Visitor{Account: "account:attendee"}, nil, "", ErrBanned},
		{"S64 a ban of an account holds its invite's link", of(planned(), Key{KindAccount, "account:attendee"}),
			Visitor{Invite: sha256.Sum256([]byte("sti_account_attendee"))}, nil, "", ErrBanned},
		{"S64 a ban holds who follows from a proof", of(planned(), Key{KindParticipant, "p_i_presenter"}), invitedAs(Presenter), nil, "", ErrBanned},
		{"S64 no ban holds the owner, by account", of(planned(), Key{KindAccount, "account:ada"}), owner, nil, Owner, nil},
		{"S64 nor by a device or network that they share", of(planned(), DeviceKey(device), Key{KindPrefix, "192.0.2.7/32"}),
			Visitor{Account: "account:ada", Device: device, Prefix: Prefix(netip.MustParseAddr("192.0.2.7"))}, nil, Owner, nil},
		{"S64 a ban holds who was invited as an owner", of(planned(), Key{KindInvite, "i_owner"}), invitedAs(Owner), nil, "", ErrBanned},
		{"S64 a ban is of one webinar: another does not know it", planned(), Visitor{Device: device, PIN: rightPIN}, nil, Attendee, nil},
	} {
		t.Run(e.name, e.run)
	}
}

func TestS7LockAndLobbyStandBehindTheLink(t *testing.T) {
	locked := but(planned(), func(w *Webinar) { w.Locked = true })
	lockedOpen := but(bare(), func(w *Webinar) { w.Locked = true })
	welcomed := lockedOpen.WithParticipant(Participant{ID: "p_1", Admitted: true})
	for _, e := range []entry{
		{"S7 a lock keeps new guests out", lockedOpen, Visitor{}, nil, "", ErrLocked},
		{"S7 a lock keeps the invited out", locked, invitedAs(Attendee), nil, "", ErrLocked},
		{"S7 a lock keeps registrants out", but(withRegistration(), func(w *Webinar) { w.Locked = true }), registeredAs(Approved), nil, "", ErrLocked},
		{"S7 whoever guesses the PIN of a locked webinar does not learn that it is locked", locked, Visitor{PIN: "wrong-one"}, nil, "", ErrWrongPIN},
		{"S7 nor does whoever has none", locked, Visitor{}, nil, "", ErrPINRequired},
		{"S7 the owner enters a locked webinar", locked, Visitor{Account: "account:ada"}, nil, Owner, nil},
		{"S7 a moderator enters a locked webinar", locked, invitedAs(Moderator), nil, Moderator, nil},
		{"S7 a presenter enters a locked webinar", locked, invitedAs(Presenter), nil, Presenter, nil},
		{"S7 whom a host has let in by name is not new", welcomed, Visitor{Participant: "p_1"}, nil, Attendee, nil},
	} {
		t.Run(e.name, e.run)
	}
	for _, tt := range []struct {
		name   string
		change func(*Webinar)
		open   bool
	}{
		{"S7 a link with nothing behind it is an open door", func(*Webinar) {}, true},
		{"S7 so it is with the lobby switched off", func(w *Webinar) { w.Lobby = LobbyOff }, true},
		{"S7 a PIN closes it", func(w *Webinar) { w.PIN = &PIN{} }, false},
		{"S7 registration closes it", func(w *Webinar) { w.Registration = &Registration{} }, false},
		{"S7 the lobby closes it", func(w *Webinar) { w.Lobby = LobbyGuests }, false},
		{"S7 the lock closes it", func(w *Webinar) { w.Locked = true }, false},
		{"S7 the end closes it", func(w *Webinar) { w.State = Ended }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := but(bare(), tt.change).OpenDoor(); got != tt.open {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestS19AdmissionSaysWhoIsAGuest(t *testing.T) {
	tests := []struct {
		name         string
		w            *Webinar
		v            Visitor
		guest        bool
		participant  string
		invite, reg  string
		byPIN, seats bool
	}{
		{"S19 who comes with the PIN is a guest, by the PIN", planned(), Visitor{PIN: rightPIN}, true, "", "", "", true, true},
		{"S19 who comes by the link is a guest", bare(), Visitor{}, true, "", "", "", false, true},
		{"S19 a guest who comes back is who they were", bare(), Visitor{Participant: "p_7"}, true, "p_7", "", "", false, true},
		{"S17 who is invited is none", planned(), invitedAs(Attendee), false, "p_i_attendee", "i_attendee", "", false, false},
		{"S17 nor is who is invited by account", planned(), Visitor{Account: "account:attendee"}, false, "p_i_account_attendee", "i_account_attendee", "", false, false},
		{"S18 who has an account is none", planned(), Visitor{PIN: rightPIN, Account: "account:bo"}, false, "p_account:bo", "", "", true, false},
		{"S20 a registrant without account is a guest", withRegistration(), registeredAs(Approved), true, "p_r_approved", "", "r_approved", false, true},
		{"S20 a registrant with an account is none", withRegistration(), Visitor{Account: "account:approved"}, false, "p_r_account_approved", "", "r_account_approved", false, false},
		{"S13 the owner is none", planned(), Visitor{Account: "account:ada"}, false, "p_account:ada", "", "", false, false},
		{"M7 one link is one person, whatever they were before", planned(), Visitor{Participant: "p_7", Invite: secret}, false, "p_i_presenter", "i_presenter", "", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := mustAdmit(t, tt.w, tt.v)
			want := Admission{Participant: tt.participant, Role: a.Role, Guest: tt.guest, ByPIN: tt.byPIN,
				InviteID: tt.invite, Registration: tt.reg, Account: tt.v.Account, Name: a.Name, Keys: a.Keys, Since: a.Since}
			if got, want := a.Standing("p"), want.Standing("p"); got.Guest != want.Guest || got.ByPIN != want.ByPIN ||
				got.InviteID != want.InviteID || got.Registration != want.Registration || got.Account != want.Account || a.Participant != tt.participant {
				t.Errorf("got %+v, want %+v", a, want)
			}
			if tt.w.NeedsSeat(a) {
				t.Error("S60 without a limit nobody needs a seat")
			}
			if got := but(tt.w, func(w *Webinar) { w.GuestLimit = 1 }).NeedsSeat(a); got != tt.seats {
				t.Errorf("S61 needs a seat: %t", got)
			}
		})
	}
	a := mustAdmit(t, planned(), invitedAs(Presenter))
	if a.Name != "A presenter" || a.InviteID != "i_presenter" {
		t.Errorf("the invite's name and ID are %q and %q", a.Name, a.InviteID)
	}
}

func TestS61TheLimitCountsGuestsOnly(t *testing.T) {
	w := but(planned(), func(w *Webinar) { w.GuestLimit = 1 })
	for _, tt := range []struct {
		name string
		v    Visitor
		want bool
	}{
		{"S60 a guest needs a seat", Visitor{PIN: rightPIN}, true},
		{"S61 the owner needs none", Visitor{Account: "account:ada"}, false},
		{"S61 a moderator needs none", invitedAs(Moderator), false},
		{"S61 a presenter needs none", invitedAs(Presenter), false},
		{"S61 the invited need none", invitedAs(Attendee), false},
		{"S61 an account needs none", Visitor{PIN: rightPIN, Account: "account:bo"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := w.NeedsSeat(mustAdmit(t, w, tt.v)); got != tt.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestS30NeedsPINSaysWhenAdmitLooksAtIt(t *testing.T) {
	tests := []struct {
		name string
		w    *Webinar
		v    Visitor
		want bool
	}{
		{"S33 a guest with a PIN", planned(), Visitor{PIN: "1234"}, true},
		{"S33 an account on no list", planned(), Visitor{PIN: "1234", Account: "account:bo"}, true},
		{"S33 a guest without one is only asked", planned(), Visitor{}, false},
		{"S29 there is none", bare(), Visitor{PIN: "1234"}, false},
		{"S30 there is registration", withRegistration(), Visitor{PIN: "1234"}, false},
		{"S34 the invited", planned(), Visitor{PIN: "1234", Invite: secret}, false},
		{"S34 the invited by account", planned(), Visitor{PIN: "1234", Account: "account:presenter"}, false},
		{"S34 an invite that is not there is refused by itself", planned(), Visitor{PIN: "1234", Invite: device}, false},
		{"S34 the owner", planned(), Visitor{PIN: "1234", Account: "account:ada"}, false},
		{"S34 the owner, with an invite that is not there", planned(), Visitor{PIN: "1234", Account: "account:ada", Invite: device}, false},
		{"S34 whom a host made a presenter", planned().WithParticipant(Participant{ID: "p_1", Role: Presenter}), Visitor{PIN: "1234", Participant: "p_1"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.w.NeedsPIN(tt.v); got != tt.want {
				t.Errorf("got %t", got)
			}
			_, err := tt.w.Admit(tt.v, pinKey, now)
			if looked := errors.Is(err, ErrWrongPIN); looked != tt.want {
				t.Errorf("Admit says %v", err)
			}
		})
	}
}

func TestM8WithoutGuessesTheLobbyIsOpenStill(t *testing.T) {
	tests := []struct {
		name    string
		w       *Webinar
		v       Visitor
		waiting bool
		err     error
	}{
		{"M8 a guest waits, whatever the PIN", planned(), Visitor{PIN: "wrong"}, true, nil},
		{"M8 also with the right PIN, which nobody looks at", planned(), Visitor{PIN: rightPIN}, true, nil},
		{"M8 an account on no list waits", planned(), Visitor{Account: "account:bo"}, true, nil},
		{"M8 invited people are not affected", planned(), invitedAs(Attendee), false, nil},
		{"M8 the owner is not affected", planned(), Visitor{Account: "account:ada"}, false, nil},
		{"M8 where there is no PIN nobody waits", bare(), Visitor{}, false, nil},
		{"M8 a ban holds in the lobby too", planned().WithBan(Ban{ID: "b", Keys: Keys{DeviceKey(device)}}), Visitor{Device: device}, false, ErrBanned},
		{"M8 so does the lock", but(planned(), func(w *Webinar) { w.Locked = true }), Visitor{}, false, ErrLocked},
		{"M8 registration is not got around", withRegistration(), Visitor{}, false, ErrRegistrationRequired},
		{"M8 nor is the end", but(planned(), func(w *Webinar) { w.State = Ended }), Visitor{}, false, ErrEnded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := tt.w.AdmitToLobby(tt.v, now)
			if !errors.Is(err, tt.err) || a.Waiting != tt.waiting {
				t.Fatalf("got waiting %t, %v", a.Waiting, err)
			}
			if err != nil {
				return
			}
			s := a.Standing("p_1")
			if a.ByPIN || tt.w.InLobby(s) != tt.waiting || tt.w.May(s, Watch) == tt.waiting {
				t.Errorf("by PIN %t, in the lobby %t, may watch %t", a.ByPIN, tt.w.InLobby(s), tt.w.May(s, Watch))
			}
			if in := tt.w.WithParticipant(Participant{ID: "p_1", Admitted: true}); in.InLobby(s) || !in.May(s, Watch) {
				t.Error("who was admitted by a host waits on")
			}
		})
	}
}

func TestM7KeysOfAVisitor(t *testing.T) {
	v := Visitor{Account: "a", Registrant: sha256.Sum256([]byte("str_r")), Invite: secret, Device: device, Prefix: Prefix(netip.MustParseAddr("192.0.2.7"))}
	want := Keys{{KindAccount, "a"}, DeviceKey(device), {KindInvite, "i_presenter"}, {KindPrefix, "192.0.2.7/32"}, {KindRegistration, "r"}}
	got := planned().WithRegistrant(Registrant{ID: "r", Hash: sha256.Sum256([]byte("str_r"))}).Keys(v)
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v, want %v", got[i], want[i])
		}
	}
	back, ok := ParseKeys(got.Strings())
	if !ok || len(back) != len(got) {
		t.Errorf("ParseKeys(%v) = %v, %t", got.Strings(), back, ok)
	}
	if _, ok := ParseKeys([]string{"device:x", "shoe-size:44"}); ok {
		t.Error("an unknown kind of key is read")
	}
}

func TestM7WhatBelongsTogetherIsOnePerson(t *testing.T) {
	one := withRegistration().WithInvite(Invite{ID: "i_both", Role: Attendee, Account: "account:approved", Hash: sha256.Sum256([]byte("sti_both"))})
	want := Keys{{KindAccount, "account:approved"}, {KindInvite, "i_both"}, {KindRegistration, "r_account_approved"}}
	for name, v := range map[string]Visitor{
		"M7 by the account":           {Account: "account:approved"},
		"M7 by the invite":            {Invite: sha256.Sum256([]byte("sti_both"))},
		"M7 by the registration":      {Registrant: sha256.Sum256([]byte("str_account_approved"))},
		"M7 by all of them, at once":  {Account: "account:approved", Invite: sha256.Sum256([]byte("sti_both"))},
		"M7 the account counts first": {Account: "account:approved", Registrant: sha256.Sum256([]byte("str_account_approved"))},
	} {
		t.Run(name, func(t *testing.T) {
			keys := one.Keys(v)
			if len(keys) != len(want) || keys[0] != want[0] || keys[1] != want[1] || keys[2] != want[2] {
				t.Errorf("got %v", keys)
			}
			if a := mustAdmit(t, one, v); v.Account != "" && a.Participant != "p_i_both" {
				t.Errorf("is the participant %s", a.Participant)
			}
		})
	}
}

// TestS33NothingIsLookedAtBehindAClosedDoor asks what the door asks first, of
// somebody who knows the PIN: nobody without proof gets further, and no hash is computed.
func TestS33NothingIsLookedAtBehindAClosedDoor(t *testing.T) {
	open := &Webinar{ID: "w_1", State: Live, PIN: &PIN{Verifier: Verifier(make([]byte, 32), "90210777")}}
	ended, locked := *open, *open
	ended.State, locked.Locked = Ended, true
	guesser := Visitor{Name: "Eve", PIN: "90210777", Invite: [32]byte{1}, Registrant: [32]byte{2}}
	work := testing.AllocsPerRun(100, func() { ended.Opens(guesser) })
	for name, w := range map[string]*Webinar{"unknown": nil, "closed": &ended, "locked": &locked} {
		if w.Opens(guesser) {
			t.Errorf("%s opens", name)
		}
		if n := testing.AllocsPerRun(100, func() { w.Opens(guesser) }); n != work || n > 2 {
			t.Errorf("%s: %v allocations, another has %v, and an HMAC has more than the two keys of tables", name, n, work)
		}
		if name != "unknown" && !w.Opens(Visitor{Account: "ada"}) {
			t.Errorf("%s: who is signed in hears nothing", name)
		}
	}
	if !open.Opens(Visitor{}) {
		t.Error("an open one is closed")
	}
}
