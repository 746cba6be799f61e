package relay

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/quic-go/quic-go"

	"stentor/relay/rtp"
	"stentor/relay/wire"
)

const (
	// writeAt is how many bytes of a frame are gathered before they are written, when that much is there already:
	// each write wakes QUIC's goroutine, and a frame of 4K that has come as a whole goes in one or two.
	writeAt = 64 << 10
	// tail is how much of a write QUIC may keep while the sender goes on, as much as it sends by one system call. The
	// end of a frame and the end of its stream then leave in one packet, and the sender is not woken to write
	// the one after the other. More would hide from the sender, and from regulate, that the link is full.
	tail = 16 << 10
)

// An outgoing is a frame on its way.
type outgoing struct {
	frame    uint64
	stream   *quic.SendStream
	stop     func() bool // ends the watch for the sender's end, which ends a write that waits
	buf      []byte      // not written yet
	head     int         // bytes of buf that the child gets whatever happens: what QUIC has not taken of the header
	urgency  int8        // of the stream
	begun    bool        // QUIC has something of it
	key      bool        // the packet with the lowest number begins a key frame
	marker   bool        // the packet with the highest number is the frame's last
	more     bool        // packets of a frame that was ended before
	min, max uint64
	count    uint64
	arrived  int64     // when the first packet in buf did
	deadline time.Time // zero: none
}

// begin opens the stream of a frame, of which p is the first packet. More says that the frame had a stream before. It
// returns nil for a frame that has to be left out.
func (s *sender) begin(ctx context.Context, p *rtp.Packet, more bool) (*outgoing, error) {
	now := time.Now()
	if err := s.settle(now); err != nil { // what is complete must not hold a stream that the child allows
		return nil, err
	}
	if len(s.open) >= maxOpen && s.track.info.Kind != wire.Data {
		s.giveUp(s.open[0])
	}
	deadline := s.deadline(p, now)
	stream, err := s.openStream(ctx, deadline)
	if err != nil || stream == nil {
		return nil, err
	}
	o := &outgoing{frame: p.Frame, stream: stream, urgency: s.urgency(p, now), min: p.Seq, max: p.Seq, deadline: deadline, more: more}
	if !deadline.IsZero() {
		_ = stream.SetWriteDeadline(deadline)
	}
	o.stop = context.AfterFunc(ctx, func() { // a child may leave it without room for ever
		stream.SetReliableBoundary()
		stream.CancelWrite(codeGone)
	})
	o.buf, s.spare = s.header(p).Append(s.spare[:0]), nil
	o.head = len(o.buf)
	s.open = append(s.open, o)
	if deadline.IsZero() || now.Before(deadline) {
		return o, nil
	}
	s.giveUp(o) // the child hears which frame it does not get
	return nil, nil
}

// header returns what the stream of the frame begins with.
func (s *sender) header(p *rtp.Packet) wire.Frame {
	h := wire.Frame{
		Alias: s.feed.alias, Layer: uint8(s.layer.index), Frame: p.Frame,
		Time: p.Time, First: p.Seq, Capture: uint64(max(p.Capture, 0) / 1000),
	}
	switch {
	case p.Key, s.track.info.Kind == wire.Data && p.Seq == s.reader.first:
		h.Flags = wire.FlagKey | wire.FlagSwitch
	case s.spares(p.Payload()):
		h.Flags = wire.FlagDiscardable
	}
	return h
}

// deadline returns until when the frame that begins with p may be sent. A child that has all that came before gets what is
// live, by the time it came; one that has not gets it in any case, since all that follows hangs on it.
func (s *sender) deadline(p *rtp.Packet, now time.Time) time.Time {
	switch {
	case s.track.info.Kind == wire.Data:
		return time.Time{}
	case p.Key || !s.live && now.UnixNano()-p.Arrived > int64(frameDeadline):
		return now.Add(keyDeadline)
	case !s.live:
		return now.Add(frameDeadline)
	}
	return time.Unix(0, p.Arrived).Add(frameDeadline)
}

// openStream opens a stream, and waits until the deadline for the child to allow one more; nil means that it did not.
func (s *sender) openStream(ctx context.Context, deadline time.Time) (*quic.SendStream, error) {
	stream, err := s.feed.link.conn.OpenUniStream()
	var limit *quic.StreamLimitReachedError
	if err == nil || !errors.As(err, &limit) {
		return stream, err
	}
	wait, cancel := ctx, context.CancelFunc(func() {})
	if !deadline.IsZero() {
		wait, cancel = context.WithDeadline(ctx, deadline)
	}
	defer cancel()
	stream, err = s.feed.link.conn.OpenUniStreamSync(wait)
	if err != nil && wait.Err() != nil && ctx.Err() == nil {
		s.track.metrics.resets.WithLabelValues("limit").Inc()
		return nil, nil
	}
	return stream, err
}

// Urgencies of the streams of a link (RFC 9218: lower goes first). Audio and heartbeats are datagrams, which QUIC sends
// before all streams.
const (
	urgentControl int8 = iota // and data
	urgentBaseKey
	urgentBase
	urgentMiddle
	urgentTop
	urgentBackfill
	urgentPadding
)

func (s *sender) urgency(p *rtp.Packet, now time.Time) int8 {
	if s.track.info.Kind == wire.Data {
		return urgentControl
	}
	old := !s.live && now.UnixNano()-p.Arrived > int64(frameDeadline)
	return urgency(s.layer.index, len(s.track.layers), p.Key, old)
}

// urgency orders frames of video: base before middle before top, its key frames before all, and what only a newcomer
// misses behind.
func urgency(layer, layers int, key, old bool) int8 {
	switch {
	case old:
		return urgentBackfill
	case layer == 0 && key:
		return urgentBaseKey
	case layer == 0:
		return urgentBase
	case layer < layers-1:
		return urgentMiddle
	}
	return urgentTop
}

// add puts a packet behind what waits to be written.
func (o *outgoing) add(p *rtp.Packet) {
	if len(o.buf) == 0 || o.count == 0 {
		o.arrived = p.Arrived
	}
	o.buf = wire.AppendPacket(o.buf, p.Raw)
	o.count++
	if p.Seq <= o.min {
		o.min, o.key = p.Seq, p.Key
	}
	if p.Seq >= o.max {
		o.max, o.marker = p.Seq, p.Marker
	}
}

// flush writes what is gathered of a frame. A frame that misses its deadline, or that the child does not want, is given
// up; an error is the link's.
func (s *sender) flush(o *outgoing) error {
	if len(o.buf) == 0 {
		return nil
	}
	o.begin()
	n, err := s.write(o, o.buf)
	o.took(n)
	var refused *quic.StreamError
	switch {
	case err == nil:
		s.feed.link.speak(time.Now())
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.giveUp(o)
		return nil
	case errors.As(err, &refused):
		s.forget(o, true)
		return nil
	}
	return err
}

// begin sets the stream's priority. That wakes QUIC's goroutine, so it is done when there is something to send.
func (o *outgoing) begin() {
	if !o.begun {
		o.begun = true
		o.stream.SetPriority(o.urgency, false)
	}
}

// took leaves of buf what QUIC has not taken of the header, now that it has taken n bytes; the rest is sent or lost.
func (o *outgoing) took(n int) {
	n = min(n, o.head)
	o.buf = o.buf[:copy(o.buf, o.buf[n:o.head])]
	o.head = len(o.buf)
}

// write gives b to QUIC, and returns how much of it was taken. It waits until all but the tail is sent; when the link has been
// slow lately, or a sample is due, for the tail too.
func (s *sender) write(o *outgoing, b []byte) (n int, err error) {
	if !s.feed.link.congestion.tastes() {
		if cut := len(b) - tail; cut > 0 {
			if n, err = s.writeSlowly(o, b[:cut]); err != nil {
				return n, err
			}
		}
		if err := o.stream.TryWriteAll(b[n:]); err == nil || !errors.Is(err, quic.ErrWouldBlock) {
			return len(b), err
		}
	}
	m, err := s.writeSlowly(o, b[n:])
	return n + m, err
}

func (s *sender) writeSlowly(o *outgoing, b []byte) (n int, err error) {
	if s.live {
		s.behind.Store(o.arrived)
	}
	return o.stream.Write(b)
}

// cut ends a stream before its end. What QUIC has of it arrives in any case, and the header always, so that the child knows
// which frame it was. Messages of data do not die: what is cut off of them need not be named, nor kept.
func (s *sender) cut(o *outgoing, code quic.StreamErrorCode) {
	if s.track.info.Kind != wire.Data {
		if o.head > 0 { // QUIC has none of it yet, and takes so little at once
			o.begin()
			_ = o.stream.SetWriteDeadline(time.Time{})
			n, _ := o.stream.Write(o.buf[:o.head])
			o.took(n)
		}
		o.stream.SetReliableBoundary()
	}
	o.stream.CancelWrite(code)
}

// settle writes everything, ends the frames that are complete, and gives up those that are dead or late.
func (s *sender) settle(now time.Time) error {
	resets := s.layer.resets.Load()
	died := resets != s.resets
	s.resets = resets
	for i := len(s.open) - 1; i >= 0; i-- {
		o := s.open[i]
		if err := s.flush(o); err != nil {
			return err
		}
		if i >= len(s.open) || s.open[i] != o {
			continue // given up by flush
		}
		late := !o.deadline.IsZero() && !now.Before(o.deadline)
		switch {
		case o.more || s.complete(o) || late && o.marker && o.whole():
			_ = o.stream.Close()
			s.forget(o, false)
		case died && s.layer.dead(o.frame):
			s.reset(o, codeGone)
		case late:
			s.reset(o, codeLate)
		}
	}
	return nil
}

// whole reports whether nothing is missing between the first and the last packet.
func (o *outgoing) whole() bool { return o.count == o.max-o.min+1 }

// complete reports whether all packets of a frame have been sent: none is missing between the first and the last, and
// what lies before the one and behind the other belongs to other frames.
func (s *sender) complete(o *outgoing) bool {
	if !o.whole() {
		return false
	}
	if !o.key && s.track.info.Kind != wire.Data { // messages are read in order
		if p := s.layer.ring.find(o.min - 1); p == nil || p.Frame == o.frame {
			return false
		}
	}
	if o.marker {
		return true
	}
	p := s.layer.ring.find(o.max + 1)
	return p != nil && p.Frame != o.frame
}

// giveUp resets a frame for which the link has no room in time: the rest of it is left out.
func (s *sender) giveUp(o *outgoing) {
	s.feed.link.congestion.late.Add(1)
	s.reset(o, codeLate)
	s.closed[(s.nclosed-1)%len(s.closed)].given = true
}

// reset ends the stream of a frame before the frame's end. What is missing may come yet, and gets another stream: from
// the publisher, by its NACKs, or from another parent.
func (s *sender) reset(o *outgoing, code quic.StreamErrorCode) {
	s.cut(o, code)
	by := "deadline"
	if code == codeGone {
		by = "parent"
	}
	s.track.metrics.resets.WithLabelValues(by).Inc()
	s.forget(o, false)
}

// forget ends the sender's part in a frame; given says that it was given up.
func (s *sender) forget(o *outgoing, given bool) {
	o.stop()
	s.closed[s.nclosed%len(s.closed)] = ending{o.frame, given}
	s.nclosed++
	s.spare = o.buf[:0]
	for i := range s.open {
		if s.open[i] == o {
			s.open = append(s.open[:i], s.open[i+1:]...)
			return
		}
	}
}
