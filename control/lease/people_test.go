package lease

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// person is somebody who comes: anonymous, by an invite, by a registration, or signed in.
// What they are known by is the truth, whatever the rules make of it.
type person struct {
	participant string
	visitor     webinar.Visitor
	keys        webinar.Keys
	presenter   bool
	token       *session // of their first admission, as a session token keeps it
}

// session is a connection that an edge lists, and how whoever is behind it came in.
type session struct {
	who      *person
	standing webinar.Standing
	admitted int           // the replica that the door asked
	typed    string        // the PIN
	budget   bool          // the PIN was not looked at
	lobby    bool          // waits there
	dead     time.Duration // since when nobody is there any more; 0: somebody is
	cut      bool          // the edge has ended it
}

// idle is how long an edge takes to notice that a connection is gone.
const idle = 5 * time.Second

var prefixes = []netip.Prefix{
	netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32"), netip.MustParsePrefix("2001:db8::/64"),
}

func secretOf(id string) [32]byte { return sha256.Sum256([]byte(id)) }

// newcomer is somebody who was never here. Now and then it is the browser of somebody who
// was, and so perhaps somebody who was banned.
func (w *world) newcomer() *person {
	w.people++
	p := &person{visitor: webinar.Visitor{Name: "Ada", Prefix: prefixes[w.rng.IntN(len(prefixes))], Device: secretOf(fmt.Sprint("device", w.people))}}
	known := func(k webinar.Kind, id string) {
		p.participant = "p_" + id
		p.keys = append(p.keys, webinar.Key{Kind: k, Value: id})
	}
	switch n := w.rng.IntN(100); {
	case n < 12 && len(w.registrants) > 0:
		id := w.registrants[w.rng.IntN(len(w.registrants))]
		p.visitor.Registrant = secretOf(id)
		known(webinar.KindRegistration, id)
	case n < 22 && len(w.invites) > 0:
		id := w.invites[w.rng.IntN(len(w.invites))]
		p.visitor.Invite, p.presenter = secretOf(id), id[1] == 'p'
		known(webinar.KindInvite, id)
	case n < 28:
		p.visitor.Account = fmt.Sprintf("acc%d", w.rng.IntN(8))
		known(webinar.KindAccount, p.visitor.Account)
	default:
		p.participant = fmt.Sprintf("p%d", w.people)
		if w.chance(15) && len(w.devices) > 0 {
			p.visitor.Device = w.devices[w.rng.IntN(len(w.devices))]
		}
	}
	if old := w.persons[p.participant]; old != nil {
		return old
	}
	w.devices = append(w.devices, p.visitor.Device)
	return w.meet(p)
}

// guest is an anonymous person nobody has met.
func (w *world) guest() *person {
	w.people++
	return w.meet(&person{participant: fmt.Sprintf("p%d", w.people), visitor: webinar.Visitor{
		Name: "Ada", Prefix: netip.MustParsePrefix("198.51.100.1/32"), Device: secretOf(fmt.Sprint("device", w.people))}})
}

func (w *world) meet(p *person) *person {
	p.keys = append(p.keys, webinar.Key{Kind: webinar.KindParticipant, Value: p.participant}, webinar.DeviceKey(p.visitor.Device))
	w.persons[p.participant] = p
	w.met = append(w.met, p)
	return p
}

// wall is the clock that an edge's rules are asked with. It may be half an hour off.
func (w *world) wall(e *edge) time.Time { return epochBegin.Add(w.now + e.skew) }

// knock is the door of node/session up to the seat: who stands before it is asked after
// a token, or after their proofs.
func (w *world) knock(e *edge, p *person) *session {
	hall := e.state.Webinar(hall)
	if hall == nil {
		return nil
	}
	if p.token != nil && (p.visitor.Account == "" && len(p.keys) == 2 || w.chance(60)) {
		s := *p.token
		if err := hall.Allowed(s.standing, w.wall(e)); err != nil && w.bug != tokensAreNotAsked {
			return nil
		}
		s.lobby = hall.InLobby(s.standing)
		return &s
	}
	v := p.visitor
	if pin := w.fact().pin; pin != "" {
		if v.PIN = pin; w.chance(25) {
			v.PIN = w.anyPIN()
		}
	}
	if w.bug == oldRulesAreAsked {
		if old := w.replica(max(e.replica-4, 0)).Webinar(hall.ID); old != nil {
			hall = old
		}
	}
	if !hall.Opens(v) {
		return nil
	}
	a, budget, err := w.ask(e, hall, v)
	if err != nil {
		return nil
	}
	s := &session{who: p, standing: a.Standing(p.participant), admitted: e.replica, typed: v.PIN, budget: budget}
	s.lobby = hall.InLobby(s.standing)
	token := *s
	p.token = &token
	return s
}

// ask is Admit within the budget of wrong PINs, as the door asks it.
func (w *world) ask(e *edge, hall *webinar.Webinar, v webinar.Visitor) (a webinar.Admission, budget bool, err error) {
	guess := hall.NeedsPIN(v)
	if guess && !e.tenant.Spend() {
		e.tenant.AwaitGuess(1)
		w.turn(e)
		e.tenant.AwaitGuess(-1)
		a, err = hall.AdmitToLobby(v, w.wall(e))
		if w.bug == unlookedPINsOpen {
			a.Waiting, a.ByPIN = false, true
		}
		return a, true, err
	}
	a, err = hall.Admit(v, e.state.EdgeKey(hall.ID), w.wall(e))
	if guess {
		right := err == nil || err == webinar.ErrLocked
		if looked := right || err == webinar.ErrWrongPIN; right {
			w.right++
			e.tenant.SettleGuess(true, true)
		} else {
			if looked {
				w.wrong++
			}
			e.tenant.SettleGuess(w.bug == wrongPINsAreReturned, looked)
		}
		w.check()
	}
	return a, false, err
}

// admit lists a session, unless what came meanwhile is against it.
func (w *world) admit(e *edge, s *session) {
	p := s.who.participant
	hall := e.state.Webinar(hall)
	if hall == nil || w.bug != nobodyIsAskedAgain && (hall.Allowed(s.standing, w.wall(e)) != nil || hall.InLobby(s.standing)) {
		w.release(e, s)
		return
	}
	s.lobby = false
	e.sessions[p] = s
	w.say("%s enters at %s", p, e.name)
	if s.standing.Guest {
		w.enter(e, p)
	}
	w.entitled(e, s)
	w.lawful(e)
}

func (w *world) release(e *edge, s *session) {
	if s.standing.Guest && e.tenant != nil {
		e.tenant.Leave(s.who.participant, w.clock(e))
	}
}

// sweep is what the door does when the state has changed: it asks the rules again about
// everybody, ends sessions, and lets those out of the lobby who may.
func (w *world) sweep(e *edge) {
	hall := e.state.Webinar(hall)
	if hall == nil || hall == e.swept {
		return
	}
	asked := hall
	if w.bug == sweepIsLate && e.swept != nil {
		asked = e.swept
	}
	e.swept = hall
	for _, p := range sorted(e.sessions) {
		s := e.sessions[p]
		if err := asked.Allowed(s.standing, w.wall(e)); err != nil {
			w.say("%s has to leave %s: %v", p, e.name, err)
			s.cut = true
			w.out(e, p)
			w.release(e, s)
			if w.bug == rosterOutlivesSessions {
				e.sessions[p] = s
			}
			continue
		}
		if s.lobby && !asked.InLobby(s.standing) && e.tenant != nil {
			delete(e.sessions, p)
			e.candidates[p] = s
			w.take(e, p)
		}
	}
}

// notice ends the sessions of those who are gone, once the edge can know.
func (w *world) notice(e *edge) {
	gone := make([]string, 0, 4)
	for p, s := range e.sessions {
		if s.dead > 0 && w.now >= s.dead+idle {
			gone = append(gone, p)
		}
	}
	if len(gone) == 0 || w.bug == deadConnectionsStay {
		return
	}
	slices.Sort(gone)
	for _, p := range gone {
		w.leave(e, p)
	}
}

// signs has somebody register at an edge, by a letter to the leader.
func (w *world) signs(e *edge) {
	w.signed++
	id := fmt.Sprintf("r%d", w.signed)
	hash := secretOf(id)
	if w.bug == edgesHaveWindows { // of their own clock
		if w.fact().registration != nil && e.state.Webinar(hall).RegistrationOpen(w.wall(e)) != nil && !w.windowShut(w.fact(), w.leaderTime()) {
			w.fail("window: an edge refuses a registration at %v of the leader's time, when it is open", w.leaderTime())
		}
	}
	w.send(e, &controlpb.Command{RequestId: "sign/" + id, Kind: &controlpb.Command_Register{Register: &controlpb.Register{
		Webinar: hall, Id: id, Hash: hash[:], EmailHash: hash[:8], Sealed: []byte("sealed")}}})
}
