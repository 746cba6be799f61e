package account

import "github.com/prometheus/client_golang/prometheus"

type metrics struct{ signIns *prometheus.CounterVec }

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "stentor_account_sign_ins_total",
		Help: "Attempts to sign in, by method (password, oidc) and outcome (ok, failed, limited).",
	}, []string{"method", "outcome"})}
	r.MustRegister(m.signIns)
	return m
}

func (m *metrics) signIn(method, outcome string) { m.signIns.WithLabelValues(method, outcome).Inc() }
