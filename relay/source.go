package relay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"stentor/relay/wire"
)

// A source is a pull's subscription at one node, from the dial to its end. It belongs to the pull's goroutine.
type source struct {
	node    string
	began   time.Time    // when it was thought of
	dialled chan outcome // what the dial came to, once
	link    *link        // nil until attend has read that

	up     *upstream     // nil before the node is asked
	asked  time.Time     // when it was
	paused bool          // it is asked to send nothing, but audio
	since  time.Time     // when it was last asked to send
	lead   time.Duration // how far ahead it was asked to begin when it was, 0 not; see startAhead
	level  time.Time     // since when it sends as early as the current one, as far as was seen; see delivers
	wants  []wire.Want   // what it was last asked for
	unfit  bool          // as a parent: it leaves, or Config.Parent does not name it any more

	accept wire.Accept // what it said last
	way    *way        // how the track comes here over it; nil before it has accepted
}

// An outcome is what a dial came to.
type outcome struct {
	link *link
	err  error
}

// ready reports whether the source has accepted and is alive as far as can be seen.
func (s *source) ready() bool { return s.way != nil && !s.silent() }

// distance returns the delay from the origin to the node, as it said last.
func (s *source) distance() time.Duration {
	return time.Duration(min(s.accept.Delay, uint64(time.Minute/time.Microsecond))) * time.Microsecond
}

// silent reports whether nothing is heard of the node at the moment.
func (s *source) silent() bool { return s.link != nil && s.link.silent.Load() }

// ask begins a subscription at a node; a paused one is a standby's.
func (p *pull) ask(node string, paused bool, now time.Time) *source {
	s := &source{node: node, began: now, dialled: make(chan outcome, 1), paused: paused}
	p.sources = append(p.sources, s)
	p.dials.Go(func() {
		defer p.poke()
		ctx, cancel := context.WithTimeout(p.ctx, dialWait)
		defer cancel()
		link, err := p.relay.link(ctx, node)
		s.dialled <- outcome{link, err}
	})
	return s
}

// attend does what a source needs now; an error is its end.
func (p *pull) attend(s *source, now time.Time) error {
	if s.link == nil {
		select {
		case o := <-s.dialled:
			if o.err != nil {
				return o.err
			}
			s.link = o.link
		default:
			return nil // ask's goroutine will poke
		}
	}
	if s.up == nil {
		return p.begin(s, now)
	}
	over := false
	select {
	case <-s.link.done:
		over = true
	default:
	}
	if err := p.hear(s, now); err != nil {
		return err
	}
	switch due := s.asked.Add(answerWait); {
	case over:
		return s.link.err
	case s.way != nil:
		return p.update(s, now)
	case !now.Before(due):
		return errNoAnswer
	default:
		p.at(due)
	}
	return nil
}

// begin asks the node for the track.
func (p *pull) begin(s *source, now time.Time) error {
	s.wants = p.wants(s, now)
	up, err := s.link.subscribe(p, wire.Subscribe{ID: p.entry.id, Paused: s.paused, Wants: s.wants})
	if up == nil {
		return err
	}
	s.up, s.asked, s.since = up, now, now
	up.doubled.Store(p.current != nil)
	p.relay.metrics.pulls.Inc()
	p.at(now.Add(answerWait))
	return err
}

// update tells the node what has changed of the demand.
func (p *pull) update(s *source, now time.Time) error {
	wants := p.wants(s, now)
	if slices.Equal(wants, s.wants) {
		return nil
	}
	s.wants = wants
	return p.say(s, now)
}

// resume makes a paused source send, from where this node's rings have their holes.
func (p *pull) resume(s *source, now time.Time) error {
	if !s.paused {
		return nil
	}
	fed := len(s.wants) > 0 // audio: it sends already
	s.paused, s.since = false, now
	if !fed {
		s.wants = p.wants(s, now)
	}
	return p.say(s, now)
}

// pause makes a source send nothing, but audio.
func (p *pull) pause(s *source, now time.Time) error {
	if s.paused {
		return nil
	}
	s.paused, s.lead = true, 0
	s.up.doubled.Store(true)
	s.wants = p.wants(s, now)
	return p.say(s, now)
}

// say tells the node what it is to send from now on.
func (p *pull) say(s *source, now time.Time) error {
	s.up.asks(s.wants, now)
	return s.link.send(wire.Subscribe{Alias: s.up.alias, ID: p.entry.id, Paused: s.paused, Wants: s.wants})
}

// wants returns the layers that the source is to send: those that are in demand, each from where it was asked for, or, when
// it is new, from where the ring needs it: the parent looks at From only then. Before the track is known that is the base
// layer: whoever asks for the track will read something. Standbys send audio alone: it is small, and a packet that was sent
// twice is not missed when one of two parents dies; a neighbour of version 1 pauses that too.
func (p *pull) wants(s *source, now time.Time) []wire.Want {
	if p.track == nil {
		return []wire.Want{{}}
	}
	if s.paused && (p.track.info.Kind != wire.Audio || s.link.speaks() < 2) {
		return nil
	}
	var wants []wire.Want
	for i, l := range p.track.layers {
		n := slices.IndexFunc(s.wants, func(w wire.Want) bool { return int(w.Layer) == i })
		switch {
		case !p.on[i]:
		case n >= 0:
			wants = append(wants, s.wants[n])
		default:
			from := l.resume(now)
			if s.lead > 0 {
				from = l.ahead(now, s.lead)
			}
			wants = append(wants, wire.Want{Layer: uint8(i), From: from})
		}
	}
	return wants
}

// hear takes what the node has said.
func (p *pull) hear(s *source, now time.Time) error {
	for {
		select {
		case m := <-s.up.messages:
			if err := p.heard(s, m, now); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

func (p *pull) heard(s *source, m wire.Message, now time.Time) error {
	switch m := m.(type) {
	case wire.Accept:
		return p.accepted(s, m, now)
	case wire.Reject:
		return fmt.Errorf("refused: %v", m.Code)
	case wire.Gone:
		switch m.Code {
		case wire.CodeEnded:
			return errEnded
		case wire.CodeSuperseded:
			return errReplaced
		}
		return errParentOut
	}
	return nil
}

// accepted takes what the node says about the track and its way there, for the first time or another.
func (p *pull) accepted(s *source, m wire.Accept, now time.Time) error {
	if m.Path[len(m.Path)-1] != s.link.peer {
		return s.link.blame("path", errors.New("path does not end with the neighbour"))
	}
	if slices.Contains(m.Path, p.relay.cfg.Node) || len(m.Path) >= wire.MaxPath {
		return errLoop
	}
	if t := s.up.track.Load(); t != nil && (t.epoch != m.Epoch || t.instance != m.Instance) {
		return s.link.blame("accept", errors.New("accepted alias became another track"))
	}
	rtt := s.link.conn.ConnectionStats().SmoothedRTT
	w := &way{path: append(slices.Clone(m.Path), p.relay.cfg.Node), rtt: rtt}
	s.accept, s.way = m, w
	w.delay = s.distance() + max(rtt/2, time.Microsecond).Truncate(time.Microsecond)
	switch {
	case s == p.current:
		return p.adopt(s, true)
	case s == p.next && (p.current == nil || p.current.silent()):
		return p.follow(s, true, now)
	case p.track == nil || p.track.epoch != m.Epoch || p.track.instance != m.Instance:
		return errOther
	}
	s.attach(p.track)
	return nil
}

// attach lets packets from the source into the track's rings.
func (s *source) attach(t *Track) {
	if s.up.track.CompareAndSwap(nil, t) {
		close(s.up.ready)
	}
}

// leave ends the subscription. One that was left before stays so.
func (p *pull) leave(s *source) {
	if !slices.Contains(p.sources, s) {
		return
	}
	if s.up != nil {
		s.link.unsubscribe(s.up)
	}
	p.sources = slices.DeleteFunc(p.sources, func(o *source) bool { return o == s })
	for _, role := range [...]**source{&p.current, &p.next, &p.standby} {
		if *role == s {
			*role = nil
		}
	}
}
