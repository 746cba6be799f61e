package store

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	appliedIndex  prometheus.Gauge
	applySeconds  prometheus.Histogram
	proposals     *prometheus.CounterVec
	watchers      prometheus.Gauge
	watchResets   prometheus.Counter
	snapshotBytes prometheus.Gauge
}

// newMetrics registers the metrics with reg, which may be nil. staleness is asked at
// each scrape.
func newMetrics(reg prometheus.Registerer, staleness func() time.Duration) *metrics {
	m := &metrics{
		appliedIndex: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "stentor_store_applied_index", Help: "Index of the last command in this node's state."}),
		applySeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "stentor_store_apply_seconds", Help: "How long it took to apply a command.",
			Buckets: prometheus.ExponentialBuckets(1e-6, 4, 10)}),
		proposals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stentor_store_proposals_total", Help: "Commands proposed at this node, by how they were answered."}, []string{"result"}),
		watchers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "stentor_store_watchers", Help: "Edges that follow this voter now."}),
		watchResets: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "stentor_store_watch_snapshots_total", Help: "Snapshots sent to edges that had no state, or had missed too much."}),
		snapshotBytes: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "stentor_store_snapshot_bytes", Help: "Size of the last snapshot written to disk."}),
	}
	stale := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "stentor_store_staleness_seconds", Help: "How long ago this node's state was surely the newest.",
	}, func() float64 { return staleness().Seconds() })
	if reg != nil {
		reg.MustRegister(m.appliedIndex, m.applySeconds, m.proposals, m.watchers, m.watchResets, m.snapshotBytes, stale)
	}
	return m
}

func (m *metrics) applied(index uint64, took time.Duration) {
	m.appliedIndex.Set(float64(index))
	if took > 0 {
		m.applySeconds.Observe(took.Seconds())
	}
}

func (m *metrics) proposal(result string) { m.proposals.WithLabelValues(result).Inc() }
