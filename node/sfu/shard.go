package sfu

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"stentor/relay"
)

// A shard is one goroutine that carries many courses, each one source's packets to one
// viewer. It is woken once for what a ring got (a frame, or a part of one), and goes
// from viewer to viewer: what the ring has for one is sealed and sent before the next
// one's turn, so that keys, headers and the arena stay in the core's cache. Nothing
// that it does may wait for a network; whoever has a sender that does runs a shard of
// its own.
//
// Viewers that have enough for now (a key frame out of the ring is spread over time)
// have their turn again by the shard's one timer.
type shard struct {
	bell chan struct{}
	load atomic.Int64 // courses

	mu    sync.Mutex // guards the following; held for moments only
	comes []*course
	goes  []*course

	// The following belong to run.
	crowds  map[place]*crowd
	mail    mail
	paused  []*course
	layered int       // courses that have a choice of layers
	looked  time.Time // when those were last gone through
}

// A crowd is those of a shard's courses that read one layer of a track.
type crowd struct {
	place
	rung   atomic.Bool // there is something to read
	stop   func()
	member []*course
}

func newShard() *shard {
	return &shard{bell: make(chan struct{}, 1), crowds: make(map[place]*crowd)}
}

// ring wakes the shard. It never waits.
func (s *shard) ring() {
	select {
	case s.bell <- struct{}{}:
	default:
	}
}

// join gives the shard a course, which it calls once at once.
func (s *shard) join(c *course) {
	s.load.Add(1)
	s.mu.Lock()
	s.comes = append(s.comes, c)
	s.mu.Unlock()
	s.ring()
}

// leave takes a course away, whose viewer has gone. It may be called for one that has
// ended by itself.
func (s *shard) leave(c *course) {
	s.mu.Lock()
	s.goes = append(s.goes, c)
	s.mu.Unlock()
	s.ring()
}

// run carries until ctx is done, or, for a shard that carries a single course, until
// that is over.
func (s *shard) run(ctx context.Context, single bool) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-s.bell:
		case <-timer.C:
		case <-ctx.Done():
			s.changes()
			for _, w := range s.crowds {
				for len(w.member) > 0 {
					s.end(w.member[0], context.Cause(ctx))
				}
			}
			return
		}
		s.changes()
		s.turn()
		s.mail.send()
		if single && s.load.Load() == 0 {
			return
		}
		s.rest(timer)
	}
}

// changes takes in who came and lets go of who went.
func (s *shard) changes() {
	s.mu.Lock()
	comes, goes := s.comes, s.goes
	s.comes, s.goes = nil, nil
	s.mu.Unlock()
	for _, c := range comes {
		s.place(c)
		if c.choosy() {
			s.layered++
		}
		if c.ctx.Err() != nil { // it left before it came
			s.end(c, context.Cause(c.ctx))
			continue
		}
		s.step(c) // what is there already
	}
	for _, c := range goes {
		s.end(c, context.Cause(c.ctx))
	}
}

// place puts a course among those who read the same layer.
func (s *shard) place(c *course) {
	at := place{c.track, c.layer}
	w := s.crowds[at]
	if w == nil {
		w = &crowd{place: at}
		w.stop = c.track.Notify(c.layer, func() {
			if !w.rung.Swap(true) {
				s.ring()
			}
		})
		s.crowds[at] = w
	}
	c.place = len(w.member)
	c.crowd = w
	w.member = append(w.member, c)
	c.mail = &s.mail
	c.ended = over(c.track) // looked at after Notify, which tells of an end from now on
}

// over reports whether a track gets no more.
func over(t *relay.Track) bool {
	select {
	case <-t.Done():
		return true
	default:
		return false
	}
}

// turn gives everyone a turn for whom there is something, and those whose pause is
// over.
func (s *shard) turn() {
	for _, w := range s.crowds {
		if !w.rung.Swap(false) {
			continue
		}
		ended := over(w.track)                    // looked at before what it still has
		for i := len(w.member) - 1; i >= 0; i-- { // backwards: a course that ends leaves its place to the last
			c := w.member[i]
			c.ended = c.ended || ended
			if c.due.IsZero() {
				s.step(c)
			}
		}
	}
	if len(s.paused) == 0 && s.layered == 0 {
		return
	}
	now := time.Now()
	s.lookAll(now)
	paused := s.paused
	s.paused = s.paused[:0] // who pauses again is behind who was looked at
	for _, c := range paused {
		switch {
		case c.crowd == nil: // over
		case c.due.Sub(now) > slack:
			s.paused = append(s.paused, c)
		default:
			c.due = time.Time{}
			s.step(c)
		}
	}
}

// lookAll gives a turn to those for whom nothing comes and who may choose another layer.
func (s *shard) lookAll(now time.Time) {
	if s.layered == 0 || now.Sub(s.looked) < lookAll {
		return
	}
	s.looked = now
	for _, w := range s.crowds {
		for i := len(w.member) - 1; i >= 0; i-- {
			if c := w.member[i]; c.choosy() && c.due.IsZero() && now.Sub(c.stepped) >= lookAll {
				s.step(c)
			}
		}
	}
}

// lookAll is how often: a layer that its publisher pauses is noticed after seconds anyhow.
const lookAll = 250 * time.Millisecond

// slack is by how much a pause may be cut short so that one wake-up serves several
// viewers; the pacer takes what came too early off the next one.
const slack = 500 * time.Microsecond

// step gives one course its turn.
func (s *shard) step(c *course) {
	pause, err := c.forward.carry(c)
	if err == nil && c.layer != c.crowd.layer {
		s.remove(c)
		s.place(c)
	}
	switch {
	case err != nil:
		s.end(c, err)
	case pause > 0:
		c.due = time.Now().Add(pause)
		s.paused = append(s.paused, c)
	}
}

// rest sets the timer for the first whose pause ends.
func (s *shard) rest(timer *time.Timer) {
	if len(s.paused) == 0 && s.layered == 0 {
		return
	}
	first := s.looked.Add(lookAll)
	if s.layered == 0 {
		first = s.paused[0].due
	}
	for _, c := range s.paused {
		if c.due.Before(first) {
			first = c.due
		}
	}
	timer.Reset(time.Until(first))
}

// end ends a course.
func (s *shard) end(c *course, err error) {
	if c.crowd == nil {
		return
	}
	s.mail.send() // nothing of it is underway when its viewer hears of it
	s.remove(c)
	if c.choosy() {
		s.layered--
	}
	s.load.Add(-1)
	c.end(err)
}

// remove takes a course out of its crowd.
func (s *shard) remove(c *course) {
	w := c.crowd
	last := len(w.member) - 1
	w.member[c.place] = w.member[last]
	w.member[c.place].place = c.place
	w.member[last] = nil
	w.member = w.member[:last]
	c.crowd = nil
	if last == 0 {
		w.stop()
		delete(s.crowds, w.place)
	}
}

// lightest returns the shard with the fewest courses.
func lightest(shards []*shard) *shard {
	best := shards[0]
	for _, s := range shards[1:] {
		if s.load.Load() < best.load.Load() {
			best = s
		}
	}
	return best
}
