package relay

import (
	"sync"
	"sync/atomic"
	"time"

	"stentor/relay/rtp"
	"stentor/relay/wire"
)

const (
	// WakePackets and wakeAfter are how long readers of video sleep: until a frame is complete, or this many
	// packets are there, or this much time has passed. To wake for every packet costs each reader a switch for
	// 1,200 bytes; a frame is of no use before its end.
	wakeAfter = 5 * time.Millisecond
	// hopPackets is the same for those who send to children: each time costs both ends of a link some four switches of
	// goroutines and two system calls, and 38 kB are 3 ms of 100 Mbps.
	hopPackets = 2 * WakePackets
	// keyFrameEvery is the shortest time between two key frame requests of a layer: a key frame of 4K is half a
	// megabyte, and whoever asks in between is served by the one that is on its way.
	keyFrameEvery = 500 * time.Millisecond
	// maxJump is how far a number may lie from the newest one of a layer that is alive. A source that begins anew goes on by
	// at most 1<<16 (rtp.Sequence), and as many packets as a ring holds may be lost just then. What lies further off
	// is a lie or of another numbering, and would make all that is true seem old or yet to come.
	maxJump = 1<<16 + videoSlots
)

// A layer is one encoding of a track: its ring, and what is needed to fill it.
type layer struct {
	track *Track
	index int
	ring  *ring
	bell  bell
	hops  bell  // of those who send to children
	posts posts // of those who read for many

	readers  atomic.Int64
	waiting  atomic.Int64 // readers that wait for a key frame
	leftAt   atomic.Int64 // when the last reader left, Unix nanoseconds
	packets  atomic.Uint64
	bytes    atomic.Uint64
	resets   atomic.Uint64 // counts deaths
	newestAt atomic.Int64  // arrival of the newest packet
	whole    atomic.Uint64 // frames that came from parents to their end
	late     atomic.Uint64 // frames that parents gave up
	slabs    sync.Pool     // *slab, of packets from parents
	speed    speed
	report   atomic.Pointer[SenderReport]

	mu       sync.Mutex // guards the following: one writer at a time
	ssrc     uint32
	started  bool
	bad      uint16 // the sequence number that would prove a jump back
	seq      rtp.Sequence
	clock    rtp.Clock
	frames   frames
	capture  int64  // the last capture time that a packet carried
	at       uint64 // its RTP time
	unread   int    // packets since the bell was rung
	unsent   int    // packets since the bell of those who send to children was
	messages uint32 // that were appended here
	appended uint16 // packets of them
	timer    *time.Timer
	deaths   []uint64 // frames that ended without their end, newest last
	sought   uint64   // see seek

	keyMu      sync.Mutex // guards the following
	keyAsked   time.Time  // when the last request went out
	keyPending *time.Timer
}

func newLayer(t *Track, index, slots int) *layer {
	return &layer{track: t, index: index, ring: newRing(slots)}
}

func (l *layer) opened() {
	if l.readers.Add(1) == 1 {
		l.track.demanded()
	}
}

func (l *layer) left() {
	l.leftAt.Store(time.Now().UnixNano())
	if l.readers.Add(-1) == 0 {
		l.track.demanded()
	}
}

// write takes a packet from the publisher: it numbers it and its frame.
func (l *layer) write(p *rtp.Packet) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.number(p)
}

// number is write with mu held.
func (l *layer) number(p *rtp.Packet) {
	p.Key = !l.started // of data: there is nothing before it
	if !l.place(p) {
		l.track.metrics.dropped.WithLabelValues("late").Inc()
		return
	}
	if l.ring.find(p.Seq) != nil {
		l.track.metrics.dropped.WithLabelValues("duplicate").Inc()
		return
	}
	p.Time = l.clock.Unwrap(uint32(p.Time))
	if l.track.info.Kind == wire.Audio {
		p.Frame = p.Seq
	} else if !l.frames.number(p) {
		l.track.metrics.dropped.WithLabelValues("unknown_frame").Inc()
		return
	}
	l.add(p)
	l.keepKeyFrame()
}

// place extends the packet's sequence number. It reports false for a packet that is older than the ring. A new SSRC,
// or two such packets in a row, are a source that began anew: it goes on behind everything so far (RFC 3550
// appendix A.1).
func (l *layer) place(p *rtp.Packet) bool {
	n := uint16(p.Seq)
	switch {
	case !l.started:
		l.started = true
		p.Seq = l.seq.Unwrap(n)
	case l.ssrc != p.SSRC():
		l.restart(p)
	case rtp.Nearest(l.seq.Newest(), n)+uint64(len(l.ring.slots)) > l.seq.Newest():
		p.Seq = l.seq.Unwrap(n)
	case l.bad == n:
		l.restart(p)
	default:
		l.bad = n + 1
		return false
	}
	l.ssrc = p.SSRC()
	l.bad = n + 1<<15 // not what follows
	return true
}

func (l *layer) restart(p *rtp.Packet) {
	p.Seq = l.seq.Restart(uint16(p.Seq))
	l.clock.Restart()
	l.frames = frames{}
	l.capture = 0
}

// insert takes a packet from the parent, numbered already. It reports false when it is not new.
func (l *layer) insert(p *rtp.Packet) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	newest := l.seq.Newest()
	if l.started && max(p.Seq, newest)-min(p.Seq, newest) > maxJump {
		if p.Arrived-l.newestAt.Load() < int64(linger) {
			l.track.metrics.dropped.WithLabelValues("far").Inc()
			return false
		}
		l.clear()
	}
	if l.started && p.Seq+uint64(len(l.ring.slots)) <= newest {
		l.track.metrics.dropped.WithLabelValues("late").Inc()
		return false
	}
	if l.ring.find(p.Seq) != nil {
		l.track.metrics.dropped.WithLabelValues("duplicate").Inc()
		if p.Key && l.track.info.Kind == wire.Data {
			l.ring.mark(p.Seq)
		}
		return false
	}
	l.started, l.sought = true, 0
	l.seq.Advance(p.Seq)
	if l.track.info.Kind == wire.Audio {
		p.Time = l.clock.Unwrap(uint32(p.Time))
	}
	l.add(p)
	return true
}

// add puts a numbered packet into the ring and wakes the readers when it is time.
func (l *layer) add(p *rtp.Packet) {
	l.stamp(p)
	video := l.track.info.Kind == wire.Video
	if l.track.info.Kind != wire.Data {
		p.Key = video && l.frames.key(p.Frame, l.track.detect(p.Payload()))
	}
	l.ring.add(p)
	if p.Key {
		l.keyArrived()
	}
	l.packets.Add(1)
	l.bytes.Add(uint64(len(p.Raw)))
	l.speed.got(len(p.Raw), p.Arrived, int64(p.Time*1000/max(uint64(l.track.info.Clock), 1))*1e6)
	l.newestAt.Store(p.Arrived)
	l.unread++
	l.unsent++
	switch {
	case !video || p.Marker || l.unsent >= hopPackets:
		l.wake()
		return
	case l.unread >= WakePackets:
		l.unread = 0
		l.bell.ring()
		l.posts.call()
	}
	if l.unsent == 1 {
		if l.timer == nil {
			l.timer = time.AfterFunc(wakeAfter, l.wakeLate)
		} else {
			l.timer.Reset(wakeAfter)
		}
	}
}

func (l *layer) wake() {
	l.unread, l.unsent = 0, 0
	if l.timer != nil {
		l.timer.Stop()
	}
	l.tell()
}

// wakeLate is for packets whose frame goes on, but not soon.
func (l *layer) wakeLate() {
	l.mu.Lock()
	l.unread, l.unsent = 0, 0
	l.mu.Unlock()
	l.tell()
}

// stamp finds the capture time of p: what it carries, or what an earlier packet carried plus the RTP time between
// them, as the extension's specification allows.
func (l *layer) stamp(p *rtp.Packet) {
	if p.Capture != 0 || l.track.captureID == 0 {
		return
	}
	if c, ok := rtp.ParseCapture(p.Extension(l.track.captureID)); ok {
		p.Capture, l.capture, l.at = c, c, p.Time
	} else if l.capture != 0 {
		ticks := int64(p.Time - l.at)
		p.Capture = l.capture + ticks*1e6/int64(l.track.info.Clock)*1e3
	}
}

// kill remembers that the rest of a frame will not come, and tells the readers.
func (l *layer) kill(frame uint64) {
	l.mu.Lock()
	if len(l.deaths) >= 64 {
		l.deaths = append(l.deaths[:0], l.deaths[32:]...)
	}
	l.deaths = append(l.deaths, frame)
	l.resets.Add(1)
	l.mu.Unlock()
	l.tell()
}

// dead reports whether the frame was killed lately.
func (l *layer) dead(frame uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.deaths {
		if f == frame {
			return true
		}
	}
	return false
}

// wanted reports whether somebody reads the layer, or did a moment ago.
func (l *layer) wanted(now time.Time) bool {
	return l.readers.Load() > 0 || now.UnixNano()-l.leftAt.Load() < int64(linger)
}

// forget empties the ring for those who come later: nobody will fill it for a while, and a reader must not begin with a
// key frame from before, nor meet packets that the parent will send again. A reader that has come just now keeps it as it
// is, and the parent is asked for what follows.
func (l *layer) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.readers.Load() > 0 {
		return
	}
	l.clear()
}

// clear makes the layer begin anew, with whatever number comes next. mu is held.
func (l *layer) clear() {
	l.ring.clear()
	l.started, l.seq = false, rtp.Sequence{}
	l.frames = frames{}
	l.deaths = l.deaths[:0] // among them what was cut off because nobody wanted it
}

// near reports whether a number that insert refused is one of the newest: a second parent that sends the same is of use.
func (l *layer) near(seq uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	newest := l.seq.Newest()
	return seq <= newest && newest-seq < uint64(len(l.ring.slots))/4
}

// close stops what runs by itself.
func (l *layer) close() {
	l.mu.Lock()
	if l.timer != nil {
		l.timer.Stop()
	}
	l.mu.Unlock()
	l.keyMu.Lock()
	if l.keyPending != nil {
		l.keyPending.Stop()
	}
	l.keyMu.Unlock()
	l.tell()
}
