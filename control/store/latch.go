package store

import (
	"sync"

	"github.com/hashicorp/raft"
)

// latch holds the first error of the disk or of the state. A leader whose log fails
// steps down, is elected again on the same broken disk, and acknowledges again
// (hashicorp/raft keeps no memory of it); so one error is the end of the process.
type latch struct {
	exit func(error)

	mu      sync.Mutex // guards the following
	first   error
	tripped chan struct{}
}

func newLatch(exit func(error)) *latch {
	return &latch{exit: exit, tripped: make(chan struct{})}
}

// trip keeps err if it is the first, and ends the process then. It returns err.
func (l *latch) trip(err error) error {
	if err == nil {
		return nil
	}
	l.mu.Lock()
	first := l.first == nil
	if first {
		l.first = err
		close(l.tripped)
	}
	l.mu.Unlock()
	if first {
		l.exit(err)
	}
	return err
}

// err returns the error that tripped it, or nil.
func (l *latch) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

// latchedLogs is a raft.LogStore that writes nothing after the first error.
type latchedLogs struct {
	raft.LogStore
	latch *latch
}

func (s latchedLogs) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

func (s latchedLogs) StoreLogs(logs []*raft.Log) error {
	if err := s.latch.err(); err != nil {
		return err
	}
	return s.latch.trip(s.LogStore.StoreLogs(logs))
}

func (s latchedLogs) DeleteRange(from, to uint64) error {
	if err := s.latch.err(); err != nil {
		return err
	}
	return s.latch.trip(s.LogStore.DeleteRange(from, to))
}

// IsMonotonic passes on what the store below says, as raft's own cache does: raft must
// leave no gap in a write-ahead log.
func (s latchedLogs) IsMonotonic() bool {
	m, ok := s.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// latchedStable is a raft.StableStore whose first error trips the latch. It goes on to
// work after an error of the log: raft panics where it cannot keep its term.
type latchedStable struct {
	raft.StableStore
	latch *latch
}

func (s latchedStable) Set(key, val []byte) error { return s.latch.trip(s.StableStore.Set(key, val)) }

func (s latchedStable) SetUint64(key []byte, val uint64) error {
	return s.latch.trip(s.StableStore.SetUint64(key, val))
}
