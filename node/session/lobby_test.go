package session

import (
	"testing"
	"testing/synctest"

	"stentor/control/controlpb"
)

func TestS7WhoWaitsInTheLobbyGetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, "90210777")
		e.run(t)
		e.edit(&controlpb.Settings{Lobby: "guests", GuestLimit: 1}, "lobby", "guest_limit")
		e.seats.set(func(l *ledger) { l.limit = 1 })
		if _, err := e.Join(ctx, link, Knock{Name: "Eve", PIN: "48151623"}); code(err) != "wrong_pin" {
			t.Errorf("the lobby stands behind the PIN: %v", err)
		}
		g, events := e.enter(t, Knock{Name: "Ada", PIN: "90210777"}, Events)
		if !g.Waiting || g.Unlooked || g.Link != "" || !events.Situation().Waiting {
			t.Errorf("not in the lobby: %+v", g)
		}
		for use, want := range map[Use]string{Watch: "in_lobby", Publish: "in_lobby"} {
			if _, err := e.Open(ctx, link, g.Token, home, use); code(err) != want {
				t.Errorf("%v from the lobby: %v, want %s", use, err, want)
			}
		}
		if e.seats.seated() != 0 || len(e.stays) != 0 {
			t.Errorf("who waits has a seat (%d) or a stay (%v)", e.seats.seated(), e.stays)
		}
		if in := e.Sessions(webinarID); len(in) != 1 || !in[0].Waiting {
			t.Errorf("the host sees %+v", in)
		}
		_, presenter := e.enter(t, Knock{Invite: secret}, Watch)
		if presenter.Situation().Waiting {
			t.Error("a presenter waits")
		}
		e.letIn(g.Participant)
		synctest.Wait()
		if events.Situation().Waiting || e.seats.seated() != 1 {
			t.Errorf("admitted: %+v, %d seats", events.Situation(), e.seats.seated())
		}
		if _, err := e.Open(ctx, link, g.Token, home, Watch); err != nil {
			t.Errorf("admitted, with the old token: %v", err)
		}
		fresh, err := e.Refresh(ctx, g.Token, home)
		if err != nil || fresh.Waiting || fresh.Link != link {
			t.Errorf("a new token: %+v %v", fresh, err)
		}
	})
}

func TestS60WhoIsAdmittedFromTheLobbyIntoAFullWebinarIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, "")
		e.run(t)
		e.edit(&controlpb.Settings{Lobby: "guests", GuestLimit: 1}, "lobby", "guest_limit")
		e.seats.set(func(l *ledger) { l.limit = 1 })
		first, in := e.enter(t, Knock{Name: "Ada"}, Events)
		second, out := e.enter(t, Knock{Name: "Bob"}, Events)
		e.letIn(first.Participant)
		synctest.Wait()
		e.letIn(second.Participant)
		synctest.Wait()
		if ended(in) != "admitted" || ended(out) != "full" {
			t.Errorf("first %s, second %s", ended(in), ended(out))
		}
	})
}

func TestS7ALobbyThatIsSwitchedOffLetsEveryoneIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, "")
		e.run(t)
		e.edit(&controlpb.Settings{Lobby: "everyone"}, "lobby")
		g, events := e.enter(t, Knock{Name: "Ada"}, Events)
		e.edit(&controlpb.Settings{Lobby: "off"}, "lobby")
		synctest.Wait()
		if events.Situation().Waiting {
			t.Error("still in the lobby")
		}
		if _, err := e.Open(ctx, link, g.Token, home, Watch); err != nil {
			t.Error(err)
		}
	})
}

func TestS7TheLockLetsNobodyNewIn(t *testing.T) {
	e := newEdge(t, "90210777")
	e.invite("i_2", "attendee", "sti_attendee", "")
	inside, s := e.enter(t, Knock{Name: "Ada", PIN: "90210777"}, Watch)
	e.lock()
	for name, c := range map[string]struct {
		knock Knock
		want  string
	}{
		"a guest with the PIN":      {Knock{Name: "Bob", PIN: "90210777"}, "not_found"},
		"a guest with a wrong PIN":  {Knock{Name: "Bob", PIN: "11112222"}, "not_found"},
		"somebody invited to watch": {Knock{Invite: "sti_attendee"}, "locked"},
		"a presenter":               {Knock{Invite: secret}, "admitted"},
	} {
		if _, err := e.Join(ctx, link, c.knock); code(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if e.seats.guesses != 10 || e.seats.right != 1 {
		t.Errorf("%d guesses left, %d right: a locked webinar looks at no PIN", e.seats.guesses, e.seats.right)
	}
	if _, err := e.Open(ctx, link, inside.Token, home, Watch); err != nil || ended(s) != "admitted" {
		t.Errorf("the lock puts people out: %v, %s", err, ended(s))
	}
}

func TestM8WithTheBudgetSpentThereIsTheLobby(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, "90210777")
		e.run(t)
		for i := range 10 {
			if _, err := e.Join(ctx, link, Knock{Name: "Eve", PIN: "11223344"}); code(err) != "wrong_pin" {
				t.Fatalf("guess %d: %v", i, err)
			}
		}
		wrong, events := e.enter(t, Knock{Name: "Eve", PIN: "11223344"}, Events)
		right, err := e.Join(ctx, link, Knock{Name: "Ada", PIN: "90210777"})
		if err != nil || !right.Waiting || !wrong.Waiting || !events.Situation().Waiting {
			t.Fatalf("right %+v, wrong %+v, %v: the PIN was looked at", right, wrong, err)
		}
		if again, err := e.Refresh(ctx, right.Token, home); !right.Unlooked || !wrong.Unlooked || err != nil || !again.Unlooked {
			t.Errorf("right %v, wrong %v, refreshed %v (%v): they are not told why they wait", right.Unlooked, wrong.Unlooked, again.Unlooked, err)
		}
		if _, err := e.Open(ctx, link, "90210777", home, Watch); code(err) != "too_many_guesses" {
			t.Errorf("by a path without a lobby: %v", err)
		}
		if _, err := e.Open(ctx, link, right.Token, home, Watch); code(err) != "in_lobby" {
			t.Errorf("past the lobby: %v", err)
		}
		if g, err := e.Join(ctx, link, Knock{Invite: secret}); err != nil || g.Waiting {
			t.Errorf("invited people are not affected: %+v %v", g, err)
		}
		e.letIn(right.Participant)
		if _, err := e.Open(ctx, link, right.Token, home, Watch); err != nil {
			t.Errorf("let in by the host: %v", err)
		}
		if n := e.seats.guesses; n != 0 {
			t.Errorf("%d guesses", n)
		}
	})
}

func TestM8AGuessIsSettledByWhatBecameOfIt(t *testing.T) {
	for name, c := range map[string]struct {
		knock       Knock
		prepare     func(e *edge)
		left, right int
	}{
		"right":                   {Knock{Name: "Ada", PIN: "90210777"}, nil, 10, 1},
		"wrong":                   {Knock{Name: "Ada", PIN: "1"}, nil, 9, 0},
		"none":                    {Knock{Name: "Ada"}, nil, 10, 0},
		"beside an invite":        {Knock{Invite: secret, PIN: "1"}, nil, 10, 0},
		"beside an invite of old": {Knock{Invite: "sti_old", PIN: "1"}, nil, 10, 0},
		"of somebody banned": {Knock{Name: "Eve", PIN: "1", Device: "d"}, func(e *edge) {
			g, err := e.Join(ctx, link, Knock{Name: "Eve", PIN: "90210777", Device: "d"})
			if err != nil {
				e.t.Fatal(err)
			}
			c, _ := new(issuers).verify(g.Token, e.ca.Cert, e.Door.cfg.Now())
			e.ban(g.Participant, c.Keys...)
		}, 10, 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEdge(t, "90210777")
			if c.prepare != nil {
				c.prepare(e)
			}
			_, _ = e.Join(ctx, link, c.knock)
			if e.seats.guesses != c.left || e.seats.right != c.right {
				t.Errorf("%d guesses left and %d right, want %d and %d", e.seats.guesses, e.seats.right, c.left, c.right)
			}
		})
	}
}
