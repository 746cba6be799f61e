package store

import (
	"context"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"

	"stentor/control"
	"stentor/control/controlpb"
)

// barriers lets many linearizable reads share one barrier in the log. A read may join
// one that has not begun; raft.VerifyLeader would be cheaper, but v1.8.0 counts the
// answers of non-voters.
type barriers struct {
	mu      sync.Mutex // guards the following
	next    *round     // has not begun
	running bool
}

type round struct {
	done  chan struct{}
	index uint64
	err   error
}

func (b *barriers) barrier(ctx context.Context, v *Voter, r *raft.Raft) (uint64, error) {
	b.mu.Lock()
	if b.next == nil {
		b.next = &round{done: make(chan struct{})}
	}
	mine := b.next
	if !b.running {
		b.running = true
		go b.run(v, r)
	}
	b.mu.Unlock()
	select {
	case <-mine.done:
		return mine.index, mine.err
	case <-ctx.Done():
		return 0, fmt.Errorf("store: read: %w", ctx.Err())
	}
}

// run runs rounds until nobody waits for one. Raft ends each of them, also when it loses
// leadership or shuts down.
func (b *barriers) run(v *Voter, r *raft.Raft) {
	for {
		b.mu.Lock()
		now := b.next
		b.next = nil
		b.running = now != nil
		b.mu.Unlock()
		if now == nil {
			return
		}
		now.err = v.gate.wait(func() raft.Future { return r.Barrier(tryFor) })
		now.index = v.State().Index()
		close(now.done)
	}
}

// Read returns a state with everything that was acknowledged anywhere before it was
// called. What may be a moment old is in State, for nothing.
func (v *Voter) Read(ctx context.Context) (*control.State, error) {
	resp, err := ask(ctx, &controlpb.Request{Kind: &controlpb.Request_Barrier{Barrier: &controlpb.Barrier{}}}, &v.leaders, v.send)
	if err != nil {
		return nil, err
	}
	if !waitIndex(ctx, v, resp.GetIndex()) {
		return nil, fmt.Errorf("%w: this voter is behind", ErrUnavailable)
	}
	return v.State(), nil
}

// AddVoter makes node a voter. It has to run, or the others wait for it in vain.
func (v *Voter) AddVoter(ctx context.Context, node string) error {
	if err := checkNode(node); err != nil {
		return err
	}
	_, err := ask(ctx, &controlpb.Request{Kind: &controlpb.Request_AddVoter{AddVoter: node}}, &v.leaders, v.send)
	return err
}

// RemoveServer takes node out of the voters.
func (v *Voter) RemoveServer(ctx context.Context, node string) error {
	_, err := ask(ctx, &controlpb.Request{Kind: &controlpb.Request_RemoveServer{RemoveServer: node}}, &v.leaders, v.send)
	return err
}
