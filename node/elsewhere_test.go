package node

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stentor/node/session"
)

// peers are the other nodes of a test: those that hang, and what each was told.
type peers struct {
	mu   sync.Mutex // guards the following
	hang map[string]bool
	told map[string]int // answered
	down []string       // that gossip does not believe alive
}

func (p *peers) ask(ctx context.Context, node, _ string, _ []byte) ([]byte, error) {
	p.mu.Lock()
	hangs := p.hang[node]
	if !hangs {
		p.told[node]++
	}
	p.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return nil, errors.New("no answer")
	}
	return json.Marshal(session.Found{Inside: node == "n3"})
}

func (p *peers) set(node string, hangs bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hang[node] = hangs
}

func (p *peers) count(node string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.told[node]
}

func newPeers() (*peers, *others) {
	p := &peers{hang: make(map[string]bool), told: make(map[string]int)}
	return p, &others{
		nodes: func(alive bool) []string {
			if alive {
				return []string{"n2", "n3"}
			}
			return append([]string{"n2", "n3"}, p.down...)
		},
		ask: p.ask, now: time.Now, log: slog.New(slog.DiscardHandler), again: make(chan repeat, 1), silent: make(map[string]time.Time),
	}
}

func TestNobodyWaitsTwiceForANodeThatIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, o := newPeers()
		p.set("n2", true)
		took := func() time.Duration {
			before := time.Now()
			if !o.elsewhere(t.Context(), session.Asked{Participant: "p"}).Inside {
				t.Error("n3 is not heard")
			}
			return time.Since(before)
		}
		if d := took(); d != elsewhereWithin {
			t.Errorf("the first waits %v", d)
		}
		if d := took(); d != 0 {
			t.Errorf("the second waits %v", d)
		}
		time.Sleep(silentFor)
		p.set("n2", false)
		if d := took(); d != 0 || p.count("n2") != 1 {
			t.Errorf("later: %v, n2 was asked %d times", d, p.count("n2"))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // who asked has gone; that says nothing of n2
		p.set("n2", true)
		o.elsewhere(ctx, session.Asked{})
		if len(o.silent) != 0 {
			t.Errorf("%v are silent", o.silent)
		}
	})
}

func TestATakeoverIsToldAgainToWhoDidNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, o := newPeers()
		p.down = []string{"n4"}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- o.Run(ctx) }()
		p.set("n2", true)
		p.set("n4", true)
		o.supersede(ctx, "sts1.x")
		time.Sleep(1500 * time.Millisecond)
		p.set("n2", false)
		p.set("n4", false)
		time.Sleep(5 * time.Second)
		for node, want := range map[string]int{"n2": 1, "n3": 1, "n4": 1} {
			if got := p.count(node); got != want {
				t.Errorf("%s was told %d times, want %d", node, got, want)
			}
		}
		p.set("n2", true)
		o.supersede(ctx, "sts1.x")
		synctest.Wait()
		cancel() // while n2 is to be told
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
