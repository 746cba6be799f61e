package sfu

import (
	"slices"
	"time"

	"github.com/pion/rtcp"

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

// repaired is when packets were sent again of late. Viewers ask anew every 100 ms (they do not
// know the round trip), so that behind a full queue each loss would be repaired three times,
// and the repairs keep the queue full.
type repaired [64]struct {
	seq uint16
	at  time.Time
}

func (r *repaired) sent(seq uint16, now time.Time) {
	e := &r[seq%uint16(len(r))]
	e.seq, e.at = seq, now
}

// underway reports whether what was sent of a packet cannot have been missed yet.
func (r *repaired) underway(seq uint16, rtt time.Duration, now time.Time) bool {
	e := &r[seq%uint16(len(r))]
	return e.seq == seq && !e.at.IsZero() && now.Sub(e.at) < rtt
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
	case *rtcp.ReceiverReport:
		media, rtx := f.ssrcs()
		for _, r := range p.Reports { // before the media's, which ends an attempt
			if r.SSRC == rtx && rtx != 0 {
				f.paddingLost(r)
			}
		}
		for _, r := range p.Reports {
			if r.SSRC == media {
				f.reported(r)
			}
		}
	case *rtcp.ReceiverEstimatedMaximumBitrate:
		if slices.Contains(p.SSRCs, f.mediaSSRC()) {
			f.estimated(float64(p.Bitrate))
		}
	}
}

// reported takes what a viewer tells of its reception (RFC 3550, section 6.4.1), for the
// node's histograms: nothing is kept of the one viewer.
func (f *forward) reported(r rtcp.ReceptionReport) {
	loss, now := float64(r.FractionLost)/256, f.now()
	f.metrics.viewerLoss.Observe(loss)
	rtt := time.Duration(int64(uint32(ntp(now)>>16)-r.LastSenderReport-r.Delay) * int64(time.Second) >> 16)
	if r.LastSenderReport == 0 || rtt < 0 || rtt >= longestRTT { // no answer to a report of ours
		rtt = 0
	} else {
		f.metrics.viewerRTT.Observe(rtt.Seconds())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.choice.Reported(loss, rtt, now)
}

// paddingLost takes what a viewer tells of repairs, as which padding goes out.
func (f *forward) paddingLost(r rtcp.ReceptionReport) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.choice.PaddingLost(float64(r.FractionLost)/256, f.now())
}

// longestRTT is above every path on Earth with its queues.
const longestRTT = 10 * time.Second

// How fast a viewer's packets follow each other, beside its estimate of what its path
// takes (draft-alvestrand-rmcat-remb): an estimate grows with what comes and is low at
// first, so that it must not hold back what the stream has anyhow; libwebrtc paces at
// 2.5 times its own.
const (
	paceFactor = 2.5
	paceStream = 1.5     // times what went out in the last second
	paceLeast  = 5e6 / 8 // bytes a second
)

// estimated takes the viewer's estimate of its path in bits a second.
func (f *forward) estimated(bitrate float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.metrics.viewerEstimate.Observe(bitrate)
	bitrate = f.viewer.share(f, bitrate)
	f.choice.Estimated(bitrate, f.now())
	f.pace = max(paceFactor*bitrate/8, paceLeast)
	f.setPace()
}

// setPace tells the pacer of the newest estimate and of what goes out, or is to. f.mu is held.
func (f *forward) setPace() {
	if f.pace > 0 {
		f.pacer.SetRate(max(f.pace, paceStream*f.rate, paceStream*f.choice.known[f.shown()].Rate/8))
	}
}

func (f *forward) mediaSSRC() uint32 {
	media, _ := f.ssrcs()
	return media
}

func (f *forward) ssrcs() (media, rtx uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ssrc, f.rtxSSRC
}

// nacked sends again what the viewer misses, as RTX. A viewer that did not
// negotiate RTX gets nothing: the same bytes on the media SSRC would do no harm,
// but one key and SSRC has one writer that only counts up, and with that rule
// there is no second place where a nonce could be used twice.
func (f *forward) nacked(nack *rtcp.TransportLayerNack) {
	f.mu.Lock()
	defer f.mu.Unlock()
	missed := 0
	for _, pair := range nack.Nacks {
		(rtp.Nack{ID: pair.PacketID, Lost: uint16(pair.LostPackets)}).Each(func(seq uint16) bool {
			f.count(func(s *TrackStats) { s.NACKs++ })
			f.metrics.nacks.WithLabelValues(f.resend(seq)).Inc()
			if nth := f.packets - uint32(f.lastSeq-seq); int32(nth-f.missed) > 0 { // for the first time
				f.missed = nth
				missed++
			}
			return true
		})
	}
	if missed > 0 && f.packets > 0 {
		f.choice.Missed(missed*int(f.octets/f.packets), f.now())
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
	case f.rtxSSRC == 0 || f.format.rtx == 0:
		return "no_rtx"
	case f.repaired.underway(seq, f.choice.RTT(), f.now()):
		return "on_its_way"
	case !f.allow.spend():
		return "over_budget"
	}
	var scratch [receiveMTU + 64]byte
	packet := f.again(scratch[:0], seq)
	if packet == nil {
		return "not_in_ring"
	}
	n, result := f.repair(packet)
	if n > 0 {
		f.repaired.sent(seq, f.now())
		f.count(func(s *TrackStats) { s.RTX++ })
		f.out[1].count(1, n)
	}
	return result
}

// repair sends a packet, as it went out, as RTX, and returns its length.
func (f *forward) repair(packet []byte) (n int, result string) {
	packet, ok := rtp.AppendRTX(f.sender.buffer(), packet, f.rtxSSRC, f.format.rtx, f.rtxSeq)
	if !ok {
		return 0, "not_in_ring"
	}
	f.rtxSeq++
	if err := f.sender.write(packet); err != nil {
		return 0, "write_failed"
	}
	f.unpaced += len(packet)
	return len(packet), "sent_again"
}

// again is a packet as it went out, nil where it is not in the ring any more.
func (f *forward) again(dst []byte, seq uint16) []byte {
	packet, ok := f.rewriter.Resend(dst, seq, func(nth int, in uint64) *rtp.Packet {
		if nth <= f.nth-recent || nth < f.current {
			return nil
		}
		at := f.places[nth%recent]
		return at.track.Packet(at.layer, in)
	})
	if !ok {
		return nil
	}
	return packet
}

// keyWanted answers a viewer that cannot decode: with the ring where that is
// possible, through the track (which merges) where it is not.
func (f *forward) keyWanted() {
	f.count(func(s *TrackStats) { s.PLIs++ })
	if f.kind != wire.Video {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.at()
	switch {
	case at.track == nil || f.packets == 0 || f.now().Sub(f.keyAt) < keyInFlight:
		f.metrics.keyframes.WithLabelValues("on_its_way").Inc()
	case newestKey(at) > f.position:
		f.needKey = true // on the way through the backlog
		f.metrics.keyframes.WithLabelValues("ring").Inc()
	default:
		f.metrics.keyframes.WithLabelValues("track").Inc()
		at.track.RequestKeyFrame(at.layer)
	}
}

// newestKey returns the sequence number of the newest key frame in the ring, 0 if
// there is none (then the reader has asked for one).
func newestKey(at place) uint64 {
	if p := at.track.NewestKey(at.layer); p != nil {
		return p.Seq
	}
	return 0
}
