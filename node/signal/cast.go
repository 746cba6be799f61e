package signal

import (
	"context"
	"slices"
	"strings"

	"stentor/node/sfu"
)

// slotted is a viewer's connection that what is on the stage is put into; *sfu.Viewer is one.
type slotted interface {
	Assign(sources []sfu.Source, loudest []string) (changed bool)
	Slots() []sfu.Slot
}

// A cast is what is on the stage of one webinar, as long as somebody watches it here.
type cast struct {
	stop     context.CancelFunc
	viewers  map[string][]*resource // by participant
	sources  []sfu.Source
	loudest  []string
	known    bool          // sources were told
	assigned chan struct{} // held by who puts sources into sections, so that the newest are put last
}

// slot is what one section carries, as pages are told.
type slot struct {
	Mid         string `json:"mid"`
	Kind        string `json:"kind"`
	Stream      string `json:"stream"`
	Participant string `json:"participant,omitempty"`
	Name        string `json:"name,omitempty"`
}

// attend has a viewer's sections follow the stage, until unattend.
func (s *Server) attend(r *resource) {
	if _, ok := r.conn.(slotted); !ok {
		return
	}
	id := r.sess.Webinar
	s.mu.Lock()
	if s.resources[r.id] != r { // it has gone
		s.mu.Unlock()
		return
	}
	c := s.casts[id]
	if c == nil {
		ctx, stop := context.WithCancel(context.Background())
		c = &cast{stop: stop, viewers: make(map[string][]*resource), assigned: make(chan struct{}, 1)}
		s.casts[id] = c
		s.work.Go(func() {
			s.cfg.Stage.Watch(ctx, id, func(now []sfu.Source, loudest []string) { s.staged(c, now, loudest) })
		})
	}
	c.viewers[r.sess.Participant] = append(c.viewers[r.sess.Participant], r)
	s.mu.Unlock()
	s.assign(c, []*resource{r}, false)
}

// unattend forgets a viewer, and the stage with the last one. s.mu is held.
func (s *Server) unattend(r *resource) {
	c := s.casts[r.sess.Webinar]
	if c == nil {
		return
	}
	who := r.sess.Participant
	c.viewers[who] = slices.DeleteFunc(c.viewers[who], func(o *resource) bool { return o == r })
	if len(c.viewers[who]) == 0 {
		delete(c.viewers, who)
	}
	if len(c.viewers) == 0 {
		delete(s.casts, r.sess.Webinar)
		c.stop()
	}
}

// staged puts what is on the stage now before everyone who watches.
func (s *Server) staged(c *cast, now []sfu.Source, loudest []string) {
	s.mu.Lock()
	c.sources, c.loudest, c.known = now, loudest, true
	viewers := make([]*resource, 0, len(c.viewers))
	for _, own := range c.viewers {
		viewers = append(viewers, own...)
	}
	s.mu.Unlock()
	s.assign(c, viewers, true)
}

// assign puts what is on the stage into the sections of some viewers, and tells their pages
// where something has changed; one that has just come is told in any case.
func (s *Server) assign(c *cast, viewers []*resource, known bool) {
	c.assigned <- struct{}{}
	defer func() { <-c.assigned }()
	s.mu.Lock()
	sources, loudest, told := c.sources, c.loudest, c.known
	s.mu.Unlock()
	changed := make(map[string]bool)
	for _, r := range viewers {
		differs := told && r.conn.(slotted).Assign(others(sources, r), loudest) || !known
		if differs && r.pictures > 1 { // a page with one picture has nothing to lay out
			changed[r.sess.Webinar+"/"+r.sess.Participant] = true
		}
	}
	if len(changed) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range s.events {
		if changed[e.who] {
			e.see()
		}
	}
}

// others are the sources without a presenter's own, who sees himself without a round trip,
// as long as there is somebody else to see. Players with one picture are sent what all are.
func others(sources []sfu.Source, r *resource) []sfu.Source {
	if r.pictures < 2 {
		return sources
	}
	var out []sfu.Source
	for _, src := range sources {
		if src.Participant == "" || src.Participant != r.sess.Participant {
			out = append(out, src)
		}
	}
	if len(out) == 0 {
		return sources
	}
	return out
}

// pictures counts the sections of an offer that would show something.
func pictures(offer string) (n int) {
	for line := range strings.Lines(offer) {
		if strings.HasPrefix(line, "m=video ") {
			n++
		}
	}
	return n
}

// slotsOf are the sections of a viewer that carry something.
func slotsOf(r *resource) []slot {
	out := []slot{}
	for _, x := range r.conn.(slotted).Slots() {
		if x.Source.Subscribe == nil {
			continue
		}
		stream, _, _ := strings.Cut(x.Source.Name, "/")
		out = append(out, slot{Mid: x.Mid, Kind: x.Kind.String(), Stream: stream, Participant: x.Source.Participant, Name: x.Source.Person})
	}
	return out
}

// watched are the sessions of a participant by which the stage is watched here.
func (s *Server) watched(webinar, participant string) []*resource {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.casts[webinar]
	if c == nil {
		return nil
	}
	return slices.Clone(c.viewers[participant])
}
