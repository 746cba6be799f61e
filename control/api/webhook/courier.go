package webhook

import (
	"context"
	"errors"
	"time"

	"stentor/control/controlpb"
	"stentor/control/personal"
)

// report is how often the log hears of one webhook at the most; skip is how many entries
// that do not concern it make it worth telling the log without any that does.
const (
	report = time.Second
	skip   = 1000
)

// waits are between attempts; the last one is repeated until patience attempts failed,
// which are three days.
var waits = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour,
}

const patience = 16

// wait is how long to wait after a number of failures in a row; not again says that it is
// enough.
func wait(failures uint32) (d time.Duration, again bool) {
	if failures > patience {
		return 0, false
	}
	return waits[min(int(failures), len(waits))-1], true
}

// round is what a courier does: it tells a webhook for about a second, and the log once. It
// reports whether there may be more to tell at once. What of p it writes others read under
// w.mu.
func (w *Webhooks) round(ctx context.Context, id string, p *progress) (more bool) {
	h := w.Store.State().Webhook(id)
	if h == nil || h.GetDisabled() {
		return false
	}
	var hook personal.Webhook
	if err := w.Keeper.Open("", id, h.GetSealed(), &hook); err != nil {
		w.rest(ctx, p) // if the log does not hear, too
		w.advance(ctx, p, &controlpb.AdvanceWebhook{Id: id, Seq: h.GetSeq(), Failures: h.GetFailures(), Disabled: true})
		return false
	}
	said, failed := w.tell(ctx, h, hook, p)
	if failed != nil && ctx.Err() != nil {
		failed = nil // it did not fail, we stopped
	}
	seq := w.at(p, h)
	switch {
	case failed != nil:
		w.rest(ctx, p)
		w.advance(ctx, p, w.failure(h, seq, failed))
	case said > 0 || seq >= h.GetSeq()+skip:
		w.rest(ctx, p)
		w.advance(ctx, p, &controlpb.AdvanceWebhook{Id: id, Seq: seq})
		return true
	}
	return false
}

// at is how far the webhook was told.
func (w *Webhooks) at(p *progress, h *controlpb.WebhookRecord) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return max(p.seq, h.GetSeq())
}

// tell sends the entries that follow, until one fails. It returns how many were taken.
func (w *Webhooks) tell(ctx context.Context, h *controlpb.WebhookRecord, hook personal.Webhook, p *progress) (said int, failed error) {
	state := w.Store.State()
	for e := range state.Audit(w.at(p, h) + 1) {
		if ctx.Err() != nil {
			return said, ctx.Err()
		}
		if concerns(state, h, e) {
			began := w.Now()
			err := w.post(ctx, h, hook, e)
			w.metrics.observe(err, w.Now().Sub(began))
			if err != nil {
				return said, err
			}
			said++
		}
		w.mu.Lock()
		p.seq = e.GetSeq()
		tired := said > 0 && w.Now().Sub(p.advanced) >= report
		w.mu.Unlock()
		if tired { // the log should hear of it before more is sent
			break
		}
	}
	return said, nil
}

// rest waits until the log may hear of the webhook again.
func (w *Webhooks) rest(ctx context.Context, p *progress) {
	w.mu.Lock()
	left := report - w.Now().Sub(p.advanced)
	w.mu.Unlock()
	if left <= 0 {
		return
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// failure is what the log hears of an attempt that failed.
func (w *Webhooks) failure(h *controlpb.WebhookRecord, seq uint64, err error) *controlpb.AdvanceWebhook {
	a := &controlpb.AdvanceWebhook{Id: h.GetId(), Seq: seq, Failures: h.GetFailures() + 1}
	if seq > h.GetSeq() {
		a.Failures = 1 // entries before this one were taken
	}
	var refused *refusal
	gone := errors.As(err, &refused) && refused.gone()
	d, again := wait(a.Failures)
	if gone || !again {
		a.Disabled = true
		w.Logger.Info("a webhook is told no more", "webhook", h.GetId(), "failures", a.Failures, "err", withoutURL(err))
		return a
	}
	if refused != nil {
		d = max(d, refused.after)
	}
	a.Next = w.Now().Add(d).UnixNano()
	w.Logger.Info("a webhook failed", "webhook", h.GetId(), "failures", a.Failures, "again in", d, "err", withoutURL(err))
	return a
}

// advanceFor bounds the wait for the log.
const advanceFor = 10 * time.Second

// advance tells the log, also when ctx has just ended. If the log does not hear, an
// address that failed is left alone all the same.
func (w *Webhooks) advance(ctx context.Context, p *progress, a *controlpb.AdvanceWebhook) {
	w.mu.Lock()
	p.advanced = w.Now()
	if a.GetNext() != 0 {
		p.hold = time.Unix(0, a.GetNext())
	}
	w.mu.Unlock()
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), advanceFor)
	defer done()
	r, err := w.Store.Propose(ctx, &controlpb.Command{
		MinFeatureLevel: 2, Principal: "webhook", ProposedAt: w.Now().UnixNano(),
		Kind: &controlpb.Command_AdvanceWebhook{AdvanceWebhook: a},
	})
	if err = errors.Join(err, r.Err); err != nil {
		w.Logger.Warn("how far a webhook was told is not in the log", "webhook", a.GetId(), "err", err)
	}
}
