package rtp

import (
	"encoding/binary"
	"strings"
)

const (
	// maxJump is the hole in a source's sequence numbers beyond which it counts as a new beginning: no
	// viewer can ask for that many packets again, so the hole is closed instead of passed on.
	maxJump = 1024
	// segments is how many beginnings (sources, layers, holes) a Rewriter remembers for answering NACKs.
	// A viewer asks within about a second, and nobody switches eight times in one.
	segments = 8
	// thinSegments is the same where frames are left out, each of which ends a segment: four seconds at 30 a second.
	thinSegments = 128
)

// A RewriterConfig is what one viewer's stream looks like.
type RewriterConfig struct {
	SSRC        uint32
	PayloadType uint8
	Clock       uint32          // ticks per second; 0 means 90,000
	Seq         uint16          // sequence number of the first packet
	Time        uint32          // RTP time of the first packet
	Extensions  map[uint8]uint8 // id in the track -> id at the viewer; what is not here is dropped
	Mime        string          // "video/VP8", "video/VP9": the numbers in payload descriptors go on too
	Dependency  uint8           // id in the track of the dependency descriptor, whose frame numbers go on too; 0: none

	// Mask is set where packets are left out by [Rewriter.Omit]: it appends a dependency descriptor with another mask of
	// active decode targets, always or only where it has one.
	Mask func(dst, descriptor []byte, active uint32, always bool) []byte
}

// A Rewriter makes one continuous RTP stream for one viewer out of packets of changing sources: other layers,
// other epochs of a track, another place after a skip. It remembers which packet became which, so that a
// sequence number that the viewer misses leads back to the ring. It belongs to one goroutine.
type Rewriter struct {
	config     RewriterConfig
	extensions [256]uint8

	segs    []segment // the newest is segs[newest%len(segs)]
	newest  int       // number of segments so far, minus one
	run     int       // the number of the first that has the same source as the newest
	fresh   bool      // the next packet begins a segment
	source  int       // of the next segment
	next    uint64    // the outgoing sequence number after the highest
	time    uint64    // outgoing time of the packet with the highest sequence number
	arrived int64     // of that packet
	capture int64     // of that packet
	numbers func([]byte) (numbers, bool)
	last    counts // of that packet, as they went out
	scratch []byte // for a descriptor
}

// A segment is a run of one source's packets, whose numbers and times move by one constant each. None of them was left
// out: what is missing may yet come.
type segment struct {
	source      int
	first, last uint64 // sequence numbers in the source; first is last+1 where there is none yet
	seq, time   uint64 // outgoing = incoming + this, modulo 2^64
	shift       counts // the same for what a decoder counts
	as          As     // of its packets; the marker is the last one's
	drops       bool   // some of its packets have extensions that do not go on as they are
}

// NewRewriter returns a Rewriter that waits for its first packet.
func NewRewriter(c RewriterConfig) *Rewriter {
	if c.Clock == 0 {
		c.Clock = 90000
	}
	r := &Rewriter{config: c, fresh: true, newest: -1, next: 1<<16 | uint64(c.Seq), time: 1<<32 | uint64(c.Time)}
	if r.segs = make([]segment, segments); c.Mask != nil {
		r.segs, r.scratch = make([]segment, thinSegments), make([]byte, 0, 256)
	}
	for in, out := range c.Extensions {
		r.extensions[in] = out
	}
	switch strings.ToLower(c.Mime) {
	case "video/vp8":
		r.numbers = numbersVP8
	case "video/vp9":
		r.numbers = numbersVP9
	}
	return r
}

// Switch says that the packets which follow come from another source: another layer, another Track, or a place
// far from the last. The number is the caller's own and comes back from [Rewriter.Source]; another number than before
// says that the capture clock may be another too.
func (r *Rewriter) Switch(source int) { r.fresh, r.source = true, source }

// Rewrite appends p with the viewer's header to dst, and returns it with its extended outgoing sequence number.
// It reports false for a packet from before the beginning of its source, which has no place in the stream.
func (r *Rewriter) Rewrite(dst []byte, p *Packet) (out []byte, seq uint64, ok bool) {
	return r.RewriteAs(dst, p, As{})
}

// RewriteAs is Rewrite for a packet that says of itself something else than it did.
func (r *Rewriter) RewriteAs(dst []byte, p *Packet, as As) (out []byte, seq uint64, ok bool) {
	s := r.current()
	switch {
	case r.fresh || s == nil || p.Seq > s.last+maxJump:
		s = r.begin(p)
		s.as = as.unmarked()
	case p.Seq < s.first:
		if s = r.covering(p.Seq); s == nil {
			return dst, 0, false
		}
	case p.Seq > s.last && s.as != as.unmarked():
		s = r.follow(s, p.Seq, 0)
		s.as = as.unmarked()
	}
	s.last = max(s.last, p.Seq)
	seq = p.Seq + s.seq
	if seq >= r.next {
		r.next = seq + 1
		r.time, r.arrived, r.capture = p.Time+s.time, p.Arrived, p.Capture
		if c := r.count(p); c != (counts{}) {
			r.last = c.plus(s.shift)
		}
	}
	out = r.write(dst, p, s, as.Marker)
	if as.Marker && !p.Marker && p.Seq == s.last { // who asks for it again gets it with the marker
		s.as.Marker = true
		if s == r.current() {
			r.follow(s, p.Seq+1, 0)
		}
	}
	return out, seq, true
}

// Source maps an outgoing sequence number back to the source and its extended sequence number there.
func (r *Rewriter) Source(seq uint16) (source int, in uint64, ok bool) {
	s := r.find(seq)
	if s == nil {
		return 0, 0, false
	}
	return s.source, r.extend(seq) - s.seq, true
}

// Resend appends the packet that went out as seq, exactly as it went, to dst. Lookup finds it in the ring of its
// source; nil means that it is gone.
func (r *Rewriter) Resend(dst []byte, seq uint16, lookup func(source int, in uint64) *Packet) ([]byte, bool) {
	s := r.find(seq)
	if s == nil {
		return dst, false
	}
	p := lookup(s.source, r.extend(seq)-s.seq)
	if p == nil {
		return dst, false
	}
	return r.write(dst, p, s, s.as.Marker && p.Seq == s.last), true
}

func (r *Rewriter) current() *segment {
	if r.newest < 0 {
		return nil
	}
	return r.segment(r.newest)
}

func (r *Rewriter) segment(i int) *segment { return &r.segs[i%len(r.segs)] }

// extend returns the extended outgoing number of seq, which is not newer than the newest.
func (r *Rewriter) extend(seq uint16) uint64 {
	last := r.next - 1
	return last - uint64(uint16(last)-seq)
}

func (r *Rewriter) find(seq uint16) *segment {
	out := r.extend(seq)
	for i := r.newest; i >= 0 && i > r.newest-len(r.segs); i-- {
		s := r.segment(i)
		if in := out - s.seq; in >= s.first && in <= s.last {
			return s
		}
	}
	return nil
}

// begin opens a segment at p: its number follows the last one, its time the last one by as much as has passed
// between the two packets: by the capture clock where both have it from the same source, and else by arrival. Two
// publishers' clocks may differ by seconds, which no jitter buffer forgives.
func (r *Rewriter) begin(p *Packet) *segment {
	time := r.time
	if r.newest >= 0 {
		elapsed := p.Arrived - r.arrived
		if p.Capture != 0 && r.capture != 0 && r.source == r.current().source {
			elapsed = p.Capture - r.capture
		}
		// A layer's newest key frame may be older than what was sent last: time still has to go on.
		least := max(uint64(r.config.Clock)/1000, 1)
		ticks := least
		if elapsed > 0 {
			ticks = max(least, uint64(elapsed/1000)*uint64(r.config.Clock)/1e6)
		}
		time += ticks
	}
	var shift counts
	if r.newest >= 0 {
		if shift = r.current().shift; p.Key { // else what is missing has to be seen by who decodes
			shift = r.last.after(r.count(p))
		}
	}
	r.newest++
	r.run = r.newest
	s := r.current()
	*s = segment{source: r.source, first: p.Seq, last: p.Seq, seq: r.next - p.Seq, time: time - p.Time, shift: shift}
	r.fresh = false
	return s
}

// write appends p as it goes out in segment s, with a marker if it is set or has one.
func (r *Rewriter) write(dst []byte, p *Packet, s *segment, marker bool) []byte {
	start, as := len(dst), r.described(p, s)
	if as == nil && s.shift == (counts{}) && !s.drops {
		dst = append(dst, p.Raw...)
		if r.rename(dst[start:], int(p.header)) {
			r.head(dst[start:], p, s, marker)
			return dst
		}
		s.drops, dst = true, dst[:start]
	}
	dst = append(dst, p.Raw[:minHeader+4*int(p.Raw[0]&0x0f)]...)
	dst[start] &^= 0x10
	r.head(dst[start:], p, s, marker)
	n := len(dst)
	dst = appendExtensions(dst, p, &r.extensions, descriptor{r.config.Dependency, s.shift.frame, as})
	if len(dst) > n {
		dst[start] |= 0x10
	}
	n = len(dst)
	dst = append(dst, p.Raw[p.header:]...)
	if s.shift != (counts{}) && r.numbers != nil {
		r.renumber(dst[n:len(dst)-int(p.padding)], s.shift)
	}
	return dst
}

// head writes what every packet has of its own.
func (r *Rewriter) head(packet []byte, p *Packet, s *segment, marker bool) {
	packet[1] = p.Raw[1]&0x80 | r.config.PayloadType&0x7f
	if marker {
		packet[1] |= 0x80
	}
	binary.BigEndian.PutUint16(packet[2:], uint16(p.Seq+s.seq))
	binary.BigEndian.PutUint32(packet[4:], uint32(p.Time+s.time))
	binary.BigEndian.PutUint32(packet[8:], r.config.SSRC)
}
