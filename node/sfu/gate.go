package sfu

import "time"

// A gate stands between a publisher's packets and the track. While it is shut
// nothing passes, and nobody behind it notices more than a pause: when it opens
// again, video goes on with a key frame, and the sequence numbers go on where they
// were. (With the hole left in, a viewer would ask for packets that there never
// were, and after 32,768 of them take what follows for what is long past.)
//
// It belongs to one stream of packets, and to the goroutine that reads it.
type gate struct {
	shut     bool      // the last packet did not pass
	asked    time.Time // when a key frame was last asked for, while it waits for one
	reopened bool
	first    uint16 // number of the packet that it opened with, as the publisher counts
	skip     uint16 // what is taken off the numbers
	passed   bool   // something has
	newest   uint16 // number that passed, as the track counts
}

// forgetFirst is how many packets after an opening nothing from before it can
// still come: by then the numbers could be those of the next round.
const forgetFirst = 1 << 14

// gateAsk is the pause between two requests for the key frame that an open gate
// waits for.
const gateAsk = time.Second

// pass reports whether the packet with number n passes, and under which number.
// key is whether video could begin with it; always true for audio.
func (g *gate) pass(n uint16, allowed, key bool) (out uint16, ok bool) {
	switch {
	case !allowed:
		g.shut, g.asked = true, time.Time{}
		return 0, false
	case g.shut && !key:
		return 0, false
	case g.shut:
		g.open(n)
	case g.reopened && int16(n-g.first) < 0: // from before it was shut, and late
		return 0, false
	case n-g.first > forgetFirst:
		g.reopened = false
	}
	out = n - g.skip
	if !g.passed || int16(out-g.newest) > 0 {
		g.newest = out
	}
	g.passed = true
	return out, true
}

// open lets the packet with number n be the one after the newest that passed.
func (g *gate) open(n uint16) {
	g.shut, g.reopened, g.first = false, true, n
	if g.passed {
		g.skip = n - (g.newest + 1)
	}
}

// waits reports whether a key frame should be asked for at now, so that the gate
// can open.
func (g *gate) waits(allowed bool, now time.Time) bool {
	if !allowed || !g.shut || now.Sub(g.asked) < gateAsk {
		return false
	}
	g.asked = now
	return true
}
