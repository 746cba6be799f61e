package relay

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"stentor/relay/wire"
)

const (
	// maxFrames is how many frames of one subscription may be open at once. A parent has 32 of each layer open, and those
	// that it has ended are open here until what was lost of them is sent again. Each may hold a slab: 8 MB in all.
	maxFrames = 256
	// frameWait is how long a frame of media may be open: the longest that a parent may take to send one, and a second for
	// what is sent again. Without an end, whoever opens all streams that QUIC allows and says no more would hold a
	// slab and a goroutine with each.
	frameWait = keyDeadline + time.Second
	// messageWait is how long a message may stand still on its way. It has no deadline, so it may take long; but half of one
	// is left only by a parent that looks for a new parent itself, for which it has a third of that (orphanWait).
	messageWait = 30 * time.Second
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
	used     [wire.MaxLayers]atomic.Int64 // the same of those that were of use, or would have been had another parent not sent them
	lag      [wire.MaxLayers]atomic.Int64 // how much later than by another parent the newest packet of a layer came, nanoseconds
	asked    [wire.MaxLayers]atomic.Int64 // until when a layer was asked for, Unix nanoseconds: math.MaxInt64 it is, 0 never
	places   chan struct{}                // one in it for each frame that is open
}

// arrived notes that packets of a layer have come, and whether any was of use.
func (u *upstream) arrived(layer int, useful bool, now time.Time) {
	u.fed[layer].Store(now.UnixNano())
	if useful {
		u.used[layer].Store(now.UnixNano())
	}
}

// behind notes how much later a packet came than it had come by another parent, if it had.
func (u *upstream) behind(l *layer, seq uint64, now time.Time) {
	if p := l.ring.find(seq); p != nil {
		u.lag[l.index].Store(now.UnixNano() - p.Arrived)
	}
}

// asks notes what the parent is asked for, before it is. The pull's goroutine calls it.
func (u *upstream) asks(wants []wire.Want, now time.Time) {
	for i := range u.asked {
		switch wanted := slices.ContainsFunc(wants, func(w wire.Want) bool { return int(w.Layer) == i }); {
		case wanted:
			u.asked[i].Store(math.MaxInt64)
		case u.asked[i].Load() == math.MaxInt64:
			u.asked[i].Store(now.UnixNano())
		}
	}
}

// may reports whether the parent may send a layer: it is asked for it, or was so lately that what comes was on its way.
func (u *upstream) may(layer int, now time.Time) bool {
	return u.asked[layer].Load() > now.Add(-linger).UnixNano()
}

// enter takes a place for an open frame, and reports false when there is none: nobody waits for a frame that comes when so
// many are open. Messages must not be lost, so that they wait for a place until the subscription or the link is over.
func (u *upstream) enter(l *link, kind wire.Kind) bool {
	select {
	case u.places <- struct{}{}:
		return true
	default:
	}
	if kind != wire.Data {
		return false
	}
	select {
	case u.places <- struct{}{}:
		return true
	case <-u.over:
	case <-l.ctx.Done():
	}
	return false
}

// exit gives the place back.
func (u *upstream) exit() { <-u.places }

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
	up := &upstream{alias: l.alias, poke: p.poke, messages: make(chan wire.Message, 16), ready: make(chan struct{}), over: make(chan struct{}), places: make(chan struct{}, maxFrames)}
	up.asks(m.Wants, time.Now())
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
