package sfu

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"stentor/relay"
	"stentor/relay/rtp"
	"stentor/relay/wire"
)

// An ingest fills one track, each layer from one encoding.
type ingest struct {
	publisher *Publisher
	name      string
	info      wire.TrackInfo
	payload   uint8
	detect    rtp.Detector // finds the beginnings of key frames
	size      rtp.Sizer
	encodings []*encoding   // as the offer names them
	layers    []*encoding   // by layer, once open is closed
	sized     chan struct{} // closed when the size of every encoding is known
	open      chan struct{} // closed when track is there
	track     *relay.Track

	mu     sync.Mutex // guards the following
	closed bool
	unseen int // encodings whose size is not known
}

func newIngest(p *Publisher, c chosen, info wire.TrackInfo) *ingest {
	in := &ingest{
		publisher: p, name: info.Kind.String(), info: info, payload: c.format.payload,
		detect: rtp.KeyFrames(info.Mime), size: rtp.Sizes(info.Mime), open: make(chan struct{}), sized: make(chan struct{}),
	}
	for _, rid := range c.rids {
		in.encodings = append(in.encodings, &encoding{ingest: in, rid: rid})
	}
	if len(in.encodings) == 0 {
		in.encodings = []*encoding{{ingest: in}}
	}
	in.layers, in.unseen = in.encodings, len(in.encodings)
	return in
}

// sizeWithin is how long a track of several layers waits, once media can flow, for the
// first key frame of each: layers have an order, and only the pictures say which it is. A
// browser sends all that its estimate allows at once, so this is the time of a slow
// encoder of 4K.
const sizeWithin = time.Second

// layered reports whether the order of the layers has to be found out.
func (in *ingest) layered() bool { return len(in.encodings) > 1 }

// order orders the layers, after it has waited for their sizes, or until late or over.
func (in *ingest) order(late <-chan time.Time, over <-chan struct{}) {
	if !in.layered() {
		return
	}
	select {
	case <-in.sized:
	case <-late:
	case <-over:
	}
	in.layers = slices.Clone(in.encodings) // streams that come meanwhile look for theirs
	in.info.Layers = arrange(in.layers)
	for _, e := range in.encodings {
		e.got = in.publisher.peer.sfu.metrics.layersIn.WithLabelValues(strconv.Itoa(e.layer))
	}
}

// seen notes that the size of one more encoding is known.
func (in *ingest) seen() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.unseen--; in.unseen == 0 {
		close(in.sized)
	}
}

func (in *ingest) opened(track *relay.Track) {
	in.track = track
	close(in.open)
}

func (in *ingest) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	if in.track != nil {
		in.track.Close()
	}
}

// keyframe asks the publisher for a key frame of one layer.
func (in *ingest) keyframe(layer int) {
	if layer >= 0 && layer < len(in.layers) {
		in.layers[layer].keyframe()
	}
}

// encoding returns the one that a stream is of: by its RID, which the publisher's packets
// say, or the only one there is. Nil where it is of none.
func (in *ingest) encoding(remote *webrtc.TrackRemote) *encoding {
	for _, e := range in.encodings {
		if e.rid == remote.RID() && (e.rid != "" || in.payload == uint8(remote.PayloadType())) {
			return e
		}
	}
	return nil
}

// allowed reports whether the kind of this track is received from its publisher.
func (in *ingest) allowed() bool {
	if in.publisher.allowed == nil {
		return true
	}
	audio, video := in.publisher.allowed()
	if in.info.Kind == wire.Audio {
		return audio
	}
	return video
}

// key reports whether a key frame begins with the packet.
func (in *ingest) key(b []byte) bool {
	p, err := rtp.Parse(b)
	return err == nil && in.detect(p.Payload())
}

func (in *ingest) write(e *encoding, b []byte, repaired bool, now time.Time) {
	m := in.publisher.peer.sfu.metrics
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return
	}
	m.in(in.info.Kind, len(b), repaired)
	if e.got != nil {
		e.got.Inc()
	}
	if err := in.track.Write(e.layer, b, now); err != nil { // it copies
		m.dropped.WithLabelValues("refused").Inc()
	}
}
