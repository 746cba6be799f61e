package session

import (
	"context"
	"sync"
	"time"

	"stentor/control/webinar"
)

// elsewhereWithin bounds the question whether somebody is inside at another node: a
// round trip around the world. No answer is a no, since nobody is locked out by it.
const elsewhereWithin = 500 * time.Millisecond

// alone makes sure that a person who is known by a link or an account is inside on
// this device alone (M7): it fails with webinar.ErrAlreadyInside, or with takeover ends
// what is on other devices and reports that there was something.
func (d *Door) alone(ctx context.Context, w *webinar.Webinar, c claims, takeover bool) (took bool, err error) {
	device := c.device()
	here := len(d.others(c)) > 0
	there := false
	if d.cfg.Elsewhere != nil && (!here || takeover) {
		ctx, cancel := context.WithTimeout(ctx, elsewhereWithin)
		defer cancel()
		_, there = d.cfg.Elsewhere(ctx, w.ID, c.Participant, device)
	}
	switch {
	case !here && !there:
		return false, nil
	case !takeover:
		return false, webinar.ErrAlreadyInside
	}
	d.metrics.takeovers.Inc()
	d.Supersede(w.ID, c.Participant, device)
	if there && d.cfg.Supersede != nil {
		d.cfg.Supersede(ctx, w.ID, c.Participant, device)
	}
	return true, nil
}

// Inside reports whether the participant is inside at this edge on another device than
// device, which is the value of a webinar.KindDevice key, or empty for a program. What a
// host or a presenter runs beside the page (an encoder) is no other device.
func (d *Door) Inside(webinarID, participant, device string) bool {
	return len(d.others(onDevice(webinarID, participant, device))) > 0
}

// Supersede ends the participant's sessions at this edge that are on another device
// than device, and lets nobody in again by their tokens. It returns how many it were.
func (d *Door) Supersede(webinarID, participant, device string) int {
	others := d.others(onDevice(webinarID, participant, device))
	for _, s := range others {
		d.dead.add(s.claims, d.cfg.Now())
	}
	for _, s := range others {
		d.end(s, webinar.ErrSuperseded)
	}
	return len(others)
}

// onDevice are the claims of somebody on that device.
func onDevice(webinarID, participant, device string) claims {
	c := claims{Webinar: webinarID, Participant: participant}
	if device != "" {
		c.Keys = []string{webinar.Key{Kind: webinar.KindDevice, Value: device}.String()}
	}
	return c
}

// others are the sessions here of the same participant on another device than that of
// c. Sessions of one admission are on one device, also where nobody knows which.
func (d *Door) others(c claims) []*Session {
	device := c.device()
	var out []*Session
	for _, s := range d.live.participant(c.Webinar, c.Participant) {
		own := s.claims.device()
		same := own != "" && own == device || s.claims.admission() == c.admission()
		program := own == "" && sends(s.now().Role)
		if !same && !program {
			out = append(out, s)
		}
	}
	return out
}

// personal reports whether one link is one person: not for those who send, who come
// with a page and a program.
func (d *Door) personal(c claims) bool {
	return !sends(c.Role) && (c.InviteID != "" || c.Registration != "" || c.Account != "")
}

func sends(r webinar.Role) bool { return r.Hosts() || r == webinar.Presenter }

// Superseded says that the participant's seat is at another edge now, as Seats heard
// from the log: their sessions here end, and their seat is not given back.
func (d *Door) Superseded(webinarID, participant string) {
	d.places.lost(placeKey{webinarID, participant})
	for _, s := range d.live.participant(webinarID, participant) {
		d.end(s, webinar.ErrSuperseded)
	}
}

// Fenced ends everyone in a webinar that is not to go on without the voters. Their seats
// here are gone.
func (d *Door) Fenced(webinarID string) {
	d.places.fenced(webinarID)
	for _, s := range d.live.of(webinarID) {
		d.end(s, webinar.ErrUnavailable)
	}
}

// dead are the admissions that were superseded here. Their tokens would still hold.
type dead struct {
	mu sync.Mutex // guards the following
	at map[deadKey]time.Time
}

type deadKey struct{ webinar, participant, admission string }

// maxDead bounds the admissions that are remembered: as many takeovers at one edge
// within a day. The oldest are forgotten before.
const maxDead = 1 << 16

func (d *dead) add(c claims, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at == nil {
		d.at = make(map[deadKey]time.Time)
	}
	if len(d.at) >= maxDead {
		d.prune(now)
	}
	d.at[deadKey{c.Webinar, c.Participant, c.admission()}] = now
}

// prune forgets what cannot be refreshed any more, or the older half. d.mu is held.
func (d *dead) prune(now time.Time) {
	oldest := now
	for _, at := range d.at {
		if at.Before(oldest) {
			oldest = at
		}
	}
	until := now.Add(-admittedFor)
	if middle := oldest.Add(now.Sub(oldest) / 2); middle.After(until) {
		until = middle
	}
	for k, at := range d.at {
		if !at.After(until) {
			delete(d.at, k)
		}
	}
}

func (d *dead) has(c claims, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, ok := d.at[deadKey{c.Webinar, c.Participant, c.admission()}]
	return ok && now.Sub(at) <= admittedFor
}
