package session

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"stentor/control/webinar"
)

// Refresh exchanges a token that still holds for a new one, so that a page which
// is open for hours can reconnect. What has changed since (a ban, the end of the
// webinar) is asked again.
func (d *Door) Refresh(ctx context.Context, token string, remote netip.Addr) (Grant, error) {
	if !d.tokens.pass(remote, d.cfg.Now()) {
		return Grant{}, errTooOften
	}
	c, w, err := d.bearer(ctx, token, remote)
	if err != nil {
		return Grant{}, err
	}
	return d.grant(w, c)
}

// Bearer is who stands behind a session token.
type Bearer struct {
	Webinar  string // ID
	Name     string
	Standing webinar.Standing
	// Trusted says that a voter admitted them. What an edge says of somebody is enough
	// for its own door, and not for ruling a webinar.
	Trusted bool
}

// Bearer returns who stands behind a session token, seen from remote, or why its
// holder may not be inside, as a [*webinar.Denial].
func (d *Door) Bearer(ctx context.Context, token string, remote netip.Addr) (Bearer, error) {
	c, _, err := d.bearer(ctx, token, remote)
	if err != nil {
		return Bearer{}, err
	}
	return Bearer{Webinar: c.Webinar, Name: c.Name, Standing: c.standing(remote), Trusted: !c.ByEdge}, nil
}

// Open begins a session: the only way to a live connection, whichever protocol
// asks. bearer is a session token, which names its webinar whatever the link, the
// secret of a personal link, an account pass or the PIN; remote is where the
// connection comes from. The caller ends the session when the connection goes, and
// the connection when the session's context is done.
func (d *Door) Open(ctx context.Context, link, bearer string, remote netip.Addr, use Use) (*Session, error) {
	s, err := d.open(ctx, link, entrance{bearer: bearer, remote: remote, use: use})
	d.metrics.door(err)
	return s, err
}

// TakeOver is Open for a player that comes with a secret instead of a token: what is
// on the person's other devices ends, as a knock with Takeover has it.
func (d *Door) TakeOver(ctx context.Context, link, bearer string, remote netip.Addr, use Use) (*Session, error) {
	s, err := d.open(ctx, link, entrance{bearer: bearer, remote: remote, use: use, takeover: true})
	d.metrics.door(err)
	return s, err
}

// Ticket is what a visitor who is sent to another node shows there as a bearer: a session
// token of who Open would find behind the one that they brought.
func (d *Door) Ticket(ctx context.Context, link, bearer string, remote netip.Addr, use Use, takeover bool) (string, error) {
	c, w, err := d.identify(ctx, link, entrance{bearer: bearer, remote: remote, use: use, takeover: takeover})
	if err == nil {
		err = d.mayOpen(w, c, remote, use)
	}
	if err != nil {
		d.metrics.door(err)
		return "", err
	}
	g, err := d.grant(w, c)
	return g.Token, err
}

// entrance is what a connection comes with.
type entrance struct {
	bearer   string
	remote   netip.Addr
	use      Use
	takeover bool
}

func (d *Door) open(ctx context.Context, link string, e entrance) (*Session, error) {
	c, w, err := d.identify(ctx, link, e)
	if err != nil {
		return nil, err
	}
	remote, use := e.remote, e.use
	if err := d.mayOpen(w, c, remote, use); err != nil {
		return nil, err
	}
	sctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	s := &Session{
		ID: randomID("s_"), Participant: c.Participant, Name: c.Name, Webinar: w.ID, Role: w.RoleOf(c.standing(remote)), Use: use,
		Since: d.cfg.Now(), claims: c, remote: remote, ctx: sctx, cancel: cancel, door: d, changed: make(chan struct{}, 1),
	}
	if !d.live.room(crowd{s.Webinar, s.from()}) { // before a seat is taken for it
		cancel(errCrowd)
		return nil, errCrowd
	}
	if !w.InLobby(c.standing(remote)) {
		if s.place, err = d.places.enter(ctx, c, c.Guest); err != nil {
			cancel(err)
			return nil, err
		}
		d.places.began(s.place, s)
	}
	s.see(w)
	if err := d.list(s); err != nil {
		return nil, err
	}
	return s, nil
}

// list puts s on the list, from where Run sees it. What was decided between the
// first question and here is asked for again, so no ban can slip through.
func (d *Door) list(s *Session) error {
	if err := d.live.add(s); err != nil {
		s.cancel(err)
		s.leave()
		return err
	}
	d.metrics.live.WithLabelValues(s.Use.String()).Inc()
	for {
		w := d.cfg.State().Webinar(s.Webinar)
		err := d.stillAllowed(w, s)
		if err == nil {
			err = d.mayOpen(w, s.claims, s.remote, s.Use)
		}
		if err != nil {
			d.end(s, err)
			return err
		}
		s.see(w)
		if d.cfg.State().Webinar(s.Webinar) == w { // or Run may have seen what came since, and this was older
			return nil
		}
	}
}

// mayOpen reports whether an admitted participant may have a connection of that use.
func (d *Door) mayOpen(w *webinar.Webinar, c claims, remote netip.Addr, use Use) error {
	s := c.standing(remote)
	waiting := w.InLobby(s)
	switch {
	case use == Events:
	case waiting:
		return webinar.ErrInLobby
	case use == Publish && !w.May(s, webinar.Audio) && !w.May(s, webinar.Video):
		return errMayNotSend
	case !w.May(s, webinar.Watch):
		return webinar.ErrNotAllowed
	}
	return nil
}

// identify finds out who stands behind a bearer, and in which webinar.
func (d *Door) identify(ctx context.Context, link string, e entrance) (claims, *webinar.Webinar, error) {
	if strings.HasPrefix(e.bearer, tokenPrefix) {
		return d.identifyToken(ctx, e)
	}
	if !d.joins.pass(e.remote, d.cfg.Now()) {
		return claims{}, nil, errTooOften
	}
	k := knockOf(e)
	v, err := d.visitor(k)
	if err != nil {
		return claims{}, nil, err
	}
	w := d.findFor(ctx, link, v)
	if !w.Opens(v) {
		return claims{}, nil, errNotFound
	}
	c, _, err := d.admit(ctx, w, v)
	switch {
	case err != nil:
		return claims{}, nil, err
	case k.PIN != "" && w.InLobby(c.standing(e.remote)) && !c.ByPIN: // nobody can wait by a PIN that was not looked at, and come back
		return claims{}, nil, webinar.ErrTooManyGuesses
	case e.use != Publish && d.personal(c):
		if err = d.mayOpen(w, c, e.remote, e.use); err != nil { // before anything is ended for it
			return claims{}, nil, err
		}
		c, err = d.alone(ctx, c, e.takeover)
	}
	return c, w, err
}

// identifyToken is identify for who was at the door before, here or elsewhere.
func (d *Door) identifyToken(ctx context.Context, e entrance) (claims, *webinar.Webinar, error) {
	c, w, err := d.bearer(ctx, e.bearer, e.remote)
	if err == nil {
		err = d.strict(w)
	}
	if err != nil || e.use == Publish || !d.personal(c) {
		return c, w, err
	}
	if len(d.others(c)) > 0 {
		return c, w, webinar.ErrAlreadyInside
	}
	return c, w, d.vouched(ctx, c, e.remote)
}

// knockOf is what a bearer that is no token says.
func knockOf(e entrance) Knock {
	k := Knock{Remote: e.remote, Takeover: e.takeover}
	switch {
	case strings.HasPrefix(e.bearer, invitePrefix):
		k.Invite = e.bearer
	case strings.HasPrefix(e.bearer, registrantPrefix):
		k.Registrant, k.Name = e.bearer, "Player"
	case strings.HasPrefix(e.bearer, passPrefix):
		k.Pass = e.bearer
	default: // a player that knows nothing but the PIN, such as a WHEP client
		k.PIN, k.Name = e.bearer, "Player"
	}
	return k
}

// bearer checks a session token and asks the rules whether its participant may
// still be inside.
func (d *Door) bearer(ctx context.Context, token string, remote netip.Addr) (claims, *webinar.Webinar, error) {
	now := d.cfg.Now()
	c, err := d.issuers.verify(token, d.cfg.Credentials().CA, now)
	if err != nil {
		d.cfg.Logger.Debug("session token refused", "reason", err)
		return claims{}, nil, errToken
	}
	w, err := d.vouchedBy(c, remote)
	if err != nil && d.caughtUp(ctx, c.Index) {
		w, err = d.vouchedBy(c, remote)
	}
	if err != nil {
		return claims{}, nil, err
	}
	return c, w, nil
}

// vouchedBy returns the webinar that somebody with these claims may be in now, by the state
// that is here.
func (d *Door) vouchedBy(c claims, remote netip.Addr) (*webinar.Webinar, error) {
	now := d.cfg.Now()
	w := d.cfg.State().Webinar(c.Webinar)
	switch {
	case w == nil:
		return nil, errNotFound
	case now.Sub(time.UnixMilli(c.Admitted)) > admittedFor:
		return nil, errToken
	case d.dead.has(c, now):
		return nil, webinar.ErrSuperseded
	}
	return w, w.Allowed(c.standing(remote), now)
}
