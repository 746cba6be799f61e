package relay

import "github.com/prometheus/client_golang/prometheus"

// A collector shows the status as metrics when they are asked for.
type collector struct{ relay *Relay }

var (
	trackLabels  = []string{"webinar", "stream", "track", "role", "parent"}
	descBytes    = prometheus.NewDesc("stentor_relay_track_bytes_total", "Bytes of packets that came into a track's rings.", trackLabels, nil)
	descReaders  = prometheus.NewDesc("stentor_relay_track_readers", "Readers of a track, and one for each child.", trackLabels, nil)
	descChildren = prometheus.NewDesc("stentor_relay_track_children", "Nodes that pull a track from here.", trackLabels, nil)
	descHops     = prometheus.NewDesc("stentor_relay_track_hops", "Links between a track's origin and this node.", trackLabels, nil)
	descStandby  = prometheus.NewDesc("stentor_relay_track_standby", "Whether a standby is there for a track's parent.", trackLabels, nil)
	descWhole    = prometheus.NewDesc("stentor_relay_track_frames_total", "Frames of a track that came from parents, by what became of them.", append(trackLabels[:5:5], "outcome"), nil)
	descBuffer   = prometheus.NewDesc("stentor_relay_track_buffer_seconds", "How far back the ring of a track's base layer reaches.", trackLabels, nil)
	descOff      = prometheus.NewDesc("stentor_relay_track_shed_layers", "Layers of a track that its parent leaves out.", trackLabels, nil)

	linkLabels   = []string{"peer"}
	wayLabels    = []string{"peer", "direction"}
	descRTT      = prometheus.NewDesc("stentor_relay_link_rtt_seconds", "Smoothed round-trip time to a neighbour.", linkLabels, nil)
	descMinRTT   = prometheus.NewDesc("stentor_relay_link_rtt_min_seconds", "Shortest round-trip time to a neighbour of late.", linkLabels, nil)
	descWindow   = prometheus.NewDesc("stentor_relay_link_window_bytes", "Congestion window towards a neighbour.", linkLabels, nil)
	descBacklog  = prometheus.NewDesc("stentor_relay_link_backlog_seconds", "How far what is sent to a neighbour is behind.", linkLabels, nil)
	descParity   = prometheus.NewDesc("stentor_relay_link_parity_ratio", "Packets of parity for each packet of data to a neighbour.", linkLabels, nil)
	descShed     = prometheus.NewDesc("stentor_relay_link_shed_senders", "Layers of tracks that are not sent to a neighbour, or thinned, since the link is too small.", linkLabels, nil)
	descLate     = prometheus.NewDesc("stentor_relay_link_late_frames_total", "Frames to a neighbour that missed their deadline.", linkLabels, nil)
	descMended   = prometheus.NewDesc("stentor_relay_link_recovered_packets_total", "Packets from a neighbour that were lost and came back by parity.", linkLabels, nil)
	descPackets  = prometheus.NewDesc("stentor_relay_link_packets_total", "QUIC packets to (out) and from (in) a neighbour; what is lost is not taken off.", wayLabels, nil)
	descLost     = prometheus.NewDesc("stentor_relay_link_lost_packets_total", "QUIC packets to (out) and from (in) a neighbour that were lost; in as the neighbour tells.", wayLabels, nil)
	descLinkSize = prometheus.NewDesc("stentor_relay_link_bytes_total", "Bytes of QUIC packets to (out) and from (in) a neighbour.", wayLabels, nil)
)

func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descBytes, descReaders, descChildren, descHops, descStandby, descWhole, descBuffer, descOff, descRTT, descMinRTT,
		descWindow, descBacklog, descParity, descShed, descLate, descMended, descPackets, descLost, descLinkSize,
	} {
		out <- d
	}
}

// A sink takes what is collected.
type sink chan<- prometheus.Metric

func (out sink) gauge(d *prometheus.Desc, v float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (out sink) count(d *prometheus.Desc, v uint64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	out := sink(metrics)
	for _, s := range c.relay.Status() {
		out.track(s, s.ID.Webinar, s.ID.Stream, s.ID.Name, string(s.Role), s.Parent)
	}
	for _, s := range c.relay.Links() {
		out.link(s)
	}
}

func (out sink) track(s TrackStatus, labels ...string) {
	out.count(descBytes, s.Bytes, labels...)
	out.gauge(descReaders, float64(s.Readers), labels...)
	out.gauge(descChildren, float64(len(s.Children)), labels...)
	out.gauge(descHops, float64(len(s.Path)-1), labels...)
	out.gauge(descBuffer, s.Buffer.Seconds(), labels...)
	if s.Role == RoleOrigin {
		return
	}
	standby := 0.0
	if s.Standby != "" {
		standby = 1
	}
	out.gauge(descStandby, standby, labels...)
	out.gauge(descOff, float64(s.Shed), labels...)
	out.count(descWhole, s.Whole, append(labels[:5:5], "whole")...)
	out.count(descWhole, s.Late, append(labels[:5:5], "late")...)
}

func (out sink) link(s LinkStatus) {
	out.gauge(descRTT, s.RTT.Seconds(), s.Peer)
	out.gauge(descMinRTT, s.MinRTT.Seconds(), s.Peer)
	out.gauge(descWindow, float64(s.Window), s.Peer)
	out.gauge(descBacklog, s.Backlog.Seconds(), s.Peer)
	out.gauge(descParity, float64(s.Parity)/20, s.Peer)
	out.gauge(descShed, float64(s.Shed), s.Peer)
	out.count(descLate, s.Late, s.Peer)
	out.count(descMended, s.Recovered, s.Peer)
	out.count(descPackets, s.Sent, s.Peer, "out")
	out.count(descPackets, s.InSent, s.Peer, "in")
	out.count(descLost, s.Lost, s.Peer, "out")
	out.count(descLost, s.InLost, s.Peer, "in")
	out.count(descLinkSize, s.BytesOut, s.Peer, "out")
	out.count(descLinkSize, s.BytesIn, s.Peer, "in")
}
