package lease

import (
	"time"

	"stentor/control"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// fact is what holds at one index of the log, worked out from the commands alone and not
// by the rules that are on trial.
type fact struct {
	pin          string
	registration *controlpb.Registration
	schedule     *controlpb.Schedule
	locked       bool
	lobby        string
	autoEnd      bool
	ended        bool
	asked        int // index of the PIN that everyone is asked for again
}

// held is that somebody is kept out from one index of the log up to another.
type held struct {
	from, to int           // to 0: still
	at       time.Duration // when it was committed
}

// holds reports whether h binds an edge that has heard everything up to replica, and has
// had everything since a time: it binds by what the edge knows, and after the bound also
// if the edge does not know it.
func (w *world) holds(h held, e *edge) bool {
	known := h.from <= e.replica && (h.to == 0 || e.replica < h.to)
	late := h.to == 0 && e.connected() && w.now >= max(h.at, e.since())+appliesWithin
	return known || late
}

func (w *world) fact() *fact { return &w.facts[len(w.facts)-1] }

// note keeps the ledger: what a command means that was committed, at the leader's time.
func (w *world) note(before *control.State, c *controlpb.Command, r control.Result, at time.Time) {
	f := fact{}
	if len(w.facts) > 0 {
		f = *w.fact()
	}
	if w.windows(f, c, r, at); r.Err == nil && !r.Replayed {
		w.means(&f, c, r)
	}
	w.facts = append(w.facts, f)
	hall := w.hall()
	if hall == nil {
		return
	}
	if ended := hall.State == webinar.Ended; ended != f.ended {
		_, closes := w.fact().ends()
		if c.GetTick() == nil || !f.autoEnd || closes.IsZero() || at.Before(closes) {
			w.fail("window: ended %v at %v by %v", ended, at, c)
		}
		w.fact().ended = ended
	}
	if hall.PIN != nil && hall.Registration != nil {
		w.fail("pin: a PIN beside a registration, by %v", c)
	}
}

// means applies one accepted command to the ledger.
func (w *world) means(f *fact, c *controlpb.Command, r control.Result) {
	index := len(w.history) - 1
	switch k := c.GetKind().(type) {
	case *controlpb.Command_SetPin:
		f.pin = verifiers[string(k.SetPin.Verifier)]
		if k.SetPin.AskAgain {
			f.asked = index
		}
	case *controlpb.Command_ClearPin:
		f.pin = ""
	case *controlpb.Command_EditWebinar:
		for _, name := range k.EditWebinar.Mask {
			f.change(k.EditWebinar.Settings, name)
		}
	case *controlpb.Command_OpenRegistration:
		g := *registrationOf(f.registration)
		g.closed = !k.OpenRegistration.Open
		f.registration = g.record()
	case *controlpb.Command_EndWebinar:
		f.ended = true
	case *controlpb.Command_Register:
		w.registrants = append(w.registrants, r.Subject)
	case *controlpb.Command_CreateInvite:
		w.invites = append(w.invites, r.Subject)
	case *controlpb.Command_Disconnect:
		w.removed(k.Disconnect, index)
	case *controlpb.Command_Reinvite:
		w.lift(w.gone[k.Reinvite.Participant], index)
		w.liftBans(index)
	case *controlpb.Command_LiftBan:
		w.liftBans(index)
	}
}

func (f *fact) change(s *controlpb.Settings, name string) {
	switch name {
	case "registration":
		f.registration = s.GetRegistration()
	case "schedule":
		f.schedule = s.GetSchedule()
	case "auto_end":
		f.autoEnd = s.GetAutoEnd()
	case "locked":
		f.locked = s.GetLocked()
	case "lobby":
		f.lobby = s.GetLobby()
	}
}

// registrationCopy is a form whose host has opened or closed it.
type registrationCopy struct {
	of     *controlpb.Registration
	closed bool
}

func registrationOf(r *controlpb.Registration) *registrationCopy { return &registrationCopy{of: r} }

func (r *registrationCopy) record() *controlpb.Registration {
	return &controlpb.Registration{Window: r.of.GetWindow(), Opens: r.of.GetOpens(), Closes: r.of.GetCloses(), Maximum: r.of.GetMaximum(),
		Approval: r.of.GetApproval(), Waitlist: r.of.GetWaitlist(), Accounts: r.of.GetAccounts(), Closed: r.closed}
}

// removed notes a removal, and the keys that a ban was told. It may hold more than them.
func (w *world) removed(c *controlpb.Disconnect, index int) {
	h := held{from: index, at: w.now}
	w.gone[c.Participant] = append(w.gone[c.Participant], h)
	if c.Ban == nil {
		return
	}
	keys, _ := webinar.ParseKeys(c.GetKeys().GetKeys())
	for _, k := range append(keys, webinar.Key{Kind: webinar.KindParticipant, Value: c.Participant}) {
		if k.Kind != webinar.KindPrefix {
			w.banned[k] = append(w.banned[k], h)
		}
	}
}

func (w *world) lift(of []held, index int) {
	for i := range of {
		if of[i].to == 0 {
			of[i].to = index
		}
	}
}

// liftBans notes whom no ban of the voters names any more.
func (w *world) liftBans(index int) {
	still := make(map[webinar.Key]bool)
	for b := range w.hall().Bans() {
		for _, k := range b.Keys {
			still[k] = true
		}
	}
	for k, of := range w.banned {
		if !still[k] {
			w.lift(of, index)
		}
	}
}

// ends is when the webinar begins and is over by its schedule.
func (f *fact) ends() (starts, ends time.Time) {
	if f.schedule == nil {
		return
	}
	starts = time.Unix(0, f.schedule.Start)
	return starts, starts.Add(time.Duration(f.schedule.Duration))
}

// windowShut reports whether nobody can register at a moment of the leader's time.
func (w *world) windowShut(f *fact, at time.Time) bool {
	g := f.registration
	if g.GetClosed() {
		return true
	}
	starts, ends := f.ends()
	switch webinar.Window(g.GetWindow()) {
	case webinar.Interval:
		return at.Before(time.Unix(0, g.Opens)) || !at.Before(time.Unix(0, g.Closes))
	case webinar.UntilStart:
		return f.schedule != nil && !at.Before(starts)
	case webinar.UntilEnd:
		return f.schedule != nil && !at.Before(ends)
	}
	return false
}

// windows is the law that the leader's time alone decides (5).
func (w *world) windows(f fact, c *controlpb.Command, r control.Result, at time.Time) {
	if c.GetRegister() == nil || r.Replayed {
		return
	}
	shut := f.registration == nil || f.ended || w.windowShut(&f, at)
	denial, _ := r.Err.(*webinar.Denial)
	refused := denial != nil && (denial.Code == webinar.ErrRegistrationClosed.Code || denial.Code == webinar.ErrRegistrationNotOpen.Code)
	switch {
	case r.Err == nil && shut:
		w.fail("window: %s registered at %v of the leader's time: %v, %v", r.Subject, at, f.registration, f.schedule)
	case refused && !shut:
		w.fail("window: refused at %v of the leader's time (%v): %v, %v", at, r.Err, f.registration, f.schedule)
	}
}

// overdue is the law that a webinar ends by the leader's time, once it has ticked.
func (w *world) overdue() {
	f := w.fact()
	if _, ends := f.ends(); f.autoEnd && !f.ended && !ends.IsZero() && w.leaderTime().After(ends.Add(2*time.Second)) {
		w.fail("window: still not ended at %v, it was to end at %v", w.leaderTime(), ends)
	}
}

// lawful is the law of who may be listed at an edge (2, 6).
func (w *world) lawful(e *edge) {
	f := &w.facts[e.replica]
	for p, s := range e.sessions {
		for _, k := range s.who.keys {
			for _, h := range w.banned[k] {
				if w.holds(h, e) {
					w.fail("ban: %s is listed at %s, which has heard %d; %s is banned since %d, %v", p, e.name, e.replica, k, h.from, h.at)
				}
			}
		}
		for _, h := range w.gone[p] {
			if h.from > s.admitted && w.holds(h, e) {
				w.fail("ban: %s is listed at %s, which has heard %d, and was disconnected by %d at %v", p, e.name, e.replica, h.from, h.at)
			}
		}
		switch {
		case f.ended:
			w.fail("ghost: %s is listed at %s in a webinar that has ended", p, e.name)
		case s.cut:
			w.fail("ghost: %s is listed at %s, which has ended the session", p, e.name)
		case s.dead > 0 && w.now > max(s.dead, e.until)+idle+2*time.Second:
			w.fail("ghost: %s is listed at %s, gone since %v", p, e.name, s.dead)
		case s.standing.Guest && !s.lobby && !e.inside[p]:
			w.fail("ghost: %s is listed at %s without a seat", p, e.name)
		}
	}
	for p := range e.inside {
		if s := e.sessions[p]; s == nil || s.lobby {
			w.fail("ghost: %s sits at %s, and is on no list", p, e.name)
		}
	}
}

// entitled is the law of who enters (3), by what they brought and the log says.
func (w *world) entitled(e *edge, s *session) {
	then, now := &w.facts[s.admitted], &w.facts[e.replica]
	hall := w.history[e.replica].Webinar(hall)
	at := w.history[s.admitted].Webinar(hall.ID)
	_, invited := at.InviteBySecret(s.who.visitor.Invite)
	_, still := hall.InviteBySecret(s.who.visitor.Invite)
	presenter := invited && s.who.presenter
	entry := func(says string) {
		w.fail("proof: %s enters %s at %d, admitted at %d: %s", s.who.participant, e.name, e.replica, s.admitted, says)
	}
	welcome := func(w *webinar.Webinar) bool {
		p, ok := w.Participant(s.who.participant)
		return ok && p.Admitted
	}
	needsPIN := then.pin != "" && then.registration == nil && !invited
	switch {
	case invited && !still:
		entry("the invite is revoked")
	case then.locked && !presenter && !welcome(at):
		entry("it is locked")
	case then.registration != nil && !invited && !s.registered(at, then):
		entry("no registration")
	case now.registration != nil && !still && !s.registered(hall, now) && s.standing.Account == "":
		entry("no registration any more")
	case needsPIN && (s.typed != then.pin || s.budget) && !welcome(hall) && now.pin != "":
		entry("not the PIN: " + s.typed + ", it is " + then.pin)
	case now.pin != "" && now.registration == nil && !still && now.asked > s.admitted:
		entry("the PIN is asked for again")
	case s.waits(then.lobby) && !presenter && !welcome(at) && !welcome(hall) && s.waits(now.lobby):
		entry("they should be in the lobby")
	}
}

// registered reports whether s has what a registration asks for.
func (s *session) registered(w *webinar.Webinar, f *fact) bool {
	r, ok := w.RegistrantBySecret(s.who.visitor.Registrant)
	return ok && r.Status == webinar.Approved || s.who.visitor.Account != "" && f.registration.GetAccounts()
}

func (s *session) waits(lobby string) bool {
	return lobby == string(webinar.LobbyEveryone) || lobby == string(webinar.LobbyGuests) && s.standing.Guest
}

// aftermath is the law of what stays of a webinar that has ended (6): after the retention
// nobody is named any more.
func (w *world) aftermath() {
	w.now += 24*time.Hour + w.jumped + 12*time.Hour // of whatever leader's clock
	for n := 0; n < 10 && w.head().Due(w.leaderTime()); n++ {
		w.commit(&controlpb.Command{Kind: &controlpb.Command_Tick{Tick: &controlpb.Tick{}}})
	}
	hall := w.hall()
	if n := hall.SeatCount() + hall.LeaseCount() + hall.ParticipantCount(); n > 0 {
		w.fail("ghost: %d seats, leases and participants are kept for ever", n)
	}
	for r := range hall.Registrants() {
		if len(r.Sealed) > 0 {
			w.fail("ghost: what %s gave is kept for ever", r.ID)
		}
	}
	for r := range hall.Removals() {
		if r.Name != "" || len(r.Keys) > 0 {
			w.fail("ghost: who %s was is kept for ever", r.Participant)
		}
	}
}
