package session

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/controlpb"
)

const ticket = "str_0123456789012345678901234567890123456789012"

// registered is an edge of a webinar with registration and one who signed up.
func registered(t testing.TB) *edge {
	t.Helper()
	e := newEdge(t, "")
	e.edit(&controlpb.Settings{Registration: &controlpb.Registration{Window: "always"}}, "registration")
	e.register("r_1", ticket)
	return e
}

func TestS59OneRegistrationIsInsideOnOneDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := registered(t)
		e.run(t)
		phone := Knock{Name: "Ada", Registrant: ticket, Device: "phone"}
		laptop := Knock{Name: "Ada", Registrant: ticket, Device: "laptop"}
		g, first := e.enter(t, phone, Events)
		watch, err := e.Open(ctx, link, g.Token, home, Watch)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := e.Join(ctx, link, phone); err != nil || again.Participant != g.Participant {
			t.Errorf("the same device again: %+v %v", again, err)
		}
		if _, err := e.Join(ctx, link, laptop); code(err) != "already_inside" {
			t.Errorf("a second device: %v", err)
		}
		if _, err := e.Open(ctx, link, ticket, home, Watch); code(err) != "already_inside" {
			t.Errorf("a player with the same link: %v", err)
		}
		if ended(first) != "admitted" {
			t.Error("the question alone ends the first device")
		}
		laptop.Takeover = true
		took, second := e.enter(t, laptop, Events)
		if took.Participant != g.Participant {
			t.Errorf("%s became %s", g.Participant, took.Participant)
		}
		if ended(first) != "superseded" || ended(watch) != "superseded" || ended(second) != "admitted" {
			t.Errorf("first %s, %s, second %s", ended(first), ended(watch), ended(second))
		}
		for name, err := range map[string]error{
			"Open":    errOf(e.Open(ctx, link, g.Token, home, Watch)),
			"Refresh": errOf(e.Refresh(ctx, g.Token, home)),
		} {
			if code(err) != "superseded" {
				t.Errorf("%s with the token of the first device: %v", name, err)
			}
		}
		if in := e.Sessions(webinarID); len(in) != 1 || !in[0].TookOver || in[0].Registrant != "r_1" {
			t.Errorf("the host sees %+v", in)
		}
		// And back again, by the same question.
		phone.Takeover = true
		if _, back := e.enter(t, phone, Watch); ended(back) != "admitted" || ended(second) != "superseded" {
			t.Errorf("back: %s, %s", ended(back), ended(second))
		}
	})
}

func errOf[T any](_ T, err error) error { return err }

func TestS59TwoJoinsBeforeAnyConnectionAreOneInside(t *testing.T) {
	e := registered(t)
	a, err := e.Join(ctx, link, Knock{Name: "Ada", Registrant: ticket, Device: "phone"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.Join(ctx, link, Knock{Name: "Ada", Registrant: ticket, Device: "laptop"})
	if err != nil {
		t.Fatal(err)
	}
	for _, use := range []Use{Events, Watch} {
		if _, err := e.Open(ctx, link, a.Token, home, use); err != nil {
			t.Errorf("the first: %v", err)
		}
		if _, err := e.Open(ctx, link, b.Token, home, use); code(err) != "already_inside" {
			t.Errorf("the second: %v", err)
		}
	}
}

func TestS59AnUnknownDeviceIsStillOneAdmission(t *testing.T) {
	e := registered(t)
	g, _ := e.enter(t, Knock{Name: "Ada", Registrant: ticket}, Events) // storage is closed to the page
	fresh, err := e.Refresh(ctx, g.Token, home)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Open(ctx, link, fresh.Token, home, Watch); err != nil {
		t.Errorf("the second connection of one page: %v", err)
	}
}

func TestS13APresenterHasAnEncoderBesideThePage(t *testing.T) {
	e := newEdge(t, "")
	encoder, err := e.Open(ctx, link, secret, home, Publish)
	if err != nil {
		t.Fatal(err)
	}
	_, page := e.enter(t, Knock{Invite: secret, Device: "laptop"}, Events)
	if _, err := e.Open(ctx, link, secret, home, Watch); err != nil {
		t.Errorf("a player of the presenter: %v", err)
	}
	if _, err := e.Join(ctx, link, Knock{Invite: secret, Device: "phone"}); code(err) != "already_inside" {
		t.Errorf("a second page: %v", err)
	}
	_, second := e.enter(t, Knock{Invite: secret, Device: "phone", Takeover: true}, Events)
	if ended(page) != "superseded" || ended(second) != "admitted" || ended(encoder) != "admitted" {
		t.Errorf("page %s, second page %s, encoder %s", ended(page), ended(second), ended(encoder))
	}
}

func TestS59GuestsAreNobodyInParticular(t *testing.T) {
	e := newEdge(t, "")
	a, _ := e.enter(t, Knock{Name: "Ada", Device: "shared"}, Watch)
	b, _ := e.enter(t, Knock{Name: "Bob", Device: "shared"}, Watch)
	if a.Participant == b.Participant {
		t.Error("two guests of one browser are one participant")
	}
}

func TestS59ATakeoverReachesOtherEdges(t *testing.T) {
	there := registered(t)
	here := newEdge(t, "")
	here.replica, here.ca = there.replica, there.ca
	cred := credentials(t, there.ca, "n2")
	here.cfg.State, here.cfg.Changed = there.replica.now, there.replica.Changed
	here.cfg.Credentials = there.cfg.Credentials
	_ = cred
	here.cfg.Elsewhere = func(_ context.Context, w, participant, device string) (string, bool) {
		return "n1", there.Inside(w, participant, device)
	}
	here.cfg.Supersede = func(_ context.Context, w, participant, device string) { there.Supersede(w, participant, device) }

	old, first := there.enter(t, Knock{Name: "Ada", Registrant: ticket, Device: "phone"}, Watch)
	if _, err := here.Join(ctx, link, Knock{Name: "Ada", Registrant: ticket, Device: "phone"}); err != nil {
		t.Errorf("the same device at another edge: %v", err)
	}
	if _, err := here.Join(ctx, link, Knock{Name: "Ada", Registrant: ticket, Device: "laptop"}); code(err) != "already_inside" {
		t.Errorf("another device at another edge: %v", err)
	}
	_, second := here.enter(t, Knock{Name: "Ada", Registrant: ticket, Device: "laptop", Takeover: true}, Watch)
	if ended(first) != "superseded" || ended(second) != "admitted" {
		t.Errorf("there %s, here %s", ended(first), ended(second))
	}
	if _, err := there.Open(ctx, link, old.Token, home, Watch); code(err) != "superseded" {
		t.Errorf("back with the old token: %v", err)
	}
}

func TestANodeThatDoesNotAnswerLocksNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := registered(t)
		e.cfg.Elsewhere = func(ctx context.Context, _, _, _ string) (string, bool) {
			<-ctx.Done()
			return "", false
		}
		before := time.Now()
		if _, err := e.Join(ctx, link, Knock{Name: "Ada", Registrant: ticket}); err != nil {
			t.Error(err)
		}
		if d := time.Since(before); d != elsewhereWithin {
			t.Errorf("it took %v", d)
		}
	})
}

func TestSupersededAdmissionsAreForgottenInTime(t *testing.T) {
	var d dead
	start := time.Unix(1_700_000_000, 0)
	of := func(i int) claims {
		return claims{Webinar: "w", Participant: "p", Admission: fmt.Sprint(i)}
	}
	for i := range maxDead + 10 {
		d.add(of(i), start.Add(time.Duration(i)*time.Millisecond))
	}
	if len(d.at) > maxDead {
		t.Errorf("%d are remembered, more than %d", len(d.at), maxDead)
	}
	last := maxDead + 9
	now := start.Add(time.Duration(last) * time.Millisecond)
	if !d.has(of(last), now) || d.has(of(0), now) {
		t.Error("the newest is forgotten, or the oldest is not")
	}
	if d.has(of(last), now.Add(admittedFor+time.Second)) {
		t.Error("remembered for longer than a token can be refreshed")
	}
}
