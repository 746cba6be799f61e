package lease

import (
	"context"
	"fmt"
	"testing"
	"time"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// alone is a keeper whose edge was granted seats, and that nobody answers any more.
func alone(b *testing.B, seats int) *Keeper {
	s := control.NewState()
	for i, c := range []*controlpb.Command{
		{Kind: &controlpb.Command_SetFeatureLevel{SetFeatureLevel: &controlpb.SetFeatureLevel{Level: 2}}},
		{Principal: "ada", Kind: &controlpb.Command_CreateWebinar{CreateWebinar: &controlpb.CreateWebinar{Id: "w_1", Link: "hall", Title: "Hall", Owner: "ada",
			Settings: &controlpb.Settings{Title: "Hall", GuestLimit: uint32(4 * seats)}}}},
		{Kind: &controlpb.Command_RegisterNode{RegisterNode: &controlpb.RegisterNode{Node: "n", Epoch: 1, Role: "edge"}}},
		{Kind: &controlpb.Command_AcquireSeats{AcquireSeats: &controlpb.AcquireSeats{Webinar: "w_1", Node: "n", Epoch: 1, Seq: 1, Want: uint32(seats)}}},
	} {
		next, r := s.Apply(uint64(i+1), c)
		if r.Err != nil {
			b.Fatal(r.Err)
		}
		s = next
	}
	k, err := New(Config{Node: "n", Epoch: 1, State: func() *control.State { return s }, Changed: func() <-chan struct{} { return nil },
		Propose: func(context.Context, *controlpb.Command) (control.Result, error) {
			return control.Result{}, webinar.ErrUnavailable
		},
		Fresh: func() time.Duration { return time.Minute }})
	if err != nil {
		b.Fatal(err)
	}
	return k
}

// BenchmarkTake lets guests in at an edge that is cut off from the voters (M3), one core.
func BenchmarkTake(b *testing.B) {
	const seats = 10_000
	k := alone(b, seats)
	names := make([]string, seats)
	for i := range names {
		names[i] = fmt.Sprint("p", i)
	}
	i := 0
	for b.Loop() {
		p := names[i%seats]
		if err := k.Take(context.Background(), "w_1", p); err != nil {
			b.Fatal(err)
		}
		k.Leave("w_1", p)
		i++
	}
}
