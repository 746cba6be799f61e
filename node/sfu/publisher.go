package sfu

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"stentor/relay"
	"stentor/relay/wire"
)

// A Sink takes what a publisher sends. Track is called once for each track when
// media can flow; keyframe asks the publisher for a key frame and may be called
// from anywhere, at any time. The publisher closes the tracks when it ends.
type Sink interface {
	Track(name string, info wire.TrackInfo, keyframe func(layer int)) (*relay.Track, error)
}

// Allowed says which kinds of media are received from a publisher now (S44, S70,
// S71). It is asked for every packet, by several goroutines.
type Allowed func() (audio, video bool)

// A Publisher is one connection that media comes in by.
type Publisher struct {
	peer    *peer
	sink    Sink
	allowed Allowed
	ingests []*ingest
}

// CheckPublish reports whether [SFU.Publish] has a use for an offer, as nil or an
// [*OfferError]. It does nothing else, so that an offer can be judged before
// anything is taken away from another publisher for it.
func CheckPublish(offer string) error {
	o, err := readOffer(offer)
	if err != nil {
		return err
	}
	_, _, err = planPublish(o, -1)
	return err
}

// Publish answers a publisher's offer. The connection lives until ctx is done,
// Close is called, the sink refuses a track or the other side goes. What is wrong
// with the offer comes back as an [*OfferError].
//
// What allowed does not allow goes no further than this node's socket, and goes on
// when it is allowed again, without a new connection. Nil allows everything.
func (s *SFU) Publish(ctx context.Context, offer string, sink Sink, allowed Allowed) (*Publisher, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	o, err := readOffer(offer)
	if err != nil {
		return nil, s.metrics.refused("publish", err)
	}
	plan, infos, err := planPublish(o, s.cfg.StartBitrate)
	if err != nil {
		return nil, s.metrics.refused("publish", err)
	}
	reg, err := publisherInterceptors()
	if err != nil {
		return nil, err
	}
	c, err := s.newPeer(plan, webrtc.RTPTransceiverDirectionRecvonly)
	if err != nil {
		return nil, err
	}
	p := &Publisher{peer: c, sink: sink, allowed: allowed}
	for i, ch := range plan.used {
		p.ingests = append(p.ingests, newIngest(p, ch, infos[i]))
	}
	c.churn = maxStreamsOf(plan)
	if plan.extra > 0 {
		s.log.Info("a publisher's further sections are refused: a stream has one audio and one video track", "refused", plan.extra)
	}
	c.ended = func() { s.metrics.publishers.Dec() }
	s.metrics.publishers.Inc()
	if err := p.answer(reg); err != nil {
		c.close(err)
		return nil, s.metrics.refused("publish", err)
	}
	c.live(ctx)
	c.run(p.open)
	return p, nil
}

// answer makes the connection at once: those who may publish are few, and known.
func (p *Publisher) answer(reg *interceptor.Registry) error {
	c := p.peer
	if err := c.connect(reg); err != nil {
		return err
	}
	c.pc.OnTrack(p.onTrack)
	answer, err := c.negotiate()
	if err != nil {
		return err
	}
	c.answer, err = c.plan.complete(answer, c.me.candidates)
	return err
}

// Restart begins ICE anew with the other side's new credentials, and returns the new
// description of this side. The media goes on meanwhile, the old way as long as it
// leads there. An error means that the session goes on as it was.
func (p *Publisher) Restart(ufrag, pwd string) (string, error) {
	return p.peer.restart(credentials{ufrag, pwd}, nil)
}

// Answer is the session description for the publisher, all candidates in it.
func (p *Publisher) Answer() string { return p.peer.answered() }

// Connected is closed when the transport is up.
func (p *Publisher) Connected() <-chan struct{} { return p.peer.connected }

// Done is closed when the connection ends.
func (p *Publisher) Done() <-chan struct{} { return p.peer.ctx.Done() }

// Gone is closed when nothing of the connection is left running.
func (p *Publisher) Gone() <-chan struct{} { return p.peer.gone }

// Err says why the connection ended; nil while it lives.
func (p *Publisher) Err() error { return p.peer.err() }

// Flowing reports whether packets may come: the transport is up and has not ended.
func (p *Publisher) Flowing() bool { return p.peer.flowing() }

// Close ends the connection. When it returns, nothing more comes in.
func (p *Publisher) Close() { p.peer.close(context.Canceled) }

// planPublish chooses what to take: of the first audio and the first video section
// that sends one, the first format that the ring understands. The order of the
// offer is the publisher's choice. A second section of a kind is refused, with
// port 0 in the answer: a stream has one track of each, and a packet's payload type
// alone says to which it belongs.
func planPublish(o *offer, startBitrate int) (*plan, []wire.TrackInfo, error) {
	p := &plan{offer: o}
	var infos []wire.TrackInfo
	var wanted int
	taken := make(map[string]bool) // kinds
	for i := range o.sections {
		s := &o.sections[i]
		if s.kind != "audio" && s.kind != "video" || s.refused() || !s.sends() {
			continue
		}
		wanted++
		if taken[s.kind] {
			p.extra++
			continue
		}
		for _, f := range s.formats {
			if !ingestible(f) {
				continue
			}
			c := choosePublish(s, f)
			infos = append(infos, trackInfo(c))
			if o.chromium && s.kind == "video" && startBitrate > 0 {
				c.format.fmtp = withParam(c.format.fmtp, "x-google-start-bitrate", strconv.Itoa(startBitrate))
				c.format.fmtp = withParam(c.format.fmtp, "x-google-min-bitrate", strconv.Itoa(startBitrate))
			}
			p.used = append(p.used, c)
			taken[s.kind] = true
			break
		}
	}
	p.onlyNamed()
	switch {
	case wanted == 0:
		return nil, nil, refuse(CodeNoMedia, "The offer sends neither audio nor video.")
	case len(p.used) == 0:
		return nil, nil, refuse(CodeCodec, "None of the offered codecs is accepted. Send H.264, VP8, VP9 or AV1, and Opus.")
	}
	for _, info := range infos {
		if err := info.Check(); err != nil {
			return nil, nil, refuse(CodeMalformed, "A format of the offer is out of bounds: %v.", err)
		}
	}
	return p, infos, p.checkBundle()
}

func choosePublish(s *section, f format) chosen {
	f = normalise(f)
	f.feedback = feedback(f.feedback, "nack", "nack pli", "ccm fir", "transport-cc")
	exts := append(mediaExts(s.kind), extTransportCC)
	var rids []string
	if s.kind == "video" {
		rids = readRIDs(s)
	}
	if rids != nil {
		exts = append(exts, extMID, extRID, extRepairedRID)
	}
	if rids == nil && (s.ssrc == 0 || s.rtx == 0) || rids != nil && s.exts[extRepairedRID] == 0 {
		// Repair packets of undeclared sources cannot be told from media by pion.
		f.rtx = 0
	}
	return chosen{section: s, format: f, exts: s.offered(exts...), rids: rids}
}

func trackInfo(c chosen) wire.TrackInfo {
	info := wire.TrackInfo{
		Kind: wire.Video, Mime: c.format.mime, Clock: c.format.clock, Fmtp: c.format.fmtp, PayloadType: c.format.payload,
	}
	if c.section.kind == "audio" {
		info.Kind, info.Channels = wire.Audio, uint8(c.format.channels)
	}
	for _, uri := range c.section.offered(mediaExts(c.section.kind)...) {
		info.Extensions = append(info.Extensions, wire.Extension{ID: c.section.exts[uri], URI: uri})
	}
	return info
}

// publisherInterceptors are the two that a publisher needs: reports of what
// arrived, for its statistics and for its bandwidth estimate. Losses are ours.
func publisherInterceptors() (*interceptor.Registry, error) {
	reg := &interceptor.Registry{}
	reports, err := report.NewReceiverInterceptor()
	if err != nil {
		return nil, fmt.Errorf("sfu: %w", err)
	}
	feedback, err := twcc.NewSenderInterceptor()
	if err != nil {
		return nil, fmt.Errorf("sfu: %w", err)
	}
	reg.Add(reports)
	reg.Add(feedback)
	return reg, nil
}

// open opens the tracks once media can flow, all at once, so that whoever comes
// to watch gets sound and picture whichever is first on the wire.
func (p *Publisher) open() {
	select {
	case <-p.peer.connected:
	case <-p.peer.ctx.Done():
		return
	}
	late := time.NewTimer(sizeWithin)
	defer late.Stop()
	for _, in := range p.ingests {
		in.order(late.C, p.peer.ctx.Done())
	}
	for _, in := range p.ingests {
		track, err := p.sink.Track(in.name, in.info, in.keyframe)
		if err != nil {
			p.peer.sfu.log.Warn("a publisher's track was refused", "track", in.name, "err", err)
			p.peer.close(fmt.Errorf("sfu: %w", err))
			break
		}
		in.opened(track)
	}
	<-p.peer.ctx.Done()
	for _, in := range p.ingests {
		in.close()
	}
}

func (p *Publisher) onTrack(remote *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	for _, in := range p.ingests {
		if e := in.encoding(remote); e != nil {
			p.peer.run(func() { e.read(remote) })
			p.peer.run(func() { e.hear(receiver) })
			return
		}
	}
	p.peer.sfu.metrics.dropped.WithLabelValues("unknown_payload").Inc()
}

// hear reads the publisher's RTCP, from which the interceptors learn its clock, and notes
// for recorders how RTP time and that clock go together.
func (e *encoding) hear(receiver *webrtc.RTPReceiver) {
	b := make([]byte, receiveMTU)
	for {
		var n int
		var err error
		if e.rid == "" {
			n, _, err = receiver.Read(b)
		} else {
			n, _, err = receiver.ReadSimulcast(b, e.rid)
		}
		if err != nil {
			return
		}
		e.told(b[:n])
	}
}

// told notes the sender reports among RTCP packets of the stream that fills the layer.
// What cannot be read is left to the interceptors, who count it.
func (e *encoding) told(b []byte) {
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		return
	}
	for _, p := range packets {
		r, ok := p.(*rtcp.SenderReport)
		if !ok || r.SSRC != e.ssrc.Load() {
			continue
		}
		select {
		case <-e.ingest.open:
			e.ingest.track.Report(e.layer, relay.SenderReport{SSRC: r.SSRC, Time: r.RTPTime, At: unixOf(r.NTPTime)})
		default: // there is nothing yet that could be recorded
		}
	}
}
