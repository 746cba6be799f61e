package relay

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"stentor/relay/rtp"
	"stentor/relay/wire"
)

const (
	// acceptLate is how long a frame that has overtaken its Accept waits for it.
	acceptLate = time.Second
	// maxFramePackets is how many packets one frame may have: as many as a ring holds.
	maxFramePackets = videoSlots
)

// acceptFrames takes the frames that parents send.
func (l *link) acceptFrames() error {
	for {
		stream, err := l.conn.AcceptUniStream(l.ctx)
		if err != nil {
			return err
		}
		l.alive(time.Now()) // also by what nobody here wants
		l.wg.Go(func() {
			defer l.credits.ended(stream)
			if err := l.readFrame(stream); err != nil {
				l.end(err)
			}
		})
	}
}

// readFrame puts one stream's packets into the ring as they come. Only a broken rule is an error.
func (l *link) readFrame(stream *quic.ReceiveStream) error {
	_ = stream.SetReadDeadline(time.Now().Add(frameWait))
	var first [64]byte // longer than any header
	h, rest, end, err := readHead(stream, first[:])
	if errors.Is(err, errPadding) {
		if _, err = io.Copy(io.Discard, stream); err == nil {
			return nil
		}
	}
	if err != nil {
		if gone(err) {
			stream.CancelRead(codeUnknown) // if it was not, it took too long
			return nil
		}
		return l.blame("frame", err)
	}
	up := l.upstream(h.Alias)
	t := l.wait(up)
	if t == nil {
		stream.CancelRead(codeUnknown)
		l.relay.metrics.dropped.WithLabelValues("unwanted").Inc()
		return nil
	}
	if int(h.Layer) >= len(t.layers) {
		return l.blame("frame", ErrLayer)
	}
	if !up.may(int(h.Layer), time.Now()) {
		stream.CancelRead(codeUnknown)
		l.relay.metrics.dropped.WithLabelValues("unasked").Inc()
		return nil
	}
	if !up.enter(l, t.info.Kind) {
		stream.CancelRead(codeUnknown)
		l.relay.metrics.resets.WithLabelValues("many").Inc()
		return nil
	}
	defer up.exit()
	f := incoming{link: l, up: up, track: t, layer: t.layers[h.Layer], head: h}
	return f.end(f.read(stream, rest, end), stream)
}

// end does what the end of a frame's stream asks for.
func (f *incoming) end(err error, stream *quic.ReceiveStream) error {
	l := f.link
	switch {
	case err == nil:
		f.ended(&f.layer.whole, "whole")
		f.observe()
	case errors.Is(err, errUnwanted):
		stream.CancelRead(codeUnknown)
	case errors.Is(err, os.ErrDeadlineExceeded) && f.track.info.Kind == wire.Data:
		return l.blame("stalled", err) // to give up a message is to lose it: the next parent, or the next link, has it
	case errors.Is(err, os.ErrDeadlineExceeded):
		stream.CancelRead(codeUnknown)
		l.relay.metrics.resets.WithLabelValues("stalled").Inc()
	case gone(err):
		l.relay.metrics.resets.WithLabelValues("sender").Inc()
		if f.up.kills(err) {
			f.ended(&f.layer.late, "late")
			f.layer.kill(f.head.Frame)
		}
	default:
		return l.blame("frame", err)
	}
	return nil
}

// readHead reads the header of a frame into b. Rest is what was read behind it, and end the error of the stream that came
// with it, if any.
func readHead(stream io.Reader, b []byte) (h wire.Frame, rest []byte, end, err error) {
	for n := 0; ; {
		m, end := stream.Read(b[n:])
		n += m
		h, rest, err := wire.ParseFrame(b[:n])
		switch {
		case n > 0 && b[0] == wire.Padding:
			return h, nil, end, errPadding
		case err == nil:
			return h, rest, end, nil
		case err != wire.ErrShort || n == len(b):
			return h, nil, end, err
		case end != nil:
			return h, nil, end, end
		}
	}
}

// gone reports whether a read failed because of the stream's or the link's end, not because of what was in it.
func gone(err error) bool {
	for _, e := range [...]error{wire.ErrShort, wire.ErrBound, wire.ErrNumber, wire.ErrType, errFrame} {
		if errors.Is(err, e) {
			return false
		}
	}
	return true
}

// wait returns the track of a subscription, once the parent has accepted it; nil when it is over.
func (l *link) wait(up *upstream) *Track {
	if up == nil {
		return nil
	}
	if t := up.track.Load(); t != nil {
		return t
	}
	late := time.NewTimer(acceptLate)
	defer late.Stop()
	select {
	case <-up.ready:
	case <-up.over:
	case <-late.C:
	case <-l.ctx.Done():
	}
	return up.track.Load()
}

// errPadding says that a stream carries nothing.
var errPadding = errors.New("padding")

// errFrame says that a frame holds what cannot be.
var errFrame = errors.New("packets do not fit the frame's header")

// An incoming is a frame that is being read.
type incoming struct {
	link  *link
	up    *upstream
	track *Track
	layer *layer
	head  wire.Frame
	count int    // packets so far
	last  uint64 // number of the last one
	fresh bool   // the last look at the stream gave something of use
}

// read puts packets into the ring until the stream ends, nil at its proper end. First is the beginning, and err what
// ended the stream behind it, if it is over.
func (f *incoming) read(stream *quic.ReceiveStream, first []byte, err error) error {
	s, _ := f.layer.slabs.Get().(*slab)
	if s == nil {
		s = new(slab)
	}
	defer f.layer.slabs.Put(s)
	in := newIntake(stream, s, first, err)
	received := f.track.metrics.received.WithLabelValues(f.track.info.Kind.String())
	for {
		now := time.Now()
		f.link.alive(now)
		bytes, err := f.take(in, now)
		if bytes > 0 {
			received.Add(float64(bytes))
			f.up.behind(f.layer, f.last, now)
			f.up.arrived(f.layer.index, f.fresh, now)
		}
		switch {
		case err != nil:
			return err
		case in.err == io.EOF && len(in.read) > 0:
			return errFrame
		case in.err == io.EOF:
			return nil
		case in.err != nil:
			return in.err
		}
		select {
		case <-f.up.over:
			return errUnwanted
		default:
		}
		if !f.up.may(f.layer.index, now) {
			return errUnwanted
		}
		if f.track.info.Kind == wire.Data {
			_ = stream.SetReadDeadline(now.Add(messageWait))
		}
		in.fill()
	}
}

// take puts the packets that are there into the ring.
func (f *incoming) take(in *intake, now time.Time) (bytes int, err error) {
	f.fresh = false
	for {
		raw, err := in.next()
		if raw == nil || err != nil {
			return bytes, err
		}
		p := in.slab.packet()
		if err := f.parse(p, raw); err != nil {
			return bytes, err
		}
		p.Arrived, f.last = now.UnixNano(), p.Seq
		bytes += len(raw)
		f.fresh = f.layer.insert(p) || f.fresh || f.layer.near(p.Seq)
	}
}

// parse makes p of raw, and numbers it by the header of its frame.
func (f *incoming) parse(p *rtp.Packet, raw []byte) (err error) {
	if *p, err = rtp.Parse(raw); err != nil || f.count >= maxFramePackets {
		return errFrame
	}
	if uint32(f.head.Time) != uint32(p.Time) || f.count == 0 && uint16(f.head.First) != uint16(p.Seq) {
		return errFrame
	}
	f.count++
	p.Seq = rtp.Nearest(f.head.First, uint16(p.Seq))
	p.Frame = f.head.Frame
	if f.track.info.Kind != wire.Audio {
		p.Time = f.head.Time
	}
	p.Key = f.head.Flags&wire.FlagKey != 0 && f.count == 1 // the layer decides for itself what is a key frame of video
	p.Capture = int64(f.head.Capture) * 1000
	return nil
}

// ended counts the frame.
func (f *incoming) ended(count *atomic.Uint64, outcome string) {
	if f.track.info.Kind == wire.Video {
		count.Add(1)
		f.link.relay.metrics.frames.WithLabelValues(outcome).Inc()
	}
}

// observe measures how long the frame took from its capture to here.
func (f *incoming) observe() {
	if f.head.Capture != 0 {
		f.link.relay.delay(int64(f.head.Capture) * 1000)
	}
}

// delay counts a hop's delay; clocks that disagree so much that it is negative count as none.
func (r *Relay) delay(capture int64) {
	d := r.cfg.Now().UnixNano() - capture
	r.metrics.hopDelay.Observe(max(0, time.Duration(d).Seconds()))
}

// readDatagrams takes audio and heartbeats.
func (l *link) readDatagrams() error {
	for {
		b, err := l.conn.ReceiveDatagram(l.ctx)
		if err != nil {
			return err
		}
		now := time.Now()
		l.alive(now)
		a, _, heartbeat, err := wire.ParseDatagram(b)
		switch {
		case heartbeat && err == nil:
		case errors.Is(err, wire.ErrType):
			l.relay.metrics.dropped.WithLabelValues("unknown_datagram").Inc()
		case err != nil:
			return l.blame("datagram", err)
		default:
			if err := l.readAudio(a, now); err != nil {
				return l.blame("datagram", err)
			}
		}
	}
}

func (l *link) readAudio(a wire.AudioPacket, now time.Time) error {
	up := l.upstream(a.Alias)
	if up == nil || up.track.Load() == nil {
		l.relay.metrics.dropped.WithLabelValues("unwanted").Inc()
		return nil
	}
	t := up.track.Load()
	p, err := rtp.Parse(a.Packet)
	if err != nil {
		return err
	}
	if t.info.Kind != wire.Audio || uint16(a.Seq) != uint16(p.Seq) {
		return errFrame
	}
	if !up.may(0, now) {
		l.relay.metrics.dropped.WithLabelValues("unasked").Inc()
		return nil
	}
	p.Seq, p.Frame, p.Arrived = a.Seq, a.Seq, now.UnixNano()
	t.metrics.received.WithLabelValues("audio").Add(float64(len(p.Raw)))
	fresh := t.layers[0].insert(&p)
	up.arrived(0, fresh || t.layers[0].near(p.Seq), now)
	if fresh && p.Capture != 0 {
		l.relay.delay(p.Capture)
	}
	return nil
}
