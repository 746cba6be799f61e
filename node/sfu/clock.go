package sfu

import (
	"math"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"stentor/relay/rtp"
)

// A wall says when, by this node's clock, the media of one stream was made. All
// tracks of a stream share it, since it is what keeps lips and voice together:
// the capture times in the packets are by the publisher's clock, and the wall
// knows how far that is from ours.
type wall struct {
	mu     sync.Mutex // guards the following
	offset int64      // our clock minus the publisher's, plus the shortest way here
	known  bool
}

// local returns when a packet was captured, by our clock as far as can be told.
func (w *wall) local(capture, arrived int64) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d := arrived - capture; !w.known || d < w.offset {
		w.offset, w.known = d, true
	}
	return capture + w.offset
}

// A clock ties the RTP time that a viewer sees to the wall clock, which is what
// sender reports say (RFC 3550, section 6.4.1). It takes the capture time where
// packets carry it. Where they do not, it believes the packets that came soonest:
// delay only ever makes a packet late.
type clock struct {
	wall  *wall
	rate  int64 // ticks per second
	begun bool
	out   uint32 // RTP time of the newest packet, as the viewer sees it
	at    int64  // wall clock of out, Unix nanoseconds
	frame int64  // capture time of the packet that said so; 0: it had none
}

// drift is by how much of its lateness a late packet moves the clock, so that it
// follows a publisher whose crystal is slow without trembling with the network.
const drift = 1.0 / 1024

// sent notes that p went out with RTP time out.
func (c *clock) sent(p *rtp.Packet, out uint32) {
	d := int64(int32(out - c.out)) // ticks since the newest
	if c.begun && d < 0 {
		return // an older packet says nothing new
	}
	if c.begun && d == 0 && p.Capture != 0 && c.frame != 0 {
		return // nor does the next one of a picture
	}
	c.frame = p.Capture
	at := p.Arrived
	if p.Capture != 0 {
		at = c.wall.local(p.Capture, p.Arrived)
	}
	expected := c.at + d*int64(time.Second)/c.rate
	late := at - expected
	switch {
	case !c.begun || d > c.rate*10 || p.Capture != 0 || late < 0:
		c.at = at
	default:
		c.at = expected + int64(math.Round(float64(late)*drift))
	}
	c.begun, c.out = true, out
}

// rtpTime returns the viewer's RTP time at now.
func (c *clock) rtpTime(now time.Time) uint32 {
	return c.out + uint32((now.UnixNano()-c.at)/1000*c.rate/1e6)
}

// report makes a sender report for now.
func (c *clock) report(ssrc uint32, now time.Time, packets, octets uint32) *rtcp.SenderReport {
	return &rtcp.SenderReport{
		SSRC: ssrc, NTPTime: ntp(now), RTPTime: c.rtpTime(now), PacketCount: packets, OctetCount: octets,
	}
}

// ntp is the 64-bit NTP timestamp of t.
func ntp(t time.Time) uint64 {
	const since1900 = 2208988800
	n := t.UnixNano()
	seconds, nanos := uint64(n/1e9)+since1900, uint64(n%1e9)
	return seconds<<32 | nanos<<32/1e9
}

// unixOf is the Unix time, in nanoseconds, of an NTP timestamp, which begins anew in 2036.
func unixOf(ntp uint64) int64 {
	const since1900 = 2208988800
	seconds := int64(ntp >> 32)
	if seconds < since1900 {
		seconds += 1 << 32
	}
	return (seconds-since1900)*1e9 + int64(ntp&(1<<32-1)*1e9>>32)
}
