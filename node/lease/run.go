package lease

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/lease"
	"stentor/control/webinar"
)

// Run registers this incarnation, keeps the leases and ends what must end, until ctx is
// done.
func (k *Keeper) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		changed := k.cfg.Changed()
		k.observe()
		next := time.NewTimer(k.propose(ctx, &wg))
		select {
		case <-ctx.Done():
			next.Stop()
			return nil
		case <-changed:
		case <-k.wake:
		case <-next.C:
		}
		next.Stop()
	}
}

// ending is somebody whose stay here is over, or with no participant everybody's.
type ending struct{ webinar, participant string }

// observe brings the machines up to the replica, and ends the sessions that it ends. It
// returns when they have ended: only then may the voters hear of it.
func (k *Keeper) observe() {
	k.mu.Lock()
	s, now := k.cfg.State(), k.cfg.Now() // under k.mu: no machine sees an older state after a newer one
	k.passed = now
	n := s.Node(k.cfg.Node)
	k.registered = n.GetEpoch() == k.cfg.Epoch && !n.GetRemoved()
	if k.registered && k.known.IsZero() {
		k.known = now
	}
	replaced := n.GetEpoch() > k.cfg.Epoch || n.GetRemoved()
	k.fence.Observe(n)
	var ends []ending
	k.stock(s, now)
	for id, t := range k.tenants {
		for _, p := range t.Observe(s.Webinar(id), now) {
			ends = append(ends, ending{id, p})
		}
		if t.Unused() {
			delete(k.tenants, id)
		}
	}
	ends = append(ends, k.broken(s, replaced && !k.replaced, now)...)
	k.replaced = replaced
	again := k.again()
	k.mu.Unlock()
	close(again)
	for _, e := range ends {
		if e.participant == "" {
			k.metrics.fenced.Inc()
			k.log.Warn("cut off for too long: the guests of a webinar go", "webinar", e.webinar)
			k.cfg.Fenced(e.webinar)
		} else {
			k.metrics.superseded.Inc()
			k.cfg.Superseded(e.webinar, e.participant)
		}
	}
}

// stock sees to it that a guess is here for every webinar on air that asks for a PIN and
// had a visitor here, so that its door goes on when this node is cut off (M3). Nodes
// without visitors take none: a large mesh would spend the budget by being there.
// k.mu is held.
func (k *Keeper) stock(s *control.State, now time.Time) {
	if now.Sub(k.stocked) < lookEvery {
		return
	}
	k.stocked = now
	for id, t := range k.tenants {
		w := s.Webinar(id)
		t.StockGuess(w != nil && w.State == webinar.Live && w.PIN != nil && w.Registration == nil && t.Held() > 0)
	}
}

// broken returns the webinars that must end here: those that this node has promised to
// end, the strict ones when it has been cut off, and all that have guests when there is a
// newer incarnation of it. k.mu is held.
func (k *Keeper) broken(s *control.State, replaced bool, now time.Time) []ending {
	ids := make(map[string]bool)
	for _, id := range k.fence.Broken(now) {
		if t := k.tenants[id]; t != nil && t.Held() > 0 {
			ids[id] = true
		}
	}
	switch stale := k.cfg.Fresh(); {
	case stale >= lease.EndedAfter && !k.fenced:
		k.fenced = true
		for w := range s.Webinars() {
			if w.Partition == webinar.Strict && w.State != webinar.Ended {
				ids[w.ID] = true
			}
		}
	case stale < lease.ClosedAfter:
		k.fenced = false
	}
	if replaced {
		for id := range k.tenants {
			ids[id] = true
		}
	}
	var ends []ending
	for id := range ids {
		if t := k.tenants[id]; t != nil {
			t.Evict(now)
		}
		ends = append(ends, ending{webinar: id})
	}
	return ends
}

// propose has every machine's next command proposed, and returns how long nothing is to
// be done by time alone.
func (k *Keeper) propose(ctx context.Context, wg *sync.WaitGroup) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, wait := k.cfg.Now(), lookEvery
	sooner := func(d time.Duration) {
		if d > 0 {
			wait = min(wait, d)
		}
	}
	sooner(lease.EndedAfter - k.cfg.Fresh())
	switch {
	case k.replaced:
		return wait
	case !k.registered:
		k.register(ctx, wg)
		return min(wait, registerEvery)
	}
	var strict []string
	cutOff := k.cutOff()
	for id, t := range k.tenants {
		if t.Strict() {
			strict = append(strict, id)
		}
		if cutOff {
			continue
		}
		c, d := t.Next(now)
		sooner(d)
		if c != nil {
			wg.Go(func() { k.carry(ctx, id, c) })
		}
	}
	c, d := k.fence.Next(strict, now)
	sooner(d)
	sooner(k.fence.Left(now))
	if c != nil {
		wg.Go(func() {
			_, err := k.ask(ctx, c)
			k.mu.Lock()
			k.fence.Answered(err == nil)
			k.mu.Unlock()
			k.poke()
		})
	}
	return wait
}

// register proposes this incarnation. k.mu is held.
func (k *Keeper) register(ctx context.Context, wg *sync.WaitGroup) {
	if k.asking || k.cfg.Now().Before(k.registerAt) {
		return
	}
	k.asking = true
	c := &controlpb.Command{Principal: "node:" + k.cfg.Node, Kind: &controlpb.Command_RegisterNode{
		RegisterNode: &controlpb.RegisterNode{Node: k.cfg.Node, Epoch: k.cfg.Epoch, Role: k.cfg.Role}}}
	wg.Go(func() {
		_, err := k.ask(ctx, c)
		if err != nil && ctx.Err() == nil {
			k.log.Info("this node is not registered yet", "err", err)
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		k.asking = false
		if k.refusals++; !refusal(err) {
			k.refusals = 0
		}
		k.registerAt = k.cfg.Now().Add(min(registerEvery<<min(k.refusals, 10), registerMost))
	})
}

// carry proposes a machine's command and tells it the answer.
func (k *Keeper) carry(ctx context.Context, id string, c *controlpb.Command) {
	r, err := k.ask(ctx, c)
	n, _ := strconv.Atoi(r.Subject)
	if err != nil && ctx.Err() == nil {
		k.log.Debug("a command about seats was not answered", "webinar", id, "err", err)
	}
	k.mu.Lock()
	switch t := k.tenants[id]; {
	case t == nil:
	case refusal(err) && !errors.Is(err, webinar.ErrStaleLease): // else a snapshot will tell
		k.log.Warn("the voters refuse a command about seats", "webinar", id, "err", err)
		t.Refused(c, k.cfg.Now())
	default:
		t.Answered(c, err == nil, n, k.cfg.Now())
	}
	k.mu.Unlock()
	k.poke()
}

// refusal reports whether the voters have said no, rather than nothing.
func refusal(err error) bool {
	var denial *webinar.Denial
	return errors.As(err, &denial)
}

func (k *Keeper) ask(ctx context.Context, c *controlpb.Command) (control.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	r, err := k.cfg.Propose(ctx, c)
	switch {
	case refusal(err), err == nil && r.Err != nil:
		k.metrics.proposals.WithLabelValues("refused").Inc()
		return r, errors.Join(err, r.Err)
	case err != nil:
		k.metrics.proposals.WithLabelValues("unanswered").Inc()
		return r, err
	}
	k.metrics.proposals.WithLabelValues("done").Inc()
	return r, nil
}
