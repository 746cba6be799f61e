package cluster

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	packets, bytes, refused, opened, exchanged *prometheus.CounterVec

	others atomic.Uint64 // opened by another key than the one that seals
}

func newMetrics(reg prometheus.Registerer, g *Gossip) *metrics {
	m := &metrics{
		packets: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stentor_cluster_gossip_packets_total",
			Help: "Gossip packets on the mesh port.",
		}, []string{"direction"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stentor_cluster_gossip_bytes_total",
			Help: "Bytes of gossip packets on the mesh port.",
		}, []string{"direction"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stentor_cluster_refused_total",
			Help: "What other nodes said that was not believed.",
		}, []string{"what"}),
	}
	m.opened = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "stentor_cluster_gossip_opened_total",
		Help: "Sealed gossip messages that this node opened, by the key it seals with or by another that it holds.",
	}, []string{"key"})
	m.exchanged = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "stentor_cluster_state_bytes_total",
		Help: "Bytes of announcements exchanged whole with other nodes.",
	}, []string{"direction"})
	if reg != nil {
		reg.MustRegister(m.packets, m.bytes, m.refused, m.opened, m.exchanged, gauges{g})
	}
	return m
}

func (m *metrics) packet(direction string, n int) {
	m.packets.WithLabelValues(direction).Inc()
	m.bytes.WithLabelValues(direction).Add(float64(n))
}

func (m *metrics) open(first bool) {
	key := "other"
	if first {
		key = "first"
	} else {
		m.others.Add(1)
	}
	m.opened.WithLabelValues(key).Inc()
}

// gauges are read off the tables when somebody asks.
type gauges struct{ g *Gossip }

var (
	membersDesc = prometheus.NewDesc("stentor_cluster_members", "Nodes that gossip knows, this one too.", []string{"state"}, nil)
	tracksDesc  = prometheus.NewDesc("stentor_cluster_announced_tracks", "Tracks that nodes announce to carry.", []string{"by"}, nil)
)

func (c gauges) Describe(ch chan<- *prometheus.Desc) {
	ch <- membersDesc
	ch <- tracksDesc
}

func (c gauges) Collect(ch chan<- prometheus.Metric) {
	states := map[string]int{"alive": 0, "dead": 0, "left": 0}
	c.g.mu.Lock()
	for _, m := range c.g.members {
		switch {
		case m.Alive:
			states["alive"]++
		case m.Left:
			states["left"]++
		default:
			states["dead"]++
		}
	}
	own, all := c.g.tracks.counts()
	c.g.mu.Unlock()
	for state, n := range states {
		ch <- prometheus.MustNewConstMetric(membersDesc, prometheus.GaugeValue, float64(n), state)
	}
	ch <- prometheus.MustNewConstMetric(tracksDesc, prometheus.GaugeValue, float64(own), "this_node")
	ch <- prometheus.MustNewConstMetric(tracksDesc, prometheus.GaugeValue, float64(all-own), "others")
}
