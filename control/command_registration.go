package control

import (
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// register signs somebody up. The window is that of the leader's time, and the place
// exact, since the log has an order (S51). Its subject is the registrant; also of a
// refusal to somebody who has registered before.
func (d *draft) register(c *controlpb.Register) (string, error) {
	w, err := d.open(c.GetWebinar())
	if err := first(err, checkRegister(c)); err != nil {
		return "", err
	}
	if err := w.RegistrationOpen(d.at); err != nil {
		return "", err
	}
	if c.GetAccount() != "" && w.Banned("", webinar.Keys{{Kind: webinar.KindAccount, Value: c.GetAccount()}}, d.at) {
		return "", webinar.ErrBanned
	}
	if w.EmailBanned(c.GetEmailHash(), d.at) {
		return "", webinar.ErrBanned
	}
	if old, ok := registered(w, c); ok {
		return old.ID, webinar.ErrAlreadyRegistered
	}
	hash, _ := hash32(c.GetHash())
	_, idTaken := w.Registrant(c.GetId())
	_, secretTaken := w.RegistrantBySecret(hash)
	switch {
	case idTaken || secretTaken:
		return "", ErrExists
	case w.RegistrantCount() >= maxRegistrants:
		return "", tooMany("registrants", maxRegistrants)
	}
	status, err := w.RegistrationPlace()
	if err != nil {
		return "", err
	}
	err = first(
		d.put(registrantRecord(w.ID, webinar.Registrant{
			ID: c.GetId(), Hash: hash, Status: status, Created: d.at, EmailHash: c.GetEmailHash(),
			Sealed: c.GetSealed(), Account: c.GetAccount(), Index: d.change.Index,
		})),
		d.audit("registrant.registered", w.ID, c.GetId(), facts{"status": string(status)}),
	)
	if c.GetMail() {
		err = first(err, d.mail(mailOfRegistering(status), w.ID, c.GetId()))
	}
	return c.GetId(), err
}

func checkRegister(c *controlpb.Register) error {
	if len(c.GetEmailHash()) > 64 {
		return invalid("email_hash", "A hash has up to 64 bytes.")
	}
	return first(checkID("id", c.GetId()), checkHash("hash", c.GetHash()), checkSealed("sealed", c.GetSealed()),
		checkText("account", c.GetAccount(), false))
}

// registered returns the registration that the same address or account has already.
func registered(w *webinar.Webinar, c *controlpb.Register) (webinar.Registrant, bool) {
	if len(c.GetEmailHash()) > 0 {
		if old, ok := w.RegistrantByEmail(c.GetEmailHash()); ok {
			return old, true
		}
	}
	if c.GetAccount() == "" {
		return webinar.Registrant{}, false
	}
	return w.RegistrantByAccount(c.GetAccount())
}

// decideRegistrants approves, declines or cancels all of them, or none. A place that
// becomes free goes to the first of the waitlist in the same command (M14).
func (d *draft) decideRegistrants(c *controlpb.DecideRegistrants) (string, error) {
	w, err := d.open(c.GetWebinar())
	if err := first(err, checkBatch("registrants", len(c.GetIds()), maxBatch)); err != nil {
		return "", err
	}
	decide := map[string]func(*webinar.Webinar, webinar.Registrant) error{
		"approve": d.approve, "decline": d.decline, "cancel": d.cancel,
	}[c.GetDecision()]
	if decide == nil {
		return "", invalid("decision", "The decision is approve, decline or cancel.")
	}
	for _, id := range c.GetIds() {
		now := d.next.Webinar(w.ID)
		r, ok := now.Registrant(id)
		if !ok {
			return "", ErrNoSuchRegistrant
		}
		if err := decide(now, r); err != nil {
			return "", err
		}
	}
	return w.ID, d.promote(w.ID, maxBatch)
}

func (d *draft) approve(w *webinar.Webinar, r webinar.Registrant) error {
	switch r.Status {
	case webinar.Approved:
		return nil
	case webinar.Cancelled:
		return webinar.ErrRegistrationCancelled
	case webinar.Declined:
		if _, again := registered(w, &controlpb.Register{EmailHash: r.EmailHash, Account: r.Account}); again {
			return webinar.ErrAlreadyRegistered
		}
	}
	status, err := w.ApprovalPlace()
	if err != nil {
		return err
	}
	if status == webinar.Waitlisted {
		return d.settleRegistrant(w, r, status, "registrant.waitlisted", mailWaitlisted)
	}
	return d.settleRegistrant(w, r, status, "registrant.approved", mailApproved)
}

func (d *draft) decline(w *webinar.Webinar, r webinar.Registrant) error {
	switch r.Status {
	case webinar.Declined:
		return nil
	case webinar.Cancelled:
		return webinar.ErrRegistrationCancelled
	}
	return d.settleRegistrant(w, r, webinar.Declined, "registrant.declined", mailDeclined)
}

// cancel takes a registration back. Who does so knows, and gets no mail.
func (d *draft) cancel(w *webinar.Webinar, r webinar.Registrant) error {
	return d.settleRegistrant(w, r, webinar.Cancelled, "registrant.cancelled", "")
}

// settleRegistrant gives r another status; nothing happens if it has that already.
func (d *draft) settleRegistrant(w *webinar.Webinar, r webinar.Registrant, to webinar.Status, action, mail string) error {
	if r.Status == to {
		return nil
	}
	r.Status, r.Decided = to, d.at
	err := first(d.put(registrantRecord(w.ID, r)), d.audit(action, w.ID, r.ID, nil))
	if mail != "" && len(r.Sealed) > 0 {
		err = first(err, d.mail(mail, w.ID, r.ID))
	}
	return err
}

// promote gives free places to the first of the waitlist, up to a number of them; a Tick
// goes on with the rest.
func (d *draft) promote(id string, most int) error {
	for range most {
		w := d.next.Webinar(id)
		r, ok := w.NextPromoted()
		if !ok {
			return nil
		}
		var err error
		if w.Registration.Approval && r.Decided.IsZero() { // the host has begun to decide on each
			err = d.settleRegistrant(w, r, webinar.Pending, "registrant.pending", "")
		} else {
			err = d.settleRegistrant(w, r, webinar.Approved, "registrant.promoted", mailApproved)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
