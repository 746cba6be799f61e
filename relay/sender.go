package relay

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stentor/relay/rtp"
	"stentor/relay/wire"
)

const (
	// frameDeadline is how long after its arrival here a frame may still be sent: what comes later no viewer shows,
	// and it would hold up what is still of use.
	frameDeadline = 400 * time.Millisecond
	// keyDeadline is the same for key frames, and for what is sent from before the child came, counted from when it is
	// begun: everything after hangs on it, and at first the congestion window needs some round trips to open.
	keyDeadline = 2 * time.Second
	// thinBehind is how far behind a sender that may leave out whole groups of pictures leaves out the rest of one: when
	// most of a frame's deadline is gone, so that frames do not die one by one, each after its bytes were sent.
	thinBehind = 300 * time.Millisecond
	// maxOpen is how many frames may be open at once; the oldest is given up for one more.
	maxOpen = 32
	// backfillLeast and backfillTimes are how fast a newcomer gets what the ring holds: a 4K group of pictures of 5 MB
	// within 350 ms at six times its rate. At the link's rate it would go through every queue on the way in one piece,
	// and what is live with it.
	backfillLeast = 50e6 // bits per second
	backfillTimes = 6
	// backfillBurst is how many bytes of backfill leave at once: a key frame of 4K is not held up.
	backfillBurst = 512 << 10
	// resumeBurst is the same for a child that lost its parent and goes on in the middle: what it misses is what its viewers
	// wait for, and the window that was primed for it is the bound.
	resumeBurst = 2 << 20
)

// A sender gives one layer to one child: each frame as a stream of its own, audio as datagrams.
type sender struct {
	feed   *feed
	track  *Track
	layer  *layer
	reader *Reader
	spares rtp.Detector // tells which frames no other depends on
	sent   prometheus.Counter
	live   bool // the child has what the ring held when the sender began
	shed   bool // the layer is left out
	skip   bool // everything is left out until the next key frame
	bucket bucket

	open    []*outgoing
	closed  [64]ending // frames that were ended or given up lately
	nclosed int
	resets  uint64 // of the layer, at the last look
	bytes   int    // sent and not counted
	buf     []byte // of a datagram
	spare   []byte // of a frame that is over, for the next

	behind atomic.Int64 // arrival of the oldest packet that QUIC has not taken yet, Unix nanoseconds; 0: it has all
}

// An ending is how a frame's stream ended.
type ending struct {
	frame uint64
	given bool // up: what still comes of it is left out
}

func newSender(f *feed, t *Track, layer int, r *Reader) *sender {
	return &sender{
		feed: f, track: t, layer: t.layers[layer], reader: r, spares: rtp.Discardable(t.info.Mime),
		sent: t.metrics.sent.WithLabelValues(t.info.Kind.String()),
	}
}

// run sends until the track has ended and everything is sent, or ctx is done.
func (s *sender) run(ctx context.Context) {
	defer s.reader.Close()
	defer s.abandon()
	s.feed.link.congestion.joined(s)
	defer s.feed.link.congestion.left(s)
	if s.track.info.Kind == wire.Audio {
		s.runAudio(ctx)
		return
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		ended := s.track.ended()
		wake := s.layer.hops.wait()
		pause, err := s.sendAll(ctx)
		if err != nil {
			if ctx.Err() == nil {
				s.feed.link.end(err)
			}
			return
		}
		if ended && pause == 0 {
			return
		}
		if pause > 0 {
			wake = nil
			timer.Reset(pause)
		} else if next, ok := s.nextDeadline(); ok {
			timer.Reset(time.Until(next))
		} else {
			timer.Stop()
		}
		select {
		case <-wake:
		case <-timer.C:
		case <-s.done(pause):
		case <-ctx.Done():
		}
	}
}

// done is closed when the track has ended; nil while the sender only waits for its turn.
func (s *sender) done(pause time.Duration) <-chan struct{} {
	if pause > 0 {
		return nil
	}
	return s.track.done
}

// sendAll sends what the ring has. It returns early, with the time to wait, when a newcomer gets too much at once.
func (s *sender) sendAll(ctx context.Context) (pause time.Duration, err error) {
	now := time.Now()
	if !s.live {
		s.bucket.fill(now, max(backfillLeast, backfillTimes*float64(s.track.bitrate.Load()))/8, s.burst())
	}
	for ctx.Err() == nil && pause == 0 {
		p := s.reader.Try()
		if p == nil {
			s.live = true
			break
		}
		if err := s.push(ctx, p); err != nil {
			return 0, err
		}
		if !s.live {
			pause = s.bucket.take(len(p.Raw))
		}
	}
	err = s.settle(time.Now())
	s.caughtUp()
	s.sent.Add(float64(s.bytes))
	s.bytes = 0
	return pause, err
}

// burst is how many bytes may leave at once to a child that does not have what the ring held when it came.
func (s *sender) burst() float64 {
	if s.reader.frame > 0 {
		return resumeBurst
	}
	return backfillBurst
}

// caughtUp notes that QUIC has everything.
func (s *sender) caughtUp() {
	if since := s.behind.Swap(0); since != 0 {
		s.feed.link.congestion.waited(time.Duration(time.Now().UnixNano() - since))
	}
}

// push adds a packet to its frame, or leaves it out.
func (s *sender) push(ctx context.Context, p *rtp.Packet) error {
	o := s.find(p.Frame)
	if o == nil {
		end := s.ended(p.Frame)
		if end != nil && end.given || end == nil && s.leaves(p) {
			return nil
		}
		var err error
		if o, err = s.begin(ctx, p, end != nil); err != nil || o == nil {
			return err
		}
	}
	o.add(p)
	s.bytes += len(p.Raw)
	if len(o.buf) >= writeAt {
		return s.flush(o)
	}
	return nil
}

// leaves reports whether a frame, of which p is the first packet that came, is left out for want of room on the link.
func (s *sender) leaves(p *rtp.Packet) bool {
	c := &s.feed.link.congestion
	if s.track.info.Kind == wire.Data {
		return false
	}
	if off := c.sheds(s.layer.index); off != s.shed {
		s.turn(off)
	}
	lag := time.Duration(time.Now().UnixNano() - p.Arrived)
	switch {
	case s.shed:
		return true
	case c.thins() >= thinGroups && s.live && lag > thinBehind && len(s.track.layers) == 1 && !s.skip:
		s.skip = true
		s.track.RequestKeyFrame(s.layer.index)
	}
	if s.skip = s.skip && !p.Key; s.skip || c.thins() >= thinDiscardable && s.spares(p.Payload()) {
		s.track.metrics.thinned.Inc()
		return true
	}
	return false
}

// turn begins or ends to leave the layer out, and tells the child. It goes on at a key frame, which it asks for: the one
// in the ring may be two seconds old, and to send all since then would fill the link at once.
func (s *sender) turn(off bool) {
	s.shed = off
	if !off {
		s.skip = true
		s.track.RequestKeyFrame(s.layer.index)
	}
	l := s.feed.link
	if l.speaks() >= 2 {
		_ = l.send(wire.Shed{Alias: s.feed.alias, Layer: uint8(s.layer.index), Off: off})
	}
}

func (s *sender) find(frame uint64) *outgoing {
	for i := len(s.open) - 1; i >= 0; i-- {
		if s.open[i].frame == frame {
			return s.open[i]
		}
	}
	return nil
}

// ended returns how the frame's stream ended, nil when it had none lately.
func (s *sender) ended(frame uint64) *ending {
	for i := range s.closed[:min(s.nclosed, len(s.closed))] {
		if s.closed[i].frame == frame {
			return &s.closed[i]
		}
	}
	return nil
}

func (s *sender) nextDeadline() (next time.Time, ok bool) {
	for _, o := range s.open {
		if !o.deadline.IsZero() && (!ok || o.deadline.Before(next)) {
			next, ok = o.deadline, true
		}
	}
	return next, ok
}

// abandon resets what is open when the sender ends.
func (s *sender) abandon() {
	for _, o := range s.open {
		o.stop()
		s.cut(o, codeGone)
	}
}

// A bucket lets bytes through at a rate.
type bucket struct {
	rate  float64 // bytes per second
	level float64 // bytes that may go
	at    time.Time
}

// fill adds what has come together since the last time, at most most; the first time that much.
func (b *bucket) fill(now time.Time, rate, most float64) {
	b.rate = rate
	if b.at.IsZero() {
		b.level = most
	} else {
		b.level = min(most, b.level+now.Sub(b.at).Seconds()*rate)
	}
	b.at = now
}

// take takes n bytes, and returns how long to wait before the next ones: not at all, or a millisecond at least, since
// to wake costs more than a packet.
func (b *bucket) take(n int) time.Duration {
	if b.level -= float64(n); b.level >= 0 {
		return 0
	}
	return max(time.Duration(-b.level/b.rate*float64(time.Second)), time.Millisecond)
}
