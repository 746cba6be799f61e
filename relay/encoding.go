package relay

import (
	"sync/atomic"
	"time"

	"stentor/relay/rtp"
)

// LayerState is what this node sees of one layer of a track. A layer that nobody here wants does not come.
type LayerState struct {
	Bitrate float64   // bits a second over the last second or so in which it came; 0: not measured yet
	Newest  time.Time // when the newest packet came; zero: none did
	Readers int
	Fed     bool // it comes whether or not somebody reads it: this node is the origin
}

// LayerState returns what is seen of a layer; nothing for one that the track does not have.
func (t *Track) LayerState(layer int) LayerState {
	if layer < 0 || layer >= len(t.layers) {
		return LayerState{}
	}
	l := t.layers[layer]
	s := LayerState{Bitrate: float64(l.speed.bits.Load()), Readers: int(l.readers.Load())}
	w := t.way.Load()
	s.Fed = w == nil || len(w.path) < 2
	if at := l.newestAt.Load(); at != 0 {
		s.Newest = time.Unix(0, at)
	}
	return s
}

// NewestKey returns the first packet of the newest key frame that the ring of a layer holds, nil where it holds none.
func (t *Track) NewestKey(layer int) *rtp.Packet {
	if layer < 0 || layer >= len(t.layers) {
		return nil
	}
	ring := t.layers[layer].ring
	key := ring.key.Load()
	if key == 0 {
		return nil
	}
	if p := ring.at(key - 1); p != nil && p.Key {
		return p
	}
	return nil
}

// A speed measures what comes, in windows of at least a second. What a parent had in its ring comes at
// once when a layer is asked for: a window is as long as what came in it was to be seen.
type speed struct {
	since int64         // when the window began, Unix nanoseconds; guarded by the layer's mu, as the next two
	shown int64         // the time of its first packet by the publisher's clock
	bytes int           // in it
	bits  atomic.Uint64 // a second, of the last window
}

// speedPause ends a window without a result: a layer that stood still for so long has no rate.
const speedPause = 3 * time.Second

// got counts a packet that came at now and is to be shown at a time, both in nanoseconds.
func (s *speed) got(n int, now, shown int64) {
	d := now - s.since
	switch {
	case d < 0 || d > int64(speedPause):
		s.since, s.shown, s.bytes = now, shown, 0
	case d >= int64(time.Second):
		if media := shown - s.shown; media > d && media < 10*int64(time.Second) {
			d = media
		}
		s.bits.Store(uint64(float64(s.bytes) * 8e9 / float64(d)))
		s.since, s.shown, s.bytes = now, shown, 0
	}
	s.bytes += n
}
