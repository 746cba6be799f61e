package sfu

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
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
	Subscribe func(ctx context.Context) (*relay.Subscription, error)
}

// A Viewer is one connection that media goes out by.
type Viewer struct {
	peer     *peer
	asked    time.Time
	forwards []*forward
}

// View answers a viewer's offer with as many of the sources as it has sections
// for, in the order of the sources. The connection lives until ctx is done, Close
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
	c, err := s.newPeer(plan, webrtc.RTPTransceiverDirectionSendonly, &interceptor.Registry{})
	if err != nil {
		return nil, err
	}
	v := &Viewer{peer: c, asked: asked}
	c.ended = func() { s.metrics.viewers.Dec() }
	s.metrics.viewers.Inc()
	if err := v.addTracks(plan, sources); err != nil {
		c.close(err)
		return nil, err
	}
	if err := c.negotiate(plan); err != nil {
		c.close(err)
		return nil, s.metrics.refused("view", err)
	}
	c.live(ctx)
	for _, f := range v.forwards {
		c.run(func() { f.seek(c.ctx) })
		c.run(f.readFeedback)
	}
	return v, nil
}

// Answer is the session description for the viewer, all candidates in it.
func (v *Viewer) Answer() string { return v.peer.answer }

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
		s.Tracks = append(s.Tracks, f.snapshot())
	}
	return s
}

// planView gives each source the first free section that can take it.
func planView(o *offer, sources []Source) (*plan, error) {
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
			p.used = append(p.used, chosen{section: s, format: formats[j], exts: s.offered(exts...), source: i})
		}
	}
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
	best := -1
	for i, f := range s.formats {
		if !canReceive(f, info.Mime, info.Clock, info.Fmtp) {
			continue
		}
		if best < 0 || sameProfile(f, info) && !sameProfile(s.formats[best], info) {
			best = i
		}
	}
	if best < 0 {
		return format{}, false
	}
	f := normalise(s.formats[best])
	f.feedback = feedback(f.feedback, "nack", "nack pli", "ccm fir", "goog-remb")
	return f, true
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
func (v *Viewer) addTracks(p *plan, sources []Source) error {
	walls := make(map[string]*wall)
	for _, c := range p.used {
		src := sources[c.source]
		stream := streamOf(src)
		if walls[stream] == nil {
			walls[stream] = &wall{}
		}
		f := newForward(v, src, c, walls[stream])
		t, err := v.peer.pc.AddTransceiverFromTrack(f, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		if err != nil {
			return fmt.Errorf("sfu: %w", err)
		}
		if err := t.SetCodecPreferences(c.codecs()); err != nil {
			return fmt.Errorf("sfu: %w", err)
		}
		f.rtp = t.Sender()
		v.forwards = append(v.forwards, f)
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
