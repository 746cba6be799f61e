package session

import (
	"context"
	"sync"

	"stentor/control/webinar"
)

// ledger is the seats and guesses of a test: one node that has them all, so its
// answers are exact.
type ledger struct {
	mu      sync.Mutex // guards the following
	limit   int        // 0: none
	taken   map[string]bool
	guesses int
	asked   int           // calls of Take
	strict  error         // what Strict says
	hold    chan struct{} // Take waits until it is closed; nil: it does not
	right   int
	back    int // guesses that were not looked at
}

func (l *ledger) Take(ctx context.Context, id, participant string) error {
	l.mu.Lock()
	l.asked++
	hold := l.hold
	l.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken == nil {
		l.taken = make(map[string]bool)
	}
	if !l.taken[id+participant] && l.limit > 0 && len(l.taken) >= l.limit {
		return webinar.ErrFull
	}
	l.taken[id+participant] = true
	return nil
}

func (l *ledger) Leave(id, participant string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.taken, id+participant)
}

func (l *ledger) Spend(context.Context, string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.guesses < 1 {
		return false
	}
	l.guesses--
	return true
}

func (l *ledger) Settle(_ string, right, looked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if right {
		l.right++
	}
	if right || !looked {
		l.guesses++
	}
	if !looked {
		l.back++
	}
}

func (l *ledger) Strict(string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.strict
}

func (l *ledger) seated() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.taken)
}

func (l *ledger) set(change func(l *ledger)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}
