package relay

import (
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
