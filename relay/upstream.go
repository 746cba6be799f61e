package relay

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"stentor/relay/wire"
)

// An upstream is this side of one subscription at the neighbour.
type upstream struct {
	alias    uint64
	poke     func() // tells the pull that there is something new
	messages chan wire.Message
	ready    chan struct{} // closed when track is set
	over     chan struct{} // closed when the subscription is over
	track    atomic.Pointer[Track]
	shed     atomic.Uint32                // layers that the parent does not send because the link is too small, one bit each
	doubled  atomic.Bool                  // another parent sends the same
	fed      [wire.MaxLayers]atomic.Int64 // when the last packet of a layer came, Unix nanoseconds
}

// arrived notes that a packet of a layer has come.
func (u *upstream) arrived(layer int, now time.Time) { u.fed[layer].Store(now.UnixNano()) }

// kills reports whether the end of a frame's stream is the end of the frame: the parent said so, and nobody else sends it.
// What a link that died has cut off, the next parent sends, and messages do not die.
func (u *upstream) kills(err error) bool {
	if t := u.track.Load(); t == nil || t.info.Kind == wire.Data {
		return false
	}
	var reset *quic.StreamError
	return errors.As(err, &reset) && reset.Remote && !u.doubled.Load()
}

// subscribe opens a subscription at the neighbour, with the message m but for its alias. Aliases have to arrive in the order
// in which they were chosen, so the lock is held until the message is queued.
func (l *link) subscribe(p *pull, m wire.Subscribe) (*upstream, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		return nil, context.Cause(l.ctx)
	}
	l.alias++
	m.Alias = l.alias
	up := &upstream{alias: l.alias, poke: p.poke, messages: make(chan wire.Message, 16), ready: make(chan struct{}), over: make(chan struct{})}
	l.upstreams[up.alias] = up
	return up, l.send(m)
}

func (l *link) unsubscribe(up *upstream) {
	l.mu.Lock()
	delete(l.upstreams, up.alias)
	l.mu.Unlock()
	close(up.over)
	if l.ctx.Err() == nil {
		_ = l.send(wire.Unsubscribe{Alias: up.alias})
	}
}

func (l *link) upstream(alias uint64) *upstream {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.upstreams[alias]
}
