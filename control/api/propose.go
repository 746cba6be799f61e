package api

import (
	"context"
	"time"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// proposeTimeout bounds a change. With a live quorum the longest wait is for an
// election, about a second, and for one voter that hangs, three; after ten the
// client had better decide itself.
const proposeTimeout = 10 * time.Second

// applyTimeout bounds the wait until this node has applied what the leader
// committed. Voters are behind by milliseconds.
const applyTimeout = 5 * time.Second

// propose makes a change, and waits until the state of this node has it, so that
// whoever asks next, here, sees it.
func (a *API) propose(ctx context.Context, r *request, version uint64, c *controlpb.Command) (control.Result, *control.State, error) {
	c.Principal, c.RequestId, c.RequestDigest = r.principal, r.id, r.digest
	c.ProposedAt, c.ExpectedVersion = a.Now().UnixNano(), version
	proposing, done := context.WithTimeout(ctx, proposeTimeout)
	defer done()
	result, err := a.Store.Propose(proposing, c)
	if err == nil {
		err = result.Err
	}
	if err != nil {
		return result, nil, a.refused(err)
	}
	state, err := a.applied(ctx, result.Index)
	return result, state, err
}

// refused turns what a command was refused with into a refusal.
func (a *API) refused(err error) error {
	if p, ok := denied(err); ok {
		return p
	}
	a.Logger.Warn("the outcome of a command is not known", "err", err)
	return refuse(codeOutcomeUnknown, "")
}

// applied returns the state once it holds the command at index.
func (a *API) applied(ctx context.Context, index uint64) (*control.State, error) {
	ctx, done := context.WithTimeout(ctx, applyTimeout)
	defer done()
	for {
		changed := a.Store.Changed() // before State: what changes in between closes it
		if s := a.Store.State(); s.Index() >= index {
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, refuse(codeBehind, "")
		}
	}
}

// find returns a webinar to which p is somebody. One that is not there and one that
// belongs to others are the same answer.
func (a *API) find(s *control.State, p Principal, id string) (*webinar.Webinar, error) {
	w := s.Webinar(id)
	if w == nil || !p.inside(w) {
		return nil, refuse(codeWebinarNotFound, "")
	}
	return w, nil
}

// answered reports whether the state remembers the answer to r: then it is a repetition.
func answered(s *control.State, r *request) bool {
	return s.Record(control.Key{Kind: control.KindRequest, ID: r.principal + "\x00" + r.id}) != nil
}
