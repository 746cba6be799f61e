package control

import (
	"errors"
	"slices"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// editWebinar changes the settings that the mask names, before or during a webinar
// (S28). Those who are inside stay: a lower limit lets nobody new in until it is kept
// again.
func (d *draft) editWebinar(c *controlpb.EditWebinar) (string, error) {
	w, err := d.open(c.GetWebinar())
	if err != nil {
		return "", err
	}
	mask := slices.Clone(c.GetMask())
	slices.Sort(mask)
	if err := checkBatch("mask", len(mask), len(settingsFields)); err != nil {
		return "", err
	}
	before := webinarRecord(w)
	after := proto.CloneOf(before)
	for _, name := range mask {
		if !setField(after.GetWebinar(), c.GetSettings(), name) {
			return "", invalid("mask", "There is no such setting.")
		}
	}
	r := after.GetWebinar()
	if r.GetGuests() == nil {
		r.Guests = permissionsRecord(webinar.AllPermissions)
	}
	if r.GetMode() == "" {
		r.Mode = string(webinar.RoleBased)
	}
	if err := checkSettings(r); err != nil {
		return "", err
	}
	if proto.Equal(before, after) {
		return w.ID, nil
	}
	r.Version++
	err = first(d.put(after), d.audit("webinar.edited", w.ID, w.ID, facts{"fields": slices.Compact(mask)}))
	if slices.Contains(mask, "schedule") || slices.Contains(mask, "registration") {
		err = first(err, d.planReminders(w.ID))
	}
	return w.ID, first(err, d.promote(w.ID, maxBatch))
}

// rotateLink gives the webinar another link; the old one opens nothing any more (S7).
func (d *draft) rotateLink(c *controlpb.RotateLink) (string, error) {
	w, err := d.open(c.GetWebinar())
	if err := first(err, checkID("link", c.GetLink())); err != nil {
		return "", err
	}
	if d.next.WebinarByLink(c.GetLink()) != nil {
		return "", ErrExists
	}
	err = d.edit(w, func(r *controlpb.WebinarRecord) { r.Link = c.GetLink() })
	return w.ID, first(err, d.audit("webinar.link_rotated", w.ID, w.ID, nil))
}

// openRegistration opens or closes the registration, whatever its window says. Nobody
// who is inside has to go.
func (d *draft) openRegistration(c *controlpb.OpenRegistration) (string, error) {
	w, err := d.open(c.GetWebinar())
	switch {
	case err != nil:
		return "", err
	case w.Registration == nil:
		return "", webinar.ErrRegistrationOff
	case w.Registration.Closed == !c.GetOpen():
		return w.ID, d.windowIsOver(w, c.GetOpen())
	}
	err = d.edit(w, func(r *controlpb.WebinarRecord) { r.Registration.Closed = !c.GetOpen() })
	action := "registration.closed"
	if c.GetOpen() {
		action = "registration.opened"
	}
	return w.ID, first(err, d.windowIsOver(d.next.Webinar(w.ID), c.GetOpen()), d.audit(action, w.ID, w.ID, nil))
}

// windowIsOver refuses to open a registration that is closed by the clock: the host would
// think that it is open.
func (d *draft) windowIsOver(w *webinar.Webinar, open bool) error {
	if err := w.RegistrationOpen(d.at); open && errors.Is(err, webinar.ErrRegistrationClosed) {
		return err
	}
	return nil
}

// extendOccurrences notes when a recurring webinar takes place, as the leader worked it
// out. It is no change of the settings, so the version stays.
func (d *draft) extendOccurrences(c *controlpb.ExtendOccurrences) (string, error) {
	w, err := d.open(c.GetWebinar())
	switch {
	case err != nil:
		return "", err
	case w.Schedule == nil || w.Schedule.Rule == "":
		return "", ErrNoSchedule
	}
	r := webinarRecord(w)
	r.GetWebinar().Schedule.Occurrences, r.GetWebinar().Schedule.Complete = c.GetOccurrences(), c.GetComplete()
	if err := checkSchedule(r.GetWebinar().GetSchedule()); err != nil {
		return "", err
	}
	return w.ID, first(d.put(r), d.planReminders(w.ID))
}
