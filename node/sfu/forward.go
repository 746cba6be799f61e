package sfu

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"stentor/node/sfu/send"
	"stentor/relay"
	"stentor/relay/rtp"
	"stentor/relay/wire"
)

// stalled is how long a write may block before the transport counts as stalled.
// Video then goes on at the next key frame, since what waited behind the write is
// late already; audio goes on where it is and drops what is older than audioLate.
const (
	stalled   = 200 * time.Millisecond
	audioLate = 400 * time.Millisecond
)

// reportEvery is the interval of sender reports.
const reportEvery = time.Second

// A forward carries one source to one viewer. It is the webrtc.TrackLocal of its
// transceiver: pion binds it when the session is negotiated.
type forward struct {
	viewer  *Viewer
	chosen  chosen
	kind    wire.Kind
	msid    [2]string // the stream and the track, as the answer names them
	rtp     *webrtc.RTPSender
	metrics *metrics
	counted counted
	out     [2]out       // media, repairs
	bits    atomic.Int64 // a second that go out; 0: nothing does

	mu sync.Mutex // between forwarding and feedback; guards the following

	// What each turn needs lies together: with many viewers it comes from far away each time.
	moves    int // how often the source was another one
	sfu      *SFU
	sender   sender
	rewriter *rtp.Rewriter
	svc      *thinning // of a stream that has several layers in one; nil: it has not
	needKey  bool      // drop video until a key frame comes
	batch    int       // packets that the sender may still keep
	lastSeq  uint16    // of the newest packet sent
	lastAt   time.Time // when it was sent
	position uint64    // sequence number of the newest packet sent, in the current place
	packets  uint32    // as sender reports count them
	octets   uint32
	since    int       // bytes since the last
	unpaced  int       // bytes that the pacer has not been told of
	reportAt time.Time // of the last sender report
	untold   tally
	allow    repairs
	pause    time.Duration // that the pacer wants before the next packet
	pacer    send.Pacer    // of video
	clock    clock

	source   Source        // without a Subscribe: none, the section is spare
	retry    time.Duration // before a source that is gone is asked for again
	leave    func()        // lets go of the source
	attached bool          // pion knows of it
	format   format        // that goes out
	settled  bool          // which sender it is stays as it is
	ssrc     uint32
	rtxSSRC  uint32
	rtxSeq   uint16
	exts     []wire.Extension // that the rewriter translates
	places   [recent]place
	nth      int       // number of the current place, the rewriter's source
	choice   choice    // of the layer
	sizes    sizes     // of the layers
	keyAt    time.Time // when the newest key frame began to go out
	askedKey time.Time // when a key frame was last asked for, while needKey
	repaired repaired
	missed   uint32  // the newest packet that the viewer asked for again, as packets counts
	current  int     // repairs of places before this one are of no use
	pace     float64 // bytes a second that the viewer's estimate allows; 0: none yet
	rate     float64 // bytes a second since the last sender report but one
}

// recent is how many of a source's places are remembered for NACKs: as many as the
// rewriter's segments.
const recent = 8

// A place is where packets come from: a layer of a track.
type place struct {
	track *relay.Track
	layer int
}

// at is the current place.
func (f *forward) at() place { return f.places[f.nth%recent] }

func newForward(v *Viewer, src Source, c chosen, w *wall) *forward {
	m := v.peer.sfu.metrics
	return &forward{
		sfu:    v.peer.sfu,
		out:    [2]out{m.out(src.Info.Kind, false), m.out(src.Info.Kind, true)},
		viewer: v, source: src, chosen: c, metrics: m, kind: src.Info.Kind, format: c.format, leave: func() {},
		msid:  [2]string{label(streamOf(src)), label(src.Name)},
		clock: clock{wall: w, rate: int64(src.Info.Clock)}, allow: newRepairs(),
		counted: counted{TrackStats: TrackStats{Source: src.Name}},
	}
}

// same reports whether a track can go out in what was negotiated.
func (f *forward) same(info wire.TrackInfo) bool {
	_, ok := pick(f.chosen.all(), info)
	return ok
}

// begin makes track the source of what follows, and returns the layer that it begins with.
// It reports false where the source has become another one meanwhile.
func (f *forward) begin(track *relay.Track, move int) (layer int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.moves != move {
		return 0, false
	}
	info := track.Info()
	layer = f.first(track)
	f.enter(track, layer)
	before := f.format
	if i, ok := pick(f.chosen.all(), info); ok {
		f.format = f.chosen.all()[i]
	}
	thinned := f.svc != nil
	f.thins(track)
	if f.rewriter == nil || thinned != (f.svc != nil) || f.format.payload != before.payload || !sameExtensions(f.exts, info.Extensions) {
		f.rewriter = f.newRewriter(info)
		f.exts = info.Extensions
	}
	f.rewriter.Switch(f.nth)
	f.count(func(s *TrackStats) { s.Layer = layer })
	return layer, true
}

// enter makes a layer of a track the current place.
func (f *forward) enter(track *relay.Track, layer int) {
	f.nth++
	f.places[f.nth%recent] = place{track, layer}
	f.position = 0
	f.needKey = false // the reader begins with one
}

// newRewriter continues where the last one was. Another is needed only when the
// track numbers its extensions in another way.
func (f *forward) newRewriter(info wire.TrackInfo) *rtp.Rewriter {
	c := rtp.RewriterConfig{
		SSRC: f.ssrc, PayloadType: f.format.payload, Clock: info.Clock,
		Seq: uint16(rand.Uint32N(1 << 15)), Time: rand.Uint32(), Extensions: make(map[uint8]uint8),
		Mime: info.Mime, Dependency: info.Extension(extDependency),
	}
	if f.rewriter != nil {
		c.Seq = f.lastSeq + 1
		c.Time = f.clock.out + max(1, uint32(f.now().Sub(f.lastAt).Microseconds()*int64(c.Clock)/1e6))
	}
	if f.svc != nil {
		c.Mask = f.mask
	}
	for _, uri := range f.chosen.exts {
		if id := info.Extension(uri); id != 0 {
			c.Extensions[id] = f.chosen.section.exts[uri]
		}
	}
	return rtp.NewRewriter(c)
}

func sameExtensions(a, b []wire.Extension) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// packet sends one packet of the current track. f.mu is held.
func (f *forward) packet(track *relay.Track, p *rtp.Packet, now time.Time) error {
	if f.sender == nil {
		return errHungUp
	}
	if !f.wanted(track, p, now) {
		return nil
	}
	as, ok := f.thinned(p, now)
	if !ok {
		f.rewriter.Omit(p)
		return nil
	}
	out, seq, ok := f.rewriter.RewriteAs(f.sender.buffer(), p, as)
	if !ok {
		f.drop("before_start")
		return nil
	}
	f.batch++
	if err := f.sender.write(out); err != nil {
		f.drop("write")
		return nil // lost, as on any network: the viewer asks for it again
	}
	f.sent(p, out, uint16(seq), now)
	if p.Marker || as.Marker || f.batch >= maxBatch {
		f.push()
	}
	if f.kind == wire.Video && f.sender.waits() && f.now().Sub(now) > stalled {
		f.metrics.stalls.Inc()
		f.needKey, f.askedKey = true, time.Time{}
	}
	return nil
}

// flush sends what the sender kept. f.mu is held.
func (f *forward) flush() {
	if f.sender != nil && f.batch > 0 {
		f.push()
	}
}

// push ends a batch: it goes out, and is counted.
func (f *forward) push() {
	f.batch = 0
	f.drops(f.sender.flush())
	if f.kind == wire.Video && f.unpaced > 0 {
		now := f.now()
		f.pause = f.pacer.Spend(now, f.unpaced)
		f.choice.Sent(f.unpaced, now)
		f.unpaced = 0
	}
	f.tell()
}

// skipped says that what follows does not join on to what was sent. f.mu is held.
func (f *forward) skipped() {
	f.metrics.skips.Inc()
	f.rewriter.Switch(f.nth)
}

// wanted reports whether a packet is of use to the viewer now.
func (f *forward) wanted(track *relay.Track, p *rtp.Packet, now time.Time) bool {
	if f.kind == wire.Video && !f.needKey {
		return true
	}
	age := now.UnixNano() - p.Arrived
	if f.kind == wire.Audio {
		// The ring begins audio at the newest packet, so old means that we are late.
		if age > int64(audioLate) {
			f.drop("late")
			return false
		}
		return true
	}
	if p.Key {
		f.needKey = false
		f.rewriter.Switch(f.nth) // what was left out is no loss
		return true
	}
	// Through the backlog first, which may hold one. The track merges requests.
	if age < int64(stalled) && now.Sub(f.askedKey) > time.Second {
		f.askedKey = now
		track.RequestKeyFrame(f.at().layer)
	}
	f.drop("no_key")
	return false
}

// sent counts a packet that went out, and reports.
func (f *forward) sent(p *rtp.Packet, out []byte, seq uint16, now time.Time) {
	if int16(seq-f.lastSeq) > 0 || f.packets == 0 {
		f.lastSeq, f.lastAt = seq, now
	}
	f.position = max(f.position, p.Seq)
	if p.Key {
		f.keyAt = now
	}
	f.allow.sent()
	f.packets++
	f.octets += uint32(len(p.Payload()))
	f.clock.sent(p, binary.BigEndian.Uint32(out[4:]))
	f.note(p, len(out), now)
	f.unpaced += len(out)
	f.since += len(out)
	f.choice.carried(p)
	if passed := now.Sub(f.reportAt); passed >= reportEvery {
		f.rate, f.since = float64(f.since)/passed.Seconds(), 0
		f.bits.Store(int64(8 * f.rate))
		f.reportAt = now
		f.report(now)
	}
}

// report sends a sender report with the name that ties the viewer's tracks of one
// stream together.
func (f *forward) report(now time.Time) {
	f.viewer.peer.writeRTCP(
		f.clock.report(f.ssrc, now, f.packets, f.octets),
		&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
			Source: f.ssrc, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: f.StreamID()}},
		}}},
	)
}

func (f *forward) now() time.Time { return f.sfu.now() }
