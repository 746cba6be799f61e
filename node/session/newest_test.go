package session

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/controlpb"
)

// invited brings an invite of that secret to an edge.
func (e *edge) invited(id, secret string) {
	sum := sha256.Sum256([]byte(secret))
	e.apply(&controlpb.Command{Principal: "host", Kind: &controlpb.Command_CreateInvite{CreateInvite: &controlpb.CreateInvite{
		Webinar: webinarID, Id: id, Hash: sum[:], Name: "Ada", Role: "attendee"}}})
}

// asks has a door ask for the log's end, which is ahead of it by so much, and answered after
// a round trip. It returns how often it was asked.
func (e *edge) asks(ahead uint64, roundTrip time.Duration, err error) *int {
	var mu sync.Mutex
	asked := new(int)
	end := e.replica.now().Index() + ahead
	e.newest.ask = func(ctx context.Context) (uint64, error) {
		mu.Lock()
		*asked++
		mu.Unlock()
		select {
		case <-time.After(roundTrip):
			return end, err
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return asked
}

func TestASecretOfAMomentAgoIsWaitedFor(t *testing.T) {
	const trip, late = 40 * time.Millisecond, 300 * time.Millisecond
	for name, tt := range map[string]struct {
		arrives bool          // the invite gets here, late
		ahead   uint64        // of this edge the log is
		trip    time.Duration // to the leader and back
		err     error
		want    string
		took    time.Duration
	}{
		"the invite comes a moment later":        {true, 1, trip, nil, "admitted", late},
		"it is none: the door is not behind":     {false, 0, trip, nil, "invalid_invite", trip},
		"what is missing does not come":          {false, 1, trip, nil, "invalid_invite", secretFor},
		"nobody answers":                         {false, 1, time.Hour, nil, "invalid_invite", secretFor},
		"nobody answers, but the invite is here": {true, 1, time.Hour, nil, "admitted", secretFor},
		"the leader says nothing":                {false, 1, trip, errors.New("cut off"), "invalid_invite", trip},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for way, enter := range map[string]func(e *edge) error{
					"by a join": func(e *edge) error { _, err := e.Join(ctx, link, Knock{Invite: "sti_fresh"}); return err },
					"by a connection": func(e *edge) error {
						s, err := e.Open(ctx, link, "sti_fresh", home, Watch)
						if err == nil {
							s.End()
						}
						return err
					},
				} {
					e := newEdge(t, "")
					e.asks(tt.ahead, tt.trip, tt.err)
					if tt.arrives {
						defer time.AfterFunc(late, func() { e.invited("i_new", "sti_fresh") }).Stop()
					}
					began := time.Now()
					err := enter(e)
					if got, took := code(err), time.Since(began); got != tt.want || took != tt.took {
						t.Errorf("%s: %s after %v, want %s after %v", way, got, took, tt.want, tt.took)
					}
				}
			})
		})
	}
}

// TestS33TheWaitForASecretTellsNothing: an unknown secret is answered with the same words,
// after the same time and as many questions, whatever is behind the link.
func TestS33TheWaitForASecretTellsNothing(t *testing.T) {
	for name, knock := range map[string]Knock{
		"an invite that is none":         {Name: "Eve", Invite: "sti_none"},
		"a ticket that is none":          {Name: "Eve", Registrant: "str_none"},
		"an invite that is none and PIN": {Name: "Eve", Invite: "sti_none", PIN: "90210777"},
	} {
		for _, ahead := range []uint64{0, 1} {
			t.Run(fmt.Sprintf("%s, the door is %d behind", name, ahead), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					want := []time.Duration{40 * time.Millisecond, secretFor}[ahead]
					for door, e := range closedDoors(t) {
						asked := e.asks(ahead, 40*time.Millisecond, nil)
						began := time.Now()
						if _, err := e.Join(ctx, link, knock); err != errNotFound || time.Since(began) != want || *asked != 1 {
							t.Errorf("%s: %v after %v and %d questions, want %v", door, err, time.Since(began), *asked, want)
						}
					}
				})
			})
		}
	}
}

// TestAFloodOfSecretsAsksLittle: two hundred strangers a second, each from a network of
// their own, for ten seconds.
func TestAFloodOfSecretsAsksLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEdge(t, "")
		asked := e.asks(0, 40*time.Millisecond, nil)
		var wg sync.WaitGroup
		var mu sync.Mutex
		var longest time.Duration
		for i := range 2000 {
			wg.Go(func() {
				began := time.Now()
				e.Join(ctx, link, Knock{Invite: fmt.Sprint("sti_", i), Remote: netip.AddrFrom4([4]byte{100, byte(i >> 16), byte(i >> 8), byte(i)})})
				mu.Lock()
				defer mu.Unlock()
				longest = max(longest, time.Since(began))
			})
			time.Sleep(5 * time.Millisecond)
		}
		if _, err := e.Join(ctx, link, Knock{Invite: secret}); err != nil {
			t.Errorf("somebody whom the door knows: %v", err)
		}
		wg.Wait()
		if *asked > 22 || longest > secretFor {
			t.Errorf("%d questions, and an answer after %v", *asked, longest)
		}
		for range maxUnknown { // they wait for the next question
			wg.Go(func() { e.Join(ctx, link, Knock{Invite: "sti_none"}) })
		}
		synctest.Wait()
		began := time.Now()
		if _, err := e.Join(ctx, link, Knock{Invite: "sti_none"}); code(err) != "invalid_invite" || time.Since(began) != 0 {
			t.Errorf("one too many: %v after %v", err, time.Since(began))
		}
		wg.Wait()
	})
}
