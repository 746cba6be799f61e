package main

import (
	"context"
	"sync/atomic"
	"time"
)

// A sink takes a film at its origin, packet by packet; what it is given is its only until it returns.
type sink interface {
	begin(frame uint32)
	packet(b []byte, now time.Time)
	end()
}

// A source plays a film into a sink, frame by frame in real time.
type source struct {
	film film
	pace int64 // bits per second at most, by the pacer's bucket: a frame behind a large one waits; 0 writes a frame at once, as an encoder beside the relay does

	bytes atomic.Uint64
	last  atomic.Uint32 // the newest frame that was written; 0 before the second
}

// run plays from frame first on until ctx is done.
func (s *source) run(ctx context.Context, first uint32, to sink) {
	began, b, seq := time.Now(), make([]byte, 0, 2048), uint16(first)*7
	free := began // when the pacer has sent what it has
	for frame := first; ; frame++ {
		at := began.Add(time.Duration(frame-first) * s.film.every)
		if !until(ctx, at) {
			return
		}
		count := s.film.packets(frame)
		to.begin(frame)
		if free.Before(at) {
			free = at
		}
		for i := range count {
			if s.pace > 0 && i%8 == 0 {
				if !until(ctx, free) {
					return
				}
				free = free.Add(time.Duration(int64(min(8, count-i)*s.film.size*8) * int64(time.Second) / s.pace))
			}
			now := time.Now()
			b = s.film.appendPacket(b[:0], seq, label{s.film.number, frame, uint16(i), uint16(count), now.UnixNano()})
			to.packet(b, now)
			s.bytes.Add(uint64(len(b)))
			seq++
		}
		to.end()
		s.last.Store(frame)
	}
}

// until waits for a time, and reports false when ctx was done before it.
func until(ctx context.Context, at time.Time) bool {
	wait := time.Until(at)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-time.After(wait):
		return true
	case <-ctx.Done():
		return false
	}
}
