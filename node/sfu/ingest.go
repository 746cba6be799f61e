package sfu

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"stentor/relay"
	"stentor/relay/rtp"
	"stentor/relay/wire"
)

// An ingest fills one track.
type ingest struct {
	publisher *Publisher
	name      string
	info      wire.TrackInfo
	payload   uint8
	detect    rtp.Detector  // finds the beginnings of key frames
	ssrc      atomic.Uint32 // of the stream that fills the track; 0: none yet
	asked     atomic.Bool   // a key frame was asked for before there was a stream
	open      chan struct{} // closed when track is there
	track     *relay.Track

	mu     sync.Mutex // one writer of the track at a time; guards the following
	closed bool
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

// keyframe asks the publisher for a key frame. There is one layer.
func (in *ingest) keyframe(int) {
	ssrc := in.ssrc.Load()
	if ssrc == 0 {
		in.asked.Store(true)
		return
	}
	in.publisher.peer.sfu.metrics.keyframes.WithLabelValues("publisher").Inc()
	in.publisher.peer.writeRTCP(&rtcp.PictureLossIndication{MediaSSRC: ssrc})
}

// read fills the track from one stream until it ends. A publisher that restarts
// its encoder begins a new stream; the newest one counts.
func (in *ingest) read(remote *webrtc.TrackRemote) {
	ssrc := uint32(remote.SSRC())
	in.ssrc.Store(ssrc)
	if in.asked.Swap(false) {
		in.keyframe(0)
	}
	select { // the first packets wait in pion's buffer, so that the first key frame is not lost
	case <-in.open:
	case <-in.publisher.peer.ctx.Done():
		return
	}
	var lost losses
	var gate gate
	b := make([]byte, receiveMTU)
	for {
		n, attributes, err := remote.Read(b)
		if err != nil {
			return
		}
		now := in.publisher.peer.sfu.now()
		if in.ssrc.Load() != ssrc {
			return
		}
		if n < 12 || b[1]&0x7f != in.payload {
			in.publisher.peer.sfu.metrics.dropped.WithLabelValues("unknown_payload").Inc()
			continue
		}
		seq := binary.BigEndian.Uint16(b[2:])
		if !in.admit(&gate, b[:n], now) {
			in.publisher.peer.sfu.metrics.dropped.WithLabelValues("stopped").Inc()
			lost = losses{} // nobody misses them
			continue
		}
		in.write(b[:n], attributes.Get(webrtc.AttributeRtxSsrc) != nil, now)
		if in.info.Kind == wire.Video {
			lost.arrived(seq, now)
			in.ask(ssrc, lost.due(now))
		}
	}
}

// admit reports whether a packet is received, and gives it its number in the track.
func (in *ingest) admit(g *gate, b []byte, now time.Time) bool {
	allowed := in.allowed()
	key := true
	if g.shut && allowed && in.info.Kind == wire.Video {
		key = in.key(b)
	}
	seq, ok := g.pass(binary.BigEndian.Uint16(b[2:]), allowed, key)
	if ok {
		binary.BigEndian.PutUint16(b[2:], seq)
	} else if g.waits(allowed, now) {
		in.track.RequestKeyFrame(0) // merged there with those of viewers
	}
	return ok
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

func (in *ingest) write(b []byte, repaired bool, now time.Time) {
	m := in.publisher.peer.sfu.metrics
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return
	}
	m.in(in.info.Kind, len(b), repaired)
	if err := in.track.Write(0, b, now); err != nil { // it copies
		m.dropped.WithLabelValues("refused").Inc()
	}
}

// ask sends one NACK for what is missing.
func (in *ingest) ask(ssrc uint32, lost []uint16) {
	if len(lost) == 0 {
		return
	}
	nack := &rtcp.TransportLayerNack{MediaSSRC: ssrc}
	for _, n := range rtp.AppendNacks(nil, lost) {
		nack.Nacks = append(nack.Nacks, rtcp.NackPair{PacketID: n.ID, LostPackets: rtcp.PacketBitmap(n.Lost)})
	}
	in.publisher.peer.sfu.metrics.nacks.WithLabelValues("sent").Add(float64(len(lost)))
	in.publisher.peer.writeRTCP(nack)
}
