package relay

import (
	"time"

	"stentor/relay/wire"
)

const (
	// resumeDepth is how many packets back a hole is looked for when a parent has died.
	resumeDepth = 1024
	// seekBack is how many packets before the first that is sought a parent is asked for: the children of one who died did
	// not all get equally far, and the first that comes asks for all. It is 300 kB, which leave at once.
	seekBack = 256
	// stale is how old the newest packet of a layer is that nobody fills: the frames of the slowest camera are nearer together.
	stale = 250 * time.Millisecond
)

// seek notes, before a reader opens a layer, from which frame on it will read, 0 the newest key frame. A node that stands
// by and has no reader holds nothing; when the children of a parent that died come to it, what they miss is all that
// it has to fetch. From the newest key frame on it would be up to two seconds more, and what they miss behind that.
func (l *layer) seek(frame uint64, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.readers.Load() == 0:
		l.sought = frame
		if newest := l.ring.find(l.seq.Newest()); newest != nil && frame > newest.Seq+1 && now.UnixNano()-newest.Arrived > int64(stale) {
			l.clear() // what was on its way when nobody read any more
		}
	case frame > 0 && l.sought > 0:
		l.sought = min(l.sought, frame)
	}
}

// before returns what is asked for when this is sought. Packets of audio are small and few, but a second has only fifty; and
// standbys have them. mu is held.
func (l *layer) before() uint64 {
	if l.track.info.Kind != wire.Video || l.sought <= seekBack {
		return l.sought
	}
	return l.sought - seekBack
}

// resume returns the frame from which a parent has to send: the first that is not complete here. When what is here is too
// old to go on from, it is what the readers seek, or 0, the newest key frame.
func (l *layer) resume(now time.Time) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.track.info.Kind == wire.Data {
		return l.resumeMessages()
	}
	newest := l.seq.Newest()
	last := l.ring.find(newest)
	if last == nil || now.UnixNano()-last.Arrived > int64(linger) {
		return l.before()
	}
	if l.track.info.Kind == wire.Audio {
		return newest + 1
	}
	from := last.Frame
	if last.Marker {
		from = newest + 1
	}
	// Holes of the last second may be filled yet; older ones nobody waits for.
	for seq := newest; seq > newest-min(newest, resumeDepth); seq-- {
		p := l.ring.find(seq)
		if p != nil && now.UnixNano()-p.Arrived > int64(time.Second) {
			break
		}
		if p == nil {
			from = seq // its frame is called by this number or a later one, unless it began before the hole
			if before := l.ring.find(seq - 1); before != nil && !before.Marker {
				from = before.Frame
			}
		}
	}
	return from
}

// complete reports whether the newest frame of video is here to its end, and all before it.
func (l *layer) complete(now time.Time) bool {
	return l.track.info.Kind != wire.Video || l.resume(now) > l.ring.top.Load()
}
