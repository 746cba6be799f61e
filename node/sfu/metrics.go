package sfu

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"stentor/relay/rtp"
	"stentor/relay/wire"
)

type metrics struct {
	publishers, viewers    prometheus.Gauge
	senders                *prometheus.GaugeVec
	packetsIn, bytesIn     *prometheus.CounterVec
	packetsOut, bytesOut   *prometheus.CounterVec
	nacks, keyframes       *prometheus.CounterVec
	dropped, refusals      *prometheus.CounterVec
	garbage, alerts        prometheus.Counter
	streams, glued         prometheus.Gauge
	knocks                 *prometheus.CounterVec
	stalls, skips, churn   prometheus.Counter
	firstPacket, firstKeys prometheus.Histogram
	viewerLoss, viewerRTT  prometheus.Histogram
	viewerEstimate         prometheus.Histogram
	layers                 *prometheus.GaugeVec
	switches, probes       *prometheus.CounterVec
	layersIn               *prometheus.CounterVec
	switchWait             prometheus.Histogram
	slots                  *prometheus.GaugeVec
	slotChanges            *prometheus.CounterVec
	padding                prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Name: "stentor_sfu_" + name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return f.NewGauge(prometheus.GaugeOpts{Name: "stentor_sfu_" + name, Help: help})
	}
	// From a join on the same machine to one that waits for a publisher's next key
	// frame from the other side of the world.
	times := []float64{.01, .02, .03, .05, .075, .1, .15, .25, .5, 1, 2, 5, 10}
	histogram := func(name, help string, buckets ...float64) prometheus.Histogram {
		return f.NewHistogram(prometheus.HistogramOpts{Name: "stentor_sfu_" + name, Help: help, Buckets: buckets})
	}
	return &metrics{
		garbage: f.NewCounter(prometheus.CounterOpts{
			Name: "stentor_sfu_garbage_total", Help: "Packets on the media port that belong to no protocol which is spoken there; nobody reads or answers them.",
		}),
		alerts: f.NewCounter(prometheus.CounterOpts{
			Name: "stentor_sfu_alerts_in_the_clear_total", Help: "DTLS alerts that anybody could have written; nobody reads them.",
		}),
		streams:    gauge("tcp_connections", "TCP connections of peers whom UDP does not reach (ICE-TCP)."),
		glued:      gauge("reads_glued", "Whether the kernel hands over many datagrams of a publisher at once (UDP_GRO): 1 or 0."),
		knocks:     counter("first_checks_total", "First connectivity checks of viewers, by what became of them; only a valid one costs a PeerConnection.", "result"),
		publishers: gauge("publishers", "Publishers that are connected or connecting."),
		viewers:    gauge("viewers", "Viewers that are connected or connecting."),
		senders: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "stentor_sfu_senders", Help: "Tracks that go out to viewers, by the send path in use.",
		}, []string{"sender"}),
		packetsIn:  counter("packets_in_total", "RTP packets from publishers, by kind; \"rtx\" counts those that came repaired.", "kind"),
		bytesIn:    counter("bytes_in_total", "Bytes of RTP from publishers, by kind.", "kind"),
		packetsOut: counter("packets_out_total", "RTP packets to viewers, by kind; \"rtx\" counts those sent again.", "kind"),
		bytesOut:   counter("bytes_out_total", "Bytes of RTP to viewers, by kind.", "kind"),
		nacks:      counter("nacked_packets_total", "Lost packets: asked of publishers (\"sent\"), or by what became of a viewer's request.", "result"),
		keyframes:  counter("keyframe_requests_total", "Key frame requests: sent to publishers, or by how a viewer's was answered.", "answer"),
		dropped:    counter("dropped_packets_total", "Packets that went nowhere, by reason.", "reason"),
		refusals:   counter("refused_offers_total", "Offers that were refused, by use and code.", "use", "code"),
		stalls: f.NewCounter(prometheus.CounterOpts{
			Name: "stentor_sfu_stalls_total", Help: "Times that a viewer's transport stalled and video went on at the next key frame.",
		}),
		skips: f.NewCounter(prometheus.CounterOpts{
			Name: "stentor_sfu_skips_total", Help: "Times that a viewer was so late that the ring had gone on without it.",
		}),
		churn: f.NewCounter(prometheus.CounterOpts{
			Name: "stentor_sfu_churning_publishers_total", Help: "Publishers whose connection was ended because the sources of their streams changed without end.",
		}),
		firstPacket: histogram("first_packet_seconds", "From a viewer's offer to its first packet.", times...),
		firstKeys:   histogram("first_keyframe_seconds", "From a viewer's offer to the first packet of its first key frame.", times...),
		viewerLoss: histogram("viewer_loss_ratio", "Share of packets lost, as viewers report it for each stream between two reports.",
			0, .002, .005, .01, .02, .05, .1, .2, .5),
		viewerRTT: histogram("viewer_rtt_seconds", "Round trips to viewers, from their reports.",
			.005, .01, .02, .05, .1, .15, .2, .3, .5, 1, 2),
		viewerEstimate: histogram("viewer_estimate_bits_per_second", "What viewers estimate that their paths take.",
			5e5, 1e6, 2e6, 3e6, 5e6, 1e7, 2e7, 3e7, 5e7, 1e8),
		layers: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "stentor_sfu_layer_viewers", Help: "Tracks that go out to viewers, by the layer that is sent; 0 is the smallest.",
		}, []string{"layer"}),
		layersIn: counter("layer_packets_in_total", "RTP packets from publishers of several sizes of a picture, by layer; 0 is the smallest.", "layer"),
		switches: counter("layer_switches_total", "Changes of the layer that a viewer is sent, by direction.", "direction"),
		probes:   counter("layer_probes_total", "Attempts to send a viewer a larger layer, by result: the path took the padding (\"passed\") or not (\"failed\"), or the layer did not come (\"not_there\").", "result"),
		switchWait: histogram("layer_switch_seconds", "From the choice of another layer to its first packet at a viewer: the time of its key frame.",
			.02, .05, .1, .2, .3, .5, .75, 1, 2, 3),
		slots: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "stentor_sfu_slots_assigned", Help: "Sections of viewers' sessions that carry something of the stage, by kind.",
		}, []string{"kind"}),
		slotChanges: counter("slot_changes_total", "Changes of what a viewer's section carries without another description: somebody came to the stage (\"assigned\") or went (\"left\").", "change"),
		padding: f.NewCounter(prometheus.CounterOpts{
			Name: "stentor_sfu_padding_bytes_total", Help: "Bytes sent to viewers to find out whether their paths take a larger layer.",
		}),
	}
}

// assigned counts sections that carry something.
func (m *metrics) assigned(kind wire.Kind, n float64) { m.slots.WithLabelValues(kind.String()).Add(n) }

// on counts those who are sent a layer.
func (m *metrics) on(layer int, n float64) { m.layers.WithLabelValues(strconv.Itoa(layer)).Add(n) }

// refused counts an offer that was refused, and returns err.
func (m *metrics) refused(use string, err error) error {
	var o *OfferError
	if errors.As(err, &o) {
		m.refusals.WithLabelValues(use, o.Code).Inc()
	}
	return err
}

func kindOf(kind wire.Kind, again bool) string {
	if again {
		return "rtx"
	}
	return kind.String()
}

func (m *metrics) in(kind wire.Kind, n int, repaired bool) {
	k := kindOf(kind, repaired)
	m.packetsIn.WithLabelValues(k).Inc()
	m.bytesIn.WithLabelValues(k).Add(float64(n))
}

// out is where packets of one kind to viewers are counted.
type out struct{ packets, bytes prometheus.Counter }

func (m *metrics) out(kind wire.Kind, again bool) out {
	k := kindOf(kind, again)
	return out{m.packetsOut.WithLabelValues(k), m.bytesOut.WithLabelValues(k)}
}

func (o out) count(packets, bytes int) {
	o.packets.Add(float64(packets))
	o.bytes.Add(float64(bytes))
}

// A tally is what went out to this viewer since it was last counted: to look up, for
// each packet, a counter that all viewers share costs more than the packet's header.
type tally struct {
	packets, bytes        int
	begun, keyed          bool          // the first packet, the first key frame went out
	firstPacket, firstKey time.Duration // after the viewer asked; 0: nothing to tell
}

// note takes down a packet of media that goes out to this viewer.
func (f *forward) note(p *rtp.Packet, n int, now time.Time) {
	t := &f.untold
	t.packets++
	t.bytes += n
	if !t.begun {
		t.begun, t.firstPacket = true, now.Sub(f.viewer.asked)
	}
	if p.Key && !t.keyed {
		t.keyed, t.firstKey = true, now.Sub(f.viewer.asked)
	}
}

// tell counts what was noted.
func (f *forward) tell() {
	t := f.untold
	if t.packets == 0 {
		return
	}
	f.untold = tally{begun: t.begun, keyed: t.keyed}
	f.out[0].count(t.packets, t.bytes)
	if t.firstPacket != 0 {
		f.metrics.firstPacket.Observe(t.firstPacket.Seconds())
	}
	if t.firstKey != 0 {
		f.metrics.firstKeys.Observe(t.firstKey.Seconds())
	}
	f.counted.mu.Lock()
	defer f.counted.mu.Unlock()
	f.counted.Packets += uint64(t.packets)
	f.counted.Bytes += uint64(t.bytes)
	f.counted.FirstPacket += t.firstPacket
	f.counted.FirstKey += t.firstKey
}

// drop counts a packet that did not go out to this viewer.
func (f *forward) drop(reason string) {
	f.metrics.dropped.WithLabelValues(reason).Inc()
	f.count(func(s *TrackStats) { s.Dropped++ })
}

// drops counts packets of a batch that did not go out.
func (f *forward) drops(n int) {
	if n > 0 {
		f.metrics.dropped.WithLabelValues("write").Add(float64(n))
		f.count(func(s *TrackStats) { s.Dropped += uint64(n) })
	}
}

func (f *forward) count(change func(*TrackStats)) {
	f.counted.mu.Lock()
	defer f.counted.mu.Unlock()
	change(&f.counted.TrackStats)
}

func (f *forward) snapshot() TrackStats {
	f.counted.mu.Lock()
	defer f.counted.mu.Unlock()
	return f.counted.TrackStats
}
