// Package webhook tells addresses that hosts gave what happens: each entry of the audit
// log that a webhook asked for is one signed POST, as Standard Webhooks 1.0 has it.
//
//	audit log (AuditRecord) -> who may see it -> {type, timestamp, data} -> POST -> AdvanceWebhook
//
// Only the leader sends. Entries come in their order, each at least once: after a leader
// died some may come again, with the same webhook-id. An address that fails is asked again
// after 5 seconds and then ever more rarely, and no more after three days, or when it says
// 410. What is sent names nobody: who wants to know asks the control API for the IDs.
//
// An address is a stranger's choice: it is called by package guard, no redirect is
// followed, and nothing of its answer is kept but the status.
package webhook

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stentor/control"
	"stentor/control/api/webhook/guard"
	"stentor/control/controlpb"
	"stentor/control/personal"
)

// Store holds the webhooks and the audit log, and takes how far they were told.
type Store interface {
	State() *control.State
	Propose(ctx context.Context, c *controlpb.Command) (control.Result, error)
}

// Config is what Webhooks need. AllowPrivate, Transport, Logger and Registerer may be left
// out.
type Config struct {
	Store  Store
	Keeper *personal.Keeper
	Leader func() bool // whether this node leads
	Now    func() time.Time

	AllowPrivate bool              // also plain HTTP, and addresses of our own network
	Transport    http.RoundTripper // nil: that of package guard

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

func (c *Config) check() error {
	if c.Store == nil || c.Keeper == nil || c.Leader == nil || c.Now == nil {
		return errors.New("webhook: Config lacks Store, Keeper, Leader or Now")
	}
	if c.Transport == nil {
		c.Transport = guard.Transport(c.AllowPrivate)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	return nil
}

// Webhooks tells them.
type Webhooks struct {
	Config
	metrics *metrics
	client  *http.Client

	free chan struct{} // a courier came back whose place somebody waits for

	mu    sync.Mutex // guards the following
	told  map[string]*progress
	count int            // of couriers at work
	of    map[string]int // owner -> of couriers at work for them
	turn  uint64         // counts the rounds
	short bool           // somebody had something to hear, and there was no courier
}

// progress is how far a webhook was told by this leader: the log hears of it later.
type progress struct {
	seq      uint64
	busy     bool      // a courier is at work
	turn     uint64    // of its last round
	hold     time.Time // no attempt before
	advanced time.Time // when the log last heard
}

// answerFor bounds a request, as Standard Webhooks recommends (15 to 30 s).
const answerFor = 15 * time.Second

// New returns Webhooks, which send nothing before Run.
func New(c Config) (*Webhooks, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	client := &http.Client{
		Transport: c.Transport, Timeout: answerFor,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Webhooks{Config: c, metrics: newMetrics(c.Registerer), client: client,
		free: make(chan struct{}, 1), told: map[string]*progress{}, of: map[string]int{}}, nil
}

// look is how often the leader looks into the audit log.
const look = 500 * time.Millisecond

// maxCouriers is how many webhooks are told at once, and maxOfOwner how many of one owner:
// slow addresses of one host must not keep others from hearing. Whoever waited longest comes
// first.
const (
	maxCouriers = 16
	maxOfOwner  = 2
)

// Run tells webhooks while this node leads, until ctx is done.
func (w *Webhooks) Run(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if w.Leader() {
			w.lead(ctx, tick.C)
		}
	}
}

// lead tells webhooks until this node does not lead any more. What it was told meanwhile
// is then another leader's to know.
func (w *Webhooks) lead(ctx context.Context, tick <-chan time.Time) {
	ctx, stop := context.WithCancel(ctx)
	var couriers sync.WaitGroup
	defer func() {
		stop()
		couriers.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		clear(w.told)
	}()
	for w.Leader() {
		w.dispatch(ctx, &couriers)
		select {
		case <-ctx.Done():
			return
		case <-tick:
		case <-w.free:
		}
	}
}

// waiting is a webhook that has something to hear.
type waiting struct {
	id, owner string
	*progress
}

// dispatch sends a courier for one round to each webhook that has something to hear, as far
// as there are couriers.
func (w *Webhooks) dispatch(ctx context.Context, couriers *sync.WaitGroup) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.short = false
	for _, h := range w.due() {
		if w.count >= maxCouriers || w.of[h.owner] >= maxOfOwner {
			w.short = true
			continue
		}
		w.turn++
		h.busy, h.turn = true, w.turn
		w.count++
		w.of[h.owner]++
		couriers.Go(func() { w.comeBack(h, w.round(ctx, h.id, h.progress)) })
	}
}

// due are those that have something to hear and no courier, whoever was told longest ago
// first. It wants w.mu.
func (w *Webhooks) due() []waiting {
	state, now := w.Store.State(), w.Now()
	head := state.AuditHead().GetSeq()
	for id := range w.told {
		if state.Webhook(id) == nil {
			delete(w.told, id)
		}
	}
	var due []waiting
	for h := range state.Webhooks() {
		p := w.told[h.GetId()]
		if p == nil {
			p = &progress{}
			w.told[h.GetId()] = p
		}
		ready := !h.GetDisabled() && h.GetNext() <= now.UnixNano() && !now.Before(p.hold)
		if ready && !p.busy && max(p.seq, h.GetSeq()) < head {
			due = append(due, waiting{h.GetId(), h.GetOwner(), p})
		}
	}
	slices.SortStableFunc(due, func(x, y waiting) int { return cmp.Compare(x.turn, y.turn) })
	return due
}

// comeBack gives a courier's place to whoever waits for it, or for more of the same.
func (w *Webhooks) comeBack(h waiting, more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h.busy = false
	w.count--
	if w.of[h.owner]--; w.of[h.owner] == 0 {
		delete(w.of, h.owner)
	}
	if more || w.short {
		select {
		case w.free <- struct{}{}:
		default: // it is known
		}
	}
}
