package sfu

import (
	"time"

	"stentor/relay/rtp"
)

// losses finds the packets that a publisher's network lost and says when to ask
// for which again. It sees repaired packets like any other, so nothing is asked
// for twice that is already here (pion's generator does not see them).
type losses struct {
	seq     rtp.Sequence
	missing map[uint64]*loss
	scratch []uint16
}

type loss struct {
	asked int
	next  time.Time
}

const (
	// reorderWindow is how long a hole may be mere reordering.
	reorderWindow = 5 * time.Millisecond
	// askAgain is the pause before a packet is asked for again: a long round trip.
	askAgain = 100 * time.Millisecond
	// maxAsks is after how many questions a packet is given up: by then a key frame
	// is the better answer.
	maxAsks = 8
	// maxMissing bounds the holes that are remembered. More is not loss but an
	// outage or an attack, and the ring would not wait for it.
	maxMissing = 512
)

// arrived notes a packet.
func (l *losses) arrived(seq uint16, now time.Time) {
	if l.missing == nil {
		l.missing = make(map[uint64]*loss)
	}
	before := l.seq.Newest()
	n := l.seq.Unwrap(seq)
	switch {
	case before == 0 || n == before+1:
	case n > before && n-before > maxMissing: // a new beginning
		clear(l.missing)
	case n > before:
		for s := before + 1; s < n && len(l.missing) < maxMissing; s++ {
			l.missing[s] = &loss{next: now.Add(reorderWindow)}
		}
	default:
		delete(l.missing, n)
	}
}

// due returns the sequence numbers to ask for at now, oldest first. The slice is
// valid until the next call.
func (l *losses) due(now time.Time) []uint16 {
	l.scratch = l.scratch[:0]
	if len(l.missing) == 0 {
		return nil
	}
	newest := l.seq.Newest()
	oldest := newest - min(newest, maxMissing)
	for s, m := range l.missing {
		if s < oldest || m.asked >= maxAsks && !now.Before(m.next) {
			delete(l.missing, s)
		}
	}
	for s := oldest; s < newest; s++ {
		if m := l.missing[s]; m != nil && m.asked < maxAsks && !now.Before(m.next) {
			m.asked++
			m.next = now.Add(askAgain)
			l.scratch = append(l.scratch, uint16(s))
		}
	}
	return l.scratch
}
