package session

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"stentor/control/webinar"
)

// maxPerParticipant bounds the live sessions of one participant at one edge: a
// page holds two (events and media), a presenter three, and a few tabs are fine.
const maxPerParticipant = 16

// live is the list of sessions at this edge, from which the roster is derived:
// webinar, participant, session.
type live struct {
	most int // sessions of one network; see [Limits]

	mu       sync.Mutex // guards the following
	webinars map[string]map[string]map[string]*Session
	crowds   map[crowd]int
	put      []outside // put out lately, in order
}

// crowd is the guests of a webinar whom nothing but one network names.
type crowd struct {
	webinar string
	from    netip.Prefix
}

// room reports whether there is room for one more in a crowd.
func (l *live) room(c crowd) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fits(c)
}

// fits is room with l.mu held.
func (l *live) fits(c crowd) bool { return l.most <= 0 || !c.from.IsValid() || l.crowds[c] < l.most }

// add lists s, or says of whom there are too many.
func (l *live) add(s *Session) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := crowd{s.Webinar, s.from()}
	if !l.fits(c) {
		return errCrowd
	}
	if l.webinars == nil {
		l.webinars = make(map[string]map[string]map[string]*Session)
	}
	in := l.webinars[s.Webinar]
	if in == nil {
		in = make(map[string]map[string]*Session)
		l.webinars[s.Webinar] = in
	}
	own := in[s.Participant]
	if own == nil {
		own = make(map[string]*Session)
		in[s.Participant] = own
	}
	if len(own) >= maxPerParticipant {
		return errTooManyHere
	}
	own[s.ID] = s
	if c.from.IsValid() {
		if l.crowds == nil {
			l.crowds = make(map[crowd]int)
		}
		l.crowds[c]++
	}
	return nil
}

// remove takes s off the list and reports whether it was on it.
func (l *live) remove(s *Session) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	in := l.webinars[s.Webinar]
	own := in[s.Participant]
	if _, ok := own[s.ID]; !ok {
		return false
	}
	delete(own, s.ID)
	if len(own) == 0 {
		delete(in, s.Participant)
	}
	if len(in) == 0 {
		delete(l.webinars, s.Webinar)
	}
	if c := (crowd{s.Webinar, s.from()}); l.crowds[c] > 1 {
		l.crowds[c]--
	} else {
		delete(l.crowds, c)
	}
	return true
}

// ids returns the webinars that somebody is in.
func (l *live) ids() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Keys(l.webinars))
}

// of returns the sessions of a webinar, or of all of them if id is empty.
func (l *live) of(id string) []*Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []*Session
	for w, in := range l.webinars {
		if id != "" && w != id {
			continue
		}
		for _, own := range in {
			out = slices.AppendSeq(out, maps.Values(own))
		}
	}
	return out
}

// participant returns the sessions of one participant.
func (l *live) participant(webinarID, participant string) []*Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Values(l.webinars[webinarID][participant]))
}

// Sessions returns the live sessions of a webinar at this edge (of every webinar
// if id is empty), oldest first: those whose connection is there. Who watches is on
// the list while media goes out to them, and who publishes while it may come in.
func (d *Door) Sessions(id string) []Info {
	var out []Info
	for _, s := range d.live.of(id) {
		if s.there() {
			out = append(out, s.info())
		}
	}
	slices.SortFunc(out, func(a, b Info) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Session, b.Session))
	})
	return out
}

// NameOf is the name of a participant with a session here, "" where there is none.
func (d *Door) NameOf(id, participant string) string {
	for _, s := range d.live.participant(id, participant) {
		return s.Name
	}
	return ""
}

// Run changes and ends sessions as the state changes, until ctx is done; then it ends
// them all.
func (d *Door) Run(ctx context.Context) error {
	seen := make(map[string]*webinar.Webinar)
	var work sync.WaitGroup // what waits for seats
	for {
		changed := d.cfg.Changed() // before the look, so that no change is missed
		d.sweep(ctx, seen, &work)
		select {
		case <-ctx.Done():
			for _, s := range d.live.of("") {
				d.end(s, ErrStopping)
			}
			work.Wait()
			d.places.close()
			return nil
		case <-changed:
		}
	}
}

// sweep asks the rules again about everyone in a webinar that is not the value
// that it was at the last look. A webinar is immutable, so the pointer tells.
func (d *Door) sweep(ctx context.Context, seen map[string]*webinar.Webinar, work *sync.WaitGroup) {
	state := d.cfg.State()
	ids := d.live.ids()
	for _, id := range ids {
		w := state.Webinar(id)
		if w != nil && w == seen[id] {
			continue
		}
		// Out before anything else: a removal does not wait for what others gain.
		in := d.live.of(id)
		in = slices.DeleteFunc(in, func(s *Session) bool {
			err := d.stillAllowed(w, s)
			if err != nil {
				d.end(s, err)
			}
			return err != nil
		})
		for _, s := range in {
			s.see(w)
			d.settle(ctx, s, work)
		}
	}
	clear(seen)
	for _, id := range ids {
		seen[id] = state.Webinar(id)
	}
}

// settle gives a session the place that it has to have: who comes out of the lobby.
func (d *Door) settle(ctx context.Context, s *Session, work *sync.WaitGroup) {
	if s.now().Waiting || s.seat() != nil {
		return
	}
	work.Go(func() {
		p, err := d.places.enter(ctx, s.claims, s.claims.Guest)
		if err != nil {
			d.end(s, err)
			return
		}
		s.sit(p)
	})
}

// stillAllowed reports whether s may go on in w, as nil or a [*webinar.Denial].
func (d *Door) stillAllowed(w *webinar.Webinar, s *Session) error {
	if w == nil {
		return errNotFound
	}
	who := s.claims.standing(s.remote)
	if err := w.Allowed(who, d.cfg.Now()); err != nil {
		return err
	}
	if s.Use == Publish && !onStage(w, who) {
		return errOffStage
	}
	return nil
}

// end ends a session for a reason that its participant may read.
func (d *Door) end(s *Session, reason error) {
	var denial *webinar.Denial
	code := "error"
	if errors.As(reason, &denial) {
		code = denial.Code
	}
	d.putOut(s, reason) // first: whoever asks finds s here or there
	if d.forget(s) {
		d.metrics.ended.WithLabelValues(code).Inc()
		d.cfg.Logger.Info("session ended", "webinar", s.Webinar, "participant", s.Participant, "code", code,
			"lasted", d.cfg.Now().Sub(s.Since).Round(time.Millisecond))
	}
	s.cancel(reason)
}

// forget takes a session off the list and reports whether it was on it.
func (d *Door) forget(s *Session) bool {
	if !d.live.remove(s) {
		return false
	}
	d.metrics.live.WithLabelValues(s.Use.String()).Dec()
	s.leave()
	return true
}
