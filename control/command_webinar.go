package control

import (
	"slices"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// webinar returns the webinar that the command is about, if the version that its
// sender saw is still there.
func (d *draft) webinar(id string) (*webinar.Webinar, error) {
	w := d.next.Webinar(id)
	if w == nil {
		return nil, webinar.ErrNotFound
	}
	if v := d.c.GetExpectedVersion(); v != 0 && v != w.Version {
		return nil, ErrVersion
	}
	return w, nil
}

// open is webinar for what an ended one refuses.
func (d *draft) open(id string) (*webinar.Webinar, error) {
	w, err := d.webinar(id)
	if err == nil && w.State == webinar.Ended {
		return nil, webinar.ErrEnded
	}
	return w, err
}

// edit changes the settings of w, and with them its version.
func (d *draft) edit(w *webinar.Webinar, change func(*controlpb.WebinarRecord)) error {
	r := d.next.webinarRecord(w)
	change(r.GetWebinar())
	r.GetWebinar().Version++
	return d.put(r)
}

func (d *draft) createWebinar(c *controlpb.CreateWebinar) (string, error) {
	mode := webinar.Mode(c.GetMode())
	if mode == "" {
		mode = webinar.RoleBased
	}
	guests := c.GetGuests()
	if guests == nil {
		guests = permissionsRecord(webinar.AllPermissions)
	}
	err := first(checkID("id", c.GetId()), checkID("link", c.GetLink()), checkText("title", c.GetTitle(), true),
		checkText("owner", c.GetOwner(), false), checkPIN(c.GetPin()))
	switch {
	case err != nil:
		return "", err
	case !mode.Known():
		return "", invalid("mode", "The mode is role-based or all-on-screen.")
	case c.GetPin() != nil && c.GetRegistration() != nil:
		return "", ErrPINWithRegistration
	case d.next.Webinar(c.GetId()) != nil || d.next.WebinarByLink(c.GetLink()) != nil:
		return "", ErrExists
	case d.next.webinars.Len() >= maxWebinars:
		return "", tooMany("webinars", maxWebinars)
	}
	r := &controlpb.WebinarRecord{
		Id: c.GetId(), Link: c.GetLink(), Title: c.GetTitle(), Mode: string(mode), Owner: c.GetOwner(),
		State: string(webinar.Planned), Guests: guests, Registration: c.GetRegistration(),
		Created: nanos(d.at), Version: 1,
	}
	if p := c.GetPin(); p != nil {
		r.Pin = &controlpb.PIN{Verifier: p.GetVerifier(), Weak: p.GetWeak(), Set: nanos(d.at)}
	}
	return c.GetId(), d.put(&controlpb.Record{Kind: &controlpb.Record_Webinar{Webinar: r}})
}

func checkPIN(p *controlpb.PIN) error {
	if p == nil {
		return nil
	}
	return checkHash("pin_verifier", p.GetVerifier())
}

func (d *draft) endWebinar(c *controlpb.EndWebinar) (string, error) {
	w, err := d.open(c.GetWebinar())
	if err != nil {
		return "", err
	}
	for _, s := range slices.Collect(w.Streams()) {
		if err := d.remove(Key{KindStream, w.ID, s.Name}); err != nil {
			return "", err
		}
	}
	return w.ID, d.edit(w, func(r *controlpb.WebinarRecord) {
		r.State, r.Ended = string(webinar.Ended), nanos(d.at)
	})
}

func (d *draft) setPIN(c *controlpb.SetPIN) (string, error) {
	w, err := d.open(c.GetWebinar())
	if err := first(err, checkHash("pin_verifier", c.GetVerifier())); err != nil {
		return "", err
	}
	if w.Registration != nil {
		return "", ErrPINWithRegistration
	}
	return w.ID, d.edit(w, func(r *controlpb.WebinarRecord) {
		r.Pin = &controlpb.PIN{Verifier: c.GetVerifier(), Weak: c.GetWeak(), Set: nanos(d.at)}
	})
}

func (d *draft) clearPIN(c *controlpb.ClearPIN) (string, error) {
	w, err := d.open(c.GetWebinar())
	if err != nil {
		return "", err
	}
	return w.ID, d.edit(w, func(r *controlpb.WebinarRecord) { r.Pin = nil })
}

func (d *draft) createInvite(c *controlpb.CreateInvite) (string, error) {
	w, err := d.open(c.GetWebinar())
	err = first(err, checkID("id", c.GetId()), checkText("name", c.GetName(), true), checkHash("hash", c.GetHash()))
	if err != nil {
		return "", err
	}
	hash, _ := hash32(c.GetHash())
	if _, taken := w.InviteBySecret(hash); taken {
		return "", ErrExists
	}
	if _, taken := w.Invite(c.GetId()); taken {
		return "", ErrExists
	}
	if !webinar.Role(c.GetRole()).Known() {
		return "", invalid("role", "The role is owner, moderator, presenter or attendee.")
	}
	if w.InviteCount() >= maxInvites {
		return "", tooMany("invites", maxInvites)
	}
	return c.GetId(), d.put(inviteRecord(w.ID, webinar.Invite{
		ID: c.GetId(), Name: c.GetName(), Role: webinar.Role(c.GetRole()), Hash: hash, Created: d.at,
	}))
}
