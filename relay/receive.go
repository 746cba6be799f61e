package relay

import (
	"bufio"
	"errors"
	"io"
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
		l.wg.Go(func() {
			if err := l.readFrame(stream); err != nil {
				l.end(err)
			}
		})
	}
}

// readFrame puts one stream's packets into the ring as they come. Only a broken rule is an error.
func (l *link) readFrame(stream *quic.ReceiveStream) error {
	r := l.relay.buffers.Get().(*bufio.Reader)
	r.Reset(stream)
	defer l.relay.buffers.Put(r)
	h, err := wire.ReadFrame(r)
	if err != nil {
		if gone(err) {
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
	f := incoming{link: l, up: up, track: t, layer: t.layers[h.Layer], head: h}
	switch err := f.read(r); {
	case err == nil:
		f.observe()
	case errors.Is(err, errUnwanted):
		stream.CancelRead(codeUnknown)
	case gone(err):
		l.relay.metrics.resets.WithLabelValues("sender").Inc()
		if up.kills(err) {
			f.layer.kill(h.Frame)
		}
	default:
		return l.blame("frame", err)
	}
	return nil
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

// errFrame says that a frame holds what cannot be.
var errFrame = errors.New("packets do not fit the frame's header")

// An incoming is a frame that is being read.
type incoming struct {
	link  *link
	up    *upstream
	track *Track
	layer *layer
	head  wire.Frame
}

// read puts packets into the ring until the stream ends, nil at its proper end.
func (f *incoming) read(r *bufio.Reader) error {
	received := f.track.metrics.received.WithLabelValues(f.track.info.Kind.String())
	for count := 0; ; count++ {
		var length [2]byte
		if _, err := io.ReadFull(r, length[:]); err != nil {
			if err == io.EOF {
				return nil
			}
			if err == io.ErrUnexpectedEOF {
				return errFrame
			}
			return err
		}
		n, err := wire.PacketLength(length)
		if err != nil {
			return err
		}
		raw := make([]byte, n)
		if _, err := io.ReadFull(r, raw); err != nil {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return errFrame
			}
			return err
		}
		now := time.Now()
		f.link.alive(now)
		p, err := f.parse(raw, count)
		if err != nil {
			return err
		}
		p.Arrived = now.UnixNano()
		received.Add(float64(n))
		f.layer.insert(p)
		f.up.arrived(f.layer.index, now)
		select {
		case <-f.up.over:
			return errUnwanted
		default:
		}
	}
}

// parse numbers a packet by the header of its frame.
func (f *incoming) parse(raw []byte, count int) (*rtp.Packet, error) {
	p, err := rtp.Parse(raw)
	if err != nil || count >= maxFramePackets {
		return nil, errFrame
	}
	audio := f.track.info.Kind == wire.Audio
	if uint32(f.head.Time) != uint32(p.Time) || count == 0 && uint16(f.head.First) != uint16(p.Seq) {
		return nil, errFrame
	}
	p.Seq = rtp.Nearest(f.head.First, uint16(p.Seq))
	p.Frame = f.head.Frame
	if !audio {
		p.Time = f.head.Time
	}
	p.Capture = int64(f.head.Capture) * 1000
	return &p, nil
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
	p.Seq, p.Frame, p.Arrived = a.Seq, a.Seq, now.UnixNano()
	t.metrics.received.WithLabelValues("audio").Add(float64(len(p.Raw)))
	up.arrived(0, now)
	if t.layers[0].insert(&p) && p.Capture != 0 {
		l.relay.delay(p.Capture)
	}
	return nil
}
