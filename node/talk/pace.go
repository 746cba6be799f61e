package talk

import (
	"time"

	"stentor/control/webinar"
)

// How fast one person, and all together, may talk. Who types is slower; a program is not waited for. All together: a
// line that is read takes a second, so that with more than this nobody reads anything, and the history of 500 is gone in
// ten seconds.
const (
	burst     = 6
	perSecond = 1.0
	allBurst  = 100
	allSecond = 50.0
	// remembered bounds who is kept in mind: all who wrote within the last minutes of a full house.
	remembered = 20_000
	// A recogniser corrects what it heard three to five times a second, in each of the languages that it writes; a node takes
	// as many as four such from one that writes, and twice as many from all of a webinar.
	captionBurst, captionSecond       = 40, 20.0
	allCaptionBurst, allCaptionSecond = 80, 40.0
)

// pace counts who talks how fast, for one webinar at one node.
type pace struct {
	all      bucket
	captions bucket // of all
	by       map[string]*pacer
}

type pacer struct {
	bucket
	wrote    time.Time // the last line or question
	captions bucket
}

type bucket struct {
	left float64
	at   time.Time // zero: full
}

// take takes one at now, if there is one.
func (b *bucket) take(now time.Time, most, rate float64) bool {
	if b.at.IsZero() {
		b.left = most
	} else {
		b.left = min(most, b.left+rate*max(0, now.Sub(b.at).Seconds()))
	}
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// pass reports whether somebody may do one more thing now. In slow mode guests wait after each line and question.
func (p *pace) pass(w *webinar.Webinar, role webinar.Role, participant string, act Act, now time.Time) error {
	writes := act == Say || act == Ask
	who := p.of(participant, now)
	if act == Transcribe {
		if !who.captions.take(now, captionBurst, captionSecond) || !p.captions.take(now, allCaptionBurst, allCaptionSecond) {
			return ErrTooFast
		}
		return nil
	}
	if writes && role == webinar.Attendee && w.SlowMode > 0 && !who.wrote.IsZero() {
		if wait := w.SlowMode - now.Sub(who.wrote); wait > 0 {
			return &Slow{wait}
		}
	}
	switch {
	case !who.take(now, burst, perSecond):
		return ErrTooFast
	case writes && !p.all.take(now, allBurst, allSecond):
		return ErrBusy
	}
	return nil
}

// wrote notes that something was said, which slow mode counts from.
func (p *pace) wrote(participant string, act Act, now time.Time) {
	if act == Say || act == Ask {
		p.of(participant, now).wrote = now
	}
}

func (p *pace) of(participant string, now time.Time) *pacer {
	if p.by == nil {
		p.by = make(map[string]*pacer)
	}
	who := p.by[participant]
	if who == nil {
		if len(p.by) >= remembered {
			p.forget(now)
		}
		who = &pacer{}
		p.by[participant] = who
	}
	return who
}

// forget makes room: first those who are as if they had never come, then anybody.
func (p *pace) forget(now time.Time) {
	for id, who := range p.by {
		if now.Sub(who.at) > 10*time.Minute {
			delete(p.by, id)
		}
	}
	for id := range p.by {
		if len(p.by) < remembered {
			return
		}
		delete(p.by, id)
	}
}
