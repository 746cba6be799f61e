package session

import (
	"context"
	"sync"
	"time"

	"stentor/control/webinar"
)

// Who comes with a secret that this door does not know may hold a link of a moment ago. So
// the door asks how far the log is, and decides when it has come there.
//
// Nobody learns anything by it: whoever brings an unknown secret waits, whatever is behind
// the link, and for as long as this node is behind the log, which has nothing to do with
// the webinar. And it costs little: one question at a time, not more than one in askPause,
// answers all who came before it was asked, and who is too many is answered at once.
const (
	// secretFor bounds the wait, beyond which a door that is cut off does as it did before:
	// it says that the link is none. A question takes a round trip around the world at
	// most, and behind it waits what a change needs to get here.
	secretFor = time.Second
	// askPause is what a flood of secrets costs the leader: two questions a second from
	// each edge that it knocks at. With 500 edges these are 1,000 signatures, a tenth of a
	// core.
	askPause = 500 * time.Millisecond
	// maxUnknown bounds those who wait: far more than a host invites within a second, and
	// some megabytes of requests.
	maxUnknown = 1024
)

// findFor is find for a visitor. A secret that is unknown here is looked for once more when
// this door has everything that was acknowledged before it came.
func (d *Door) findFor(ctx context.Context, link string, v webinar.Visitor) *webinar.Webinar {
	w := d.find(link)
	if !w.Unknown(v) || d.newest.ask == nil {
		return w
	}
	ctx, cancel := context.WithTimeout(ctx, secretFor)
	defer cancel()
	index, ok := d.newest.index(ctx)
	if ok {
		d.caughtUp(ctx, index)
	}
	return d.find(link)
}

// newest asks for the index of the log's end, once for all who want to know.
type newest struct {
	ask func(ctx context.Context) (uint64, error) // nil: there is nobody to ask

	mu      sync.Mutex // guards the following
	next    *question  // has not been asked
	last    time.Time  // when the one before was asked
	running bool
	waiting int
	alone   context.CancelFunc // ends the question under way: nobody waits any more
}

type question struct {
	done  chan struct{}
	index uint64
	err   error
}

// index returns the index of everything that was acknowledged before it was called. It
// reports false if nobody answers within ctx, or too many wait.
func (n *newest) index(ctx context.Context) (uint64, bool) {
	n.mu.Lock()
	if n.waiting >= maxUnknown {
		n.mu.Unlock()
		return 0, false
	}
	n.waiting++
	if n.next == nil {
		n.next = &question{done: make(chan struct{})}
	}
	mine := n.next
	if !n.running {
		n.running, n.alone = true, func() {}
		go n.run()
	}
	n.mu.Unlock()
	defer n.leave()
	select {
	case <-mine.done:
		return mine.index, mine.err == nil
	case <-ctx.Done():
		return 0, false
	}
}

func (n *newest) leave() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.waiting--; n.waiting == 0 {
		n.alone()
	}
}

// run asks for as long as somebody waits for an answer.
func (n *newest) run() {
	for {
		n.mu.Lock()
		if n.waiting == 0 || n.next == nil {
			n.next, n.running = nil, false
			n.mu.Unlock()
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), askPause+secretFor)
		n.alone = cancel
		pause := askPause - time.Since(n.last)
		n.mu.Unlock()
		select {
		case <-time.After(pause):
			n.answer(ctx)
		case <-ctx.Done():
		}
		cancel()
	}
}

// answer asks, and answers all who have come until then.
func (n *newest) answer(ctx context.Context) {
	n.mu.Lock()
	now := n.next
	n.next, n.last = nil, time.Now()
	n.mu.Unlock()
	now.index, now.err = n.ask(ctx)
	close(now.done)
}
