package webinar

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// anyWebinar draws a webinar with some of everything that the door looks at. It never
// has a PIN beside registration, as the API refuses that.
func anyWebinar(t *rapid.T) *Webinar {
	w := planned()
	switch rapid.IntRange(0, 2).Draw(t, "door") {
	case 0:
		w.PIN = nil
	case 1:
		w = withRegistration()
		w.Registration.Accounts = rapid.Bool().Draw(t, "accounts")
		w.Registration.Closed = rapid.Bool().Draw(t, "closed")
	}
	w.Mode = rapid.SampledFrom([]Mode{RoleBased, AllOnScreen}).Draw(t, "mode")
	w.Locked = rapid.Bool().Draw(t, "locked")
	w.Lobby = rapid.SampledFrom([]LobbyMode{"", LobbyOff, LobbyGuests, LobbyEveryone}).Draw(t, "lobby")
	w.GuestLimit = rapid.IntRange(0, 1).Draw(t, "limit")
	w.Guests = Permissions{rapid.Bool().Draw(t, "audio"), rapid.Bool().Draw(t, "video"), rapid.Bool().Draw(t, "messages"), rapid.Bool().Draw(t, "files"), rapid.Bool().Draw(t, "images")}
	w.AskedAgain = rapid.SampledFrom([]uint64{0, 5, 50}).Draw(t, "asked again")
	for _, id := range []string{"p_1", "p_i_attendee", "p_r_approved"} {
		if rapid.Bool().Draw(t, "decided about "+id) {
			w = w.WithParticipant(Participant{
				ID: id, Stage: rapid.Bool().Draw(t, "stage"), Admitted: rapid.Bool().Draw(t, "admitted"), StopAudio: rapid.Bool().Draw(t, "stopped"),
				StopMessages: rapid.Bool().Draw(t, "no messages"), Role: rapid.SampledFrom([]Role{"", Presenter, Attendee}).Draw(t, "role"),
			})
		}
	}
	if rapid.Bool().Draw(t, "a removal") {
		w = w.WithRemoval(Removal{Participant: "p_1", Index: 7})
	}
	if rapid.IntRange(0, 3).Draw(t, "ended") == 0 {
		w.State = Ended
	}
	return w
}

// anyVisitor draws somebody who may or may not have what it takes.
func anyVisitor(t *rapid.T) Visitor {
	v := Visitor{
		Participant: rapid.SampledFrom([]string{"", "", "p_1", "p_2"}).Draw(t, "participant"),
		Name:        rapid.SampledFrom([]string{"Bo", "Bo", "", "a\nb"}).Draw(t, "name"),
		PIN:         rapid.SampledFrom([]string{"", rightPIN, "wrong-one"}).Draw(t, "pin"),
		Account:     rapid.SampledFrom([]string{"", "", "account:ada", "account:bo", "account:moderator", "account:attendee", "account:approved", "account:pending"}).Draw(t, "account"),
	}
	hash := func(name string, secrets ...string) (h [32]byte) {
		if s := rapid.SampledFrom(secrets).Draw(t, name); s != "" {
			h = sha256.Sum256([]byte(s))
		}
		return h
	}
	v.Invite = hash("invite", "", "", "sti_attendee", "sti_presenter", "sti_nobody")
	v.Registrant = hash("registrant", "", "", "str_approved", "str_pending", "str_cancelled", "str_nobody")
	v.Device = hash("device", "", "one", "two")
	if rapid.Bool().Draw(t, "network") {
		v.Prefix = Prefix(netip.MustParseAddr("192.0.2.7"))
	}
	return v
}

func TestS33LawsOfTheDoor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, v := anyWebinar(t), anyVisitor(t)
		a, err := w.Admit(v, pinKey, now)
		again, err2 := w.Admit(v, pinKey, now)
		if !errors.Is(err, err2) || a.Role != again.Role || a.Participant != again.Participant || !slices.Equal(a.Keys, again.Keys) {
			t.Fatal("the same question has two answers")
		}
		if looked := errors.Is(err, ErrWrongPIN); looked && !w.NeedsPIN(v) {
			t.Fatal("a PIN was looked at, and nobody took a guess for it")
		}
		if !w.NeedsPIN(v) { // then it does not matter, if there is one
			other := but(w, func(w *Webinar) {
				if w.PIN != nil {
					w.PIN = &PIN{Verifier: Verifier(pinKey, "something else")}
				}
			})
			if b, err2 := other.Admit(v, pinKey, now); !errors.Is(err, err2) || a.Role != b.Role || a.ByPIN != b.ByPIN {
				t.Fatalf("by another PIN %v, not %v", err2, err)
			}
		}
		if err != nil {
			return
		}
		participant := a.Participant
		if participant == "" {
			participant = "p_drawn"
		}
		s := a.Standing(participant)
		if err := w.Allowed(s, now); err != nil {
			t.Fatalf("who was admitted may not stay: %v", err)
		}
		if w.RoleOf(s) != a.Role || w.InLobby(s) != a.Waiting {
			t.Fatalf("is %s and in the lobby %t; was admitted as %s, waiting %t", w.RoleOf(s), w.InLobby(s), a.Role, a.Waiting)
		}
		proven := w.PIN == nil || v.PIN == rightPIN || a.InviteID != "" || a.Role.trusted()
		registered := w.Registration == nil || a.Registration != "" || a.InviteID != "" || a.Role.trusted() || w.Registration.Accounts && a.Account != ""
		if !proven || !registered || w.State == Ended || a.Guest && a.Account != "" || a.Guest && a.InviteID != "" {
			t.Fatalf("admitted without a proof: %+v", a)
		}
		if w.NeedsSeat(a) != (w.GuestLimit > 0 && a.Guest) {
			t.Fatal("the limit counts others than guests")
		}
	})
}

func TestS64LawsOfABan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, v := anyWebinar(t), anyVisitor(t)
		a, err := w.Admit(v, pinKey, now)
		if err != nil {
			t.Skip("not admitted")
		}
		if v.Account == w.Owner {
			t.Skip("no ban holds the owner")
		}
		participant := "p_9"
		if a.Participant != "" {
			participant = a.Participant
		}
		ban := w.NewBan("b_1", participant, a.Keys, nil, rapid.Bool().Draw(t, "network too"), "account:ada", now)
		banned := w.WithBan(ban)
		if err := banned.Allowed(a.Standing(participant), now); !errors.Is(err, ErrBanned) {
			t.Fatalf("who was banned may stay: %v", err)
		}
		// By each of what they came with, alone, on another device and network.
		for name, part := range map[string]Visitor{
			"account": {Account: v.Account}, "invite": {Invite: v.Invite}, "registration": {Registrant: v.Registrant},
			"device": {Device: v.Device}, "participant": {Participant: participant},
		} {
			known := len(w.Keys(part)) > 0 || name == "participant"
			part.PIN, part.Name = rightPIN, "Another"
			_, before := w.Admit(part, pinKey, now)
			_, after := banned.Admit(part, pinKey, now)
			if known && !errors.Is(after, ErrBanned) {
				t.Fatalf("comes back by the %s: %v", name, after)
			}
			if !known && !errors.Is(after, before) {
				t.Fatalf("by no %s: before %v, after %v", name, before, after)
			}
		}
		if err := banned.WithoutBan("b_1").Allowed(a.Standing(participant), now); err != nil {
			t.Fatalf("S69 lifted, and still: %v", err)
		}
	})
}

func TestM8LawsOfTheLobby(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, v := anyWebinar(t), anyVisitor(t)
		lobby, err := w.AdmitToLobby(v, now)
		v.PIN = rightPIN
		full, err2 := w.Admit(v, pinKey, now)
		if !errors.Is(err, err2) {
			t.Fatalf("with the PIN %v, without a look at it %v", err2, err)
		}
		if err != nil {
			return
		}
		s := lobby.Standing("p_9")
		if lobby.ByPIN || lobby.Role != full.Role || full.ByPIN && !lobby.Waiting {
			t.Fatalf("the lobby gives more than the door: %+v, %+v", lobby, full)
		}
		if full.ByPIN && !w.InLobby(s) {
			t.Fatal("who owes the PIN is inside")
		}
		if w.InLobby(s) {
			for _, what := range append(slices.Clone(everything), Watch, Control) {
				if w.May(s, what) {
					t.Fatalf("may %s in the lobby", what)
				}
			}
		}
	})
}

func TestS44LawsOfPermissions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, v := anyWebinar(t), anyVisitor(t)
		a, err := w.Admit(v, pinKey, now)
		if err != nil {
			t.Skip("not admitted")
		}
		s := a.Standing(rapid.SampledFrom([]string{"p_1", "p_2", "p_i_attendee"}).Draw(t, "participant"))
		role := w.RoleOf(s)
		p, _ := w.Participant(s.Participant)
		for _, what := range everything {
			if role == Attendee && s.Guest && !w.Guests.may(what) && w.May(s, what) {
				t.Fatalf("a guest sends %s", what)
			}
			if role.trusted() && !p.StopMessages && !w.May(s, what) {
				t.Fatalf("a %s sends no %s", role, what)
			}
			if off := but(w, func(w *Webinar) { w.Guests = Permissions{} }); off.May(s, what) && !w.May(s, what) {
				t.Fatalf("less permissions allow %s", what)
			}
		}
		audio, video := w.Receives(s)
		if role == Attendee && w.Mode == RoleBased && !p.Stage && (audio || video) {
			t.Fatal("the audience is on air")
		}
		if p.StopAudio && audio || audio && !w.May(s, Audio) || video && !w.May(s, Video) {
			t.Fatal("what is stopped or not allowed is received")
		}
		if w.May(s, Control) != (role.Hosts() && !w.InLobby(s)) {
			t.Fatal("control is not the hosts'")
		}
	})
}

// Whatever people, hosts and the waitlist do, there are never more approved than the
// maximum, places go in order, and the counts are right.
func TestS51LawsOfPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := signup(Registration{
			Maximum: rapid.IntRange(1, 5).Draw(t, "maximum"), Waitlist: rapid.Bool().Draw(t, "waitlist"), Approval: rapid.Bool().Draw(t, "approval"),
		}, once)
		var ids []string
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			index := uint64(i + 1)
			if len(ids) == 0 || rapid.Bool().Draw(t, "registers") {
				if s, err := w.RegistrationPlace(); err == nil {
					r := Registrant{ID: fmt.Sprint("r_", i), Hash: [32]byte{byte(i), 1}, Status: s, Index: index}
					w, ids = w.WithRegistrant(r), append(ids, r.ID)
				} else if approved, _, _ := w.RegistrantCounts(); approved < w.MaxRegistrants() {
					t.Fatalf("closed with %d of %d", approved, w.MaxRegistrants())
				}
			} else {
				r, _ := w.Registrant(rapid.SampledFrom(ids).Draw(t, "whom"))
				r.Status = rapid.SampledFrom([]Status{Cancelled, Declined, Approved}).Draw(t, "becomes")
				if s, err := w.WithoutRegistrant(r.ID).ApprovalPlace(); r.Status == Approved && err == nil {
					r.Status = s
				} else if r.Status == Approved {
					continue
				}
				w = w.WithRegistrant(r)
			}
			for r, ok := w.NextPromoted(); ok; r, ok = w.NextPromoted() {
				for other := range w.Registrants() {
					if other.Status == Waitlisted && other.Index < r.Index {
						t.Fatalf("%s overtakes %s", r.ID, other.ID)
					}
				}
				r.Status = Approved
				w = w.WithRegistrant(r)
			}
			checkCounts(t, w)
		}
	})
}

func checkCounts(t *rapid.T, w *Webinar) {
	counts := map[Status]int{}
	for r := range w.Registrants() {
		counts[r.Status]++
	}
	approved, pending, waiting := w.RegistrantCounts()
	if approved != counts[Approved] || pending != counts[Pending] || waiting != counts[Waitlisted] {
		t.Fatalf("counts %d, %d and %d; there are %v", approved, pending, waiting, counts)
	}
	if approved > w.MaxRegistrants() {
		t.Fatalf("%d approved of %d", approved, w.MaxRegistrants())
	}
	if waiting > 0 && approved < w.MaxRegistrants() {
		t.Fatal("somebody waits while a place is free")
	}
}
