package control

import (
	"slices"
	"strconv"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// reinvite lets somebody who was disconnected or banned in again (S67-S69): every ban
// that holds them goes, and with it all that it held.
//
// A network that somebody else was banned with is taken out of that ban, which holds on
// to the rest: the two may only share an address.
func (d *draft) reinvite(c *controlpb.Reinvite) (string, error) {
	w, err := d.open(c.GetWebinar())
	if err := first(err, checkID("participant", c.GetParticipant())); err != nil {
		return "", err
	}
	removal, removed := w.Removal(c.GetParticipant())
	keys := append(slices.Clone(removal.Keys), webinar.Key{Kind: webinar.KindParticipant, Value: c.GetParticipant()})
	var lifted []string
	for b := range w.Bans() {
		shared, theirs := sharedKeys(b, keys, c.GetParticipant())
		switch {
		case theirs:
			lifted = append(lifted, b.ID)
			err = d.remove(Key{KindBan, w.ID, b.ID})
		case len(shared) > 0:
			b.Keys = slices.DeleteFunc(slices.Clone(b.Keys), func(k webinar.Key) bool { return slices.Contains(shared, k) })
			err = d.put(banRecord(w.ID, b))
		}
		if err != nil {
			return "", err
		}
	}
	if !removed && len(lifted) == 0 {
		return "", ErrNotUnconnected
	}
	return c.GetParticipant(), first(
		d.remove(Key{KindRemoval, w.ID, c.GetParticipant()}),
		d.audit("participant.reinvited", w.ID, c.GetParticipant(), facts{"bans": append([]string{}, lifted...)}),
	)
}

// sharedKeys returns which of a participant's keys b holds, and whether b is theirs: it
// names them, or holds more than a network that they share.
func sharedKeys(b webinar.Ban, keys webinar.Keys, participant string) (shared webinar.Keys, theirs bool) {
	theirs = b.Participant == participant
	for _, k := range b.Keys {
		if slices.Contains(keys, k) {
			shared = append(shared, k)
			theirs = theirs || k.Kind != webinar.KindPrefix
		}
	}
	return shared, theirs
}

// setParticipant changes what holds for one participant (S70-S73): what is received of
// them, whether they are on stage, whether their hand is up, what they are.
func (d *draft) setParticipant(c *controlpb.SetParticipant) (string, error) {
	w, err := d.open(c.GetWebinar())
	err = first(err, checkID("participant", c.GetParticipant()), checkText("name", c.GetName(), false))
	if err != nil {
		return "", err
	}
	p, known := w.Participant(c.GetParticipant())
	switch {
	case w.Banned(c.GetParticipant(), nil, d.at):
		return "", webinar.ErrBanned
	case !known && w.ParticipantCount() >= maxParticipants:
		return "", tooMany("participants", maxParticipants)
	}
	if r := webinar.Role(c.GetRole()); r != "" && (!r.Known() || r == webinar.Owner) {
		return "", invalid("role", "A participant becomes moderator, presenter or attendee.")
	}
	if c.GetStage() && !p.Stage && onStage(w) >= w.Mode.MaxStage() {
		return "", webinar.ErrStageFull
	}
	before := p
	p.ID = c.GetParticipant()
	if c.GetName() != "" {
		p.Name = c.GetName()
	}
	if err := d.changeParticipant(w, &p, c); err != nil {
		return "", err
	}
	if p == before {
		return p.ID, nil
	}
	return p.ID, d.putParticipant(w, p)
}

// changeParticipant makes the changes that c asks for. Each is an entry of the audit log
// but a hand: guests raise it as often as they like, and would push the log's oldest
// entries out with it.
func (d *draft) changeParticipant(w *webinar.Webinar, p *webinar.Participant, c *controlpb.SetParticipant) error {
	var err error
	set := func(flag *bool, to *bool, on, off string) {
		if to == nil || *to == *flag {
			return
		}
		*flag = *to
		action := off
		if *to {
			action = on
		}
		err = first(err, d.audit(action, w.ID, p.ID, nil))
	}
	set(&p.StopAudio, c.StopAudio, "participant.audio_stopped", "participant.audio_allowed")
	set(&p.StopVideo, c.StopVideo, "participant.video_stopped", "participant.video_allowed")
	set(&p.StopMessages, c.StopMessages, "participant.messages_stopped", "participant.messages_allowed")
	if c.Stage != nil && *c.Stage != p.Stage {
		p.Stage = *c.Stage
		err = first(err, d.audit("participant.stage", w.ID, p.ID, facts{"on": p.Stage}))
	}
	if c.Hand != nil && *c.Hand == p.Hand.IsZero() {
		p.Hand = d.at
		if !*c.Hand {
			p.Hand = moment(0)
		}
	}
	if c.Role != nil && webinar.Role(*c.Role) != p.Role {
		p.Role = webinar.Role(*c.Role)
		err = first(err, d.audit("participant.role", w.ID, p.ID, facts{"role": *c.Role}))
	}
	return err
}

// putParticipant keeps what was decided about p; nothing, if that is how everyone is.
func (d *draft) putParticipant(w *webinar.Webinar, p webinar.Participant) error {
	if p == (webinar.Participant{ID: p.ID, Name: p.Name, Index: p.Index}) {
		return d.remove(Key{KindParticipant, w.ID, p.ID})
	}
	p.Index = d.change.Index
	return d.put(participantRecord(w.ID, p))
}

func onStage(w *webinar.Webinar) int {
	n := 0
	for p := range w.Participants() {
		if p.Stage {
			n++
		}
	}
	return n
}

// admitVisitors lets those in who wait in the lobby, but for whom a ban holds by now. Its
// subject is how many.
func (d *draft) admitVisitors(c *controlpb.AdmitVisitors) (string, error) {
	w, err := d.open(c.GetWebinar())
	if err := first(err, checkBatch("participants", len(c.GetParticipants()), maxAdmitted)); err != nil {
		return "", err
	}
	admitted := 0
	for _, id := range c.GetParticipants() {
		if err := checkID("participant", id); err != nil {
			return "", err
		}
		now := d.next.Webinar(w.ID)
		p, known := now.Participant(id)
		switch {
		case p.Admitted || w.Banned(id, nil, d.at):
			continue
		case !known && now.ParticipantCount() >= maxParticipants:
			return "", tooMany("participants", maxParticipants)
		}
		p.ID, p.Admitted = id, true
		admitted++
		if err := first(d.putParticipant(w, p), d.audit("participant.admitted", w.ID, id, nil)); err != nil {
			return "", err
		}
	}
	return strconv.Itoa(admitted), nil
}

// leaveStage is what a disconnection does to what was decided about the participant:
// they come back, if they may, to where everyone begins. What hosts stopped stays so.
func (d *draft) leaveStage(w *webinar.Webinar, id string) error {
	p, known := w.Participant(id)
	if !known || d.next.cluster.FeatureLevel < 2 {
		return nil
	}
	p.Stage, p.Hand, p.Admitted, p.Role = false, moment(0), false, ""
	return d.putParticipant(w, p)
}
