package window

import "time"

// maxMarks is how many marks are remembered: those of two round trips, and as many again for bursts.
const maxMarks = 256

// marksPerTrip is how many marks are set in a round trip at most. More would not make the rate more exact, and each
// acknowledgement compares the newest with those before it.
const marksPerTrip = 32

// A mark is a packet whose way is followed: what had been sent when it left, and what had been delivered when its
// acknowledgement came.
type mark struct {
	packet          int64
	sentAt, ackedAt time.Duration
	sent, delivered uint64 // bytes in all
}

// Trains measures at what rate packets come out at the other end, from the times at which they were sent and
// acknowledged.
//
// The rate of a stretch between two marks is what was delivered in it, but no more than what was sent in it, over the
// longer of the times that sending and acknowledging took. So neither acknowledgements that come in a clump nor bytes that
// were sent before count for more than the path can do (draft-ietf-ccwg-bbr, section 4.1.2.2, has the same minimum), and
// an idle sender makes a rate lower, never higher: a maximum over time leaves those stretches out.
type trains struct {
	marks                 [maxMarks]mark
	oldest, pending, next int // counted from the beginning: [oldest, pending) are acknowledged, [pending, next) are not
}

func (t *trains) at(i int) *mark { return &t.marks[i%maxMarks] }

// sent follows the packet when none was followed for the time of spacing, nor in as many bytes as stride.
func (t *trains) sent(now time.Duration, packet int64, sent uint64, spacing time.Duration, stride uint64) {
	if t.next > t.oldest && now-t.at(t.next-1).sentAt < spacing && sent-t.at(t.next-1).sent < stride {
		return
	}
	if t.next-t.oldest == maxMarks {
		t.oldest++
		t.pending = max(t.pending, t.oldest)
	}
	*t.at(t.next) = mark{packet: packet, sentAt: now, sent: sent}
	t.next++
}

// acked takes note of everything up to the packet, and reports whether a mark was among it.
func (t *trains) acked(now time.Duration, packet int64, delivered uint64) bool {
	found := false
	for ; t.pending < t.next && t.at(t.pending).packet <= packet; t.pending++ {
		m := t.at(t.pending)
		m.ackedAt, m.delivered = now, delivered
		found = true
	}
	return found
}

// rate is the highest rate, in bits per second, of the stretches that end with the newest mark that was acknowledged and
// last for span; shorter ones count as if they had lasted for it.
func (t *trains) rate(span time.Duration) uint64 {
	if t.pending-t.oldest < 2 {
		return 0
	}
	end := t.at(t.pending - 1)
	var best uint64
	for i := t.pending - 2; i >= t.oldest; i-- {
		m := t.at(i)
		took := max(end.ackedAt-m.ackedAt, end.sentAt-m.sentAt, span)
		bytes := min(end.delivered-m.delivered, end.sent-m.sent)
		best = max(best, bytes*8*uint64(time.Second/time.Microsecond)/uint64(max(took/time.Microsecond, 1)))
		if end.sentAt-m.sentAt > 2*span {
			break // a stretch that long is the mean of shorter ones that were seen
		}
	}
	return best
}
