package lease

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	taken      *prometheus.CounterVec
	guesses    *prometheus.CounterVec
	proposals  *prometheus.CounterVec
	superseded prometheus.Counter
	fenced     prometheus.Counter
}

// newMetrics makes the metrics, and registers them unless reg is nil.
func newMetrics(reg prometheus.Registerer, count func() (held, idle int)) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "stentor", Subsystem: "lease", Name: name, Help: help}, labels)
	}
	superseded := counter("superseded_participants_total", "Participants whose seat another node took over.")
	fenced := counter("fenced_webinars_total", "Webinars whose sessions ended here because this node was cut off or replaced.")
	m := &metrics{
		taken:      counter("seat_answers_total", "Guests who asked for a seat, by what they were told.", "answer"),
		guesses:    counter("guess_answers_total", "PINs that were tried, by whether the budget allowed it.", "answer"),
		proposals:  counter("proposals_total", "Commands about leases, by how they ended.", "result"),
		superseded: superseded.WithLabelValues(),
		fenced:     fenced.WithLabelValues(),
	}
	gauge := func(name, help string, value func() int) prometheus.GaugeFunc {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "stentor", Subsystem: "lease", Name: name, Help: help},
			func() float64 { return float64(value()) })
	}
	if reg != nil {
		reg.MustRegister(m.taken, m.guesses, m.proposals, superseded, fenced,
			gauge("taken_seats", "Seats of all webinars that guests have at this node.", func() int { held, _ := count(); return held }),
			gauge("idle_seats", "Seats of all webinars that this node could give at once.", func() int { _, idle := count(); return idle }))
	}
	return m
}

func spentLabel(spent bool) string {
	if spent {
		return "allowed"
	}
	return "refused"
}
