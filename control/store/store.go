// Package store keeps the control plane's state on every node: voters agree on it by
// Raft (hashicorp/raft), and all other nodes follow them by watch streams.
//
// It orders, keeps and carries commands and changes; what they mean is package
// control's. Whoever may propose what is decided before it comes here. Nothing is ever
// acknowledged that a majority of the voters has not written to disk, and a voter whose
// disk fails once ends.
package store

import (
	"errors"
	"math"
	"time"
)

// Never is the staleness of a node that has not heard from any voter yet.
const Never = time.Duration(math.MaxInt64)

// What proposals and reads fail with. A refusal is a [*webinar.Denial] instead.
var (
	// ErrUnavailable means that no leader answered in time. Whether the command counts is
	// not known; asking again with the same request ID does it once.
	ErrUnavailable = errors.New("store: no leader answered in time")
	// ErrStopped means that this store does not run, or not any more.
	ErrStopped = errors.New("store: stopped")
	// ErrForbidden is what a Forward returns, wrapped, when the node that it asked will not
	// take that from this one: it is not asked again, nor is another.
	ErrForbidden = errors.New("store: this node may not ask for that")
	// ErrTooLarge means that a command is over maxCommand bytes.
	ErrTooLarge = errors.New("store: command is too large")
)

// maxCommand bounds a command's bytes. The largest, a ban in a full webinar, has about
// a quarter of it.
const maxCommand = 4 << 20

// answerIn is how long a proposal or read may take whose caller set no deadline: an
// election and a slow disk.
const answerIn = 10 * time.Second

// Status is where a node's copy of the state stands.
type Status struct {
	Node      string
	Role      string // leader, voter or edge
	Leader    string // as far as this node knows; empty: none
	Term      uint64
	Index     uint64 // of the last command in the state
	Applied   uint64 // of the last log entry applied; on an edge, the same as Index
	Voters    []string
	Staleness time.Duration // how long ago the state was surely the newest; 0 on the leader, or Never
	Hash      [32]byte
}

// Timers are Raft's. The zero ones stand for the 500 ms profile: a voter's death is
// noticed and repaired in about a second, and a voter on a busy machine is not taken
// for dead each time it stalls.
type Timers struct {
	Heartbeat, Election, Lease, Commit time.Duration
}

func (t Timers) orDefault() Timers {
	or := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	or(&t.Heartbeat, 500*time.Millisecond)
	or(&t.Election, 500*time.Millisecond)
	or(&t.Lease, t.Heartbeat) // never longer than the heartbeat timeout
	// How long the other voters may not know that an entry is committed where the leader's
	// own word of it was lost; see herald. Shorter ones cost every voter: 1 per cent of a
	// core at 15 ms.
	or(&t.Commit, 50*time.Millisecond)
	return t
}
