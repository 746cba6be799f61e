package session

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"stentor/cluster/pki"
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

// beside is another edge of e's mesh, with its own certificate.
func beside(t *testing.T, e *edge, node string) *edge {
	t.Helper()
	b := newEdge(t, "")
	b.replica, b.ca = e.replica, e.ca
	b.cfg.State, b.cfg.Changed = e.replica.now, e.replica.Changed
	cred := credentials(t, e.ca, node)
	b.cfg.Credentials = func() *pki.Credentials { return cred }
	return b
}

// meet lets edges ask and tell each other.
func meet(t *testing.T, edges ...*edge) {
	for _, e := range edges {
		e.cfg.Elsewhere = func(_ context.Context, q Asked) (f Found) {
			for _, o := range edges {
				if o != e {
					f = f.Or(o.Inside(q))
				}
			}
			return f
		}
		e.cfg.Supersede = func(_ context.Context, token string) {
			for _, o := range edges {
				if o != e && o.Supersede(token) != nil {
					t.Error("a takeover is not believed")
				}
			}
		}
	}
}

func TestS59ATakeoverReachesOtherEdges(t *testing.T) {
	there := registered(t)
	here := beside(t, there, "n2")
	third := beside(t, there, "n3")
	meet(t, there, here, third)
	old, first := there.enter(t, Knock{Name: "Ada", Registrant: ticket, Device: "phone"}, Watch)
	if _, err := here.Join(ctx, link, Knock{Name: "Ada", Registrant: ticket, Device: "phone"}); err != nil {
		t.Errorf("the same device at another edge: %v", err)
	}
	if _, err := here.Join(ctx, link, Knock{Name: "Ada", Registrant: ticket, Device: "laptop"}); code(err) != "already_inside" {
		t.Errorf("another device at another edge: %v", err)
	}
	took, second := here.enter(t, Knock{Name: "Ada", Registrant: ticket, Device: "laptop", Takeover: true}, Watch)
	if ended(first) != "superseded" || ended(second) != "admitted" {
		t.Errorf("there %s, here %s", ended(first), ended(second))
	}
	for name, e := range map[string]*edge{"there": there, "here": here, "at a third edge": third} {
		if _, err := e.Open(ctx, link, old.Token, home, Watch); code(err) != "superseded" {
			t.Errorf("%s with the old token: %v", name, err)
		}
		s, err := e.Open(ctx, link, took.Token, home, Events)
		if err != nil {
			t.Errorf("%s with the new token: %v", name, err)
			continue
		}
		s.End()
	}
}

func TestS59APlayerAtAnotherEdgeIsOnePersonToo(t *testing.T) {
	there := registered(t)
	here := beside(t, there, "n2")
	meet(t, there, here)
	_, page := there.enter(t, Knock{Name: "Ada", Registrant: ticket, Device: "phone"}, Watch)
	if _, err := here.Open(ctx, link, ticket, home, Watch); code(err) != "already_inside" {
		t.Errorf("a player with the same link: %v", err)
	}
	if ended(page) != "admitted" {
		t.Error("the question alone ends the page")
	}
	player, err := here.TakeOver(ctx, link, ticket, home, Watch)
	if err != nil || ended(page) != "superseded" || ended(player) != "admitted" {
		t.Errorf("with a yes: %v, the page %s", err, ended(page))
	}
	if _, err := there.Join(ctx, link, Knock{Name: "Ada", Registrant: ticket, Device: "phone"}); code(err) != "already_inside" {
		t.Errorf("the page again: %v", err)
	}
}

func TestS59ANodeThatMissedATakeoverAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		there := registered(t)
		here, third := beside(t, there, "n2"), beside(t, there, "n3")
		meet(t, there, here, third)
		here.cfg.Supersede = func(context.Context, string) {} // nobody hears it
		old, err := there.Join(ctx, link, Knock{Name: "Ada", Registrant: ticket, Device: "phone"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := here.Join(ctx, link, Knock{Name: "Ada", Registrant: ticket, Device: "laptop", Takeover: true}); err != nil {
			t.Fatal(err)
		}
		asked := 0
		ask := third.cfg.Elsewhere
		third.cfg.Elsewhere = func(ctx context.Context, q Asked) Found { asked++; return ask(ctx, q) }
		for range 3 {
			if _, err := third.Open(ctx, link, old.Token, home, Watch); code(err) != "superseded" {
				t.Errorf("the old token: %v", err)
			}
		}
		guest, err := third.Join(ctx, link, Knock{Invite: secret})
		if err != nil {
			t.Fatal(err)
		}
		asked = 0
		if _, err := third.Open(ctx, link, guest.Token, home, Watch); err != nil || asked != 0 {
			t.Errorf("%v; somebody who sends is asked about %d times", err, asked)
		}
		time.Sleep(askAgain + time.Second)
		if _, err := third.Open(ctx, link, old.Token, home, Watch); code(err) != "superseded" || asked != 1 {
			t.Errorf("later: %v, asked %d times", err, asked)
		}
	})
}

func TestS59ATakeoverIsProved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		there := registered(t)
		here := beside(t, there, "n2")
		g, first := there.enter(t, Knock{Name: "Ada", Registrant: ticket, Device: "phone"}, Watch)
		var token string
		here.cfg.Supersede = func(_ context.Context, t string) { token = t }
		time.Sleep(time.Second)
		if _, err := here.Join(ctx, link, Knock{Name: "Ada", Registrant: ticket, Device: "laptop", Takeover: true}); err != nil {
			t.Fatal(err)
		}
		plain, err := beside(t, there, "n4").Join(ctx, link, Knock{Name: "Ada", Registrant: ticket, Device: "laptop"})
		if err != nil {
			t.Fatal(err)
		}
		foreign := registered(t)
		foreign.cfg.Supersede = func(_ context.Context, t string) { plain.Participant = t }
		if _, err := foreign.Join(ctx, link, Knock{Name: "Ada", Registrant: ticket, Device: "laptop", Takeover: true}); err != nil {
			t.Fatal(err)
		}
		for name, bad := range map[string]string{
			"no token": "", "one that took nothing over": plain.Token, "another cluster's": plain.Participant,
		} {
			if there.Supersede(bad) == nil || ended(first) != "admitted" {
				t.Errorf("%s ends a session", name)
			}
		}
		there.issuers.removed = func(node string) bool { return node == "n2" }
		if there.Supersede(token) == nil || ended(first) != "admitted" {
			t.Error("a removed node ends a session")
		}
		there.issuers.removed = nil
		if err := there.Supersede(token); err != nil || ended(first) != "superseded" {
			t.Errorf("the proof: %v, %s", err, ended(first))
		}
		if _, err := there.Open(ctx, link, g.Token, home, Watch); code(err) != "superseded" {
			t.Errorf("the old token: %v", err)
		}
		// Back to the phone; what was proof before ends nothing any more.
		_, back := there.enter(t, Knock{Name: "Ada", Registrant: ticket, Device: "phone", Takeover: true}, Watch)
		if there.Supersede(token); ended(back) != "admitted" {
			t.Errorf("an old proof ends a newer session: %s", ended(back))
		}
	})
}

func TestS59ATakeoverEndsWhatAFastClockAdmitted(t *testing.T) {
	there := registered(t)
	here := beside(t, there, "n2")
	meet(t, there, here)
	there.cfg.Now = func() time.Time { return time.Now().Add(clockSkew / 2) }
	old, first := there.enter(t, Knock{Name: "Ada", Registrant: ticket, Device: "phone"}, Watch)
	_, second := here.enter(t, Knock{Name: "Ada", Registrant: ticket, Device: "laptop", Takeover: true}, Watch)
	if ended(first) != "superseded" || ended(second) != "admitted" {
		t.Errorf("there %s, here %s", ended(first), ended(second))
	}
	if _, err := here.Open(ctx, link, old.Token, home, Watch); code(err) != "superseded" {
		t.Errorf("the old token: %v", err)
	}
}

func TestANodeThatDoesNotAnswerLocksNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := registered(t)
		e.cfg.Elsewhere = func(ctx context.Context, _ Asked) Found {
			<-ctx.Done()
			return Found{}
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
		return claims{Webinar: "w", Participant: fmt.Sprint(i), Admission: "new", Admitted: 2}
	}
	old := func(i int) claims {
		return claims{Webinar: "w", Participant: fmt.Sprint(i), Admission: "old", Admitted: 1}
	}
	for i := range maxDead + 10 {
		d.add(of(i), start.Add(time.Duration(i)*time.Millisecond))
	}
	if len(d.by) > maxDead {
		t.Errorf("%d are remembered, more than %d", len(d.by), maxDead)
	}
	last := maxDead + 9
	now := start.Add(time.Duration(last) * time.Millisecond)
	if !d.has(old(last), now) || d.has(of(last), now) || d.has(old(0), now) {
		t.Error("the newest is forgotten, or the oldest is not")
	}
	if d.has(old(last), now.Add(admittedFor+time.Second)) {
		t.Error("remembered for longer than a token can be refreshed")
	}
}
