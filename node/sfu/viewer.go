package sfu

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"

	"stentor/relay"
	"stentor/relay/wire"
)

// A Source is a track that viewers can be given.
type Source struct {
	Name string // "main/video" or "main-video": the labels that the viewer sees; see streamOf
	Info wire.TrackInfo
	// Subscribe waits until the track is there. It is called again when the track
	// ends (its publisher came anew, or another took over), and the viewer goes on
	// in the same stream.
	Subscribe   func(ctx context.Context) (*relay.Subscription, error)
	Participant string // who sends it, "": not known
	Person      string // and their name
}

// coming reports whether a source is on the stage, and not here yet: a section that carries
// it goes on waiting for it, and no other one begins to.
func (s Source) coming() bool { return s.Info.Mime == "" }

// A Viewer is one connection that media goes out by.
type Viewer struct {
	peer     *peer
	asked    time.Time
	forwards []*forward // as the sections of the answer
	walls    map[string]*wall
	turn     chan struct{} // held by who changes what is sent where; guards the following
	entered  bool
	bound    atomic.Pointer[func() (height, kilobits int)] // by the host
}

// View answers a viewer's offer with as many of the sources as it has sections
// for, in the order of the sources. Sections that are left stay free for what comes to the
// stage later (see [Viewer.Assign]). The connection lives until ctx is done, Close
// is called or the viewer goes. An offer that cannot take a source's codec comes
// back as an [*OfferError] with [CodeCodec].
func (s *SFU) View(ctx context.Context, offer string, sources []Source) (*Viewer, error) {
	asked := s.now()
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	o, err := readOffer(offer)
	if err != nil {
		return nil, s.metrics.refused("view", err)
	}
	plan, err := planView(o, sources)
	if err != nil {
		return nil, s.metrics.refused("view", err)
	}
	c, err := s.newPeer(plan, webrtc.RTPTransceiverDirectionSendonly)
	if err != nil {
		return nil, err
	}
	v := &Viewer{peer: c, asked: asked, turn: make(chan struct{}, 1)}
	c.ended = v.counted
	s.metrics.viewers.Inc()
	v.choose(plan, sources)
	if c.answer, err = plan.answerViewer(c.me, v.forwards); err != nil {
		c.close(err)
		return nil, err
	}
	plan.lean()
	v.expect()
	c.live(ctx)
	return v, nil
}

// choose makes what carries each source, with its SSRCs, and what may carry one.
func (v *Viewer) choose(p *plan, sources []Source) {
	taken := make(map[uint32]bool)
	nth := make(map[string]int)
	for _, c := range p.accepted() {
		nth[c.section.kind]++
		var f *forward
		if c.source >= 0 {
			src := sources[c.source]
			f = newForward(v, src, c, v.wall(streamOf(src)))
			f.attached = true
			v.peer.sfu.metrics.assigned(f.kind, 1)
		} else {
			f = newSpare(v, c, nth[c.section.kind])
		}
		f.ssrc = newSSRC(taken)
		if repairs := slices.ContainsFunc(c.all(), func(f format) bool { return f.rtx != 0 }); repairs {
			f.rtxSSRC = newSSRC(taken)
		}
		v.forwards = append(v.forwards, f)
	}
}

// counted takes a viewer who has gone off the gauges.
func (v *Viewer) counted() {
	m := v.peer.sfu.metrics
	m.viewers.Dec()
	for _, f := range v.forwards {
		if f.carried() != "" {
			m.assigned(f.kind, -1)
		}
	}
}

// wall is that of a stream, for this viewer.
func (v *Viewer) wall(stream string) *wall {
	if v.walls == nil {
		v.walls = make(map[string]*wall)
	}
	if v.walls[stream] == nil {
		v.walls[stream] = &wall{}
	}
	return v.walls[stream]
}

// expect lets the viewer in by its first check.
func (v *Viewer) expect() {
	c := v.peer
	c.sfu.door.expect(c.me.ufrag, &guest{password: c.me.pwd, enter: func(first letter) {
		c.run(func() { v.enter(first) })
	}})
}

// enter makes the connection of a viewer who has come.
func (v *Viewer) enter(first letter) {
	c := v.peer
	if made, err := v.connect(); made {
		c.sfu.inlet.push(first.packet, first.from)
		return
	} else if err != nil {
		c.sfu.metrics.knocks.WithLabelValues("failed").Inc()
		c.sfu.log.Debug("a viewer's connection", "err", err)
		go c.close(err) // which waits for this
		return
	}
	c.sfu.inlet.push(first.packet, first.from)
	v.turn <- struct{}{}
	defer func() { <-v.turn }()
	v.entered = true
	for _, f := range v.forwards {
		if f.rtp != nil {
			c.run(f.readFeedback)
		}
		f.start()
	}
}

// connect reports whether the connection was made before: by somebody who knocked just
// before ICE was begun anew.
func (v *Viewer) connect() (made bool, err error) {
	c := v.peer
	c.making <- struct{}{}
	defer func() { <-c.making }()
	if c.pc != nil { // only written with making held
		return true, nil
	}
	c.sfu.door.forget(c.me.ufrag)
	if err := c.connect(&interceptor.Registry{}); err != nil {
		return false, err
	}
	if err := v.addTracks(); err != nil {
		return false, err
	}
	_, err = c.negotiate() // it has its answer
	return false, err
}

// Restart begins ICE anew with the other side's new credentials, and returns the new
// description of this side. The media goes on meanwhile, the old way as long as it
// leads there. An error means that the session goes on as it was.
func (v *Viewer) Restart(ufrag, pwd string) (string, error) {
	return v.peer.restart(credentials{ufrag, pwd}, v.expect)
}

// Answer is the session description for the viewer, all candidates in it.
func (v *Viewer) Answer() string { return v.peer.answered() }

// Connected is closed when the transport is up.
func (v *Viewer) Connected() <-chan struct{} { return v.peer.connected }

// Done is closed when the connection ends.
func (v *Viewer) Done() <-chan struct{} { return v.peer.ctx.Done() }

// Gone is closed when nothing of the connection is left running.
func (v *Viewer) Gone() <-chan struct{} { return v.peer.gone }

// Err says why the connection ended; nil while it lives.
func (v *Viewer) Err() error { return v.peer.err() }

// Flowing reports whether packets may go out: the transport is up and has not
// ended.
func (v *Viewer) Flowing() bool { return v.peer.flowing() }

// Close ends the connection. When it returns, nothing more goes out.
func (v *Viewer) Close() { v.peer.close(context.Canceled) }

// ViewerStats counts what one viewer got.
type ViewerStats struct {
	Connected bool
	Tracks    []TrackStats
}

// TrackStats counts what one viewer got of one source.
type TrackStats struct {
	Source         string
	Sender         string // the send path in use
	Packets, Bytes uint64 // media, without repairs
	Dropped        uint64 // not sent, since the transport stalled or failed
	NACKs, RTX     uint64 // packets asked for again, packets sent again
	PLIs           uint64
	Layer          int           // that is sent now
	Switches       int           // of the layer
	FirstPacket    time.Duration // after View was called; 0: none yet
	FirstKey       time.Duration
}

// Stats returns what the viewer got so far.
func (v *Viewer) Stats() ViewerStats {
	var s ViewerStats
	select {
	case <-v.peer.connected:
		s.Connected = true
	default:
	}
	for _, f := range v.forwards {
		if t := f.snapshot(); t.Source != "" {
			s.Tracks = append(s.Tracks, t)
		}
	}
	return s
}

// planView gives each source the first free section that can take it.
func planView(o *offer, sources []Source) (*plan, error) {
	if o.passive { // the answer to a viewer is written before there is a connection
		return nil, refuse(CodeUnsupported, "An offer says a=setup:actpass (RFC 8842); this server takes the passive part.")
	}
	p := &plan{offer: o}
	taken := make(map[int]int) // section -> source
	formats := make(map[int]format)
	var unable error
	for i, src := range sources {
		for j := range o.sections {
			s := &o.sections[j]
			if _, used := taken[j]; used || s.kind != src.Info.Kind.String() || s.refused() || !s.receives() {
				continue
			}
			f, ok := receivable(s, src.Info)
			if !ok {
				unable = refuse(CodeCodec, "The offer cannot receive %s (%s), which is what %s is sent in.", src.Info.Mime, src.Info.Fmtp, src.Name)
				continue
			}
			taken[j], formats[j] = i, f
			break
		}
	}
	for j := range o.sections {
		if i, ok := taken[j]; ok {
			s := &o.sections[j]
			exts := make([]string, 0, len(sources[i].Info.Extensions))
			for _, e := range sources[i].Info.Extensions {
				exts = append(exts, e.URI)
			}
			p.used = append(p.used, chosen{section: s, format: formats[j], exts: s.offered(exts...), source: i, watches: true})
		}
	}
	p.keepSpare()
	switch {
	case unable != nil && !sectionsForAll(p, o):
		return nil, unable
	case len(p.used) == 0:
		return nil, refuse(CodeNoMedia, "The offer receives nothing of what is on the stage.")
	}
	return p, p.checkBundle()
}

// sectionsForAll reports whether every kind of media that the viewer asked for
// got something, so that one odd section among several does not refuse them all.
func sectionsForAll(p *plan, o *offer) bool {
	got := make(map[string]bool)
	for _, c := range p.used {
		got[c.section.kind] = true
	}
	for i := range o.sections {
		if s := &o.sections[i]; (s.kind == "audio" || s.kind == "video") && s.receives() && !s.refused() && !got[s.kind] {
			return false
		}
	}
	return true
}

// receivable returns the format of a section that takes a track: one with the
// very same profile before one that takes more.
func receivable(s *section, info wire.TrackInfo) (format, bool) {
	best, ok := pick(s.formats, info)
	if !ok {
		return format{}, false
	}
	f := normalise(s.formats[best])
	f.feedback = feedback(f.feedback, "nack", "nack pli", "ccm fir", "goog-remb")
	return f, true
}

// pick is which of some formats takes a track.
func pick(formats []format, info wire.TrackInfo) (best int, ok bool) {
	best = -1
	for i, f := range formats {
		if !canReceive(f, info.Mime, info.Clock, info.Fmtp) {
			continue
		}
		if best < 0 || sameProfile(f, info) && !sameProfile(formats[best], info) {
			best = i
		}
	}
	return best, best >= 0
}

func sameProfile(f format, info wire.TrackInfo) bool {
	if info.Mime != webrtc.MimeTypeH264 {
		return true
	}
	a, _ := h264Profile(f.fmtp)
	b, _ := h264Profile(info.Fmtp)
	return a == b && orZero(param(f.fmtp, "packetization-mode")) == orZero(param(info.Fmtp, "packetization-mode"))
}

// addTracks makes a transceiver per section, in the order in which pion gives
// sections away.
func (v *Viewer) addTracks() error {
	for _, f := range v.forwards {
		if f.chosen.source < 0 { // attach tells pion of it
			continue
		}
		t, err := v.peer.pc.AddTransceiverFromTrack(f, webrtc.RTPTransceiverInit{
			Direction:     webrtc.RTPTransceiverDirectionSendonly,
			SendEncodings: []webrtc.RTPEncodingParameters{{RTPCodingParameters: webrtc.RTPCodingParameters{SSRC: webrtc.SSRC(f.ssrc)}}},
		})
		if err != nil {
			return fmt.Errorf("sfu: %w", err)
		}
		if err := t.SetCodecPreferences(f.chosen.codecs()); err != nil {
			return fmt.Errorf("sfu: %w", err)
		}
		f.rtp = t.Sender()
	}
	return nil
}

var errCodecChanged = errors.New("sfu: the source changed its codec; the viewer has to ask anew")

// streamOf is what is left of a source's name without its kind. Tracks of one
// stream are one MediaStream at the viewer, and are kept in step.
func streamOf(src Source) string {
	if stream, ok := strings.CutSuffix(src.Name, src.Info.Kind.String()); ok && len(stream) > 1 {
		return strings.TrimRight(stream, "/-")
	}
	stream, _, _ := strings.Cut(src.Name, "/")
	return stream
}

// label makes a token of a name (RFC 8830: no slash, no space).
func label(name string) string {
	out := []byte(name)
	for i, b := range out {
		if b <= ' ' || b > '~' || strings.IndexByte(`"(),/:;<=>?@[\]`, b) >= 0 {
			out[i] = '-'
		}
	}
	if len(out) > 64 {
		out = out[:64]
	}
	return string(out)
}

// counted is what a forward counts, for one viewer.
type counted struct {
	mu sync.Mutex // guards the following
	TrackStats
}
