package relay

import "github.com/prometheus/client_golang/prometheus"

// metrics counts what happens in a relay. What can be read off its state (tracks, links) is collected by status.
type metrics struct {
	dropped      *prometheus.CounterVec
	skips        prometheus.Counter
	keyAsked     prometheus.Counter
	keySent      prometheus.Counter
	received     *prometheus.CounterVec
	sent         *prometheus.CounterVec
	resets       *prometheus.CounterVec
	frames       *prometheus.CounterVec
	thinned      prometheus.Counter
	sheds        *prometheus.CounterVec
	padding      prometheus.Counter
	linksEnded   *prometheus.CounterVec
	pulls        prometheus.Counter
	reparents    prometheus.Counter
	refusals     prometheus.Counter
	heartbeats   prometheus.Counter
	knocks       prometheus.Counter
	rejects      *prometheus.CounterVec
	hopDelay     prometheus.Histogram
	heartbeatGap prometheus.Histogram
}

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "stentor_relay_" + name, Help: help})
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "stentor_relay_" + name, Help: help}, labels)
	}
	return &metrics{
		dropped:    vec("packets_dropped_total", "Packets that came and were not used, by reason.", "reason"),
		skips:      counter("reader_skips_total", "Times a reader was overtaken by the writer of its ring."),
		keyAsked:   counter("keyframe_requests_asked_total", "Key frame requests by readers and children, before merging."),
		keySent:    counter("keyframe_requests_sent_total", "Key frame requests passed to a publisher or parent."),
		received:   vec("received_bytes_total", "Bytes of RTP packets received from parents.", "kind"),
		sent:       vec("sent_bytes_total", "Bytes of RTP packets sent to children.", "kind"),
		resets:     vec("frames_reset_total", "Frames given up before their end, by who did.", "by"),
		frames:     vec("frames_received_total", "Frames that parents sent, by what became of them: whole, or late (given up on the way).", "outcome"),
		thinned:    counter("packets_thinned_total", "Packets of tracks without layers to spare that were left out because a link is too small."),
		sheds:      vec("sheds_total", "Times that a link began to carry one layer less, or one more again.", "direction"),
		padding:    counter("padding_bytes_total", "Bytes of padding that links were tried with before something came back."),
		linksEnded: vec("links_ended_total", "Links that ended, by reason.", "reason"),
		pulls:      counter("pulls_total", "Subscriptions sent to parents."),
		reparents:  counter("reparents_total", "Times a track got another parent while it lived."),
		refusals:   counter("neighbours_unreachable_total", "Times that a neighbour was suspected because its host said by ICMP that nobody has the port."),
		rejects:    vec("rejects_total", "Subscriptions of children refused, by code.", "code"),
		hopDelay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "stentor_relay_hop_delay_seconds",
			Help:    "Time from capture to the arrival of a frame's last packet at this node, where the capture time is known.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 13),
		}),
		knocks:     counter("knocks_total", "Packets without meaning, sent to parents that said nothing for a moment, so that the host of one that was killed says so."),
		heartbeats: counter("heartbeats_total", "Heartbeats sent to neighbours. There are few where media flow, and where nothing is asked for."),
		heartbeatGap: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "stentor_relay_silence_seconds",
			Help:    "Time since the last sign of life of a neighbour, looked at with every heartbeat.",
			Buckets: []float64{0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5},
		}),
	}
}

func (m *metrics) register(reg prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{
		m.dropped, m.skips, m.keyAsked, m.keySent, m.received, m.sent, m.resets, m.frames, m.thinned, m.sheds, m.padding, m.linksEnded,
		m.pulls, m.reparents, m.refusals, m.heartbeats, m.knocks, m.rejects, m.hopDelay, m.heartbeatGap,
	} {
		if err := reg.Register(c); err != nil {
			return err
		}
	}
	return nil
}
