package session

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"stentor/control/webinar"
)

// elsewhereWithin bounds the question whether somebody is inside at another node: a
// round trip around the world. No answer is a no, since nobody is locked out by it.
const elsewhereWithin = 500 * time.Millisecond

// Asked is the question after one person, as nodes ask each other.
type Asked struct {
	Webinar     string `json:"webinar"`
	Participant string `json:"participant"`
	Device      string `json:"device,omitempty"`    // the value of a webinar.KindDevice key; empty for a program
	Admission   string `json:"admission,omitempty"` // that they come with
	Admitted    int64  `json:"admitted,omitempty"`  // when that was, in unix milliseconds; 0: it is being decided
}

// Found is the answer.
type Found struct {
	Inside     bool  `json:"inside,omitempty"`     // on another device
	Superseded bool  `json:"superseded,omitempty"` // another device has taken over since that admission
	Latest     int64 `json:"latest,omitempty"`     // the last admission of those inside, or that took over, in unix milliseconds
}

// Or is what two nodes have found.
func (f Found) Or(g Found) Found {
	return Found{f.Inside || g.Inside, f.Superseded || g.Superseded, max(f.Latest, g.Latest)}
}

// asked is the question after the holder of c.
func (c claims) asked() Asked {
	return Asked{Webinar: c.Webinar, Participant: c.Participant, Device: c.device(), Admission: c.admission(), Admitted: c.Admitted}
}

// claims are those of somebody after whom is asked.
func (q Asked) claims() claims {
	c := claims{Webinar: q.Webinar, Participant: q.Participant, Admission: q.Admission, Admitted: q.Admitted}
	if q.Device != "" {
		c.Keys = []string{webinar.Key{Kind: webinar.KindDevice, Value: q.Device}.String()}
	}
	return c
}

// alone makes sure that a person who is known by a link or an account, and was admitted
// just now, is inside on this device alone (M7). It fails with webinar.ErrAlreadyInside,
// or with takeover ends what is on other devices, everywhere, and returns the claims that
// say so.
func (d *Door) alone(ctx context.Context, c claims, takeover bool) (claims, error) {
	found := d.found(c)
	if !found.Inside || takeover {
		q := c.asked()
		q.Admitted = 0
		found = found.Or(d.elsewhere(ctx, q))
	}
	if found.Inside && !takeover {
		return claims{}, webinar.ErrAlreadyInside
	}
	// Whoever was inside came before, whatever the clock of their node says.
	now := d.cfg.Now()
	c.Admitted = max(c.Admitted, min(found.Latest, now.Add(clockSkew).UnixMilli())+1)
	d.seen.add(c, now, false)
	if !takeover {
		return c, nil
	}
	c.TookOver, c.Alone = found.Inside, true
	if found.Inside {
		d.metrics.takeovers.Inc()
	}
	d.supersede(c)
	if d.cfg.Supersede == nil {
		return c, nil
	}
	c.Expires = now.Add(tokenLife).UnixMilli()
	token, err := mint(c, d.cfg.Credentials())
	if err != nil {
		return claims{}, err
	}
	d.cfg.Supersede(context.WithoutCancel(ctx), token)
	return c, nil
}

// vouched asks the other nodes about a token of one person that is new here: this node
// may have missed that another device took over.
func (d *Door) vouched(ctx context.Context, c claims, remote netip.Addr) error {
	now := d.cfg.Now()
	superseded, known := d.seen.has(c, now)
	switch {
	case superseded:
		return webinar.ErrSuperseded
	case known || d.cfg.Elsewhere == nil:
		return nil
	case !d.tokens.pass(remote, now): // the question goes to every node
		return errTooOften
	}
	found := d.elsewhere(ctx, c.asked())
	if found.Superseded || !found.Inside {
		d.seen.add(c, now, found.Superseded)
	}
	switch {
	case found.Superseded || d.dead.has(c, now): // or heard of it meanwhile
		return webinar.ErrSuperseded
	case found.Inside:
		return webinar.ErrAlreadyInside
	}
	return nil
}

// elsewhere asks the other nodes.
func (d *Door) elsewhere(ctx context.Context, q Asked) Found {
	if d.cfg.Elsewhere == nil {
		return Found{}
	}
	ctx, cancel := context.WithTimeout(ctx, elsewhereWithin)
	defer cancel()
	return d.cfg.Elsewhere(ctx, q)
}

// Inside says what this edge knows of a person: whether they are inside on another
// device, and whether they were superseded. What a host or a presenter runs beside the
// page (an encoder) is no other device.
func (d *Door) Inside(q Asked) Found {
	c := q.claims()
	f := d.found(c)
	f.Superseded = q.Admitted != 0 && d.dead.has(c, d.cfg.Now())
	return f
}

// found looks for the participant on other devices here.
func (d *Door) found(c claims) Found {
	f := Found{Latest: d.dead.latest(c)}
	for _, s := range d.others(c) {
		f.Inside, f.Latest = true, max(f.Latest, s.claims.Admitted)
	}
	return f
}

// Supersede ends what the holder of a session token took over at this edge, and lets
// nobody in again by what was given to their other devices before. The token is the
// proof: a node signed that this person was admitted, and wanted it. The error is for
// the log.
func (d *Door) Supersede(token string) error {
	now := d.cfg.Now()
	c, err := d.issuers.verify(token, d.cfg.Credentials().CA, now)
	switch {
	case err != nil:
		return fmt.Errorf("session: supersede: %w", err)
	case !c.Alone:
		return errors.New("session: supersede: by a token that took nothing over")
	case c.Admitted > now.Add(2*clockSkew).UnixMilli():
		return errors.New("session: supersede: admitted in the future")
	}
	d.supersede(c)
	return nil
}

// supersede ends the sessions here that were admitted before c on another device.
func (d *Door) supersede(c claims) {
	if !d.dead.add(c, d.cfg.Now()) { // another device has taken over from this one since
		return
	}
	for _, s := range d.others(c) {
		if s.claims.Admitted <= c.Admitted {
			d.end(s, webinar.ErrSuperseded)
		}
	}
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

// dead are the admissions that another device took over from, here or elsewhere. Their
// tokens would still hold.
type dead struct {
	mu sync.Mutex // guards the following
	by map[placeKey]takeover
}

// takeover is the last one of a participant: what was admitted before it, on other
// devices, is dead.
type takeover struct {
	admitted          int64 // unix milliseconds
	admission, device string
	heard             time.Time
}

// maxDead bounds the takeovers that are remembered: as many in the whole mesh within a
// day. The oldest are forgotten before.
const maxDead = 1 << 16

// add remembers that the holder of c took over, and reports false if it is c that is dead.
func (d *dead) add(c claims, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := placeKey{c.Webinar, c.Participant}
	if last, ok := d.by[key]; ok && last.ends(c) {
		return false
	} else if ok && last.admitted > c.Admitted {
		return true // of the same device, and older
	}
	if d.by == nil {
		d.by = make(map[placeKey]takeover)
	}
	if len(d.by) >= maxDead {
		forget(d.by, func(t takeover) time.Time { return t.heard }, now, admittedFor)
	}
	d.by[key] = takeover{c.Admitted, c.admission(), c.device(), now}
	return true
}

// ends reports whether the takeover ends what c was given. What somebody who sends runs
// beside the page goes on.
func (t takeover) ends(c claims) bool {
	device := c.device()
	same := c.admission() == t.admission || device != "" && device == t.device
	program := device == "" && sends(c.Role)
	return c.Admitted <= t.admitted && !same && !program
}

func (d *dead) has(c claims, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, ok := d.by[placeKey{c.Webinar, c.Participant}]
	return ok && now.Sub(t.heard) <= admittedFor && t.ends(c)
}

// latest is when the participant of c last took over, in unix milliseconds; 0: never.
func (d *dead) latest(c claims) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.by[placeKey{c.Webinar, c.Participant}].admitted
}

// seen are the admissions of persons that the other nodes were asked about.
type seen struct {
	mu sync.Mutex // guards the following
	by map[string]sight
}

type sight struct {
	at         time.Time
	superseded bool
}

// maxSeen bounds what is remembered; what is forgotten is asked again.
const maxSeen = 1 << 16

// askAgain is after how long the answer that somebody was superseded is asked for again:
// nobody has proved it here.
const askAgain = 10 * time.Second

func (s *seen) add(c claims, now time.Time, superseded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = make(map[string]sight)
	}
	if len(s.by) >= maxSeen {
		forget(s.by, func(s sight) time.Time { return s.at }, now, tokenLife)
	}
	s.by[c.admission()] = sight{now, superseded}
}

// has returns what is known of the admission of c.
func (s *seen) has(c claims, now time.Time) (superseded, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.by[c.admission()]
	age := now.Sub(v.at)
	if v.superseded {
		return age <= askAgain, age <= askAgain
	}
	return false, ok && age <= tokenLife
}

// forget removes from m what is older than life, or the older half.
func forget[K comparable, V any](m map[K]V, at func(V) time.Time, now time.Time, life time.Duration) {
	oldest := now
	for _, v := range m {
		if at(v).Before(oldest) {
			oldest = at(v)
		}
	}
	until := now.Add(-life)
	if middle := oldest.Add(now.Sub(oldest) / 2); middle.After(until) {
		until = middle
	}
	for k, v := range m {
		if !at(v).After(until) {
			delete(m, k)
		}
	}
}
