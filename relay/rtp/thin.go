package rtp

// As is what a packet says of itself beside what it said.
type As struct {
	Marker bool   // it is the last of its frame, for this viewer
	Masked bool   // where its dependency descriptor has a mask of active decode targets, or a structure, that is Mask
	Always bool   // with Masked: also where it has none
	Mask   uint32 // by bits
}

func (a As) unmarked() As {
	a.Marker = false
	return a
}

// Omit says that a packet of the current source is left out: the numbers of those after it close up. What is missing
// before it leaves a hole, since it may yet come and be wanted. A packet that comes late is left out by doing nothing.
//
// No two packets get one number: a segment holds what was sent and what is missing, never what was left out, and where one
// ends the next one's numbers begin.
func (r *Rewriter) Omit(p *Packet) {
	s := r.current()
	switch {
	case s == nil || r.fresh || p.Seq < s.first || p.Seq <= s.last:
	case p.Seq > s.last+maxJump:
		r.Switch(s.source)
	case p.Seq == s.first: // nothing is in it yet
		s.first, s.last, s.seq = s.first+1, s.last+1, s.seq-1
	default:
		r.follow(s, p.Seq+1, 1)
	}
}

// follow begins another segment of the same source at first, which closes up for the packets before it that were left out.
func (r *Rewriter) follow(s *segment, first, omitted uint64) *segment {
	s.last = first - 1 - omitted
	next := *s
	next.first, next.last, next.seq = first, first-1, s.seq-omitted
	next.as = next.as.unmarked()
	if s.last+1 == s.first { // nothing was in it
		*s = next
		return s
	}
	r.newest++
	if r.run <= r.newest-len(r.segs) {
		r.run = r.newest - len(r.segs) + 1
	}
	*r.current() = next
	return r.current()
}

// covering returns the segment of the current source that a late packet belongs to, nil where there is none.
func (r *Rewriter) covering(seq uint64) *segment {
	for i := r.newest; i >= r.run; i-- {
		s := r.segment(i)
		switch {
		case seq > s.last: // it was left out
			return nil
		case seq >= s.first:
			return s
		}
	}
	return nil
}

// described is the dependency descriptor of p as it goes out, but for the number of the frame; nil: as it is.
func (r *Rewriter) described(p *Packet, s *segment) []byte {
	if !s.as.Masked || r.config.Mask == nil {
		return nil
	}
	if d := p.Extension(r.config.Dependency); d != nil {
		r.scratch = r.config.Mask(r.scratch[:0], d, s.as.Mask, s.as.Always)
		return r.scratch
	}
	return nil
}
