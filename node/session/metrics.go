package session

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"stentor/control/webinar"
)

type metrics struct {
	decisions *prometheus.CounterVec
	ended     *prometheus.CounterVec
	live      *prometheus.GaugeVec
	takeovers prometheus.Counter
	unlooked  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		decisions: f.NewCounterVec(prometheus.CounterOpts{
			Name: "stentor_session_decisions_total",
			Help: "Decisions at the door, by code; \"admitted\" is the one that lets in.",
		}, []string{"code"}),
		ended: f.NewCounterVec(prometheus.CounterOpts{
			Name: "stentor_session_ended_total",
			Help: "Sessions that the rules ended, by the reason that the participant was given.",
		}, []string{"code"}),
		live: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "stentor_session_live",
			Help: "Live sessions at this edge, by what they are for.",
		}, []string{"use"}),
		takeovers: f.NewCounter(prometheus.CounterOpts{
			Name: "stentor_session_takeovers_total",
			Help: "Joins of a person on a second device that ended the sessions on the first.",
		}),
		unlooked: f.NewCounter(prometheus.CounterOpts{
			Name: "stentor_session_pins_not_looked_at_total",
			Help: "PINs that were not looked at because the budget of wrong ones was spent: these visitors wait in the lobby.",
		}),
	}
}

// door counts one decision.
func (m *metrics) door(err error) {
	code := "admitted"
	var denial *webinar.Denial
	if errors.As(err, &denial) {
		code = denial.Code
	} else if err != nil {
		code = "error"
	}
	m.decisions.WithLabelValues(code).Inc()
}
