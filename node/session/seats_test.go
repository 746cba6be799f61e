package session

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// limited is an edge of a webinar for so many guests.
func limited(t *testing.T, limit int) *edge {
	t.Helper()
	e := newEdge(t, "")
	e.run(t)
	e.edit(&controlpb.Settings{GuestLimit: uint32(limit)}, "guest_limit")
	e.seats.set(func(l *ledger) { l.limit = limit })
	return e
}

func TestS60TheNumberOfGuestsIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := limited(t, 2)
		_, first := e.enter(t, Knock{Name: "Ada"}, Watch)
		e.enter(t, Knock{Name: "Bob"}, Watch)
		if _, err := e.Join(ctx, link, Knock{Name: "Eve"}); code(err) != "full" {
			t.Errorf("the third: %v", err)
		}
		e.enter(t, Knock{Invite: secret}, Watch) // S61: guests only
		first.End()
		time.Sleep(grace - time.Second)
		if _, err := e.Join(ctx, link, Knock{Name: "Eve"}); code(err) != "full" {
			t.Errorf("a place is given away after %v: %v", grace-time.Second, err)
		}
		time.Sleep(2 * time.Second)
		e.enter(t, Knock{Name: "Eve"}, Watch)
		if n := e.seats.seated(); n != 2 {
			t.Errorf("%d seats are taken", n)
		}
	})
}

func TestS60OneSeatForAllConnectionsOfAGuest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := limited(t, 1)
		g, events := e.enter(t, Knock{Name: "Ada"}, Events)
		watch, err := e.Open(ctx, link, g.Token, home, Watch)
		if err != nil {
			t.Fatal(err)
		}
		if e.seats.asked != 1 {
			t.Errorf("Seats was asked %d times", e.seats.asked)
		}
		events.End()
		watch.End()
		time.Sleep(grace / 2)
		again, err := e.Open(ctx, link, g.Token, home, Watch) // a page that is loaded again
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if n := e.seats.seated(); n != 1 || e.seats.asked != 1 {
			t.Errorf("%d seats, asked %d times", n, e.seats.asked)
		}
		again.End()
		time.Sleep(grace)
		synctest.Wait()
		if n := e.seats.seated(); n != 0 {
			t.Errorf("%d seats after the guest has gone", n)
		}
	})
}

func TestS60AGuestWhoNeverConnectsGivesTheSeatBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := limited(t, 1)
		g, err := e.Join(ctx, link, Knock{Name: "Ada"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Join(ctx, link, Knock{Name: "Bob"}); code(err) != "full" {
			t.Errorf("before a page can connect: %v", err)
		}
		time.Sleep(joined)
		synctest.Wait()
		e.enter(t, Knock{Name: "Bob"}, Watch)
		if _, err := e.Open(ctx, link, g.Token, home, Watch); code(err) != "full" {
			t.Errorf("the token alone is no seat: %v", err)
		}
	})
}

func TestS60TwoConnectionsAtOnceAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, "") // without a limit at the join, so that Open is the first to ask
		e.run(t)
		g, err := e.Join(ctx, link, Knock{Name: "Ada"})
		if err != nil {
			t.Fatal(err)
		}
		e.edit(&controlpb.Settings{GuestLimit: 1}, "guest_limit")
		hold := make(chan struct{})
		e.seats.set(func(l *ledger) { l.limit, l.hold = 1, hold })
		var wg sync.WaitGroup
		for _, use := range []Use{Watch, Events, Watch} {
			wg.Go(func() {
				if _, err := e.Open(ctx, link, g.Token, home, use); err != nil {
					t.Error(err)
				}
			})
		}
		gone, cancel := context.WithCancel(ctx)
		wg.Go(func() {
			if _, err := e.Open(gone, link, g.Token, home, Watch); err == nil {
				t.Error("who has gone was let in")
			}
		})
		synctest.Wait()
		cancel()
		close(hold)
		wg.Wait()
		if e.seats.asked > 2 || e.seats.seated() != 1 {
			t.Errorf("asked %d times for %d seats", e.seats.asked, e.seats.seated())
		}
	})
}

// slowLeave is a ledger whose Leave takes its time.
type slowLeave struct {
	*ledger
	leaving, go_ chan struct{}
}

func (l *slowLeave) Leave(id, participant string) {
	l.leaving <- struct{}{}
	<-l.go_
	l.ledger.Leave(id, participant)
}

func TestS60WhoComesWhileTheirSeatIsGivenBackGetsANewOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := limited(t, 1)
		slow := &slowLeave{ledger: e.seats, leaving: make(chan struct{}), go_: make(chan struct{})}
		e.places.seats = slow
		g, s := e.enter(t, Knock{Name: "Ada"}, Watch)
		s.End()
		<-slow.leaving
		back := make(chan error)
		go func() {
			_, err := e.Open(ctx, link, g.Token, home, Watch)
			back <- err
		}()
		synctest.Wait()
		close(slow.go_)
		if err := <-back; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := e.seats.seated(); n != 1 {
			t.Errorf("somebody sits inside on %d seats", n)
		}
	})
}

func TestM1ASeatThatWentElsewhereIsNotGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := limited(t, 1)
		g, s := e.enter(t, Knock{Name: "Ada"}, Watch)
		e.Superseded(webinarID, g.Participant)
		if ended(s) != "superseded" {
			t.Errorf("ended by %s", ended(s))
		}
		time.Sleep(time.Hour)
		if n := e.seats.seated(); n != 1 {
			t.Errorf("the seat of the other edge was given back here: %d", n)
		}
		e.seats.set(func(l *ledger) { l.taken = map[string]bool{webinarID + "p_other": true} })
		fresh, err := e.grant(e.now().Webinar(webinarID), mustVerify(t, e, g.Token, time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Open(ctx, link, fresh.Token, home, Watch); code(err) != "full" {
			t.Errorf("back here, on a seat of before: %v", err)
		}
	})
}

func TestM1ASeatThatIsAskedForWhileTheOldOneGoesIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := limited(t, 1)
		g, err := e.Join(ctx, link, Knock{Name: "Ada"})
		if err != nil {
			t.Fatal(err)
		}
		e.Superseded(webinarID, g.Participant) // their seat went elsewhere, and they come back
		hold := make(chan struct{})
		e.seats.set(func(l *ledger) { l.hold = hold })
		back := make(chan *Session)
		go func() {
			s, err := e.Open(ctx, link, g.Token, home, Watch)
			if err != nil {
				t.Error(err)
			}
			back <- s
		}()
		synctest.Wait()
		e.Superseded(webinarID, g.Participant) // told once more, late
		close(hold)
		s := <-back
		if n := e.seats.seated(); n != 1 || ended(s) != "admitted" {
			t.Errorf("%d seats, %s", n, ended(s))
		}
		s.End()
		time.Sleep(grace)
		synctest.Wait()
		if n := e.seats.seated(); n != 0 {
			t.Errorf("%d seats after the end", n)
		}
	})
}

func TestS60AnAlarmOfBeforeGivesNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := limited(t, 1)
		g, s := e.enter(t, Knock{Name: "Ada"}, Watch)
		place := s.seat()
		s.End()
		old := place.turn // it rang, and waits for the lock, while they come and go again
		again, err := e.Open(ctx, link, g.Token, home, Watch)
		if err != nil {
			t.Fatal(err)
		}
		again.End()
		e.places.clear(place, old)
		if n := e.seats.seated(); n != 1 {
			t.Errorf("%d seats within the grace", n)
		}
	})
}

// mustVerify reads a token as it was some time ago.
func mustVerify(t *testing.T, e *edge, token string, ago time.Duration) claims {
	t.Helper()
	c, err := new(issuers).verify(token, e.ca.Cert, time.Now().Add(-ago))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestS60AStrictWebinarEndsWithoutTheVoters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := limited(t, 5)
		e.edit(&controlpb.Settings{Partition: "strict"}, "partition")
		g, guest := e.enter(t, Knock{Name: "Ada"}, Watch)
		_, presenter := e.enter(t, Knock{Invite: secret}, Publish)
		e.seats.set(func(l *ledger) { l.strict = webinar.ErrUnavailable })
		if _, err := e.Join(ctx, link, Knock{Name: "Bob"}); code(err) != "unavailable" {
			t.Errorf("ten seconds: %v", err)
		}
		if _, err := e.Open(ctx, link, g.Token, home, Watch); code(err) != "unavailable" {
			t.Errorf("ten seconds, with a token: %v", err)
		}
		if ended(guest) != "admitted" {
			t.Error("ten seconds: out")
		}
		e.Fenced(webinarID)
		e.seats.set(func(l *ledger) { l.strict, l.taken = nil, nil })
		if ended(guest) != "unavailable" || ended(presenter) != "unavailable" {
			t.Errorf("thirty seconds: %s, %s", ended(guest), ended(presenter))
		}
		if _, err := e.Open(ctx, link, g.Token, home, Watch); err != nil || e.seats.seated() != 1 {
			t.Errorf("after the heal: %v, %d seats; a seat of before does not count", err, e.seats.seated())
		}
	})
}

func TestM11StaysAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, "")
		e.run(t)
		began := time.Now()
		g, s := e.enter(t, Knock{Name: "Ada"}, Watch)
		time.Sleep(time.Minute)
		s.End()
		time.Sleep(grace / 2)
		s, err := e.Open(ctx, link, g.Token, home, Watch)
		if err != nil {
			t.Fatal(err)
		}
		second, err := e.Open(ctx, link, g.Token, home, Events)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		s.End()
		second.End()
		left := time.Now()
		time.Sleep(grace)
		synctest.Wait()
		if len(e.stays) != 2 {
			t.Fatalf("told %d times: %+v", len(e.stays), e.stays)
		}
		in, out := e.stays[0], e.stays[1]
		if !in.Left.IsZero() || !in.Joined.Equal(began) || in.Participant != g.Participant || !in.Guest || in.Name != "Ada" {
			t.Errorf("began %+v", in)
		}
		if out.ID != in.ID || !out.Left.Equal(left) || !out.Joined.Equal(began) {
			t.Errorf("ended %+v", out)
		}
	})
}

func TestM11ANodeThatStopsTellsTheEndOfItsStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := limited(t, 5)
		stop, cancel := context.WithCancel(ctx)
		done := make(chan error)
		go func() { done <- e.Run(stop) }()
		_, s := e.enter(t, Knock{Name: "Ada"}, Watch)
		synctest.Wait()
		cancel()
		if err := <-done; err != nil || ended(s) != "node_stopping" {
			t.Errorf("%v, %s", err, ended(s))
		}
		if n := len(e.stays); n != 2 || e.stays[1].Left.IsZero() {
			t.Errorf("told %+v", e.stays)
		}
		if e.seats.seated() != 1 {
			t.Error("the seat does not go along to another edge")
		}
	})
}
