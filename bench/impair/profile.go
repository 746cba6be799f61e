// Package impair makes a good network bad: it delays, loses, reorders, doubles and narrows UDP, always in the same way
// for the same seed.
//
// A [Link] is the pure core, one direction of a path: it is told when a packet of a size is sent and answers when it
// arrives. It reads no clock and holds no packets, so a test can ask it for an hour of packets in a millisecond. Two
// things are made of it: a [Conn] around a net.PacketConn delays what is written, in a synctest bubble (virtual time)
// or over real sockets; a [Proxy] stands between real processes.
//
//	sent -> | cut? | queue, rate | lost? | delay + jitter | held back? | twice? | -> arrives
//	          gone   tail drops    gone                     overtaken
//
// What it will not do: look into packets, change their bytes, mark them (ECN) or answer for a path that turns them back
// (ICMP). Nothing knows what it carries, so it cannot favour anyone.
package impair

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Profile says what one direction of a path does to packets. The zero Profile delivers everything at once.
type Profile struct {
	Delay  time.Duration // from the end of the bottleneck to the receiver: half of a symmetric round trip
	Jitter time.Duration // at most so much is added, drifting from 0 to Jitter and back; order is kept, as a queue keeps it

	Loss  float64 // share of packets that are lost, 0 to 1; at 1 the path is dead
	Burst float64 // mean number of packets lost in a row (Gilbert-Elliott); 0 and 1: each on its own

	Reorder   float64 // share of packets that are held back so that those behind overtake them
	Duplicate float64 // share of packets that arrive twice

	Rate  int64 // of the bottleneck in bits per second, 0 is unlimited
	Queue int   // bytes that wait before the bottleneck until the tail is dropped; 0 is 250 ms of Rate

	CutEvery, CutFor time.Duration // the path is dead for the last CutFor of each CutEvery; 0 never
}

// Symmetric returns the profile of each direction of a path whose round trip takes rtt, with that share of random loss
// in each direction.
func Symmetric(rtt time.Duration, loss float64) Profile {
	return Profile{Delay: rtt / 2, Loss: loss}
}

// Check says what of p means nothing.
func (p Profile) Check() error {
	for _, share := range []struct {
		name  string
		value float64
	}{{"loss", p.Loss}, {"reorder", p.Reorder}, {"duplicate", p.Duplicate}} {
		if !(share.value >= 0 && share.value <= 1) { // also NaN
			return fmt.Errorf("impair: %s %v is no share between 0 and 1", share.name, share.value)
		}
	}
	switch {
	case p.Delay < 0 || p.Jitter < 0 || p.CutEvery < 0 || p.CutFor < 0:
		return errors.New("impair: a packet cannot arrive before it is sent")
	case p.Rate < 0 || p.Queue < 0 || !(p.Burst >= 0):
		return errors.New("impair: rate, queue and burst cannot be negative")
	case p.CutFor > p.CutEvery:
		return errors.New("impair: a cut cannot be longer than the time from one to the next")
	}
	return nil
}

// queue returns how many bytes wait at most.
func (p Profile) queue() int {
	if p.Queue > 0 {
		return p.Queue
	}
	// 250 ms is what routers at the edge are seen to hold: enough that a sender without a window of its own feels the
	// delay before it feels the loss.
	return int(p.Rate / 8 / 4)
}

// String returns the profile as a bench scenario prints it, such as "100ms, loss 1 %, bursts of 20, 30 Mbit/s".
func (p Profile) String() string {
	parts := []string{p.Delay.String()}
	add := func(when bool, format string, args ...any) {
		if when {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(p.Jitter > 0, "jitter %v", p.Jitter)
	add(p.Loss > 0, "loss %.4g %%", 100*p.Loss)
	add(p.Loss > 0 && p.Burst > 1, "bursts of %.4g", p.Burst)
	add(p.Reorder > 0, "reordered %.4g %%", 100*p.Reorder)
	add(p.Duplicate > 0, "doubled %.4g %%", 100*p.Duplicate)
	add(p.Rate > 0, "%.4g Mbit/s", float64(p.Rate)/1e6)
	add(p.CutFor > 0, "dead %v of each %v", p.CutFor, p.CutEvery)
	return strings.Join(parts, ", ")
}
