package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"stentor/control/webinar"
	"stentor/node/session"
)

func TestM11StaysReachTheVoters(t *testing.T) {
	stay := func(w string, i int) session.Stay { return session.Stay{ID: fmt.Sprintf("s_%d", i), Webinar: w} }
	run := func(t *testing.T, send func(stays) error, noted func(a *attendance)) *attendance {
		a := newAttendance(func(_ context.Context, s stays) error { return send(s) }, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); a.Run(ctx) }()
		noted(a)
		stop()
		<-done
		return a
	}
	t.Run("in order, webinar by webinar, none left behind", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			got := map[string][]string{}
			run(t, func(s stays) error {
				if len(s.Stays) > attendBatch {
					t.Errorf("%d in one batch", len(s.Stays))
				}
				for _, x := range s.Stays {
					got[s.Webinar] = append(got[s.Webinar], x.ID)
				}
				return nil
			}, func(a *attendance) {
				for i := range 2*attendBatch + 7 {
					a.note(stay([]string{"w_1", "w_2"}[i%2], i))
				}
				time.Sleep(2 * attendEvery)
			})
			if len(got["w_1"])+len(got["w_2"]) != 2*attendBatch+7 || got["w_1"][0] != "s_0" || got["w_2"][1] != "s_3" {
				t.Errorf("%d and %d arrived", len(got["w_1"]), len(got["w_2"]))
			}
		})
	})
	t.Run("while no voter answers they wait, and arrive after that", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var down atomic.Bool
			down.Store(true)
			arrived := 0
			a := run(t, func(s stays) error {
				if down.Load() {
					return errors.New("nobody")
				}
				arrived += len(s.Stays)
				return nil
			}, func(a *attendance) {
				for i := range 10 {
					a.note(stay("w_1", i))
					time.Sleep(attendEvery)
				}
				down.Store(false)
				time.Sleep(2 * attendEvery)
			})
			if arrived != 10 || testutil.ToFloat64(a.lost) != 0 {
				t.Errorf("%d arrived, %v are lost", arrived, testutil.ToFloat64(a.lost))
			}
		})
	})
	t.Run("what the state refuses does not hold up the rest", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			arrived := 0
			a := run(t, func(s stays) error {
				if s.Webinar == "w_gone" {
					return webinar.ErrNotFound
				}
				arrived += len(s.Stays)
				return nil
			}, func(a *attendance) {
				a.note(stay("w_gone", 1))
				a.note(stay("w_1", 2))
				time.Sleep(2 * attendEvery)
			})
			if arrived != 1 || testutil.ToFloat64(a.lost) != 1 {
				t.Errorf("%d arrived, %v are lost", arrived, testutil.ToFloat64(a.lost))
			}
		})
	})
	t.Run("the oldest make room", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := run(t, func(stays) error { return errors.New("nobody") }, func(a *attendance) {
				for i := range attendKept + 3 {
					a.note(stay("w_1", i))
				}
			})
			if len(a.waiting) != attendKept || a.waiting[0].ID != "s_3" || testutil.ToFloat64(a.lost) != 3 {
				t.Errorf("%d wait from %s on, %v are lost", len(a.waiting), a.waiting[0].ID, testutil.ToFloat64(a.lost))
			}
		})
	})
}
