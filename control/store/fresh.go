package store

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// freshness is when a voter's state was surely the newest, at last.
type freshness struct {
	mu   sync.Mutex // guards the following
	last time.Time
}

// staleness is how long ago this voter's state was surely the newest. A leader's is
// until its lease ends; another voter's was when it last heard from the leader, if it
// has applied all that it was told then.
func (v *Voter) staleness() time.Duration {
	r := v.raft.Load()
	if r == nil {
		return Never
	}
	now := v.cfg.Now()
	at := now
	if r.State() != raft.Leader {
		at = r.LastContact()
	}
	v.fresh.mu.Lock()
	defer v.fresh.mu.Unlock()
	if r.AppliedIndex() >= r.CommitIndex() && at.After(v.fresh.last) {
		v.fresh.last = at
	}
	if v.fresh.last.IsZero() {
		return Never
	}
	return max(now.Sub(v.fresh.last), 0)
}
