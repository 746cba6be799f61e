package relay

import (
	"time"

	"stentor/relay/wire"
)

// requestKeyFrame sends a request now, or once half a second has passed since the last.
func (l *layer) requestKeyFrame() {
	l.keyMu.Lock()
	due := l.keyDueNow()
	l.keyMu.Unlock()
	if due {
		l.track.sendKeyFrame(l.index)
	}
}

// keyDueNow reports whether a request may go out now, and sees to it that one does later if not. keyMu is held.
func (l *layer) keyDueNow() bool {
	if l.keyPending != nil {
		return false
	}
	if wait := keyFrameEvery - time.Since(l.keyAsked); !l.keyAsked.IsZero() && wait > 0 {
		l.keyPending = time.AfterFunc(wait, l.keyDue)
		return false
	}
	l.keySent()
	return true
}

// keySent notes that a request goes out. It or the key frame may be lost: while a reader waits, another follows. keyMu is
// held.
func (l *layer) keySent() {
	l.keyAsked = time.Now()
	if l.waiting.Load() > 0 && !l.track.ended() {
		l.keyPending = time.AfterFunc(keyFrameEvery, l.keyDue)
	}
}

// needKeyFrame is for a reader that found none in the ring, whose key it saw and could not use. Where there was none yet
// one is usually on its way: the publisher begins with one, and a parent begins with its newest; only when none has come
// for a while the publisher is asked. Where the ring has overwritten it, none is, and the reader need not wait.
func (l *layer) needKeyFrame(seen uint64) {
	l.keyMu.Lock()
	due := false
	switch {
	case l.keyPending != nil || l.ring.key.Load() != seen:
	case seen != 0:
		due = l.keyDueNow()
	default:
		l.keyPending = time.AfterFunc(keyFrameEvery, l.keyDue)
	}
	l.keyMu.Unlock()
	if due {
		l.track.sendKeyFrame(l.index)
	}
}

// keyDue sends the request that waited.
func (l *layer) keyDue() {
	l.keyMu.Lock()
	due := l.keyPending != nil
	l.keyPending = nil
	if due {
		l.keySent()
	}
	l.keyMu.Unlock()
	if due {
		l.track.sendKeyFrame(l.index)
	}
}

// keyArrived answers the request that waits.
func (l *layer) keyArrived() {
	l.keyMu.Lock()
	if l.keyPending != nil {
		l.keyPending.Stop()
		l.keyPending = nil
	}
	l.keyMu.Unlock()
}

// keepKeyFrame asks for a key frame before the ring overwrites the newest one, as long as somebody reads: browsers make
// one only when asked, and who comes late has to find one here.
func (l *layer) keepKeyFrame() {
	key := l.ring.key.Load()
	if key == 0 || l.readers.Load() == 0 || l.track.info.Kind != wire.Video {
		return
	}
	if since := l.ring.head.Load() - key; since >= uint64(len(l.ring.slots))*3/4 {
		l.requestKeyFrame()
	}
}
