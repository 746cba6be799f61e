package control

import (
	"stentor/control/controlpb"
)

// setRecording begins or ends the recording of a webinar. The nodes that publishers are at do it; that it goes on is
// for everybody to know. It is no change of the settings, so the version stays.
func (d *draft) setRecording(c *controlpb.SetRecording) (string, error) {
	w, err := d.open(c.GetWebinar())
	if err != nil {
		return "", err
	}
	if on := w.Recording.ID != ""; on == c.GetOn() {
		return w.Recording.ID, nil
	}
	r := webinarRecord(w)
	if !c.GetOn() {
		r.GetWebinar().Recording = nil
		return w.Recording.ID, first(d.put(r), d.audit("webinar.recording_stopped", w.ID, w.Recording.ID, nil))
	}
	if err := checkID("id", c.GetId()); err != nil {
		return "", err
	}
	r.GetWebinar().Recording = &controlpb.Recording{Id: c.GetId(), Since: nanos(d.at)}
	return c.GetId(), first(d.put(r), d.audit("webinar.recording_started", w.ID, c.GetId(), nil))
}
