package sfu

import (
	"math/rand/v2"

	"github.com/pion/webrtc/v4"

	"stentor/relay/wire"
)

// ID and StreamID are the two halves of the msid.
func (f *forward) ID() string { return f.msid[1] }

// StreamID is the name of the stream that the section began with, which the tracks of one
// publisher share; that of a spare one is its number among those of its kind, so that a
// viewer keeps sound and picture of one publisher in step.
func (f *forward) StreamID() string { return f.msid[0] }

// RID is empty: one encoding goes out.
func (f *forward) RID() string { return "" }

// Kind says whether it is heard or seen.
func (f *forward) Kind() webrtc.RTPCodecType { return webrtc.NewRTPCodecType(f.chosen.section.kind) }

// Bind takes what was negotiated.
func (f *forward) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.settled || f.ssrc != uint32(ctx.SSRC()) { // one key and SSRC has one writer, which was there before
		return webrtc.RTPCodecParameters{}, errHungUp
	}
	f.rtxSeq = uint16(rand.Uint32N(1 << 15)) // far from the roll-over, which a viewer that loses the first ones would not see
	f.sender = &pionSender{to: ctx.WriteStream()}
	return f.chosen.codecs()[0], nil
}

// settle chooses the sender, before the first packet and once: the batched one where
// there is a way past pion.
func (f *forward) settle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.settled || f.sender == nil {
		return
	}
	f.settled = true
	if w := f.viewer.peer.way; w != nil && w.open() {
		s, err := newBatched(w, f.ssrc, f.rtxSSRC, f.kind == wire.Audio)
		if err != nil { // half of its streams may be taken: neither path is safe
			f.viewer.peer.sfu.log.Error("a stream has two writers", "section", f.ID(), "err", err)
			f.sender = nil
			return
		}
		f.sender = s
	}
	f.count(func(s *TrackStats) { s.Sender = f.sender.kind() })
	f.metrics.senders.WithLabelValues(f.sender.kind()).Inc()
}

// Unbind lets go of the transport: nothing goes out when it returns.
func (f *forward) Unbind(webrtc.TrackLocalContext) error {
	underway(f.unbind())
	return nil
}

// unbind returns the sender, which the forward has no more.
func (f *forward) unbind() (was sender) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was = f.sender
	if f.sender != nil && f.settled {
		f.metrics.senders.WithLabelValues(f.sender.kind()).Dec()
	}
	f.sender = nil
	return was
}
