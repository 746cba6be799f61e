package talk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/webinar"
	"stentor/relay"
	"stentor/relay/wire"
)

// TestWhoListensIsToldEachCaption as it stands: what there is, what changes, and what came right before the end.
func TestWhoListensIsToldEachCaption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		talk := New(Config{
			Node: "n1", Webinar: func(string) *webinar.Webinar { return &webinar.Webinar{ID: "w_1", State: webinar.Live} },
			Changed: func() <-chan struct{} { return nil }, Dead: func(string, uint64) bool { return false },
			Claim:     func(context.Context, string, bool) (Claim, error) { return nil, errors.New("none here") },
			Subscribe: func(context.Context, wire.TrackID) (*relay.Subscription, error) { return nil, errors.New("none here") },
		})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); talk.Run(ctx) }()
		r := talk.enter("w_1")
		at := time.Now().UnixMilli()
		caption := func(id, text string, later int64, draft bool) Entry {
			return Entry{Kind: Caption, ID: id, Lang: "de", Text: text, At: at, Changed: at + later, Draft: draft}
		}
		r.apply([]Entry{caption("a", "Guten", 0, true), {Kind: Chat, ID: "c", At: at, Text: "no caption"}})

		var mu sync.Mutex
		var told []string
		hear := func(some []Spoken) {
			mu.Lock()
			defer mu.Unlock()
			for _, s := range some {
				told = append(told, fmt.Sprint(s.ID, " ", s.Language, " ", s.Text, " ", s.Changed.Sub(s.At).Milliseconds(), " ", s.Draft, " ", s.Deleted))
			}
		}
		listening, enough := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { defer close(over); talk.Listen(listening, "w_1", hear) }()
		expect := func(step string, want ...string) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(told, want) {
				t.Errorf("%s: told %q, want %q", step, told, want)
			}
			told = nil
		}
		expect("what there is", "a de Guten 0 true false")
		r.apply([]Entry{caption("a", "Guten Tag.", 900, false)})
		expect("what changes", "a de Guten Tag. 900 false false")
		r.apply([]Entry{caption("a", "Gute", 300, true), {Kind: Chat, ID: "d", At: at, Text: "no caption"}})
		expect("what is older is no news")
		r.apply([]Entry{{Kind: Caption, ID: "a", At: at, Deleted: true}})
		expect("what a host has deleted", "a   0 false true")
		r.apply([]Entry{caption("b", "Ende", 0, false)})
		enough()
		<-over
		expect("what came right before the end", "b de Ende 0 false false")

		go func() { talk.Listen(t.Context(), "w_1", hear) }()
		expect("all that there is", "a   0 false true", "b de Ende 0 false false")
		talk.leave(r)
		stop()
		<-done // and nobody listens any more
		talk.Listen(t.Context(), "w_1", hear)
		expect("nothing, when it is over")
	})
}
