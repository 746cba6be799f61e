package talk

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"stentor/control/webinar"
)

type metrics struct {
	entries   *prometheus.CounterVec
	refused   *prometheus.CounterVec
	rooms     prometheus.Gauge
	takeovers prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		entries: f.NewCounterVec(prometheus.CounterOpts{
			Name: "stentor_talk_entries_total",
			Help: "What was said in talks whose origin this node is, by kind.",
		}, []string{"kind"}),
		refused: f.NewCounterVec(prometheus.CounterOpts{
			Name: "stentor_talk_refused_total",
			Help: "What was not said, by the reason that the participant was given.",
		}, []string{"reason"}),
		rooms: f.NewGauge(prometheus.GaugeOpts{
			Name: "stentor_talk_rooms",
			Help: "Webinars whose talk this node follows or is the origin of.",
		}),
		takeovers: f.NewCounter(prometheus.CounterOpts{
			Name: "stentor_talk_takeovers_total",
			Help: "Talks that went on at this node with what it knew of them.",
		}),
	}
}

// refuse counts a refusal. A reason that another node made up is counted as such.
func (m *metrics) refuse(err error) {
	reason := "other"
	var d *webinar.Denial
	if errors.As(err, &d) {
		for _, known := range []*webinar.Denial{
			ErrMessagesOff, ErrMessagesStopped, ErrText, ErrPoll, ErrCaption, ErrLanguage, ErrGone, ErrClosed, ErrVoted, ErrFull, ErrTooFast, ErrBusy, ErrCutOff, ErrLevel,
			errMalformed, webinar.ErrInLobby, webinar.ErrNotAllowed, webinar.ErrBanned, webinar.ErrDisconnected, webinar.ErrEnded, {Code: "slow_mode"},
		} {
			if known.Code == d.Code {
				reason = d.Code
			}
		}
	}
	m.refused.WithLabelValues(reason).Inc()
}
