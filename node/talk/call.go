package talk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"stentor/control/webinar"
)

// MaxCall bounds the body of a call between nodes, in bytes: one message of the track, and who says it.
const MaxCall = 64 << 10

const (
	// sayWithin is how long somebody waits for what they say to be heard: longer than it takes to find out that an
	// origin is dead and to have another.
	sayWithin = 12 * time.Second
	// askWithin bounds one question to the origin.
	askWithin = 2 * time.Second
)

// question is what one node asks of the origin of a talk: to take what somebody says, or what is offered.
type question struct {
	Webinar string   `json:"webinar"`
	Speaker *speaker `json:"speaker,omitempty"`
	Said    *Said    `json:"said,omitempty"`
	Offer   []Entry  `json:"offer,omitempty"`
}

// speaker is a Speaker on the wire.
type speaker struct {
	Standing  webinar.Standing `json:"standing"` // without Keys
	Keys      []string         `json:"keys"`
	Name      string           `json:"name"`
	Captioner bool             `json:"captioner,omitempty"`
}

// answer is what the origin says.
type answer struct {
	Entries []Entry `json:"entries,omitempty"`
	Code    string  `json:"code,omitempty"` // of a refusal
	Detail  string  `json:"detail,omitempty"`
	Wait    int64   `json:"wait,omitempty"` // milliseconds
}

// Say has somebody at this node say or do something. It returns nil once the origin has taken it, a [*Slow] or a
// [*webinar.Denial] if it did not, and [ErrCutOff] if there was no origin to be found. Who is refused for a passing
// reason can come again with the same Key: it is said once.
func (t *Talk) Say(ctx context.Context, id string, who Speaker, said Said) error {
	err := t.say(ctx, id, who, said)
	if err != nil {
		t.metrics.refuse(err)
	}
	return err
}

func (t *Talk) say(ctx context.Context, id string, who Speaker, said Said) error {
	r := t.enter(id)
	if r == nil {
		return ErrCutOff
	}
	defer t.leave(r)
	if err := r.passes(who, said); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sayWithin)
	defer cancel()
	for {
		entries, err := t.deliver(ctx, r, who, said)
		var denial *webinar.Denial
		switch {
		case err == nil:
			r.said(who, said, entries)
			return nil
		case errors.As(err, &denial) && !errors.Is(err, errElsewhere) && !errors.Is(err, webinar.ErrStreamTaken):
			return err
		}
		t.cfg.Logger.Debug("not said yet", "webinar", id, "err", err)
		pause(ctx, retryAfter)
		if ctx.Err() != nil {
			return ErrCutOff
		}
	}
}

// passes reports whether this node's own door lets that through (S44).
func (r *room) passes(who Speaker, said Said) error {
	now := r.talk.cfg.Now()
	w := r.talk.cfg.Webinar(r.id)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := allowed(w, who, said, r.state.polls.by[said.Of] != nil, now); err != nil {
		return err
	}
	if r.state.knows(idOf(who.Participant, said.Key)) {
		return nil
	}
	return r.door.pass(w, w.RoleOf(who.Standing), who.Participant, said.Act, now)
}

// said notes what was taken, before the track brings it: if the origin dies in between, this node tells the next one.
func (r *room) said(who Speaker, said Said, entries []Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.door.wrote(who.Participant, said.Act, r.talk.cfg.Now())
	if said.Act != React { // which would count twice
		r.applied(entries)
	}
}

// deliver brings it to the origin once.
func (t *Talk) deliver(ctx context.Context, r *room, who Speaker, said Said) ([]Entry, error) {
	w := t.cfg.Webinar(r.id)
	if w == nil {
		return nil, webinar.ErrNotFound
	}
	s, held := w.Stream(webinar.TalkStream)
	if !held || s.Origin == t.cfg.Node || r.gone(s) {
		entries, err := r.accept(who, said)
		if errors.Is(err, errElsewhere) {
			return nil, r.want()
		}
		return entries, err
	}
	began := t.cfg.Now()
	a, err := t.ask(ctx, s.Origin, question{Webinar: r.id, Speaker: &speaker{bare(who.Standing), who.Keys.Strings(), who.Name, who.Captioner}, Said: &said})
	var denial *webinar.Denial
	r.asked(s.Epoch, err == nil || errors.As(err, &denial), began)
	return a.Entries, err
}

// bare is a standing without its keys, which cross the mesh as text.
func bare(s webinar.Standing) webinar.Standing {
	s.Keys = nil
	return s
}

// ask asks the origin.
func (t *Talk) ask(ctx context.Context, node string, q question) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	out, err := t.cfg.Ask(ctx, node, encode(q))
	if err != nil {
		return answer{}, fmt.Errorf("talk: ask %s: %w", node, err)
	}
	var a answer
	switch err := json.Unmarshal(out, &a); {
	case err != nil:
		return answer{}, fmt.Errorf("talk: %s answers: %w", node, err)
	case a.Wait > 0:
		return answer{}, &Slow{time.Duration(a.Wait) * time.Millisecond}
	case a.Code != "":
		return answer{}, &webinar.Denial{Code: a.Code, Detail: a.Detail}
	}
	return a, nil
}

// Serve answers another node. The error is for a body that cannot be read.
func (t *Talk) Serve(body []byte) ([]byte, error) {
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, fmt.Errorf("talk: %w", err)
	}
	entries, err := t.serve(q)
	a := answer{Entries: entries, Wait: Wait(err).Milliseconds()}
	if denial := (*webinar.Denial)(nil); errors.As(err, &denial) {
		a.Code, a.Detail = denial.Code, denial.Detail
		if denial.Code != errElsewhere.Code {
			t.metrics.refuse(err)
		}
	}
	return encode(a), nil
}

func (t *Talk) serve(q question) ([]Entry, error) {
	t.mu.Lock()
	r := t.rooms[q.Webinar] // who is the origin has it
	t.mu.Unlock()
	switch {
	case r == nil:
		return nil, errElsewhere
	case q.Speaker == nil || q.Said == nil:
		return nil, r.take(q.Offer)
	}
	keys, ok := webinar.ParseKeys(q.Speaker.Keys)
	if !ok {
		return nil, errMalformed
	}
	who := Speaker{q.Speaker.Standing, q.Speaker.Name, q.Speaker.Captioner}
	who.Keys = keys
	return r.accept(who, *q.Said)
}
