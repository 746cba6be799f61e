package relay

import (
	"time"

	"stentor/relay/wire"
)

// A change by choice has time. The next parent may have nothing of the track yet: it has to fetch it, and what comes by it at
// first lies behind what comes by the current one by the way up to the origin and down again. Asked for all from now on it
// sends that in one piece, and both send everything until it has caught up: half a second of a track twice to every child of
// a node that is drained, and with bad luck a key frame in it. So it is asked for what is written when its answer can begin,
// which comes by both at about the same time; until then the current one sends all. If that one ends before, the next is asked
// again, for all that is missing.

// aheadSample is over how long the packets of a layer are counted to foresee its numbers.
const aheadSample = time.Second

// startAhead makes a paused source send what is written from the time on at which it can have it.
func (p *pull) startAhead(n *source, now time.Time) error {
	if p.track.info.Kind == wire.Video {
		n.lead = p.current.way.delay + n.way.rtt/2 + n.distance()
	}
	for i := range n.up.lag {
		n.up.lag[i].Store(0) // of when it last sent
	}
	return p.resume(n, now)
}

// ahead returns the number that the layer's packets will have reached when what is written after lead comes here, if they
// come as they did of late; a frame that has not begun yet in any case.
func (l *layer) ahead(now time.Time, lead time.Duration) uint64 {
	from := l.resume(now)
	l.mu.Lock()
	defer l.mu.Unlock()
	newest := l.seq.Newest()
	if from == 0 || l.ring.find(newest) == nil {
		return from
	}
	first, over := newest, time.Duration(0)
	for seq := newest; newest-seq < min(newest, uint64(len(l.ring.slots))/2); seq-- {
		p := l.ring.find(seq)
		if p == nil {
			continue
		}
		d := time.Duration(now.UnixNano() - p.Arrived)
		if d > aheadSample {
			break
		}
		first, over = seq, max(over, d)
	}
	if over < lead {
		return newest + 1 + (newest - first)
	}
	return newest + 1 + (newest-first)*uint64(lead)/uint64(over)
}

// overdue reports whether what a source was asked for ahead should long be here.
func (s *source) overdue(now time.Time) bool {
	return s.lead > 0 && now.Sub(s.since) > s.lead+changeCatch
}

// handed reports whether all is here that a source that was asked ahead was not asked for.
func (p *pull) handed(s *source, now time.Time) bool {
	for _, w := range s.wants {
		l := p.track.layers[w.Layer]
		began := s.up.fed[w.Layer].Load() > s.since.UnixNano() || w.From <= l.resume(now)
		if !began || !l.complete(now) {
			return false
		}
	}
	return true
}

// renew asks a source once more, for all that is missing here: a parent looks at From only when a subscription begins.
func (p *pull) renew(s *source, now time.Time) error {
	s.link.unsubscribe(s.up)
	s.up, s.lead, s.paused = nil, 0, false
	s.wants = nil
	return p.begin(s, now)
}
