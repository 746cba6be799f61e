package relay

import (
	"slices"
	"sync/atomic"
)

// WakePackets is after how many packets of a frame that goes on readers of video are woken: what a viewer of 4K gets at
// once.
const WakePackets = 16

// posts are functions to call when there is something to read. The list is replaced, never changed, so that whoever
// writes needs no lock to go through it.
type posts struct{ list atomic.Pointer[[]*func()] }

func (p *posts) change(edit func([]*func()) []*func()) {
	for {
		old := p.list.Load()
		var list []*func()
		if old != nil {
			list = slices.Clone(*old)
		}
		list = edit(list)
		if p.list.CompareAndSwap(old, &list) {
			return
		}
	}
}

func (p *posts) call() {
	if list := p.list.Load(); list != nil {
		for _, wake := range *list {
			(*wake)()
		}
	}
}

// Notify has wake called whenever readers of a layer are to wake (there are packets for [Reader.Try], or the track has
// ended), until stop is called; once more may follow that. It is for one goroutine that has many readers: wake is called
// by whoever fills the ring, perhaps with its lock held, so it must neither wait nor call back.
func (t *Track) Notify(layer int, wake func()) (stop func()) {
	l := t.none
	if layer >= 0 && layer < len(t.layers) {
		l = t.layers[layer]
	}
	l.posts.change(func(list []*func()) []*func() { return append(list, &wake) })
	return func() {
		l.posts.change(func(list []*func()) []*func() {
			return slices.DeleteFunc(list, func(w *func()) bool { return w == &wake })
		})
	}
}

// tell wakes whoever waits for packets.
func (l *layer) tell() {
	l.bell.ring()
	l.hops.ring()
	l.posts.call()
}
