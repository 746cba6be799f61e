package sfu

import (
	"time"

	"github.com/pion/rtcp"

	"stentor/relay"
	"stentor/relay/rtp"
	"stentor/relay/wire"
)

// keyInFlight is how long after a key frame began to go out a request for one is
// not believed: it was asked for before the key frame could have arrived. This is
// what spares the publisher a request per join.
const keyInFlight = 500 * time.Millisecond

// repairs bounds what a viewer can have sent again to a part of what it was sent,
// so that nobody makes a node send without end by asking for everything twice.
type repairs struct{ left float64 }

const (
	repairBurst = 512 // a lost key frame of a 4K stream
	repairShare = 0.5 // of the media
)

func newRepairs() repairs { return repairs{left: repairBurst} }

func (r *repairs) sent() { r.left = min(repairBurst, r.left+repairShare) }

func (r *repairs) spend() bool {
	if r.left < 1 {
		return false
	}
	r.left--
	return true
}

// readFeedback reads the viewer's RTCP until the connection ends.
func (f *forward) readFeedback() {
	b := make([]byte, receiveMTU)
	for {
		n, _, err := f.rtp.Read(b)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(b[:n])
		if err != nil {
			f.metrics.dropped.WithLabelValues("rtcp").Inc()
			continue
		}
		for _, p := range packets {
			f.feedback(p)
		}
	}
}

func (f *forward) feedback(p rtcp.Packet) {
	switch p := p.(type) {
	case *rtcp.TransportLayerNack:
		if p.MediaSSRC == f.mediaSSRC() {
			f.nacked(p)
		}
	case *rtcp.PictureLossIndication:
		if p.MediaSSRC == f.mediaSSRC() {
			f.keyWanted()
		}
	case *rtcp.FullIntraRequest:
		for _, e := range p.FIR {
			if e.SSRC == f.mediaSSRC() {
				f.keyWanted()
				return
			}
		}
	}
}

func (f *forward) mediaSSRC() uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ssrc
}

// nacked sends again what the viewer misses, as RTX. A viewer that did not
// negotiate RTX gets nothing: the same bytes on the media SSRC would do no harm,
// but one key and SSRC has one writer that only counts up, and with that rule
// there is no second place where a nonce could be used twice.
func (f *forward) nacked(nack *rtcp.TransportLayerNack) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, pair := range nack.Nacks {
		(rtp.Nack{ID: pair.PacketID, Lost: uint16(pair.LostPackets)}).Each(func(seq uint16) bool {
			f.count(func(s *TrackStats) { s.NACKs++ })
			f.metrics.nacks.WithLabelValues(f.resend(seq)).Inc()
			return true
		})
	}
	if f.sender != nil {
		f.push()
	}
}

// resend sends one packet again and returns what became of the request.
func (f *forward) resend(seq uint16) string {
	switch {
	case f.sender == nil || f.rewriter == nil:
		return "closed"
	case f.rtxSSRC == 0:
		return "no_rtx"
	case !f.allow.spend():
		return "over_budget"
	}
	var scratch [receiveMTU + 64]byte
	packet, ok := f.rewriter.Resend(scratch[:0], seq, func(nth int, in uint64) *rtp.Packet {
		if nth <= f.nth-recent {
			return nil
		}
		return f.tracks[nth%recent].Packet(0, in)
	})
	if !ok {
		return "not_in_ring"
	}
	packet, ok = rtp.AppendRTX(f.sender.buffer(), packet, f.rtxSSRC, f.chosen.format.rtx, f.rtxSeq)
	if !ok {
		return "not_in_ring"
	}
	f.rtxSeq++
	if err := f.sender.write(packet); err != nil {
		return "write_failed"
	}
	f.unpaced += len(packet)
	f.count(func(s *TrackStats) { s.RTX++ })
	f.out[1].count(1, len(packet))
	return "sent_again"
}

// keyWanted answers a viewer that cannot decode: with the ring where that is
// possible, through the track (which merges) where it is not.
func (f *forward) keyWanted() {
	f.count(func(s *TrackStats) { s.PLIs++ })
	if f.source.Info.Kind != wire.Video {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	track := f.tracks[f.nth%recent]
	switch {
	case track == nil || f.packets == 0 || f.now().Sub(f.keyAt) < keyInFlight:
		f.metrics.keyframes.WithLabelValues("on_its_way").Inc()
	case newestKey(track) > f.position:
		f.needKey = true // on the way through the backlog
		f.metrics.keyframes.WithLabelValues("ring").Inc()
	default:
		f.metrics.keyframes.WithLabelValues("track").Inc()
		track.RequestKeyFrame(0)
	}
}

// newestKey returns the sequence number of the newest key frame in the ring, 0 if
// there is none (then the reader has asked for one).
func newestKey(track *relay.Track) uint64 {
	r := track.Reader(0)
	defer r.Close()
	if p := r.Try(); p != nil && p.Key {
		return p.Seq
	}
	return 0
}
