package session

import (
	"context"
	"sync"
	"time"

	"stentor/control/webinar"
)

// grace is how long a participant without a session still has their place: a page
// that is loaded again, a network that changes, a form that was just sent. Longer and
// people would wait for seats in which nobody sits.
const grace = 30 * time.Second

// joined is how long somebody has a place by a join alone. A page connects at once; who
// does not, and only knocks again and again, must not fill the webinar.
const joined = 5 * time.Second

// Stay is the time that a participant was inside at this edge. A break shorter than
// thirty seconds does not end it. What begins is told with Left zero, and told again
// when it has ended.
type Stay struct {
	ID                            string // of the session that it began with
	Webinar, Participant, Name    string
	Role                          webinar.Role
	Guest                         bool
	Invite, Registration, Account string
	Joined, Left                  time.Time
}

type placeKey struct{ webinar, participant string }

// A place is that a participant is inside at this edge, or was a moment ago. With it
// go the seat of a limited webinar, however many connections there are, and the stay
// that attendance records.
type place struct {
	key    placeKey
	users  int  // sessions, and joins under way
	seated bool // Seats gave it a seat
	inside bool // was let in
	asking chan struct{}
	timer  *time.Timer
	turn   int // of the timer
	stay   Stay
	left   time.Time
}

// places are those of one edge.
type places struct {
	seats  Seats
	attend func(Stay)
	now    func() time.Time

	mu     sync.Mutex // guards the following, and every place
	by     map[placeKey]*place
	closed bool
}

// enter gives the participant a place, with a seat if seat is set, and counts its user.
func (p *places) enter(ctx context.Context, c claims, seat bool) (*place, error) {
	key := placeKey{c.Webinar, c.Participant}
	for {
		p.mu.Lock()
		pl := p.by[key]
		if pl == nil {
			pl = &place{key: key}
			p.by[key] = pl
		}
		if ask := pl.asking; ask != nil {
			p.mu.Unlock()
			select {
			case <-ask:
				continue
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		pl.use()
		if !seat || pl.seated || p.seats == nil {
			pl.inside = true
			p.mu.Unlock()
			return pl, nil
		}
		err := p.ask(ctx, pl) // unlocks
		if err == nil {
			return pl, nil
		}
		p.leave(pl)
		return nil, err
	}
}

// use counts a user. p.mu is held.
func (pl *place) use() {
	pl.users++
	pl.turn++
	if pl.timer != nil {
		pl.timer.Stop()
		pl.timer = nil
	}
}

// ask asks Seats for a seat. It is called with p.mu held and returns without.
func (p *places) ask(ctx context.Context, pl *place) error {
	done := make(chan struct{})
	pl.asking = done
	p.mu.Unlock()
	err := p.seats.Take(ctx, pl.key.webinar, pl.key.participant)
	p.mu.Lock()
	defer p.mu.Unlock()
	pl.asking = nil
	close(done)
	if err == nil {
		pl.seated, pl.inside = true, true
	}
	return err
}

// began notes the first session of a stay.
func (p *places) began(pl *place, s *Session) {
	p.mu.Lock()
	if pl.stay.ID != "" {
		p.mu.Unlock()
		return
	}
	pl.stay = Stay{
		ID: s.ID, Webinar: s.Webinar, Participant: s.Participant, Name: s.Name, Role: s.Role, Guest: s.claims.Guest,
		Invite: s.claims.InviteID, Registration: s.claims.Registration, Account: s.claims.Account, Joined: s.Since,
	}
	stay := pl.stay
	p.mu.Unlock()
	p.attend(stay)
}

// leave counts a user that has gone. The last one leaves the place for a grace,
// shorter where no session was ever there.
func (p *places) leave(pl *place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pl.users--
	if pl.users > 0 || p.by[pl.key] != pl {
		return
	}
	if !pl.inside { // was never let in
		delete(p.by, pl.key)
		return
	}
	pl.left = p.now()
	pl.turn++
	turn, held := pl.turn, grace
	if pl.stay.ID == "" {
		held = joined
	}
	if !p.closed {
		pl.timer = time.AfterFunc(held, func() { p.clear(pl, turn) })
	}
}

// clear gives the place back, unless somebody came since.
func (p *places) clear(pl *place, turn int) {
	p.mu.Lock()
	if pl.users > 0 || pl.turn != turn || p.by[pl.key] != pl || p.closed {
		p.mu.Unlock()
		return
	}
	if pl.seated { // who comes meanwhile waits, or they would sit on a seat that is given back
		done := make(chan struct{})
		pl.asking = done
		p.mu.Unlock()
		p.seats.Leave(pl.key.webinar, pl.key.participant)
		p.mu.Lock()
		defer close(done)
	}
	delete(p.by, pl.key)
	stay := pl.ended(pl.left)
	p.mu.Unlock()
	p.tell(stay)
}

// fenced takes every place in a webinar whose seats here are gone.
func (p *places) fenced(webinarID string) {
	p.mu.Lock()
	var keys []placeKey
	for key := range p.by {
		if key.webinar == webinarID {
			keys = append(keys, key)
		}
	}
	p.mu.Unlock()
	for _, key := range keys {
		p.lost(key)
	}
}

// lost takes the place of a participant whose seat is not at this edge any more.
// Nothing is given back.
func (p *places) lost(key placeKey) {
	p.mu.Lock()
	pl := p.by[key]
	if pl == nil {
		p.mu.Unlock()
		return
	}
	if pl.asking != nil { // there is none at this moment, and the answer says whether there is one again
		p.mu.Unlock()
		return
	}
	delete(p.by, key)
	if pl.timer != nil {
		pl.timer.Stop()
	}
	stay := pl.ended(p.now())
	p.mu.Unlock()
	p.tell(stay)
}

// close ends every stay: the node stops. The seats stay with their participants, who
// take them along to another edge; what is left is free when the node is back.
func (p *places) close() {
	p.mu.Lock()
	p.closed = true
	var stays []Stay
	for _, pl := range p.by {
		if pl.timer != nil {
			pl.timer.Stop()
		}
		stays = append(stays, pl.ended(p.now()))
	}
	p.mu.Unlock()
	for _, s := range stays {
		p.tell(s)
	}
}

// ended is the stay as it ended; zero if there was none, or it was told. p.mu is held.
func (pl *place) ended(at time.Time) Stay {
	s := pl.stay
	pl.stay = Stay{}
	s.Left = at
	return s
}

func (p *places) tell(s Stay) {
	if s.ID != "" {
		p.attend(s)
	}
}
