package relay

import (
	"sync/atomic"

	"stentor/relay/rtp"
)

const (
	// videoSlots is how many packets of one layer a node keeps: two seconds of 4K at 20 Mbps, which holds a
	// group of pictures with a key frame every two seconds, and far more than a NACK reaches back.
	videoSlots = 4096
	// audioSlots keeps ten seconds of audio in packets of 20 ms.
	audioSlots = 512
)

// A ring keeps the newest packets of one layer, in order of arrival, and finds them by sequence number. One
// goroutine writes (the layer's lock sees to that); any number read, without a lock and without a copy, since the
// packets are immutable and only pointers to them change.
type ring struct {
	slots []atomic.Pointer[rtp.Packet] // position p is in slots[p%n]
	index []atomic.Uint64              // sequence number s: its position plus one is in index[s%n]
	head  atomic.Uint64                // the next position
	key   atomic.Uint64                // position plus one of the newest key frame's first packet, 0 none so far
	floor atomic.Uint64                // positions before this one are forgotten
	top   atomic.Uint64                // the highest sequence number
}

func newRing(slots int) *ring {
	return &ring{slots: make([]atomic.Pointer[rtp.Packet], slots), index: make([]atomic.Uint64, slots)}
}

// add puts p at the head. The order of the stores is what at relies on.
func (r *ring) add(p *rtp.Packet) {
	pos := r.head.Load()
	n := uint64(len(r.slots))
	r.slots[pos%n].Store(p)
	r.index[p.Seq%n].Store(pos + 1)
	if p.Key {
		if old := r.at(r.key.Load() - 1); old == nil || old.Seq < p.Seq {
			r.key.Store(pos + 1)
		}
	}
	if p.Seq > r.top.Load() {
		r.top.Store(p.Seq)
	}
	r.head.Store(pos + 1)
}

// at returns the packet at a position, nil when it is overwritten or not there yet.
//
// Head is read on both sides of the slot: before, since a slot that is not written yet holds a packet from one turn
// earlier; after, since it may have been overwritten meanwhile. The writer stores position head while head still has the
// old value, so the slot of position head-n counts as overwritten.
func (r *ring) at(pos uint64) *rtp.Packet {
	n := uint64(len(r.slots))
	if pos >= r.head.Load() {
		return nil
	}
	p := r.slots[pos%n].Load()
	if r.head.Load()-pos >= n {
		return nil
	}
	return p
}

// tail returns the oldest position that can still be read.
func (r *ring) tail() uint64 {
	head, n, floor := r.head.Load(), uint64(len(r.slots)), r.floor.Load()
	if head < n {
		return floor
	}
	return max(floor, head-n+1)
}

// clear forgets all packets: positions go on, but nothing from before is read or found again. The writer calls it.
func (r *ring) clear() {
	r.key.Store(0)
	r.floor.Store(r.head.Load())
	for i := range r.index {
		r.index[i].Store(0)
		r.slots[i].Store(nil)
	}
}

// find returns the packet with that sequence number, nil when the ring does not hold it.
func (r *ring) find(seq uint64) *rtp.Packet {
	n := uint64(len(r.slots))
	pos := r.index[seq%n].Load()
	if pos == 0 {
		return nil
	}
	if p := r.slots[(pos-1)%n].Load(); p != nil && p.Seq == seq {
		return p
	}
	return nil
}

// A bell wakes everyone who waits for it, and costs nothing while nobody does.
type bell struct{ c atomic.Pointer[chan struct{}] }

// wait returns a channel that the next ring closes. What is waited for must be looked at again after wait.
func (b *bell) wait() <-chan struct{} {
	for {
		if c := b.c.Load(); c != nil {
			return *c
		}
		c := make(chan struct{})
		if b.c.CompareAndSwap(nil, &c) {
			return c
		}
	}
}

func (b *bell) ring() {
	if c := b.c.Swap(nil); c != nil {
		close(*c)
	}
}
