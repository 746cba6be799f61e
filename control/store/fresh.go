package store

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// sleepNoticed is how far both clocks may drift apart between two looks: more means that
// the machine was suspended. A look comes each half second at least. A shorter sleep is
// noticed by what is older than it, and Raft's next heartbeat comes sooner.
const sleepNoticed = 5 * time.Second

// freshness is when a voter's state was surely the newest, at last.
type freshness struct {
	mu   sync.Mutex // guards the following
	last instant
	seen instant   // when somebody looked at last
	woke time.Time // what Raft heard before then may be any time ago
}

// staleness is how long ago this voter's state was surely the newest. A leader's is
// until its lease ends; another voter's was when it last heard from the leader, if it
// has applied all that it was told then.
func (v *Voter) staleness() time.Duration {
	f := &v.fresh
	f.mu.Lock()
	defer f.mu.Unlock()
	now := v.clock.instant()
	if r := v.raft.Load(); r != nil {
		if at := f.heard(now, v.leads(r), r.LastContact(), v.cfg.Timers.Lease); at.After(f.last.wall) && r.AppliedIndex() >= r.CommitIndex() {
			f.last = instant{at, now.boot - max(now.wall.Sub(at), 0)}
		}
	}
	return now.since(f.last)
}

// heard returns when the state's end was heard of last; zero: not since this machine
// woke up. Raft's own clock stands still while it sleeps: a leader that wakes up takes
// itself for one until its lease ends.
func (f *freshness) heard(now instant, leads bool, contact time.Time, lease time.Duration) time.Time {
	if !f.seen.wall.IsZero() && (now.boot-f.seen.boot)-now.wall.Sub(f.seen.wall) > sleepNoticed {
		f.woke = now.wall
	}
	f.seen = now
	switch {
	case leads && (f.woke.IsZero() || now.wall.Sub(f.woke) > lease):
		return now.wall
	case contact.After(f.woke):
		return contact
	}
	return time.Time{}
}

// leads reports whether this voter is the leader, and has everything that earlier
// leaders acknowledged.
func (v *Voter) leads(r *raft.Raft) bool {
	return r.State() == raft.Leader && v.leading.Load() == r.CurrentTerm()
}
