package record

import (
	"context"
	"errors"
	"time"

	"stentor/relay"
	"stentor/relay/rtp"
	"stentor/relay/wire"
)

// A take is the recording of one publisher's connection, from the moment on that somebody wanted it. Its flows are
// recorded side by side.
type take struct {
	recorder *Recorder
	stream   Stream
	began    time.Time // from which the times of its files count
	wall     *wall
	ctx      context.Context
	stop     context.CancelCauseFunc
}

// follow records one flow whenever it is there, until the take ends.
func (t *take) follow(id wire.TrackID) {
	for t.ctx.Err() == nil {
		sub, err := t.recorder.cfg.Subscribe(t.ctx, id)
		if err != nil {
			return // the take has ended, or the node stops
		}
		track := sub.Track()
		if track.Epoch() == t.stream.Epoch {
			t.record(track)
		}
		sub.Close()
		select { // a track of another epoch is another take's
		case <-track.Done():
		case <-t.ctx.Done():
		}
	}
}

// record writes one track into files until it ends, or the take does.
func (t *take) record(track *relay.Track) {
	r := t.recorder
	c, err := newCodec(track.Info())
	if err != nil {
		r.log.Warn("a track cannot be recorded", "track", track.ID(), "err", err)
		return
	}
	f := &flow{
		take: t, track: track, codec: c, kind: track.ID().Name, wake: make(chan struct{}, 1),
		place: place{t.stream.Webinar, t.stream.Recording},
	}
	r.metrics.running.Inc()
	defer r.metrics.running.Dec()
	if err := f.run(t.ctx); err != nil {
		r.fail(f.place, reasonOf(err), err)
	}
}

// A flow is one track on its way into a file. It belongs to one goroutine.
type flow struct {
	take  *take
	track *relay.Track
	codec codec
	kind  string // audio or video
	place place
	wake  chan struct{}

	lanes   []*lane
	current int // the layer that is recorded
	gather  gather
	segment *segment // nil before the first frame
	dropped uint64
	err     error // of the disk
}

// A lane is one layer of the track.
type lane struct {
	reader *relay.Reader
	skips  uint64
	order  order
	times  timeline
	newest int64 // arrival of the newest packet
}

// silentFor is how long the layer that is recorded may be silent before a lower one takes its place: a publisher
// that switches a layer off for want of bandwidth does so within a second, and one that only hesitates is not left.
const silentFor = 2 * time.Second

// run records until the track or ctx ends; an error is the disk's.
func (f *flow) run(ctx context.Context) error {
	info := f.track.Info()
	audio := info.Kind == wire.Audio
	f.gather = gather{codec: f.codec, audio: audio, drop: f.drop}
	f.current = -1
	for i := range info.LayerCount() {
		stop := f.track.Notify(i, f.poke)
		defer stop()
		l := &lane{reader: f.track.Reader(i), times: timeline{rate: max(info.Clock, 1), wall: f.take.wall}}
		defer l.reader.Close()
		f.lanes = append(f.lanes, l)
		f.track.RequestKeyFrame(i)
	}
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for f.err == nil {
		f.drain()
		select {
		case <-f.wake:
		case <-tick.C:
			f.sync()
		case <-f.track.Done():
			f.drain()
			return f.end("left")
		case <-ctx.Done():
			f.drain()
			return f.end(causeOf(ctx))
		}
	}
	return errors.Join(f.err, f.end("error"))
}

// causeOf is how an index calls the end of a take.
func causeOf(ctx context.Context) string {
	var why Reason
	if errors.As(context.Cause(ctx), &why) {
		return "failed"
	}
	return "stopped"
}

// poke is called by whoever fills the ring.
func (f *flow) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// drain takes what is in the rings.
func (f *flow) drain() {
	for i, l := range f.lanes {
		for f.err == nil {
			p := l.reader.Try()
			if p == nil {
				break
			}
			if n := l.reader.Skips(); n != l.skips {
				l.skips, l.order = n, order{}
				if i == f.current {
					f.gather.broken(dropOverrun)
					f.drop(dropOverrun, 1)
				}
			}
			f.packet(i, p)
		}
	}
}

// packet takes one packet of a layer.
func (f *flow) packet(i int, p *rtp.Packet) {
	l := f.lanes[i]
	l.newest = p.Arrived
	if p.Arrived < f.take.began.UnixNano() {
		return // nobody had asked for it then
	}
	if i != f.current {
		if !f.better(i, p) {
			return
		}
		f.gather.broken(dropLost)
		f.current, l.order = i, order{}
	}
	l.order.add(p, f.ordered)
}

// better reports whether a packet of another layer is where that one takes the place of the current one: at a key frame
// of a higher layer, or of any when the current one is silent.
func (f *flow) better(i int, p *rtp.Packet) bool {
	if f.current < 0 {
		return p.Key || f.gather.audio
	}
	silent := time.Duration(p.Arrived-f.lanes[f.current].newest) > silentFor
	if i < f.current && silent && !p.Key {
		f.track.RequestKeyFrame(i) // merged with those of others
	}
	return p.Key && (i > f.current || silent)
}

// ordered takes the packets of the current layer one after the other.
func (f *flow) ordered(p *rtp.Packet, lost uint64) {
	if lost > 0 && !f.gather.audio {
		f.track.RequestKeyFrame(f.current)
	}
	f.gather.add(p, lost, f.write)
}

// write puts a frame into the file, which the first one begins.
func (f *flow) write(fr frame) {
	if f.err != nil {
		return
	}
	at := f.lanes[f.current].times.place(fr.first, f.track.Reported(f.current))
	ms := max((at-f.take.began.UnixNano())/int64(time.Millisecond), 0)
	if f.segment == nil {
		if f.err = f.begin(ms); f.err != nil {
			return
		}
	}
	before := f.segment.bytes
	f.err = f.segment.write(ms, fr.key, fr.data)
	m := f.take.recorder.metrics
	m.bytes.WithLabelValues(f.kind).Add(float64(f.segment.bytes - before))
	if f.err == nil {
		m.frames.WithLabelValues(f.kind).Inc()
	}
}

// begin makes the file.
func (f *flow) begin(ms int64) (err error) {
	r, t := f.take.recorder, f.take
	format := f.codec.format()
	dir := r.dir(f.place)
	if f.segment, err = create(dir, label(t.stream.Name, f.kind), format); err != nil {
		return err
	}
	zero := t.began.UTC()
	return r.note(f.place, Line{
		Event: EventBegin, At: r.cfg.Now().UTC(), File: f.segment.name, Stream: t.stream.Name, Track: f.kind, Participant: t.stream.Participant,
		Epoch: t.stream.Epoch, Node: r.cfg.Node, Codec: f.track.Info().Mime, Width: format.width, Height: format.height, Zero: &zero, First: ms,
	})
}

// end closes the file.
func (f *flow) end(why string) error {
	if f.current >= 0 && f.err == nil {
		f.lanes[f.current].order.flush(f.ordered)
	}
	if f.segment == nil {
		return f.err
	}
	s := f.segment
	err := errors.Join(f.err, s.close())
	if err != nil {
		why = "error"
	}
	r := f.take.recorder
	noted := r.note(f.place, Line{
		Event: EventEnd, At: r.cfg.Now().UTC(), File: s.name, Reason: why, Last: s.last, Frames: s.frames, Dropped: f.dropped, Bytes: s.bytes,
	})
	return errors.Join(err, noted)
}

func (f *flow) sync() {
	if f.segment != nil && f.err == nil {
		f.err = f.segment.sync()
	}
}

func (f *flow) drop(reason string, n uint64) {
	f.dropped += n
	f.take.recorder.metrics.dropped.WithLabelValues(f.kind, reason).Add(float64(n))
}
