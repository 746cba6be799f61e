package session

import (
	"context"
	"errors"
	"sort"
	"sync"
	"time"

	"stentor/control/webinar"
)

// maxPerParticipant bounds the live sessions of one participant at one edge: a
// page holds two (events and media), a presenter three, and a few tabs are fine.
const maxPerParticipant = 16

// live is the list of sessions at this edge, from which the roster is derived.
type live struct {
	mu       sync.Mutex // guards the following
	webinars map[string]map[string]*Session
}

// add lists s, or reports false if its participant has too many.
func (l *live) add(s *Session) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.webinars == nil {
		l.webinars = make(map[string]map[string]*Session)
	}
	in := l.webinars[s.Webinar]
	if in == nil {
		in = make(map[string]*Session)
		l.webinars[s.Webinar] = in
	}
	n := 0
	for _, other := range in {
		if other.Participant == s.Participant {
			n++
		}
	}
	if n >= maxPerParticipant {
		return false
	}
	in[s.ID] = s
	return true
}

// remove takes s off the list and reports whether it was on it.
func (l *live) remove(s *Session) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	in := l.webinars[s.Webinar]
	if _, ok := in[s.ID]; !ok {
		return false
	}
	delete(in, s.ID)
	if len(in) == 0 {
		delete(l.webinars, s.Webinar)
	}
	return true
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
		for _, s := range in {
			out = append(out, s)
		}
	}
	return out
}

// Sessions returns the live sessions of a webinar at this edge (of every webinar
// if id is empty), oldest first.
func (d *Door) Sessions(id string) []Info {
	var out []Info
	for _, s := range d.live.of(id) {
		out = append(out, s.info())
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Since.Before(out[j].Since) })
	return out
}

// Run ends sessions as the state changes, until ctx is done; then it ends them all.
func (d *Door) Run(ctx context.Context) error {
	seen := make(map[string]*webinar.Webinar)
	for {
		changed := d.cfg.Changed() // before the look, so that no change is missed
		d.sweep(seen)
		select {
		case <-ctx.Done():
			for _, s := range d.live.of("") {
				d.end(s, ErrStopping)
			}
			return nil
		case <-changed:
		}
	}
}

// sweep asks the rules again about everyone in a webinar that is not the value
// that it was at the last look. A webinar is immutable, so the pointer tells.
func (d *Door) sweep(seen map[string]*webinar.Webinar) {
	state := d.cfg.State()
	for _, s := range d.live.of("") {
		if w := state.Webinar(s.Webinar); w != nil && w == seen[s.Webinar] {
			continue
		}
		if err := d.stillAllowed(s); err != nil {
			d.end(s, err)
		}
	}
	clear(seen)
	for _, s := range d.live.of("") {
		seen[s.Webinar] = state.Webinar(s.Webinar)
	}
}

func (d *Door) stillAllowed(s *Session) error {
	w := d.cfg.State().Webinar(s.Webinar)
	if w == nil {
		return errNotFound
	}
	return w.Allowed(s.Participant, s.claims.keys(s.remote), s.claims.Since, d.cfg.Now())
}

// end ends a session for a reason that its participant may read.
func (d *Door) end(s *Session, reason error) {
	var denial *webinar.Denial
	code := "error"
	if errors.As(reason, &denial) {
		code = denial.Code
	}
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
	return true
}
