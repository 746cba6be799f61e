package session

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/netip"
	"strings"
	"time"

	"stentor/control/webinar"
)

// Knock is what a visitor brings to the door.
type Knock struct {
	Name       string
	PIN        string
	Invite     string     // invite secret, "sti_..."
	Registrant string     // secret of a registrant's personal link, "str_..."
	Pass       string     // account pass, "stp1...."; see [Door.Pass]
	Device     string     // the browser's device key, any string up to 128 bytes
	Takeover   bool       // end this person's sessions on other devices
	Remote     netip.Addr // where the visitor comes from, by the socket
}

// Grant is what an admitted visitor takes along.
type Grant struct {
	Token       string // session token; opens sessions of this participant at any edge
	Participant string
	Name        string
	Webinar     string
	Link        string // the current one: it can have been rotated; empty for who waits in the lobby
	Role        webinar.Role
	Waiting     bool // in the lobby: an events connection hears when that is over
	Unlooked    bool // they wait since the budget of wrong PINs is spent (M8): theirs was not looked at
	Expires     time.Time
}

// What secrets begin with.
const (
	invitePrefix     = "sti_"
	registrantPrefix = "str_"
)

// Join admits a visitor or says why not, as a [*webinar.Denial].
//
// A person who is inside on another device, and is known by a link or an account, is
// asked first: the answer is webinar.ErrAlreadyInside until the knock says Takeover,
// and then the sessions on the other device end.
func (d *Door) Join(ctx context.Context, link string, k Knock) (Grant, error) {
	g, err := d.join(ctx, link, k)
	d.metrics.door(err)
	return g, err
}

func (d *Door) join(ctx context.Context, link string, k Knock) (Grant, error) {
	if !d.joins.pass(k.Remote, d.cfg.Now()) {
		return Grant{}, errTooOften
	}
	v, err := d.visitor(k)
	if err != nil {
		return Grant{}, err
	}
	w := d.findFor(ctx, link, v)
	if !w.Opens(v) {
		return Grant{}, errNotFound
	}
	if v.Name == "" && v.Invite == [32]byte{} && v.Account == "" { // an invite has a name, or is refused
		return Grant{}, errName
	}
	c, known, err := d.admit(ctx, w, v)
	if err != nil {
		return Grant{}, err
	}
	if c.Name == "" {
		return Grant{}, errName
	}
	if known {
		if c, err = d.alone(ctx, c, k.Takeover); err != nil {
			return Grant{}, err
		}
	}
	if !c.Waiting && w.NeedsSeat(webinar.Admission{Guest: c.Guest}) { // so that the form says that it is full, and not the player
		p, err := d.places.enter(ctx, c, true)
		if err != nil {
			return Grant{}, err
		}
		d.places.leave(p) // held for as long as a page takes to connect
	}
	return d.grant(w, c)
}

// visitor reads a knock.
func (d *Door) visitor(k Knock) (webinar.Visitor, error) {
	if len(k.Device) > 128 {
		return webinar.Visitor{}, errDevice
	}
	v := webinar.Visitor{Name: strings.TrimSpace(k.Name), PIN: k.PIN, Prefix: webinar.Prefix(k.Remote)}
	if k.Device != "" {
		v.Device = sha256.Sum256([]byte(k.Device))
	}
	if k.Invite != "" {
		v.Invite = sha256.Sum256([]byte(k.Invite))
	}
	if k.Registrant != "" {
		v.Registrant = sha256.Sum256([]byte(k.Registrant))
	}
	if k.Pass != "" {
		p, err := d.issuers.pass(k.Pass, d.cfg.Credentials().CA, d.cfg.Now())
		if err != nil {
			d.cfg.Logger.Debug("account pass refused", "reason", err)
			return webinar.Visitor{}, errPass
		}
		v.Account = p.Account
		if v.Name == "" {
			v.Name = p.Name
		}
	}
	if webinar.CheckName(v.Name) != nil {
		return webinar.Visitor{}, errName
	}
	return v, nil
}

// admit asks the rules about a visitor, and keeps the budget of wrong PINs. known is
// whether the same visitor would be the same participant again.
func (d *Door) admit(ctx context.Context, w *webinar.Webinar, v webinar.Visitor) (c claims, known bool, err error) {
	if err := d.strict(w); err != nil {
		return claims{}, false, err
	}
	a, err := d.ask(ctx, w, v)
	if err != nil {
		return claims{}, false, err
	}
	c = claims{
		Webinar: w.ID, Participant: a.Participant, Name: v.Name, Role: a.Role, Guest: a.Guest, Waiting: a.Waiting,
		ByPIN: a.ByPIN, InviteID: a.InviteID, Registration: a.Registration, Account: a.Account,
		Since: a.Since, Keys: lasting(a.Keys).Strings(), Admission: randomID(""), Admitted: d.cfg.Now().UnixMilli(),
	}
	if a.Name != "" {
		c.Name = a.Name
	}
	known = c.Participant != ""
	if !known {
		c.Participant = randomID("p_")
	}
	return c, known, nil
}

// ask is webinar.Admit within the budget of wrong PINs (M8). Once that is spent the
// PIN is not looked at any more, and whoever would need it waits in the lobby.
func (d *Door) ask(ctx context.Context, w *webinar.Webinar, v webinar.Visitor) (webinar.Admission, error) {
	guess := d.cfg.Seats != nil && w.NeedsPIN(v)
	if guess && !d.cfg.Seats.Spend(ctx, w.ID) {
		d.metrics.unlooked.Inc()
		return w.AdmitToLobby(v, d.cfg.Now())
	}
	a, err := w.Admit(v, d.cfg.PINKey(w.ID), d.cfg.Now())
	if guess {
		right := err == nil || errors.Is(err, webinar.ErrLocked) // which stands behind the PIN
		d.cfg.Seats.Settle(w.ID, right, right || errors.Is(err, webinar.ErrWrongPIN))
	}
	return a, err
}

// grant gives c a token that is fresh.
func (d *Door) grant(w *webinar.Webinar, c claims) (Grant, error) {
	expires := d.cfg.Now().Add(tokenLife)
	c.Expires, c.Index = expires.UnixMilli(), max(c.Index, d.cfg.State().Index())
	token, err := mint(c, d.cfg.Credentials())
	if err != nil {
		return Grant{}, err
	}
	s := c.standing(netip.Addr{})
	g := Grant{
		Token: token, Participant: c.Participant, Name: c.Name, Webinar: c.Webinar, Role: w.RoleOf(s),
		Waiting: w.InLobby(s), Expires: expires,
	}
	if !g.Waiting {
		g.Link = w.Link
	}
	g.Unlooked = g.Waiting && c.Guest && w.PIN != nil && !c.ByPIN
	return g, nil
}
