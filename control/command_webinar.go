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
	r := webinarRecord(w)
	change(r.GetWebinar())
	r.GetWebinar().Version++
	return d.put(r)
}

func (d *draft) createWebinar(c *controlpb.CreateWebinar) (string, error) {
	r := &controlpb.WebinarRecord{
		Id: c.GetId(), Link: c.GetLink(), Title: c.GetTitle(), Mode: c.GetMode(), Owner: c.GetOwner(),
		State: string(webinar.Planned), Guests: c.GetGuests(), Registration: c.GetRegistration(),
		Created: nanos(d.at), Version: 1,
	}
	if c.GetSettings() != nil {
		for _, field := range settingsFields {
			setField(r, c.GetSettings(), field)
		}
	}
	if r.GetMode() == "" {
		r.Mode = string(webinar.RoleBased)
	}
	if r.GetGuests() == nil {
		r.Guests = permissionsRecord(webinar.AllPermissions)
	}
	if p := c.GetPin(); p != nil {
		r.Pin = &controlpb.PIN{Verifier: p.GetVerifier(), Weak: p.GetWeak(), Set: nanos(d.at)}
	}
	err := first(checkID("id", c.GetId()), checkID("link", c.GetLink()), checkText("title", r.GetTitle(), true),
		checkText("owner", c.GetOwner(), false), checkPIN(c.GetPin()), checkSettings(r))
	switch {
	case err != nil:
		return "", err
	case d.next.Webinar(c.GetId()) != nil || d.next.WebinarByLink(c.GetLink()) != nil:
		return "", ErrExists
	case d.next.webinars.Len() >= maxWebinars:
		return "", tooMany("webinars", maxWebinars)
	}
	return c.GetId(), first(
		d.put(&controlpb.Record{Kind: &controlpb.Record_Webinar{Webinar: r}}),
		d.audit("webinar.created", c.GetId(), c.GetId(), nil),
		d.planReminders(c.GetId()),
	)
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
	return w.ID, d.end(w, nil)
}

// end ends w: its streams go, and its participants with them.
func (d *draft) end(w *webinar.Webinar, why facts) error {
	for _, s := range slices.Collect(w.Streams()) {
		if err := d.remove(Key{KindStream, w.ID, s.Name}); err != nil {
			return err
		}
	}
	return first(
		d.edit(w, func(r *controlpb.WebinarRecord) {
			r.State, r.Ended, r.Recording = string(webinar.Ended), nanos(d.at), nil
			if d.next.Stays(w.ID) > 0 {
				r.Settles = nanos(d.at.Add(settleEnded))
			}
		}),
		d.audit("webinar.ended", w.ID, w.ID, why),
		d.planReminders(w.ID),
	)
}

func (d *draft) setPIN(c *controlpb.SetPIN) (string, error) {
	w, err := d.open(c.GetWebinar())
	if err := first(err, checkHash("pin_verifier", c.GetVerifier())); err != nil {
		return "", err
	}
	if w.Registration != nil {
		return "", ErrPINWithRegistration
	}
	err = d.edit(w, func(r *controlpb.WebinarRecord) {
		r.Pin = &controlpb.PIN{Verifier: c.GetVerifier(), Weak: c.GetWeak(), Set: nanos(d.at)}
		if c.GetAskAgain() {
			r.AskedAgain = d.change.Index
		}
	})
	return w.ID, first(err, d.audit("pin.changed", w.ID, w.ID, facts{"weak": c.GetWeak(), "ask_again": c.GetAskAgain()}))
}

func (d *draft) clearPIN(c *controlpb.ClearPIN) (string, error) {
	w, err := d.open(c.GetWebinar())
	if err != nil {
		return "", err
	}
	err = d.edit(w, func(r *controlpb.WebinarRecord) { r.Pin = nil })
	return w.ID, first(err, d.audit("pin.changed", w.ID, w.ID, facts{"cleared": true}))
}
