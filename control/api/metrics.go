package api

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	streams  prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stentor_api_requests_total",
			Help: "Requests of the control API, by operation (empty: no such path) and status.",
		}, []string{"operation", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "stentor_api_request_seconds",
			Help:    "How long requests of the control API took.",
			Buckets: []float64{.001, .005, .02, .1, .5, 2, 10},
		}, []string{"operation"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "stentor_api_open_streams",
			Help: "Streams of events that hosts have open at this node.",
		}),
	}
	r.MustRegister(m.requests, m.seconds, m.streams)
	return m
}

func (m *metrics) observe(operation string, status int, took time.Duration) {
	m.requests.WithLabelValues(operation, strconv.Itoa(status)).Inc()
	if operation != "" && operation != "watch-events" { // which lasts as long as somebody looks
		m.seconds.WithLabelValues(operation).Observe(took.Seconds())
	}
}
