package rtp

// A Sequence extends 16-bit sequence numbers to 64 bits. The zero value is ready; its first number lies in
// the second turn, so that packets which come late from before the first one do not go below zero.
type Sequence struct {
	newest  uint64
	started bool
}

// Unwrap returns the extended number nearest to the newest one so far.
func (s *Sequence) Unwrap(n uint16) uint64 {
	if !s.started {
		s.started = true
		s.newest = 1<<16 | uint64(n)
		return s.newest
	}
	e := Nearest(s.newest, n)
	s.newest = max(s.newest, e)
	return e
}

// Restart puts the next turn of n after everything so far: the source began anew (another SSRC, a jump).
func (s *Sequence) Restart(n uint16) uint64 {
	if !s.started {
		return s.Unwrap(n)
	}
	e := s.newest + uint64(n-uint16(s.newest))
	if e == s.newest {
		e += 1 << 16
	}
	s.newest = e
	return e
}

// Advance takes a number that is extended already.
func (s *Sequence) Advance(e uint64) {
	s.started = true
	s.newest = max(s.newest, e)
}

// Newest returns the highest number so far, 0 before the first.
func (s *Sequence) Newest() uint64 { return s.newest }

// Nearest returns the extended number with the low bits n that is nearest to ref.
func Nearest(ref uint64, n uint16) uint64 {
	d := int64(int16(n - uint16(ref)))
	if d < 0 && uint64(-d) > ref {
		return ref + uint64(n-uint16(ref))
	}
	return ref + uint64(d)
}

// A Clock extends 32-bit RTP times to 64 bits, as [Sequence] does for sequence numbers.
type Clock struct {
	newest  uint64
	turn    uint64 // of the next first time, less one
	started bool
}

// Unwrap returns the extended time nearest to the newest one so far.
func (c *Clock) Unwrap(t uint32) uint64 {
	if !c.started {
		c.started = true
		c.newest = (c.turn+1)<<32 | uint64(t)
		return c.newest
	}
	d := int64(int32(t - uint32(c.newest)))
	if d < 0 && uint64(-d) > c.newest {
		d += 1 << 32
	}
	e := c.newest + uint64(d)
	c.newest = max(c.newest, e)
	return e
}

// Restart forgets the times so far: the source began anew. The next time follows the newest one's turn.
func (c *Clock) Restart() {
	if c.started {
		c.started = false
		c.turn = c.newest >> 32
	}
}
