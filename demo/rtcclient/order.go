package rtcclient

import (
	"time"

	"github.com/pion/rtp"
)

const (
	// patience is how long a missing packet is waited for: a repair takes a round trip
	// and the interval of NACKs.
	patience = 500 * time.Millisecond
	// window is how many packets may wait behind a missing one, and how far a number
	// may be off before the sender is believed to have started afresh.
	window = 4096
)

// order puts the packets of one track into sequence, waits a while for those that
// are missing, and gives them up then.
type order struct {
	waiting map[uint16]arrival
	next    uint16
	top     uint16 // the newest that was seen
	begun   bool
	asked   map[uint16]time.Time // when missing ones were asked for
	gap     time.Time            // since when next has been missing; zero: it is not
	lost    int                  // given up
	strange int                  // duplicates, and what came after it was given up
}

// arrival is a packet with the time at which it came in.
type arrival struct {
	*rtp.Packet
	at time.Time
}

// push takes a packet and hands on what is in sequence now. missing is how many
// packets before it were given up.
func (o *order) push(p arrival, emit func(p arrival, missing int)) {
	if !o.begun {
		o.begun, o.next, o.top = true, p.SequenceNumber, p.SequenceNumber
		o.waiting, o.asked = make(map[uint16]arrival), make(map[uint16]time.Time)
	}
	ahead := int16(p.SequenceNumber - o.next)
	if _, twice := o.waiting[p.SequenceNumber]; twice || ahead < 0 && ahead > -window {
		o.strange++
		return
	}
	if ahead >= window || ahead <= -window { // a jump: the sender started afresh
		o.flush(emit)
		o.next, o.top = p.SequenceNumber, p.SequenceNumber
	}
	if int16(p.SequenceNumber-o.top) > 0 {
		o.top = p.SequenceNumber
	}
	o.waiting[p.SequenceNumber] = p
	o.drain(0, emit)
	o.giveUp(p.at, emit)
}

// missing returns which packets to ask for at now.
func (o *order) missing(now time.Time) []uint16 {
	if len(o.waiting) == 0 {
		clear(o.asked)
		return nil
	}
	var out []uint16
	for seq := o.next; seq != o.top; seq++ {
		if _, here := o.waiting[seq]; here {
			continue
		}
		if at, ok := o.asked[seq]; !ok || now.Sub(at) >= askAgain {
			o.asked[seq] = now
			out = append(out, seq)
		}
	}
	return out
}

// drain hands on the run that begins at next.
func (o *order) drain(missing int, emit func(arrival, int)) {
	for {
		p, ok := o.waiting[o.next]
		if !ok {
			return
		}
		delete(o.waiting, o.next)
		delete(o.asked, o.next)
		o.next++
		o.gap = time.Time{}
		emit(p, missing)
		missing = 0
	}
}

// giveUp leaves out what has been missing for too long.
func (o *order) giveUp(now time.Time, emit func(arrival, int)) {
	if len(o.waiting) == 0 {
		return
	}
	if o.gap.IsZero() {
		o.gap = now
	}
	if now.Sub(o.gap) >= patience || len(o.waiting) >= window/2 {
		o.skip(emit)
		if len(o.waiting) > 0 {
			o.gap = now // the next gap has its own patience
		}
	}
}

// skip counts the missing packets before the next waiting one as lost.
func (o *order) skip(emit func(arrival, int)) {
	missing := 0
	for {
		if _, ok := o.waiting[o.next]; ok {
			break
		}
		delete(o.asked, o.next)
		o.next++
		missing++
	}
	o.lost += missing
	o.drain(missing, emit)
}

// flush hands on everything.
func (o *order) flush(emit func(arrival, int)) {
	for len(o.waiting) > 0 {
		o.skip(emit)
	}
}
