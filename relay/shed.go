package relay

import "time"

const (
	// A link is too small when senders are this far behind, ...
	illBacklog = 100 * time.Millisecond
	// ... when the round trip is this much longer than it was at its best, ...
	illRTT    = 1.25
	illExcess = 30 * time.Millisecond
	// ... or when this share of packets is lost, ...
	illLoss = 0.10
	// ... for this long: a key frame of 4K, ten times as big as others, may fill a link for a quarter of a second.
	illFor = 300 * time.Millisecond

	// A link is well when it is clearly better than that, so that it does not go to and fro.
	wellBacklog = 50 * time.Millisecond
	wellExcess  = 20 * time.Millisecond
	wellLoss    = 0.05

	// holdLeast is how long a link must have been well before something is taken back: the queue that it had is gone, and
	// a viewer that changes layers every second sees worse than one who stays below. Each time that it was in vain
	// the wait doubles, up to holdMost, where a probe costs one second in sixty.
	holdLeast = 2 * time.Second
	holdMost  = time.Minute
	// probeFor is how long padding takes the place of what is to come back: ten looks, and longer than any queue that the
	// window allows needs to show.
	probeFor = time.Second
	// relapse is how soon after something came back an ill link means that it was in vain.
	relapse = 10 * time.Second
)

// vitals are what is known of a link at one moment.
type vitals struct {
	backlog     time.Duration // how far behind the senders are
	rtt, minRTT time.Duration
	still       bool    // it is known that no queue is on the way, however long round trips seem
	loss        float64 // of the last second
	sent, lost  uint64  // packets since the link began
	rate        uint64  // bits per second that were seen to be delivered
	window      int     // bytes that may be in flight
}

func (v vitals) ill() bool {
	return v.backlog > illBacklog || v.loss > illLoss || v.inflated(illExcess)
}

func (v vitals) well() bool {
	return v.backlog < wellBacklog && v.loss < wellLoss && !v.inflated(wellExcess)
}

func (v vitals) inflated(excess time.Duration) bool {
	return !v.still && v.minRTT > 0 && v.rtt > time.Duration(illRTT*float64(v.minRTT))+excess
}

// An order is what a shedder wants done.
type order int

const (
	orderNothing order = iota
	orderLess          // leave out one thing more
	orderProbe         // begin to send padding
	orderCalm          // end the padding: there is no room
	orderMore          // end the padding, and take one thing back
)

// A shedder decides when a link carries less and when more. It is pure; the zero value carries everything.
type shedder struct {
	ill     time.Time // since when, zero when it is not
	well    time.Time
	probing time.Time     // since when, zero when not
	back    time.Time     // when something was last taken back
	hold    time.Duration // how long it must be well
}

// next takes a look. Held says that something is left out.
func (s *shedder) next(v vitals, held bool, now time.Time) order {
	switch {
	case v.ill():
		s.well = time.Time{}
		if s.ill.IsZero() {
			s.ill = now
		}
	case v.well():
		s.ill = time.Time{}
		if s.well.IsZero() {
			s.well = now
		}
	default:
		s.ill, s.well = time.Time{}, time.Time{}
	}
	switch {
	case !s.probing.IsZero() && !s.ill.IsZero():
		s.vain()
		return orderCalm
	case !s.ill.IsZero() && now.Sub(s.ill) >= illFor:
		if !s.back.IsZero() && now.Sub(s.back) < relapse {
			s.vain()
		}
		s.ill = now.Add(v.rtt) // what it changes is seen a round trip later
		return orderLess
	case !held || s.well.IsZero():
		return s.rest(held)
	}
	return s.recover(now)
}

// stalled says that this machine stood still since the last look: senders were behind and round trips long whatever the
// link is like, so that what was seen counts for nothing.
func (s *shedder) stalled() { s.ill, s.well = time.Time{}, time.Time{} }

// rest is for a link from which nothing can come back now.
func (s *shedder) rest(held bool) order {
	if s.probing.IsZero() || held {
		return orderNothing // neither ill nor well: the probe goes on
	}
	s.probing = time.Time{}
	return orderCalm
}

// recover is for a link that is well and leaves something out.
func (s *shedder) recover(now time.Time) order {
	s.hold = max(s.hold, holdLeast)
	switch {
	case s.probing.IsZero() && now.Sub(s.well) >= s.hold:
		s.probing = now
		return orderProbe
	case !s.probing.IsZero() && now.Sub(s.probing) >= probeFor:
		if !s.back.IsZero() && now.Sub(s.back) > 2*relapse {
			s.hold = holdLeast // the last time did good
		}
		s.probing, s.back, s.well = time.Time{}, now, now
		return orderMore
	}
	return orderNothing
}

// vain notes that something came back, or was about to, for which there is no room.
func (s *shedder) vain() {
	s.hold = min(2*max(s.hold, holdLeast), holdMost)
	s.probing, s.back = time.Time{}, time.Time{}
}
