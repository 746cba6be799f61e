package webinar

import (
	"crypto/sha256"
	"errors"
	"net/netip"
	"testing"
	"time"
)

var (
	now        = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	clusterKey = []byte("0123456789abcdef0123456789abcdef")
	pinKey     = DeriveKey(clusterKey, "w_one")
	secret     = sha256.Sum256([]byte("sti_presenter"))
	device     = sha256.Sum256([]byte("device"))
)

// planned returns a webinar with PIN 48151623 and invites of all roles, whose secrets
// hash to sha256("sti_" + role).
func planned() *Webinar {
	w := &Webinar{ID: "w_one", Link: "link", Title: "One", Mode: RoleBased, State: Planned, Owner: "account:ada",
		Guests: AllPermissions, PIN: &PIN{Verifier: Verifier(pinKey, "48151623")}}
	for _, r := range []Role{Owner, Moderator, Presenter, Attendee} {
		w = w.WithInvite(Invite{ID: "i_" + string(r), Name: "A " + string(r), Role: r, Hash: sha256.Sum256([]byte("sti_" + string(r)))})
	}
	return w
}

func invitedAs(r Role) Visitor { return Visitor{Invite: sha256.Sum256([]byte("sti_" + string(r)))} }

func TestAdmit(t *testing.T) {
	open := planned()
	open.PIN = nil
	registered := planned()
	registered.PIN, registered.Registration = nil, &Registration{}
	ended := planned()
	ended.State = Ended
	banned := planned().WithBan(Ban{ID: "b", Participant: "p_1", Keys: Keys{DeviceKey(device), {KindParticipant, "p_1"}}})
	bannedAndEnded := *banned
	bannedAndEnded.State = Ended
	bannedInvite := planned().WithBan(Ban{ID: "b", Keys: Keys{{KindInvite, "i_presenter"}}})
	tests := []struct {
		name string
		w    *Webinar
		v    Visitor
		key  []byte
		role Role
		err  error
	}{
		{"S29 without a PIN everyone with the link enters", open, Visitor{Name: "Bo"}, pinKey, Attendee, nil},
		{"S30 registration replaces the PIN: nobody is asked for one, guests are asked to register", registered, Visitor{PIN: "48151623"}, pinKey, "", ErrRegistrationRequired},
		{"S30 the invited enter where there is registration", registered, invitedAs(Attendee), pinKey, Attendee, nil},
		{"S33 a guest enters with the PIN", planned(), Visitor{PIN: "48151623"}, pinKey, Attendee, nil},
		{"S33 digits may be grouped", planned(), Visitor{PIN: " 4815-1623 "}, pinKey, Attendee, nil},
		{"S33 a guest without a PIN is asked for it", planned(), Visitor{}, pinKey, "", ErrPINRequired},
		{"S33 a wrong PIN does not open", planned(), Visitor{PIN: "48151624"}, pinKey, "", ErrWrongPIN},
		{"S33 the PIN does not open under another webinar's key", planned(), Visitor{PIN: "48151623"}, DeriveKey(clusterKey, "w_two"), "", ErrWrongPIN},
		{"S33 without the key nobody can prove a PIN", planned(), Visitor{PIN: "48151623"}, nil, "", ErrUnavailable},
		{"S33 an account that is on no list needs the PIN", planned(), Visitor{Account: "account:bo"}, pinKey, "", ErrPINRequired},
		{"S34 the owner needs no PIN", planned(), Visitor{Account: "account:ada"}, pinKey, Owner, nil},
		{"S34 an owner's invite needs no PIN", planned(), invitedAs(Owner), pinKey, Owner, nil},
		{"S34 a moderator needs no PIN", planned(), invitedAs(Moderator), pinKey, Moderator, nil},
		{"S34 a presenter needs no PIN", planned(), invitedAs(Presenter), pinKey, Presenter, nil},
		{"S34 an invited person needs no PIN", planned(), invitedAs(Attendee), pinKey, Attendee, nil},
		{"S34 an invite that is not there does not open, also with the PIN", planned(), Visitor{Invite: device, PIN: "48151623"}, pinKey, "", ErrInvalidInvite},
		{"S64 a ban comes before the PIN", banned, Visitor{Device: device, PIN: "wrong"}, pinKey, "", ErrBanned},
		{"S64 a ban comes before the end", &bannedAndEnded, Visitor{Device: device}, pinKey, "", ErrBanned},
		{"S64 a ban holds the participant", banned, Visitor{Participant: "p_1", PIN: "48151623"}, pinKey, "", ErrBanned},
		{"S64 a ban holds an invite", bannedInvite, invitedAs(Presenter), pinKey, "", ErrBanned},
		{"S64 a ban of one invite leaves the others", bannedInvite, invitedAs(Moderator), pinKey, Moderator, nil},
		{"an ended webinar lets nobody in", ended, invitedAs(Owner), pinKey, "", ErrEnded},
		{"a name of two lines is refused", open, Visitor{Name: "Ada\nHost"}, pinKey, "", ErrInvalidName},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := tt.w.Admit(tt.v, tt.key, now)
			if !errors.Is(err, tt.err) || a.Role != tt.role {
				t.Fatalf("got %q, %v; want %q, %v", a.Role, err, tt.role, tt.err)
			}
			var d *Denial
			if err != nil && (!errors.As(err, &d) || d.Code == "" || d.Detail == "") {
				t.Fatalf("%v is no denial that a visitor can read", err)
			}
		})
	}
}

func TestAdmissionSaysWhoIsAGuest(t *testing.T) {
	tests := []struct {
		name  string
		v     Visitor
		guest bool
	}{
		{"S20 who comes with the PIN is a guest", Visitor{PIN: "48151623"}, true},
		{"S18 who is invited is none", invitedAs(Attendee), false},
		{"S19 who has an account is none", Visitor{PIN: "48151623", Account: "account:bo"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := planned().Admit(tt.v, pinKey, now)
			if err != nil || a.Guest != tt.guest {
				t.Fatalf("got guest %t, %v; want %t", a.Guest, err, tt.guest)
			}
		})
	}
	a, _ := planned().Admit(invitedAs(Presenter), pinKey, now)
	if a.Name != "A presenter" || a.InviteID != "i_presenter" {
		t.Errorf("the invite's name and ID are %q and %q", a.Name, a.InviteID)
	}
}

func TestNeedsPINSaysWhenAdmitLooksAtIt(t *testing.T) {
	open, registered := planned(), planned()
	open.PIN = nil
	registered.PIN, registered.Registration = nil, &Registration{}
	tests := []struct {
		name string
		w    *Webinar
		v    Visitor
		want bool
	}{
		{"a guest with a PIN", planned(), Visitor{PIN: "1234"}, true},
		{"a guest without one is only asked", planned(), Visitor{}, false},
		{"there is none", open, Visitor{PIN: "1234"}, false},
		{"S30 there is registration", registered, Visitor{PIN: "1234"}, false},
		{"S34 the invited", planned(), Visitor{PIN: "1234", Invite: secret}, false},
		{"an invite that is not there is refused by itself", planned(), Visitor{PIN: "1234", Invite: device}, false},
		{"S34 the owner", planned(), Visitor{PIN: "1234", Account: "account:ada"}, false},
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

func TestAllowed(t *testing.T) {
	w := planned().WithRemoval(Removal{Participant: "p_1", Index: 10})
	ended := *w
	ended.State = Ended
	tests := []struct {
		name  string
		w     *Webinar
		who   string
		keys  Keys
		since uint64
		err   error
	}{
		{"someone else stays", w, "p_2", nil, 0, nil},
		{"S62 who was disconnected goes", w, "p_1", nil, 9, ErrDisconnected},
		{"S62 who came in after that stays", w, "p_1", nil, 10, nil},
		{"S64 who is banned goes", w.WithBan(Ban{ID: "b", Keys: Keys{DeviceKey(device)}}), "p_2", Keys{DeviceKey(device)}, 10, ErrBanned},
		{"S64 a ban says so also to the disconnected", w.WithBan(Ban{ID: "b", Keys: Keys{{KindParticipant, "p_1"}}}), "p_1", nil, 0, ErrBanned},
		{"everyone goes at the end", &ended, "p_2", nil, 10, ErrEnded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.w.Allowed(Standing{Participant: tt.who, Keys: tt.keys, Since: tt.since}, now); !errors.Is(err, tt.err) {
				t.Errorf("got %v, want %v", err, tt.err)
			}
		})
	}
	t.Run("a new PIN throws nobody out", func(t *testing.T) {
		w := planned()
		w.PIN = &PIN{Verifier: Verifier(pinKey, "another-one")}
		if err := w.Allowed(Standing{Participant: "p_9"}, now); err != nil {
			t.Error(err)
		}
	})
}

// Who is disconnected at one edge and comes back at another, which has not heard of it
// yet, is removed once more when it does; nobody stays who should not, and no clock
// takes part.
func TestAnAdmissionByAnOldStateEndsWhenTheRemovalArrives(t *testing.T) {
	old := planned()
	old.PIN = nil
	removed := old.WithRemoval(Removal{Participant: "p_1", Index: 7})
	before, err := old.Admit(Visitor{Participant: "p_1"}, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	after, err := removed.Admit(Visitor{Participant: "p_1"}, nil, now.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := removed.Allowed(before.Standing("p_1"), now); !errors.Is(err, ErrDisconnected) {
		t.Errorf("admitted before: %v", err)
	}
	if err := removed.Allowed(after.Standing("p_1"), now); err != nil {
		t.Errorf("admitted after: %v", err)
	}
}

func TestKeysOfAVisitor(t *testing.T) {
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
}
