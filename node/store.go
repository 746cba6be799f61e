package node

import (
	"context"

	"stentor/control"
	"stentor/control/controlpb"
	controlstore "stentor/control/store"
)

// store is this node's copy of the state and its way to change it: a voter's or
// an edge's.
type store interface {
	State() *control.State
	Changed() <-chan struct{}
	Propose(ctx context.Context, c *controlpb.Command) (control.Result, error)
	Newest(ctx context.Context) (uint64, error) // index of what was acknowledged anywhere
	Status() controlstore.Status
	PINKey(webinar string) []byte // what the webinar's PIN is checked with
	Run(ctx context.Context) error
}

var (
	_ store = (*controlstore.Voter)(nil)
	_ store = (*controlstore.Follower)(nil)
)
