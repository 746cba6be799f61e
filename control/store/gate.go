package store

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// drainWithin is how long a voter that ends waits for the answers to what it has given
// to Raft. Raft forgets those that are committed but not applied when it shuts down.
const drainWithin = 100 * time.Millisecond

// gate counts the requests that Raft has not answered, and closes before it ends.
type gate struct {
	mu     sync.Mutex // guards the following
	n      int
	closed bool
	idle   chan struct{} // closed when the gate is, and nobody is inside; nil before

	down chan struct{} // closed when Raft answers nobody any more
}

func newGate() *gate { return &gate{down: make(chan struct{})} }

// enter reports whether something may be asked of Raft. Whoever did, leaves.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.n++
	}
	return !g.closed
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.n--; g.n == 0 && g.closed {
		close(g.idle)
	}
}

// drain lets nobody in any more, and waits a moment for those who are.
func (g *gate) drain() {
	g.mu.Lock()
	g.closed, g.idle = true, make(chan struct{})
	if g.n == 0 {
		close(g.idle)
	}
	idle := g.idle
	g.mu.Unlock()
	select {
	case <-idle:
	case <-time.After(drainWithin):
	}
}

// wait waits for Raft's answer, and no longer than Raft lives. Ask starts what is waited
// for.
func (g *gate) wait(ask func() raft.Future) error {
	if !g.enter() {
		return raft.ErrRaftShutdown
	}
	defer g.leave()
	answer := make(chan error, 1)
	f := ask()
	go func() { answer <- f.Error() }()
	select {
	case err := <-answer:
		return err
	case <-g.down:
		return raft.ErrRaftShutdown
	}
}
