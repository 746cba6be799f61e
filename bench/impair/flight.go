package impair

import (
	"container/heap"
	"sync"
	"time"
)

// A flight is what is on its way: packets that are delivered when their time has come, in order. It keeps no goroutine
// while it waits, so that a test in a bubble need not close it.
type flight struct {
	mu      sync.Mutex // guards the following
	queue   parcels
	number  uint64 // of parcels so far: those of one time stay in order
	timer   *time.Timer
	landing bool // somebody delivers
	closed  bool
}

// A parcel is a packet with its time.
type parcel struct {
	at      time.Time
	number  uint64
	packet  []byte
	deliver func(packet []byte)
}

// send delivers a copy of packet at each of the times.
func (f *flight) send(at []time.Time, packet []byte, deliver func(packet []byte)) {
	if len(at) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	copied := append([]byte(nil), packet...)
	for _, t := range at {
		heap.Push(&f.queue, parcel{t, f.number, copied, deliver})
		f.number++
	}
	f.arm()
}

// arm sets the timer to the first parcel. f.mu is held.
func (f *flight) arm() {
	if f.landing || len(f.queue) == 0 {
		return
	}
	wait := time.Until(f.queue[0].at)
	if f.timer == nil {
		f.timer = time.AfterFunc(wait, f.land)
	} else {
		f.timer.Reset(wait)
	}
}

// land delivers what is due. Only one does at a time, or packets would overtake each other here.
func (f *flight) land() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.landing {
		return
	}
	f.landing = true
	for !f.closed && len(f.queue) > 0 && !f.queue[0].at.After(time.Now()) {
		p := heap.Pop(&f.queue).(parcel)
		f.mu.Unlock()
		p.deliver(p.packet)
		f.mu.Lock()
	}
	f.landing = false
	if !f.closed {
		f.arm()
	}
}

// close forgets what is on its way.
func (f *flight) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed, f.queue = true, nil
	if f.timer != nil {
		f.timer.Stop()
	}
}

// parcels is a heap by time.
type parcels []parcel

func (q parcels) Len() int { return len(q) }
func (q parcels) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].number < q[j].number
}
func (q parcels) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *parcels) Push(x any)   { *q = append(*q, x.(parcel)) }
func (q *parcels) Pop() any {
	last := len(*q) - 1
	p := (*q)[last]
	(*q)[last] = parcel{}
	*q = (*q)[:last]
	return p
}
