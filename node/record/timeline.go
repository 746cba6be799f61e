package record

import (
	"sync"
	"time"

	"stentor/relay"
	"stentor/relay/rtp"
)

// A wall says when, by this node's clock, the media of one publisher was made. Both flows share it, since it is what
// keeps lips and voice together: sender reports and capture times are by the publisher's clock, and the wall knows how
// far that is from ours.
type wall struct {
	mu     sync.Mutex // guards the following
	offset int64      // our clock minus the publisher's, plus the shortest way here
	known  bool
}

// local returns when something was made, by our clock, that was made at sender by the publisher's.
func (w *wall) local(sender, arrived int64) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d := arrived - sender; !w.known || d < w.offset {
		w.offset, w.known = d, true
	}
	return sender + w.offset
}

const (
	// leap is a difference in time that no clock's drift explains: the source began anew.
	leap = 2 * time.Second
	// bend is how fast times are corrected: one part in ten, which nobody hears or sees in the moment after the first
	// report, and which is a thousand times faster than crystals drift.
	bend = 10
	// late is by how much of its lateness a late packet moves the times of a flow without reports, so that they follow a
	// slow crystal without trembling with the network.
	late = 1024
)

// A timeline gives the RTP times of one layer a place on our clock: steadily as the RTP clock goes, slowly corrected
// towards what sender reports say (RFC 3550, section 6.4.1), or capture times, or, where there is neither, towards the
// packets that came soonest.
type timeline struct {
	rate uint32
	wall *wall

	begun bool
	ref   uint64 // RTP time of
	at    int64  // this, Unix nanoseconds
}

// place returns when the frame of p was made, in Unix nanoseconds.
func (t *timeline) place(p *rtp.Packet, report relay.SenderReport) int64 {
	ticks := int64(p.Time - t.ref)
	passed := ticks / int64(t.rate) * int64(time.Second)
	passed += ticks % int64(t.rate) * int64(time.Second) / int64(t.rate)
	expected := t.at + passed
	target, sure := t.made(p, report)
	off := target - expected
	switch {
	case !t.begun || off > int64(leap) || off < -int64(leap):
		expected = target
	case sure || off < 0:
		most := max(passed/bend, 0)
		expected += min(max(off, -most), most)
	default:
		expected += off / late
	}
	t.begun, t.ref, t.at = true, p.Time, expected
	return expected
}

// made is when the frame was made, as far as this packet tells, and whether that is more than its arrival.
func (t *timeline) made(p *rtp.Packet, report relay.SenderReport) (at int64, sure bool) {
	switch {
	case report.SSRC == p.SSRC() && report.At != 0:
		ticks := int64(int32(uint32(p.Time) - report.Time))
		return t.wall.local(report.At+ticks*int64(time.Second)/int64(t.rate), p.Arrived), true
	case p.Capture != 0:
		return t.wall.local(p.Capture, p.Arrived), true
	}
	return p.Arrived, false
}
