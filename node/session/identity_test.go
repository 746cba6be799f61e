package session

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func TestS46OnlyThoseWhoSignedUpGetIn(t *testing.T) {
	e := newEdge(t, "")
	e.edit(&controlpb.Settings{Registration: &controlpb.Registration{Window: "always", Approval: true}}, "registration")
	for _, id := range []string{"approved", "pending", "declined", "cancelled"} {
		e.register("r_"+id, "str_"+id)
	}
	e.decide("approve", "r_approved", "r_cancelled")
	e.decide("decline", "r_declined")
	e.decide("cancel", "r_cancelled")
	e.voter(t)
	pass, err := e.Pass("a_grace", "Grace")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		knock Knock
		want  string
	}{
		{"S46 nobody who did not sign up", Knock{Name: "Eve"}, "registration_required"},
		{"S46 nor with somebody's PIN", Knock{Name: "Eve", PIN: "90210777"}, "registration_required"},
		{"S46 the approved", Knock{Name: "Ada", Registrant: "str_approved"}, "admitted"},
		{"S46 not those about whom the host has not decided", Knock{Name: "Ada", Registrant: "str_pending"}, "registration_pending"},
		{"S46 not the declined", Knock{Name: "Ada", Registrant: "str_declined"}, "registration_declined"},
		{"S46 not those who cancelled", Knock{Name: "Ada", Registrant: "str_cancelled"}, "registration_cancelled"},
		{"S46 no secret that is none", Knock{Name: "Ada", Registrant: "str_x"}, "invalid_registration"},
		{"S57 an anonymous registrant says a name", Knock{Registrant: "str_approved"}, "invalid_name"},
		{"S34 the invited need no registration", Knock{Invite: secret}, "admitted"},
		{"S53 an account is not on the list", Knock{Pass: pass}, "registration_required"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := e.Join(ctx, link, c.knock); code(err) != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	e.edit(&controlpb.Settings{Registration: &controlpb.Registration{Window: "always", Accounts: true}}, "registration")
	if g, err := e.Join(ctx, link, Knock{Pass: pass}); err != nil || g.Name != "Grace" {
		t.Errorf("S53 allow authenticated users: %+v %v", g, err)
	}
	if p, err := e.Webinar(link); err != nil || !p.Registration || !p.Accounts || p.PINRequired {
		t.Errorf("the page is told %+v, %v", p, err)
	}
}

func TestS33ARegistrantEntersByTheirLinkOnEveryPath(t *testing.T) {
	for _, use := range []Use{Watch, Events} {
		e := registered(t)
		s, err := e.Open(ctx, link, ticket, home, use)
		if err != nil {
			t.Fatal(err)
		}
		if keys := e.Sessions("")[0].Keys; !strings.Contains(strings.Join(keys, " "), "registration:r_1") {
			t.Errorf("a ban would bind to %v", keys)
		}
		s.End()
		if _, err := e.Open(ctx, link, "str_no", home, use); code(err) != "invalid_registration" {
			t.Errorf("%v: %v", use, err)
		}
		if _, err := e.Open(ctx, link, "90210777", home, use); code(err) != "registration_required" {
			t.Errorf("%v by a PIN: %v", use, err)
		}
	}
}

func TestS46ARegistrationThatIsCancelledEndsTheStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := registered(t)
		e.run(t)
		g, s := e.enter(t, Knock{Name: "Ada", Registrant: ticket}, Watch)
		e.edit(&controlpb.Settings{Registration: &controlpb.Registration{Window: "always", Closed: true}}, "registration")
		synctest.Wait()
		if ended(s) != "admitted" {
			t.Fatalf("closing the registration throws out those inside: %s", ended(s))
		}
		e.decide("cancel", "r_1")
		synctest.Wait()
		if ended(s) != "registration_cancelled" {
			t.Errorf("ended by %s", ended(s))
		}
		if _, err := e.Refresh(ctx, g.Token, home); code(err) != "registration_cancelled" {
			t.Errorf("a new token: %v", err)
		}
	})
}

func TestS13AnAccountIsKnownByItsPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, "90210777")
		if _, err := e.Pass("host", "Grace"); err == nil {
			t.Error("an edge, which knows no accounts, makes passes")
		}
		forged, err := sign(passPrefix, pass{Account: "host", Expires: time.Now().Add(passLife).UnixMilli()}, e.cfg.Credentials())
		if err != nil {
			t.Fatal(err)
		}
		edgeOnly := e.cfg.Credentials
		e.voter(t)
		e.invite("i_2", "moderator", "sti_two", "a_mary")
		owner, err := e.Pass("host", "Grace")
		if err != nil {
			t.Fatal(err)
		}
		member, err := e.Pass("a_1", "Ada")
		if err != nil {
			t.Fatal(err)
		}
		mary, err := e.Pass("a_mary", "")
		if err != nil {
			t.Fatal(err)
		}
		nameless, err := e.Pass("a_2", "")
		if err != nil {
			t.Fatal(err)
		}
		token, err := e.Join(ctx, link, Knock{Pass: owner})
		if err != nil {
			t.Fatal(err)
		}
		e.cfg.Credentials = edgeOnly // any node of the cluster checks a pass
		for _, c := range []struct {
			name  string
			knock Knock
			role  webinar.Role
			want  string
		}{
			{"S13 the owner is the owner", Knock{Pass: owner}, webinar.Owner, "admitted"},
			{"S14 an invited account has the role, and the invite's name", Knock{Pass: mary}, webinar.Moderator, "admitted"},
			{"S18 an account that is on no list needs the PIN", Knock{Pass: member}, "", "pin_required"},
			{"S18 and enters with it", Knock{Pass: member, PIN: "90210777"}, webinar.Attendee, "admitted"},
			{"S18 an account without a name says one", Knock{Pass: nameless, PIN: "90210777"}, "", "invalid_name"},
			{"a pass that an edge made", Knock{Pass: forged}, "", "pass_invalid"},
			{"a token is no pass", Knock{Pass: token.Token}, "", "pass_invalid"},
			{"a pass that was changed", Knock{Pass: owner[:10] + "A" + owner[11:]}, "", "pass_invalid"},
		} {
			g, err := e.Join(ctx, link, c.knock)
			if code(err) != c.want || g.Role != c.role {
				t.Errorf("%s: %s %v, want %s %s", c.name, g.Role, err, c.role, c.want)
			}
			if c.knock.Pass == member && err == nil && g.Name != "Ada" {
				t.Errorf("called %q", g.Name)
			}
		}
		if _, err := e.Open(ctx, link, owner, home, Publish); err != nil {
			t.Errorf("by the pass alone: %v", err)
		}
		if _, err := e.Open(ctx, link, "sts1."+strings.TrimPrefix(owner, passPrefix), home, Watch); code(err) != "token_invalid" {
			t.Errorf("a pass as a token: %v", err)
		}
		time.Sleep(passLife)
		if _, err := e.Join(ctx, link, Knock{Pass: owner}); code(err) != "pass_invalid" {
			t.Errorf("after five minutes: %v", err)
		}
	})
}

func TestS7ATokenReachesItsWebinarAfterTheLinkWasRotated(t *testing.T) {
	e := newEdge(t, "90210777")
	g, s := e.enter(t, Knock{Name: "Ada", PIN: "90210777"}, Watch)
	e.rotate("zyxwvutsrqponmlkjihgfe")
	if _, err := e.Join(ctx, link, Knock{Name: "Eve", PIN: "90210777"}); code(err) != "not_found" {
		t.Errorf("the old link opens: %v", err)
	}
	if _, err := e.Open(ctx, link, secret, home, Watch); code(err) != "not_found" {
		t.Errorf("the old link opens for an invite: %v", err)
	}
	if _, err := e.Open(ctx, link, g.Token, home, Watch); err != nil || ended(s) != "admitted" {
		t.Errorf("those inside: %v, %s", err, ended(s))
	}
	fresh, err := e.Refresh(ctx, g.Token, home)
	if err != nil || fresh.Link != "zyxwvutsrqponmlkjihgfe" {
		t.Errorf("%+v %v", fresh, err)
	}
}

func TestS29TheHostAsksEveryoneAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, "90210777")
		e.run(t)
		g, guest := e.enter(t, Knock{Name: "Ada", PIN: "90210777"}, Watch)
		_, presenter := e.enter(t, Knock{Invite: secret}, Watch)
		key := webinar.DeriveKey(make([]byte, 32), webinarID)
		set := func(pin string, again bool) {
			e.apply(&controlpb.Command{Principal: "host", Kind: &controlpb.Command_SetPin{SetPin: &controlpb.SetPIN{
				Webinar: webinarID, Verifier: webinar.Verifier(key, pin), AskAgain: again,
			}}})
			synctest.Wait()
		}
		set("11112222", false)
		if ended(guest) != "admitted" {
			t.Fatalf("a new PIN throws out those inside: %s", ended(guest))
		}
		set("33334444", true)
		if ended(guest) != "pin_required" || ended(presenter) != "admitted" {
			t.Errorf("guest %s, presenter %s", ended(guest), ended(presenter))
		}
		if _, err := e.Refresh(ctx, g.Token, home); code(err) != "pin_required" {
			t.Errorf("the old token: %v", err)
		}
		if _, s := e.enter(t, Knock{Name: "Ada", PIN: "33334444"}, Watch); ended(s) != "admitted" {
			t.Errorf("with the new one: %s", ended(s))
		}
	})
}

func TestS34AnInviteThatIsTakenBackEndsTheStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, "")
		e.run(t)
		_, s := e.enter(t, Knock{Invite: secret}, Publish)
		e.apply(&controlpb.Command{Principal: "host", Kind: &controlpb.Command_RevokeInvite{RevokeInvite: &controlpb.RevokeInvite{Webinar: webinarID, Id: "i_1"}}})
		synctest.Wait()
		if ended(s) != "invalid_invite" {
			t.Errorf("ended by %s", ended(s))
		}
	})
}

// TestATokenOfAnOlderNodeHolds mints what nodes of the first release did.
func TestATokenOfAnOlderNodeHolds(t *testing.T) {
	e := newEdge(t, "")
	old := func(guest bool, keys ...string) string {
		t.Helper()
		now := time.Now()
		body := map[string]any{
			"w": webinarID, "p": "p_old", "n": "Grace", "r": "attendee", "s": 3, "k": keys,
			"a": now.UnixMilli(), "e": now.Add(tokenLife).UnixMilli(),
		}
		if guest {
			body["g"] = true
		} else {
			body["r"] = "presenter"
		}
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		token, err := sign(tokenPrefix, json.RawMessage(b), e.cfg.Credentials())
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	if _, err := e.Open(ctx, link, old(true, "device:AAAA"), home, Watch); err != nil {
		t.Errorf("a guest: %v", err)
	}
	s, err := e.Open(ctx, link, old(false, "invite:i_1"), home, Publish)
	if err != nil || s.Role != webinar.Presenter || s.claims.InviteID != "i_1" {
		t.Errorf("a presenter: %+v %v", s, err)
	}
	if _, err := e.Open(ctx, link, old(false, "invite:i_gone"), home, Watch); code(err) != "invalid_invite" {
		t.Errorf("an invite that is gone: %v", err)
	}
	if _, err := e.Open(ctx, link, old(true, "shoe:42"), home, Watch); code(err) != "token_invalid" {
		t.Errorf("a kind of key that nobody knows: %v", err)
	}
	g, err := e.Refresh(ctx, old(true, "device:AAAA"), home)
	if err != nil || g.Participant != "p_old" {
		t.Errorf("Refresh: %+v %v", g, err)
	}
}

func TestTheRosterIsTheForwardingTable(t *testing.T) {
	e := newEdge(t, "")
	_, s := e.enter(t, Knock{Name: "Ada"}, Watch)
	flowing := false
	s.Carry(func() bool { return flowing })
	if n := len(e.Sessions(webinarID)); n != 0 {
		t.Errorf("%d seen before media flows", n)
	}
	flowing = true
	if n := len(e.Sessions(webinarID)); n != 1 {
		t.Errorf("%d seen while it does", n)
	}
}

func TestS66TheRosterTellsWhatAHostNeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := registered(t)
		e.run(t)
		g, _ := e.enter(t, Knock{Name: "Ada", Registrant: ticket, Device: "d"}, Events)
		e.participant(g.Participant, &controlpb.SetParticipant{StopAudio: yes, Hand: yes, Stage: yes, Name: "Ada"})
		synctest.Wait()
		in := e.Sessions(webinarID)
		if len(in) != 1 || !in[0].StopAudio || in[0].StopVideo || !in[0].Hand || !in[0].Stage || in[0].Waiting || !in[0].Guest {
			t.Errorf("%+v", in)
		}
	})
}

func FuzzReadPass(f *testing.F) {
	e := newEdge(f, "")
	f.Add("stp1.e30.AAAA.AAAA")
	f.Add("stp1...")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := new(issuers).pass(text, e.ca.Cert, time.Now()); err == nil {
			t.Errorf("%q was taken for a pass: %+v", text, p)
		}
	})
}
