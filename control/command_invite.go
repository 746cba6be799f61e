package control

import (
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

func (d *draft) createInvite(c *controlpb.CreateInvite) (string, error) {
	w, err := d.open(c.GetWebinar())
	if err != nil {
		return "", err
	}
	return c.GetId(), d.invite(w, c)
}

// createInvites makes all invites, or none. Its subject is the webinar.
func (d *draft) createInvites(c *controlpb.CreateInvites) (string, error) {
	w, err := d.open(c.GetWebinar())
	if err := first(err, checkBatch("invites", len(c.GetInvites()), maxBatch)); err != nil {
		return "", err
	}
	for _, i := range c.GetInvites() {
		if i.GetWebinar() != "" && i.GetWebinar() != w.ID {
			return "", invalid("webinar", "All invites are of one webinar.")
		}
		if err := d.invite(d.next.Webinar(w.ID), i); err != nil {
			return "", err
		}
	}
	return w.ID, nil
}

func (d *draft) invite(w *webinar.Webinar, c *controlpb.CreateInvite) error {
	err := first(checkID("id", c.GetId()), checkText("name", c.GetName(), true), checkHash("hash", c.GetHash()))
	if err != nil {
		return err
	}
	hash, _ := hash32(c.GetHash())
	_, secretTaken := w.InviteBySecret(hash)
	_, idTaken := w.Invite(c.GetId())
	_, invited := w.InviteByAccount(c.GetAccount())
	switch {
	case secretTaken || idTaken:
		return ErrExists
	case !webinar.Role(c.GetRole()).Known():
		return invalid("role", "The role is owner, moderator, presenter or attendee.")
	case w.InviteCount() >= maxInvites:
		return tooMany("invites", maxInvites)
	case invited:
		return ErrAccountInvited
	}
	if err := first(checkText("account", c.GetAccount(), false), checkSealed("sealed", c.GetSealed())); err != nil {
		return err
	}
	err = first(
		d.put(inviteRecord(w.ID, webinar.Invite{
			ID: c.GetId(), Name: c.GetName(), Role: webinar.Role(c.GetRole()), Hash: hash, Created: d.at,
			Account: c.GetAccount(), Sealed: c.GetSealed(),
		})),
		d.audit("invite.created", w.ID, c.GetId(), facts{"role": c.GetRole()}),
	)
	if c.GetMail() {
		err = first(err, d.mail(mailInvite, w.ID, c.GetId()))
	}
	return err
}

// revokeInvite makes the personal link worthless, and whoever came by it has to go.
func (d *draft) revokeInvite(c *controlpb.RevokeInvite) (string, error) {
	w, err := d.webinar(c.GetWebinar())
	if err != nil {
		return "", err
	}
	if _, ok := w.Invite(c.GetId()); !ok {
		return "", ErrNoSuchInvite
	}
	return c.GetId(), first(d.remove(Key{KindInvite, w.ID, c.GetId()}), d.audit("invite.revoked", w.ID, c.GetId(), nil))
}
