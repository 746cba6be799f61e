package store

import (
	"context"
	"sync"
)

// news is word of something that anybody may wait for. The zero one is ready.
type news struct {
	mu   sync.Mutex // guards the following
	next chan struct{}
}

// wait returns a channel that is closed at the next word. Take it before looking at what
// the word is about.
func (n *news) wait() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next == nil {
		n.next = make(chan struct{})
	}
	return n.next
}

func (n *news) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next != nil {
		close(n.next)
		n.next = nil
	}
}

// while does something with a context that ends when a word has come and holds says no.
func (n *news) while(ctx context.Context, holds func() bool, do func(context.Context) ([]byte, error)) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for {
			changed := n.wait()
			if !holds() {
				cancel()
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return do(ctx)
}
