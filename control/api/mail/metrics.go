package mail

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	sent     *prometheus.CounterVec
	failures *prometheus.CounterVec
	connects prometheus.Counter
	due      prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stentor_mail_sent_messages_total",
			Help: "Mails that the SMTP server took, by kind.",
		}, []string{"kind"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "stentor_mail_failed_messages_total",
			Help: "Mails that were not sent, by kind and outcome (later, never, dropped: nobody needs it any more).",
		}, []string{"kind", "outcome"}),
		connects: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "stentor_mail_connect_failures_total",
			Help: "Times that the SMTP server could not be reached, or let nothing through.",
		}),
		due: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "stentor_mail_due_messages",
			Help: "Mails that are due and not sent, at the leader.",
		}),
	}
	r.MustRegister(m.sent, m.failures, m.connects, m.due)
	return m
}

func (m *metrics) failed(kind, outcome string) { m.failures.WithLabelValues(kind, outcome).Inc() }
