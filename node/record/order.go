package record

import (
	"time"

	"stentor/relay/rtp"
)

const (
	// missFor is how long a missing packet is waited for. A publisher answers a NACK within a round trip or two; half
	// a second covers the worst, and nobody waits for a file.
	missFor = 500 * time.Millisecond
	// missMost bounds the packets behind it: as many as a ring holds in half of its time.
	missMost = 2048
)

// An order brings packets, which a ring holds as they came, into the order in which they were sent.
type order struct {
	begun bool
	next  uint64 // the sequence number that is awaited
	held  map[uint64]*rtp.Packet
	since int64 // arrival of the first packet behind the hole
}

// add takes a packet and calls emit with each that is due. Lost is how many are missing for good right before it.
func (o *order) add(p *rtp.Packet, emit func(p *rtp.Packet, lost uint64)) {
	if !o.begun {
		o.begun, o.next = true, p.Seq
		o.held = make(map[uint64]*rtp.Packet)
	}
	if p.Seq < o.next {
		return // it was given up, or came twice
	}
	if p.Seq != o.next && len(o.held) == 0 {
		o.since = p.Arrived
	}
	o.held[p.Seq] = p
	for len(o.held) > 0 {
		var lost uint64
		if o.held[o.next] == nil {
			if p.Arrived-o.since < int64(missFor) && len(o.held) < missMost {
				return
			}
			first := o.first()
			lost, o.next = first-o.next, first
		}
		q := o.held[o.next]
		delete(o.held, o.next)
		o.next++
		o.since = p.Arrived // of the next hole, if there is one: it was seen at the latest now
		emit(q, lost)
	}
}

// flush gives what is held, at the end.
func (o *order) flush(emit func(p *rtp.Packet, lost uint64)) {
	for len(o.held) > 0 {
		first := o.first()
		q, lost := o.held[first], first-o.next
		delete(o.held, first)
		o.next = first + 1
		emit(q, lost)
	}
}

func (o *order) first() uint64 {
	first := ^uint64(0)
	for seq := range o.held {
		first = min(first, seq)
	}
	return first
}
