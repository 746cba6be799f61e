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
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/lease"
	"stentor/control/webinar"
)

const (
	// waitSeat is how long a visitor waits for a seat from elsewhere, and waitGuess how
	// long for a guess: both longer than a commit and a recall take, and shorter than
	// people wait without wondering.
	waitSeat  = time.Second
	waitGuess = 300 * time.Millisecond
	// startWithin is how long a node that just started may take until the voters know it,
	// and it has guesses to give: they are found within a second or two, and an election
	// takes another. Who comes meanwhile waits, since the PIN may be right.
	startWithin = 3 * time.Second
	// cutOffAfter is how old the replica may be before it is no use to ask the voters.
	cutOffAfter = 5 * time.Second
	// lookEvery is how often Run looks at everything at least, and stall how much later
	// means that the machine stood still.
	lookEvery = time.Second
	stall     = time.Second
	// registerEvery is how often a node that just started asks for its registration: the
	// voters are found within a second or two.
	registerEvery = 100 * time.Millisecond
	// registerMost bounds the pause after which one that was refused asks again: the cluster
	// may be of an older version, and be raised one day.
	registerMost = 10 * time.Second
	// answerIn is how long a proposal may take before it is sent again.
	answerIn = 3 * time.Second
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
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	wake    chan struct{} // something is to be done before the replica changes
	began   time.Time

	mu         sync.Mutex // guards the following
	tenants    map[string]*lease.Tenant
	fence      *lease.Fence
	turn       chan struct{} // closed when those who wait should ask again
	registered bool          // the replica knows this incarnation
	known      time.Time     // since when it does; zero: not yet
	replaced   bool          // it knows a newer one, or has put the node out
	asking     bool          // a RegisterNode is under way
	refusals   int           // of it, one after the other
	registerAt time.Time     // not before
	passed     time.Time     // when Run last looked at everything
	fenced     bool          // strict webinars were ended, since this node is cut off
	stocked    time.Time     // when it was looked last for whom to have a guess in stock
}

// New makes a Keeper that holds nothing. It asks for nothing before Run.
func New(cfg Config) (*Keeper, error) {
	if cfg.Node == "" || cfg.Epoch == 0 || cfg.State == nil || cfg.Changed == nil || cfg.Propose == nil || cfg.Fresh == nil {
		return nil, errors.New("lease: a keeper needs Node, Epoch, State, Changed, Propose and Fresh")
	}
	if cfg.Role == "" {
		cfg.Role = "edge"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Superseded == nil {
		cfg.Superseded = func(string, string) {}
	}
	if cfg.Fenced == nil {
		cfg.Fenced = func(string) {}
	}
	k := &Keeper{
		cfg: cfg, log: cfg.Logger, wake: make(chan struct{}, 1), turn: make(chan struct{}),
		tenants: make(map[string]*lease.Tenant), began: cfg.Now(), fence: lease.NewFence(cfg.Node, cfg.Epoch),
	}
	k.metrics = newMetrics(cfg.Registerer, k.count)
	return k, nil
}

// Take gives a guest a seat, for as long as Leave is not called: nil, [webinar.ErrFull],
// or [webinar.ErrUnavailable] when this node is cut off and has none left. It waits a
// second at most for one from elsewhere. Call it for every guest, also while the webinar
// has no limit: then it never waits or refuses, and those inside count once there is one.
func (k *Keeper) Take(ctx context.Context, webinarID, participant string) error {
	ctx, cancel := context.WithTimeout(ctx, waitSeat)
	defer cancel()
	for first := true; ; first = false {
		answer, turn := k.take(webinarID, participant)
		switch {
		case answer == lease.In:
			k.poke() // there may be seats to ask for ahead
			k.metrics.taken.WithLabelValues("in").Inc()
			return nil
		case answer == lease.Full || k.cutOff():
			return k.refuse(webinarID, participant)
		}
		if first {
			k.poke()
		}
		select {
		case <-turn:
		case <-ctx.Done():
			return k.refuse(webinarID, participant)
		}
	}
}

// take asks the machine once. With closed doors it is as if nobody answered.
func (k *Keeper) take(id, participant string) (lease.Answer, <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.tenant(id)
	if t == nil || k.closed(id) {
		return lease.Full, k.turn
	}
	return t.Take(participant, k.cfg.Now()), k.turn
}

// refuse ends the waiting: if this node knows how things are, the webinar is full.
func (k *Keeper) refuse(id, participant string) error {
	k.mu.Lock()
	if t := k.tenants[id]; t != nil {
		t.Abandon(participant, k.cfg.Now())
	}
	full := k.registered && !k.closed(id)
	k.mu.Unlock()
	if full && !k.cutOff() {
		k.metrics.taken.WithLabelValues("full").Inc()
		return webinar.ErrFull
	}
	k.metrics.taken.WithLabelValues("unavailable").Inc()
	return webinar.ErrUnavailable
}

// Leave gives the seat of a participant back who is not inside any more.
func (k *Keeper) Leave(webinarID, participant string) {
	k.mu.Lock()
	if t := k.tenants[webinarID]; t != nil {
		t.Leave(participant, k.cfg.Now())
	}
	k.mu.Unlock()
	k.poke()
}

// Spend takes one wrong PIN out of the webinar's budget before a PIN is looked at. It
// reports false when the budget is spent, or when nobody answers within 300 ms and
// nothing is left here. On a node that just started these begin when the voters know it,
// three seconds after the start at most. Each true one is followed by one Settle.
func (k *Keeper) Spend(ctx context.Context, webinarID string) bool {
	came := k.cfg.Now()
	var waits *lease.Tenant // that has us among those who wait
	defer func() {
		if waits != nil {
			k.mu.Lock()
			waits.AwaitGuess(-1)
			k.mu.Unlock()
		}
	}()
	for {
		spent, hope, turn := k.spend(webinarID, &waits)
		left := k.patience(came)
		if spent || !hope || left <= 0 || k.cutOff() || ctx.Err() != nil {
			k.metrics.guesses.WithLabelValues(spentLabel(spent)).Inc()
			return spent
		}
		over := time.NewTimer(left)
		select {
		case <-turn:
		case <-over.C:
		case <-ctx.Done():
		}
		over.Stop()
	}
}

// patience is how much longer somebody waits for a guess who came then.
func (k *Keeper) patience(came time.Time) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	from, started := k.known, k.began.Add(startWithin)
	if from.IsZero() || from.After(started) {
		from = started
	}
	if came.After(from) {
		from = came
	}
	return from.Add(waitGuess).Sub(k.cfg.Now())
}

// spend asks the machine once. Without a guess it puts us among those who wait, in the
// same moment, so that the machine is not forgotten between.
func (k *Keeper) spend(id string, waits **lease.Tenant) (spent, hope bool, turn <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.tenant(id)
	if t == nil || k.replaced {
		return false, false, k.turn
	}
	spent, hope = t.Spend(), !k.registered || t.GuessHope(k.cfg.Now())
	if !spent && hope && *waits != t {
		if *waits != nil {
			(*waits).AwaitGuess(-1)
		}
		t.AwaitGuess(1)
		*waits = t
		k.poke()
	}
	return spent, hope, k.turn
}

// Settle says what became of a guess: whether the PIN was looked at, and was right.
func (k *Keeper) Settle(webinarID string, right, looked bool) {
	k.mu.Lock()
	if t := k.tenants[webinarID]; t != nil {
		t.SettleGuess(right, looked)
	}
	again := k.again()
	k.mu.Unlock()
	close(again) // what came back may be another's
	k.poke()
}

// Strict returns [webinar.ErrUnavailable] if the webinar is strict and this node has been
// cut off for so long that it lets nobody in.
func (k *Keeper) Strict(webinarID string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed(webinarID) {
		return webinar.ErrUnavailable
	}
	return nil
}

// closed reports whether nobody is let in: a newer incarnation of this node is there, or
// the webinar is strict and this node cannot be sure enough of what it knows. After a
// stall it is not, until it has looked. k.mu is held.
func (k *Keeper) closed(id string) bool {
	if k.replaced {
		return true
	}
	now := k.cfg.Now()
	if k.fence.Closed(id, now) {
		return true
	}
	w := k.cfg.State().Webinar(id)
	return w != nil && w.Partition == webinar.Strict &&
		(k.cfg.Fresh() >= lease.ClosedAfter || now.Sub(k.passed) > lookEvery+stall)
}

// tenant returns the machine of a webinar, made if need be; nil for one that is not
// there. k.mu is held.
func (k *Keeper) tenant(id string) *lease.Tenant {
	if t := k.tenants[id]; t != nil {
		return t
	}
	w := k.cfg.State().Webinar(id)
	if w == nil {
		return nil
	}
	t := lease.New(id, k.cfg.Node, k.cfg.Epoch)
	t.Observe(w, k.cfg.Now()) // nobody is here yet who could have been superseded
	k.tenants[id] = t
	return t
}

// cutOff reports whether it is no use to wait for the voters. A node that just started
// has not heard of them yet.
func (k *Keeper) cutOff() bool {
	return k.cfg.Fresh() > cutOffAfter && k.cfg.Now().Sub(k.began) > cutOffAfter
}

// poke has Run look at everything.
func (k *Keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// again returns the channel that those who wait look at, in place of which there is a
// new one. The caller closes it. k.mu is held.
func (k *Keeper) again() chan struct{} {
	old := k.turn
	k.turn = make(chan struct{})
	return old
}

// count returns how many seats are taken here, and how many more could be.
func (k *Keeper) count() (held, idle int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, t := range k.tenants {
		held += t.Held()
		idle += max(t.Idle(), 0)
	}
	return held, idle
}
