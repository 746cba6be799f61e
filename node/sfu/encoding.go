package sfu

import (
	"encoding/binary"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
	"github.com/prometheus/client_golang/prometheus"

	"stentor/relay/rtp"
	"stentor/relay/wire"
)

// An encoding fills one layer of a track: one size of a picture (simulcast), or all that
// there is.
type encoding struct {
	ingest *ingest
	rid    string        // "" where there is one
	layer  int           // in the track; not before ingest.open is closed
	ssrc   atomic.Uint32 // of the stream that fills it; 0: none yet
	asked  atomic.Bool   // a key frame was asked for before there was a stream
	got    prometheus.Counter
	size   atomic.Uint64 // width<<32 | height of the first key frame; 0: none yet
}

// dimensions are those of the first key frame, 0 before.
func (e *encoding) dimensions() (width, height int) {
	s := e.size.Load()
	return int(s >> 32), int(s & (1<<32 - 1))
}

func (e *encoding) pixels() int {
	w, h := e.dimensions()
	return w * h
}

// keyframe asks the publisher for a key frame.
func (e *encoding) keyframe() {
	ssrc := e.ssrc.Load()
	if ssrc == 0 {
		e.asked.Store(true)
		return
	}
	peer := e.ingest.publisher.peer
	peer.sfu.metrics.keyframes.WithLabelValues("publisher").Inc()
	peer.writeRTCP(&rtcp.PictureLossIndication{MediaSSRC: ssrc})
}

// An inflow is one RTP stream on its way into an encoding. It belongs to the goroutine that
// reads it.
type inflow struct {
	*encoding
	ssrc  uint32
	lost  losses
	gate  gate
	early []packetIn // came before the layers had their order
}

// packetIn is a packet that waits.
type packetIn struct {
	raw      []byte
	repaired bool
}

// maxEarly bounds what waits for the order: a second of 20 Mbps.
const maxEarly = 2048

// read fills the layer from one stream until it ends. A publisher that restarts its encoder
// begins a new stream; the newest one counts.
func (e *encoding) read(remote *webrtc.TrackRemote) {
	in := e.ingest
	peer := in.publisher.peer
	f := &inflow{encoding: e, ssrc: uint32(remote.SSRC())}
	e.ssrc.Store(f.ssrc)
	if e.asked.Swap(false) {
		e.keyframe()
	}
	if !in.layered() {
		select { // the first packets wait in pion's buffer, so that the first key frame is not lost
		case <-in.open:
		case <-peer.ctx.Done():
			return
		}
	}
	b := make([]byte, receiveMTU)
	for {
		n, attributes, err := remote.Read(b)
		if err != nil || e.ssrc.Load() != f.ssrc {
			return
		}
		if n < 12 || b[1]&0x7f != in.payload {
			peer.sfu.metrics.dropped.WithLabelValues("unknown_payload").Inc()
			continue
		}
		p := packetIn{b[:n], attributes.Get(webrtc.AttributeRtxSsrc) != nil}
		select {
		case <-in.open:
			f.flush(peer.sfu.now())
			f.packet(p, peer.sfu.now())
		default:
			f.keep(p)
		}
	}
}

// keep holds a packet back until the layers have their order, and looks how large the
// picture is.
func (f *inflow) keep(p packetIn) {
	in := f.ingest
	if len(f.early) >= maxEarly {
		in.publisher.peer.sfu.metrics.dropped.WithLabelValues("early").Inc()
		return
	}
	p.raw = slices.Clone(p.raw)
	f.early = append(f.early, p)
	parsed, err := rtp.Parse(p.raw)
	if err != nil {
		return
	}
	w, h, ok := in.size(parsed.Payload())
	if ok && f.size.Swap(uint64(w)<<32|uint64(h)) == 0 {
		in.seen()
	}
}

// flush passes on what was held back.
func (f *inflow) flush(now time.Time) {
	for _, p := range f.early {
		f.packet(p, now)
	}
	f.early = nil
}

// packet passes one packet on, and asks for those that are missing.
func (f *inflow) packet(p packetIn, now time.Time) {
	in := f.ingest
	seq := binary.BigEndian.Uint16(p.raw[2:])
	if !f.admit(p.raw, now) {
		in.publisher.peer.sfu.metrics.dropped.WithLabelValues("stopped").Inc()
		f.lost = losses{} // nobody misses them
		return
	}
	in.write(f.encoding, p.raw, p.repaired, now)
	if in.info.Kind == wire.Video {
		f.lost.arrived(seq, now)
		f.ask(f.lost.due(now))
	}
}

// admit reports whether a packet is received, and gives it its number in the track.
func (f *inflow) admit(b []byte, now time.Time) bool {
	in := f.ingest
	allowed := in.allowed()
	key := true
	if f.gate.shut && allowed && in.info.Kind == wire.Video {
		key = in.key(b)
	}
	seq, ok := f.gate.pass(binary.BigEndian.Uint16(b[2:]), allowed, key)
	if ok {
		binary.BigEndian.PutUint16(b[2:], seq)
	} else if f.gate.waits(allowed, now) {
		in.track.RequestKeyFrame(f.layer) // merged there with those of viewers
	}
	return ok
}

// ask sends one NACK for what is missing.
func (f *inflow) ask(lost []uint16) {
	if len(lost) == 0 {
		return
	}
	nack := &rtcp.TransportLayerNack{MediaSSRC: f.ssrc}
	for _, n := range rtp.AppendNacks(nil, lost) {
		nack.Nacks = append(nack.Nacks, rtcp.NackPair{PacketID: n.ID, LostPackets: rtcp.PacketBitmap(n.Lost)})
	}
	peer := f.ingest.publisher.peer
	peer.sfu.metrics.nacks.WithLabelValues("sent").Add(float64(len(lost)))
	peer.writeRTCP(nack)
}
