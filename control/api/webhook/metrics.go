package webhook

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	posts   *prometheus.CounterVec
	seconds prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		posts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stentor_webhook_posts_total",
			Help: "Messages to webhooks, by outcome (taken, refused by a status, failed without one).",
		}, []string{"outcome"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "stentor_webhook_post_seconds",
			Help:    "How long the addresses of webhooks took to answer, or to fail.",
			Buckets: []float64{.02, .1, .5, 2, 5, 15},
		}),
	}
	r.MustRegister(m.posts, m.seconds)
	return m
}

func (m *metrics) observe(err error, took time.Duration) {
	outcome := "taken"
	var refused *refusal
	switch {
	case errors.As(err, &refused):
		outcome = "refused"
	case err != nil:
		outcome = "failed"
	}
	m.posts.WithLabelValues(outcome).Inc()
	m.seconds.Observe(took.Seconds())
}
