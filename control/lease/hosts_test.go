package lease

import (
	"fmt"
	"time"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// pins are what hosts set, with their verifiers.
var pins, verifiers = func() (pins []string, by map[string]string) {
	by = make(map[string]string)
	for i := range 6 {
		pin := fmt.Sprintf("4815162%d", i)
		pins = append(pins, pin)
		by[string(webinar.Verifier(pinKey, pin))] = pin
	}
	return pins, by
}()

func (w *world) anyPIN() string { return pins[w.rng.IntN(len(pins))] }

// hosts has a host do something, at the leader at once or by a letter that may be late,
// doubled and out of order.
func (w *world) hosts() {
	c := w.decides()
	if c == nil {
		return
	}
	w.asked++
	c.Principal, c.RequestId = "ada", fmt.Sprint("host/", w.asked)
	if w.chance(15) {
		c.ExpectedVersion = w.hall().Version
	}
	if w.chance(30) {
		w.send(w.edges[w.rng.IntN(len(w.edges))], c)
		return
	}
	w.commit(c)
}

func (w *world) decides() *controlpb.Command {
	switch n := w.rng.IntN(100); {
	case n < 16:
		return w.removes(n < 12)
	case n < 26:
		return w.forgives()
	case n < 36:
		return &controlpb.Command{Kind: &controlpb.Command_SetPin{SetPin: &controlpb.SetPIN{
			Webinar: hall, Verifier: webinar.Verifier(pinKey, w.anyPIN()), AskAgain: w.chance(40)}}}
	case n < 44:
		return &controlpb.Command{Kind: &controlpb.Command_ClearPin{ClearPin: &controlpb.ClearPIN{Webinar: hall}}}
	case n < 52:
		return w.edit(&controlpb.Settings{Registration: w.form()}, "registration")
	case n < 60:
		return w.edit(&controlpb.Settings{}, "registration")
	case n < 64:
		return &controlpb.Command{Kind: &controlpb.Command_OpenRegistration{OpenRegistration: &controlpb.OpenRegistration{Webinar: hall, Open: w.chance(60)}}}
	case n < 70:
		return w.judges()
	case n < 78:
		return w.edit(&controlpb.Settings{Locked: w.chance(35)}, "locked")
	case n < 84:
		return w.edit(&controlpb.Settings{Lobby: []string{"off", "off", "guests", "everyone"}[w.rng.IntN(4)]}, "lobby")
	case n < 90:
		return w.welcomes()
	case n < 93 && w.mood.ends > 0:
		return w.plans()
	case n < 94 && w.mood.ends > 0:
		return &controlpb.Command{Kind: &controlpb.Command_EndWebinar{EndWebinar: &controlpb.EndWebinar{Webinar: hall}}}
	}
	return w.inviting()
}

func (w *world) edit(s *controlpb.Settings, mask ...string) *controlpb.Command {
	return &controlpb.Command{Kind: &controlpb.Command_EditWebinar{EditWebinar: &controlpb.EditWebinar{Webinar: hall, Settings: s, Mask: mask}}}
}

// around is a moment within some minutes of now by the leader's clock.
func (w *world) around(d time.Duration) time.Time { return w.leaderTime().Add(w.some(2*d) - d) }

func (w *world) form() *controlpb.Registration {
	r := &controlpb.Registration{
		Window: []string{"start", "end", "interval", "interval", "always"}[w.rng.IntN(5)], Maximum: uint32(w.rng.IntN(4)),
		Approval: w.chance(30), Waitlist: w.chance(40), Accounts: w.chance(40), Closed: w.chance(10),
	}
	if r.Window == string(webinar.Interval) {
		opens := w.around(5 * time.Minute)
		r.Opens, r.Closes = opens.UnixNano(), opens.Add(time.Minute+w.some(15*time.Minute)).UnixNano()
	}
	return r
}

// plans gives the webinar a time, with which it may end by itself.
func (w *world) plans() *controlpb.Command {
	return w.edit(&controlpb.Settings{AutoEnd: w.chance(40), Schedule: &controlpb.Schedule{
		Start: w.around(5 * time.Minute).UnixNano(), Duration: int64(time.Minute + w.some(10*time.Minute))}}, "schedule", "auto_end")
}

// somebody is one who was here at some time, or who is there now.
func (w *world) somebody() *person {
	if w.chance(60) {
		if e := w.edges[w.rng.IntN(len(w.edges))]; len(e.sessions) > 0 {
			all := sorted(e.sessions)
			return e.sessions[all[w.rng.IntN(len(all))]].who
		}
	}
	if len(w.met) == 0 {
		return nil
	}
	return w.met[w.rng.IntN(len(w.met))]
}

func (w *world) removes(ban bool) *controlpb.Command {
	p := w.somebody()
	if p == nil || p.token == nil { // nobody has a name before the door gave them one
		return nil
	}
	c := &controlpb.Disconnect{Webinar: hall, Participant: p.participant, Name: "Ada", Keys: &controlpb.Keys{}}
	if w.chance(80) { // the roster says what they are known by
		c.Keys.Keys = p.token.standing.Keys.Strings()
	}
	if ban {
		c.Ban = &controlpb.NewBan{Id: fmt.Sprint("b", w.asked), Prefix: w.chance(4)}
		for _, p := range sorted(w.edges[0].sessions) {
			c.Ban.Seen = append(c.Ban.Seen, &controlpb.Keys{Keys: w.edges[0].sessions[p].standing.Keys.Strings()})
		}
	}
	return &controlpb.Command{Kind: &controlpb.Command_Disconnect{Disconnect: c}}
}

func (w *world) forgives() *controlpb.Command {
	if w.chance(30) {
		for b := range w.hall().Bans() {
			return &controlpb.Command{Kind: &controlpb.Command_LiftBan{LiftBan: &controlpb.LiftBan{Webinar: hall, Id: b.ID}}}
		}
	}
	for r := range w.hall().Removals() {
		if w.chance(50) {
			return &controlpb.Command{Kind: &controlpb.Command_Reinvite{Reinvite: &controlpb.Reinvite{Webinar: hall, Participant: r.Participant}}}
		}
	}
	return nil
}

func (w *world) judges() *controlpb.Command {
	if len(w.registrants) == 0 {
		return nil
	}
	return &controlpb.Command{Kind: &controlpb.Command_DecideRegistrants{DecideRegistrants: &controlpb.DecideRegistrants{
		Webinar: hall, Ids: []string{w.registrants[w.rng.IntN(len(w.registrants))]},
		Decision: []string{"approve", "approve", "decline", "cancel"}[w.rng.IntN(4)]}}}
}

// welcomes lets those in who wait in some edge's lobby.
func (w *world) welcomes() *controlpb.Command {
	var who []string
	for _, e := range w.edges {
		for _, p := range sorted(e.sessions) {
			if e.sessions[p].lobby && w.chance(70) {
				who = append(who, p)
			}
		}
	}
	if len(who) == 0 {
		return nil
	}
	return &controlpb.Command{Kind: &controlpb.Command_AdmitVisitors{AdmitVisitors: &controlpb.AdmitVisitors{Webinar: hall, Participants: who}}}
}

// inviting makes an invite, or revokes one.
func (w *world) inviting() *controlpb.Command {
	if len(w.invites) > 0 && w.chance(30) {
		return &controlpb.Command{Kind: &controlpb.Command_RevokeInvite{RevokeInvite: &controlpb.RevokeInvite{Webinar: hall, Id: w.invites[w.rng.IntN(len(w.invites))]}}}
	}
	id, role := fmt.Sprintf("ia%d", w.asked), "attendee"
	if w.chance(40) {
		id, role = fmt.Sprintf("ip%d", w.asked), "presenter"
	}
	hash := secretOf(id)
	return &controlpb.Command{Kind: &controlpb.Command_CreateInvite{CreateInvite: &controlpb.CreateInvite{
		Webinar: hall, Id: id, Name: "Grace", Role: role, Hash: hash[:]}}}
}
