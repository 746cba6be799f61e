package relay

import "time"

// requestKeyFrame sends a request now, or once half a second has passed since the last.
func (l *layer) requestKeyFrame() {
	l.keyMu.Lock()
	if l.keyPending != nil {
		l.keyMu.Unlock()
		return
	}
	wait := keyFrameEvery - time.Since(l.keyAsked)
	if l.keyAsked.IsZero() || wait <= 0 {
		l.keyAsked = time.Now()
		l.keyMu.Unlock()
		l.track.sendKeyFrame(l.index)
		return
	}
	l.keyPending = time.AfterFunc(wait, l.keyDue)
	l.keyMu.Unlock()
}

// needKeyFrame is for a reader that found none in the ring. One is usually on its way: the publisher begins with
// one, and a parent begins with its newest. Only when none has come for a while the publisher is asked. Seen is the ring's key that the reader could not use.
func (l *layer) needKeyFrame(seen uint64) {
	l.keyMu.Lock()
	if l.keyPending == nil && l.ring.key.Load() == seen {
		l.keyPending = time.AfterFunc(keyFrameEvery, l.keyDue)
	}
	l.keyMu.Unlock()
}

func (l *layer) keyDue() {
	l.keyMu.Lock()
	due := l.keyPending != nil
	l.keyPending = nil
	if due {
		l.keyAsked = time.Now()
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
