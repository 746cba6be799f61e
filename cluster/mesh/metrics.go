package mesh

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/quic-go/quic-go/qlog"
	"github.com/quic-go/quic-go/qlogwriter"
)

type metrics struct {
	connections *prometheus.GaugeVec
	garbage     *prometheus.CounterVec
	refused     *prometheus.CounterVec
	dials       *prometheus.CounterVec
	expiry      prometheus.GaugeFunc
}

func newMetrics(reg prometheus.Registerer, p *Port) *metrics {
	m := &metrics{
		connections: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "stentor_mesh_connections",
			Help: "Live QUIC connections with other nodes.",
		}, []string{"alpn", "direction"}),
		garbage: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stentor_mesh_garbage_total",
			Help: "Packets on the mesh port that belonged to nobody.",
		}, []string{"reason"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stentor_mesh_handshakes_refused_total",
			Help: "Handshakes that this node refused, as server or as client.",
		}, []string{"alpn", "reason"}),
		dials: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stentor_mesh_rpc_dials_total",
			Help: "Connections that calls to other nodes had to make anew.",
		}, []string{"result"}),
		expiry: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "stentor_mesh_certificate_expiry_timestamp_seconds",
			Help: "When this node's certificate ends.",
		}, func() float64 { return float64(p.config.Credentials().Cert.NotAfter.Unix()) }),
	}
	if reg != nil {
		reg.MustRegister(m.connections, m.garbage, m.refused, m.dials, m.expiry)
	}
	return m
}

// garbageRecorder hears of the packets that quic-go drops before they reach a
// connection.
func (m *metrics) garbageRecorder() qlogwriter.Recorder { return recorder{m.garbage} }

type recorder struct{ garbage *prometheus.CounterVec }

func (r recorder) RecordEvent(e qlogwriter.Event) {
	switch e := e.(type) {
	case qlog.PacketDropped:
		r.garbage.WithLabelValues(string(e.Trigger)).Inc()
	case *qlog.PacketDropped:
		r.garbage.WithLabelValues(string(e.Trigger)).Inc()
	}
}

func (recorder) Close() error { return nil }
