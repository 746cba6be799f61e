package signal

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"stentor/relay"
	"stentor/relay/wire"
)

// How a publisher goes on at another node (ours; RFC 9725 has only the 307 of section 4.5):
// headerEpoch in the answer to its POST, or to a GET of its session, names its claim, and
// queryResume of the next POST, at any node, goes on with it.
const (
	headerEpoch = "Stentor-Epoch"
	queryResume = "resume"
)

// claimWithin bounds how long a claim may take once media flow: an election and some more.
const claimWithin = 10 * time.Second

// epoch reads which claim a publisher goes on with; 0: none.
func epoch(q url.Values) (uint64, error) {
	v := q.Get(queryResume)
	if v == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		return 0, problem{Status: http.StatusBadRequest, Code: "query_invalid", Detail: queryResume + " is the number that " + headerEpoch + " said."}
	}
	return n, nil
}

// claim takes a stream's name for a publisher: at once, or for one that goes on with what it
// sent when its media are here. Until then it may still send by the way of before, and its
// audience sees that.
func (s *Server) claim(ctx context.Context, b Bid) (Claim, error) {
	if b.Resume == 0 || b.Takeover {
		return s.cfg.Stage.Claim(ctx, b)
	}
	if err := s.cfg.Stage.Continues(ctx, b); err != nil {
		return nil, err
	}
	return newHeir(s.cfg.Stage, b), nil
}

var errReleased = errors.New("signal: the publisher has gone")

// An heir is the claim of a publisher that goes on with what it sent. It is made when the
// first track opens.
type heir struct {
	stage  Stage
	bid    Bid
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu    sync.Mutex // guards the following
	claim Claim      // nil: not yet
}

func newHeir(s Stage, b Bid) *heir {
	h := &heir{stage: s, bid: b}
	h.ctx, h.cancel = context.WithCancelCause(context.Background())
	return h
}

// Context is done when the claim is over, whether it was made or not.
func (h *heir) Context() context.Context { return h.ctx }

// Epoch is that of the claim; 0: it is not made yet.
func (h *heir) Epoch() uint64 {
	if c := h.made(); c != nil {
		return c.Epoch()
	}
	return 0
}

// Track makes the claim, the first time, and opens one flow. It is called by one goroutine.
func (h *heir) Track(name string, info wire.TrackInfo, keyframe func(layer int)) (*relay.Track, error) {
	c := h.made()
	if c == nil {
		var err error
		if c, err = h.make(); err != nil {
			h.cancel(err)
			return nil, err
		}
	}
	return c.Track(name, info, keyframe)
}

func (h *heir) make() (Claim, error) {
	ctx, cancel := context.WithTimeout(h.ctx, claimWithin)
	defer cancel()
	c, err := h.stage.Claim(ctx, h.bid)
	if err != nil {
		return nil, decided(err)
	}
	h.mu.Lock()
	h.claim = c
	h.mu.Unlock()
	context.AfterFunc(c.Context(), func() { h.cancel(context.Cause(c.Context())) })
	if h.ctx.Err() != nil { // Release came meanwhile, and saw none
		c.Release()
		return nil, errReleased
	}
	return c, nil
}

func (h *heir) made() Claim {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.claim
}

// Release gives the name back, if it was taken.
func (h *heir) Release() {
	h.cancel(nil)
	if c := h.made(); c != nil {
		c.Release()
	}
}
