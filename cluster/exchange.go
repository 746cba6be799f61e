package cluster

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/memberlist"
)

const (
	// exchangeGap is between two exchanges of a node that has more to tell than
	// packets carry: a round trip between antipodes and the time to send a few
	// megabytes, so that it does not begin before the last one is over everywhere.
	exchangeGap = time.Second
	// exchangeRest ends it: this many exchanges in a row brought nothing new.
	exchangeRest = 2
	// exchangeMost bounds it: log2 of a thousand nodes, and as much again for those
	// that are called while they are learning themselves.
	exchangeMost = 20
)

// crowd is how many members may come before packets are too slow to tell of them: a
// packet carries two, a node sends twenty a second, and each is sent eight times.
const crowd = 8

// arrived counts a new member; g.mu is held.
func (g *Gossip) arrived() {
	g.brought.Add(1)
	if g.arrivals++; g.arrivals > crowd {
		g.spread()
	}
}

// spread has the exchanges begin.
func (g *Gossip) spread() {
	select {
	case g.overflow <- struct{}{}:
	default:
	}
}

// exchange spreads what did not fit the queue. Packets are right for a few words at
// once: 12 sendings of 8 words a packet. For thousands, exchanging everything with
// random nodes is cheaper by far, since each node hears most words once, and doubles
// who knows with each round.
func (g *Gossip) exchange(ctx context.Context, ml *memberlist.Memberlist) {
	for {
		select {
		case <-g.overflow:
		case <-ctx.Done():
			return
		}
		for round, idle := 0, 0; round < exchangeMost && idle < exchangeRest; round++ {
			if !sleep(ctx, exchangeGap/2+rand.N(exchangeGap)) {
				return
			}
			target, ok := g.anyone()
			if !ok {
				break
			}
			before := g.brought.Load()
			if _, err := ml.Join([]string{target}); err != nil {
				g.log.Debug("no exchange", "with", target, "err", err)
			}
			if idle++; g.brought.Load() > before {
				idle = 0
			}
		}
		g.mu.Lock()
		g.arrivals = 0
		g.mu.Unlock()
	}
}

// anyone is a random living member, as node/address.
func (g *Gossip) anyone() (string, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var living []string
	for name, m := range g.members {
		if m.Alive && name != g.meta.Node {
			living = append(living, name)
		}
	}
	if len(living) == 0 {
		return "", false
	}
	name := living[rand.IntN(len(living))]
	return name + "/" + g.addrs[name].String(), true
}
