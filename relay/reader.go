package relay

import (
	"context"
	"io"
	"math"
	"sync/atomic"
	"time"

	"stentor/relay/rtp"
	"stentor/relay/wire"
)

// early is how far before a key frame's first packet, in order of arrival, a reader looks for packets that
// belong behind it: streams of several frames arrive side by side on a hop.
const early = 256

// A Reader is a place in one layer of a Track. It belongs to one goroutine. As long as it is open the layer is in
// demand, so it must be closed.
type Reader struct {
	track *Track
	layer *layer

	pos      uint64
	pending  []*rtp.Packet // to be given before what is at pos
	wantsKey bool          // nothing before a key frame
	seq      uint64        // older packets belong to what was before, and are left out
	frame    uint64        // older frames too
	skips    uint64
	closed   atomic.Bool

	ordered bool   // messages: seq is the next one, 0 before it is known where they begin
	first   uint64 // before this one there is none any more
	partOf  uint64 // the message that is being put together
	parts   []byte
	bad     bool // it cannot be
}

// Reader returns a reader of the layer that begins with the newest key frame, for audio with the next packet, and for data
// with the oldest message.
// When there is none, it waits for one. One is asked for every half second then: at once when the ring has lost its
// newest, else after the first. A layer that the track does not have has no packets.
func (t *Track) Reader(layer int) *Reader {
	r := t.reader(layer, 0)
	if !r.ordered {
		r.toKey()
	}
	return r
}

// readerFrom returns a reader that begins with the first frame that is not older than frame, as far as the ring
// still holds it; 0 begins like Reader.
func (t *Track) readerFrom(layer int, frame uint64) *Reader {
	r := t.reader(layer, frame)
	switch {
	case r.ordered:
		r.frame = frame
		return r
	case frame == 0:
		r.toKey()
		return r
	}
	ring := r.layer.ring
	if p := ring.find(frame); p != nil {
		frame = p.Frame // who cannot know where frames begin may name the middle of one
	}
	tail := ring.tail()
	oldest := uint64(math.MaxUint64)
	for pos, head := tail, ring.head.Load(); pos < head; pos++ {
		if p := ring.at(pos); p != nil {
			oldest = min(oldest, p.Frame)
		}
	}
	if key := ring.at(ring.key.Load() - 1); key != nil && key.Frame > frame && oldest > frame {
		r.toKey() // what lay between is gone: go on where a decoder can
		return r
	}
	r.pos, r.frame = tail, frame
	return r
}

func (t *Track) reader(layer int, frame uint64) *Reader {
	l := t.none
	if layer >= 0 && layer < len(t.layers) {
		l = t.layers[layer]
	}
	l.seek(frame, time.Now())
	l.opened()
	return &Reader{track: t, layer: l, ordered: t.info.Kind == wire.Data && l != t.none}
}

// toKey moves to the newest key frame, or waits for the next one.
func (r *Reader) toKey() {
	ring := r.layer.ring
	r.pending = nil
	r.wantKey(false)
	if r.track.info.Kind != wire.Video {
		r.pos = ring.head.Load()
		return
	}
	head := ring.head.Load() // before key: a key frame that comes in between lies behind it
	key := ring.key.Load()
	if key > 0 && r.startAt(key-1) {
		return
	}
	r.pos = head
	r.wantKey(true)
	if r.layer != r.track.none && !r.track.ended() {
		r.layer.needKeyFrame(key)
	}
}

// startAt makes the key frame whose first packet is at pos the beginning: first that packet, then what belongs
// behind it but came before it.
func (r *Reader) startAt(pos uint64) bool {
	ring := r.layer.ring
	key := ring.at(pos)
	if key == nil || !key.Key {
		return false
	}
	r.pending = append(r.pending[:0], key)
	for i := max(ring.tail(), pos-min(pos, early)); i < pos; i++ {
		if p := ring.at(i); p != nil && p.Seq > key.Seq {
			r.pending = append(r.pending, p)
		}
	}
	r.pos, r.seq = pos+1, key.Seq
	r.wantKey(false)
	return true
}

// wantKey says whether the reader waits for a key frame; as long as one does, the layer goes on to ask.
func (r *Reader) wantKey(wants bool) {
	if wants == r.wantsKey {
		return
	}
	r.wantsKey = wants
	if wants {
		r.layer.waiting.Add(1)
	} else {
		r.layer.waiting.Add(-1)
	}
}

// Try returns the next packet, or nil when there is none yet.
func (r *Reader) Try() *rtp.Packet {
	if r.ordered {
		return r.tryOrdered()
	}
	for {
		if len(r.pending) > 0 {
			p := r.pending[0]
			r.pending = r.pending[1:]
			return p
		}
		ring := r.layer.ring
		if r.pos >= ring.head.Load() {
			return nil
		}
		p := ring.at(r.pos)
		if p == nil { // overwritten: it was there a moment ago
			r.skips++
			r.track.metrics.skips.Inc()
			r.toKey()
			continue
		}
		if r.wantsKey && p.Key {
			r.startAt(r.pos)
			continue
		}
		r.pos++
		if !r.wantsKey && p.Seq >= r.seq && p.Frame >= r.frame {
			return p
		}
	}
}

// Next waits for the next packet. It returns [io.EOF] once the track has ended and everything is read, and the
// error of ctx. A reader that was overtaken by the writer goes on at the newest key frame, see [Reader.Skips].
func (r *Reader) Next(ctx context.Context) (*rtp.Packet, error) {
	for {
		if p := r.Try(); p != nil {
			return p, nil
		}
		ended := r.track.ended()
		wake := r.layer.bell.wait()
		if p := r.Try(); p != nil {
			return p, nil
		}
		if ended {
			return nil, io.EOF
		}
		select {
		case <-wake:
		case <-r.track.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Skips returns how often the reader was overtaken. After each, the packets do not follow on what was before:
// whoever rewrites them says so by rtp.Rewriter.Switch.
func (r *Reader) Skips() uint64 { return r.skips }

// Close ends the demand. It may be called more than once.
func (r *Reader) Close() {
	if r.closed.CompareAndSwap(false, true) {
		r.wantKey(false)
		r.layer.left()
	}
}
