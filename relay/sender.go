package relay

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/quic-go/quic-go"

	"stentor/relay/rtp"
	"stentor/relay/wire"
)

const (
	// frameDeadline is how long after its beginning a frame may still be sent: what comes later no viewer shows,
	// and it would hold up what is still of use.
	frameDeadline = 400 * time.Millisecond
	// keyDeadline is the same for key frames and for what is sent from before the child came: everything after
	// hangs on it, and at first the congestion window needs some round trips to open.
	keyDeadline = 2 * time.Second
	// maxOpen is how many frames may be open at once; the oldest is given up for one more.
	maxOpen = 32
	// writeAt is how many bytes of a frame are gathered before they are written, when more is there already.
	writeAt = 16 << 10
)

// A sender gives one layer to one child: each frame as a stream of its own, audio as datagrams.
type sender struct {
	feed    *feed
	track   *Track
	layer   *layer
	reader  *Reader
	sent    prometheus.Counter
	open    []*outgoing
	closed  [64]uint64 // frames that were ended or given up lately
	nclosed int
	resets  uint64 // of the layer, at the last look
	buf     []byte // of a datagram
	spare   []byte // of a frame that is over, for the next
}

// An outgoing is a frame on its way.
type outgoing struct {
	frame    uint64
	stream   *quic.SendStream
	buf      []byte // not written yet
	key      bool   // the packet with the lowest number begins a key frame
	marker   bool   // the packet with the highest number is the frame's last
	more     bool   // packets of a frame that was ended before
	min, max uint64
	count    uint64
	deadline time.Time
}

func newSender(f *feed, t *Track, layer int, r *Reader) *sender {
	return &sender{
		feed: f, track: t, layer: t.layers[layer], reader: r,
		sent: t.metrics.sent.WithLabelValues(t.info.Kind.String()),
	}
}

// run sends until the track has ended and everything is sent, or ctx is done.
func (s *sender) run(ctx context.Context) {
	defer s.reader.Close()
	defer s.abandon()
	if s.track.info.Kind == wire.Audio {
		s.runAudio(ctx)
		return
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		ended := s.track.ended()
		wake := s.layer.bell.wait()
		if err := s.sendAll(ctx); err != nil {
			if ctx.Err() == nil {
				s.feed.link.end(err)
			}
			return
		}
		if ended {
			return
		}
		if next, ok := s.nextDeadline(); ok {
			timer.Reset(time.Until(next))
		} else {
			timer.Stop()
		}
		select {
		case <-wake:
		case <-timer.C:
		case <-s.track.done:
		case <-ctx.Done():
		}
	}
}

// sendAll sends what the ring has.
func (s *sender) sendAll(ctx context.Context) error {
	for p := s.reader.Try(); p != nil && ctx.Err() == nil; p = s.reader.Try() {
		if err := s.push(ctx, p); err != nil {
			return err
		}
	}
	return s.settle(time.Now())
}

// push adds a packet to its frame.
func (s *sender) push(ctx context.Context, p *rtp.Packet) error {
	o := s.find(p.Frame)
	if o == nil {
		var err error
		if o, err = s.begin(ctx, p); err != nil || o == nil {
			return err
		}
	}
	o.buf = wire.AppendPacket(o.buf, p.Raw)
	o.count++
	if p.Seq <= o.min {
		o.min, o.key = p.Seq, p.Key
	}
	if p.Seq >= o.max {
		o.max, o.marker = p.Seq, p.Marker
	}
	s.sent.Add(float64(len(p.Raw)))
	if len(o.buf) >= writeAt {
		return s.flush(o)
	}
	return nil
}

func (s *sender) find(frame uint64) *outgoing {
	for i := len(s.open) - 1; i >= 0; i-- {
		if s.open[i].frame == frame {
			return s.open[i]
		}
	}
	return nil
}

// begin opens the stream of a frame. It returns nil for a frame that has to be left out.
func (s *sender) begin(ctx context.Context, p *rtp.Packet) (*outgoing, error) {
	now := time.Now()
	if err := s.settle(now); err != nil { // what is complete must not hold a stream that the child allows
		return nil, err
	}
	if len(s.open) >= maxOpen {
		s.reset(s.open[0], codeLate)
	}
	wait := frameDeadline
	if p.Key || now.UnixNano()-p.Arrived > int64(frameDeadline) {
		wait = keyDeadline
	}
	stream, err := s.openStream(ctx, now.Add(wait))
	if err != nil || stream == nil {
		return nil, err
	}
	stream.SetPriority(urgency(s.layer.index, p.Key), false)
	o := &outgoing{frame: p.Frame, stream: stream, min: p.Seq, max: p.Seq, deadline: now.Add(wait), more: s.ended(p.Frame)}
	h := wire.Frame{
		Alias: s.feed.alias, Layer: uint8(s.layer.index), Frame: p.Frame,
		Time: p.Time, First: p.Seq, Capture: uint64(max(p.Capture, 0) / 1000),
	}
	if p.Key {
		h.Flags = wire.FlagKey | wire.FlagSwitch
	}
	s.open = append(s.open, o)
	o.buf, s.spare = h.Append(s.spare[:0]), nil
	if err := s.flush(o); err != nil || s.find(p.Frame) == nil {
		return nil, err
	}
	stream.SetReliableBoundary() // however the frame ends, the child knows which one it was
	return o, nil
}

// openStream opens a stream, and waits until the deadline for the child to allow one more; nil means that it did not.
func (s *sender) openStream(ctx context.Context, deadline time.Time) (*quic.SendStream, error) {
	stream, err := s.feed.link.conn.OpenUniStream()
	var limit *quic.StreamLimitReachedError
	if err == nil || !errors.As(err, &limit) {
		return stream, err
	}
	wait, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	stream, err = s.feed.link.conn.OpenUniStreamSync(wait)
	if err != nil && wait.Err() != nil && ctx.Err() == nil {
		s.track.metrics.resets.WithLabelValues("limit").Inc()
		return nil, nil
	}
	return stream, err
}

// urgency orders the streams of a link (RFC 9218: lower goes first); control has 0.
func urgency(layer int, key bool) int8 {
	switch {
	case layer == 0 && key:
		return 1
	case layer == 0:
		return 2
	case layer == 1:
		return 3
	}
	return 4
}

// flush writes what is gathered of a frame. A frame that misses its deadline, or that the child does not want, is given
// up; an error is the link's.
func (s *sender) flush(o *outgoing) error {
	if len(o.buf) == 0 {
		return nil
	}
	_ = o.stream.SetWriteDeadline(o.deadline)
	_, err := o.stream.Write(o.buf)
	o.buf = o.buf[:0]
	var refused *quic.StreamError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.reset(o, codeLate)
		return nil
	case errors.As(err, &refused):
		s.forget(o)
		return nil
	}
	return err
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
		late := !now.Before(o.deadline)
		switch {
		case o.more || s.complete(o) || late && o.marker && o.whole():
			_ = o.stream.Close()
			s.forget(o)
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
	if !o.key {
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

// reset gives a frame up.
func (s *sender) reset(o *outgoing, code quic.StreamErrorCode) {
	o.stream.CancelWrite(code)
	by := "deadline"
	if code == codeGone {
		by = "parent"
	}
	s.track.metrics.resets.WithLabelValues(by).Inc()
	s.forget(o)
}

func (s *sender) forget(o *outgoing) {
	s.closed[s.nclosed%len(s.closed)] = o.frame
	s.nclosed++
	s.spare = o.buf[:0]
	for i := range s.open {
		if s.open[i] == o {
			s.open = append(s.open[:i], s.open[i+1:]...)
			return
		}
	}
}

// ended reports whether the frame had a stream that is over.
func (s *sender) ended(frame uint64) bool {
	for _, f := range s.closed[:min(s.nclosed, len(s.closed))] {
		if f == frame {
			return true
		}
	}
	return false
}

func (s *sender) nextDeadline() (next time.Time, ok bool) {
	for _, o := range s.open {
		if !ok || o.deadline.Before(next) {
			next, ok = o.deadline, true
		}
	}
	return next, ok
}

// abandon resets what is open when the sender ends.
func (s *sender) abandon() {
	for _, o := range s.open {
		o.stream.CancelWrite(codeGone)
	}
}

// runAudio sends each packet as a datagram as it comes, or as a stream when it is too long for one.
func (s *sender) runAudio(ctx context.Context) {
	for {
		p, err := s.reader.Next(ctx)
		if err != nil {
			return
		}
		s.buf = wire.AudioPacket{Alias: s.feed.alias, Seq: p.Seq, Packet: p.Raw}.Append(s.buf[:0])
		err = s.feed.link.conn.SendDatagram(s.buf)
		var long *quic.DatagramTooLargeError
		if errors.As(err, &long) {
			err = s.sendLong(ctx, p)
		}
		if err != nil {
			if ctx.Err() == nil {
				s.feed.link.end(err)
			}
			return
		}
		s.sent.Add(float64(len(p.Raw)))
	}
}

func (s *sender) sendLong(ctx context.Context, p *rtp.Packet) error {
	stream, err := s.openStream(ctx, time.Now().Add(frameDeadline))
	if err != nil || stream == nil {
		return err
	}
	h := wire.Frame{Alias: s.feed.alias, Layer: uint8(s.layer.index), Frame: p.Frame, Time: p.Time, First: p.Seq}
	_ = stream.SetWriteDeadline(time.Now().Add(frameDeadline))
	if _, err := stream.Write(wire.AppendPacket(h.Append(s.buf[:0]), p.Raw)); err != nil {
		stream.CancelWrite(codeLate)
		return nil
	}
	return stream.Close()
}
