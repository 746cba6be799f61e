package parity

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	sent          prometheus.Counter
	received      prometheus.Counter
	recovered     prometheus.Counter
	unrecoverable prometheus.Counter
	refused       *prometheus.CounterVec
	refusals      prometheus.Counter
	coalesced     prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, c *Conn) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "stentor_parity_" + name + "_packets_total", Help: help})
	}
	m := &metrics{
		sent:          counter("sent", "Packets of parity that were sent to neighbours."),
		received:      counter("received", "Packets of parity that came from neighbours."),
		recovered:     counter("recovered", "Data packets that were lost on their way here, and came back by parity."),
		unrecoverable: counter("unrecoverable", "Data packets that were lost on their way here with more others than parity covered."),
		refusals: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "stentor_parity_unreachable_total",
			Help: "Times that a host said by ICMP that nobody has the port to which the mesh had sent.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stentor_parity_refused_total",
			Help: "Parity that was dropped, or not begun, because of a rule.",
		}, []string{"reason"}),
		coalesced: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "stentor_parity_receive_coalesced_enabled",
			Help: "Whether the kernel hands over many packets of the mesh port at once (UDP_GRO): 1 or 0.",
		}),
	}
	if reg == nil {
		return m
	}
	reg.MustRegister(m.sent, m.received, m.recovered, m.unrecoverable, m.refused, m.refusals, m.coalesced,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "stentor_parity_protected_peers",
			Help: "Neighbours that get parity now.",
		}, func() float64 { return float64(c.guarded.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "stentor_parity_mended_peers",
			Help: "Neighbours that send parity, and whose packets are kept for it.",
		}, func() float64 { return float64(c.mending.Load()) }))
	return m
}
