// Package session is the door of one edge and the people behind it: it turns a
// visitor into a participant, keeps the list of live connections, and ends them
// the moment the rules no longer allow them.
//
// The rules themselves are [webinar.Webinar.Admit] and
// [webinar.Webinar.Allowed], asked of this node's own copy of the state, so the
// door never waits for another node: it works while the edge is cut off. The
// package carries no media and speaks no protocol; node/signal does.
package session

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stentor/cluster/pki"
	"stentor/control/webinar"
)

// State is the node's own copy of the replicated state at one moment: of a voter
// all of it, of an edge what an edge may hold. *control.State is one.
type State interface {
	Webinar(id string) *webinar.Webinar // nil: none
	WebinarByLink(link string) *webinar.Webinar
}

// Config says what a Door needs. All fields but Registerer are required.
type Config struct {
	Node        string
	State       func() State
	Changed     func() <-chan struct{}        // closed at the next change of State
	PINKey      func(webinarID string) []byte // the webinar's derived key; nil where this node has none
	Credentials func() *pki.Credentials       // sign and check session tokens
	Nodes       func() int                    // how many nodes share the budget of wrong PINs
	Logger      *slog.Logger
	Registerer  prometheus.Registerer
	Now         func() time.Time // nil: time.Now
}

// Door lets people in at this edge. Run must be running for people to be put out.
type Door struct {
	cfg     Config
	metrics *metrics
	guesses *guesses
	live    live
}

// NewDoor returns the door of an edge.
func NewDoor(cfg Config) *Door {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Door{cfg: cfg, metrics: newMetrics(cfg.Registerer), guesses: newGuesses(cfg.Nodes, cfg.Now)}
}

// Public is what anyone who holds the link may know of a webinar.
type Public struct {
	ID          string
	Title       string
	Link        string
	Mode        webinar.Mode
	State       webinar.State
	PINRequired bool // of guests
	Live        bool // somebody publishes
}

// Knock is what a visitor brings to the door.
type Knock struct {
	Name   string
	PIN    string
	Invite string     // invite secret, "sti_..."
	Device string     // the browser's device key, any string up to 128 bytes
	Remote netip.Addr // where the visitor comes from, by the socket
}

// Grant is what an admitted visitor takes along.
type Grant struct {
	Token       string // session token; opens sessions of this participant at any edge
	Participant string
	Name        string
	Webinar     string
	Role        webinar.Role
	Expires     time.Time
}

// invitePrefix begins every invite's secret.
const invitePrefix = "sti_"

// The refusals that are the door's own. The others come from package webinar.
var (
	errNotFound    = &webinar.Denial{Code: webinar.ErrNotFound.Code, Detail: "There is no webinar behind this link. Ask the host for the current one."}
	errName        = &webinar.Denial{Code: webinar.ErrInvalidName.Code, Detail: "Please give a name of 1 to 200 characters, on one line."}
	errDevice      = &webinar.Denial{Code: "device_invalid", Detail: "The device key is longer than 128 bytes. Please reload the page."}
	errMayNotSend  = &webinar.Denial{Code: webinar.ErrNotAllowed.Code, Detail: "Only presenters may send in this webinar. Ask the host for a presenter's link."}
	errTooManyHere = &webinar.Denial{Code: "too_many_sessions", Detail: "You have too many connections open. Close another tab and try again."}
)

// ErrStopping is the cause of sessions that end because the node stops: the
// participant is welcome at another edge.
var ErrStopping = &webinar.Denial{Code: "node_stopping", Detail: "This node is being restarted. You will be connected to another one."}

// Webinar returns what the holder of a link may know.
func (d *Door) Webinar(link string) (Public, error) {
	w := d.find(link)
	if w == nil {
		return Public{}, errNotFound
	}
	return Public{
		ID: w.ID, Title: w.Title, Link: w.Link, Mode: w.Mode, State: w.State,
		PINRequired: w.PIN != nil, Live: w.StreamCount() > 0,
	}, nil
}

// Join admits a visitor or says why not, as a [*webinar.Denial].
func (d *Door) Join(ctx context.Context, link string, k Knock) (Grant, error) {
	g, err := d.join(link, k)
	d.metrics.door(err)
	return g, err
}

func (d *Door) join(link string, k Knock) (Grant, error) {
	w := d.find(link)
	if w == nil {
		return Grant{}, errNotFound
	}
	name, ok := cleanName(k.Name)
	if !ok {
		return Grant{}, errName
	}
	if len(k.Device) > 128 {
		return Grant{}, errDevice
	}
	c, err := d.admit(w, name, k)
	if err != nil {
		return Grant{}, err
	}
	return d.grant(c)
}

// Refresh exchanges a token that still holds for a new one, so that a page which
// is open for hours can reconnect. What has changed since (a ban, the end of the
// webinar) is asked again.
func (d *Door) Refresh(_ context.Context, token string, remote netip.Addr) (Grant, error) {
	c, _, err := d.bearer(token, remote)
	if err != nil {
		return Grant{}, err
	}
	return d.grant(c)
}

// Open begins a session: the only way to a live connection, whichever protocol
// asks. bearer is a session token, an invite's secret or the PIN; remote is
// where the connection comes from. The caller ends the session when the
// connection goes, and the connection when the session's context is done.
func (d *Door) Open(ctx context.Context, link, bearer string, remote netip.Addr, use Use) (*Session, error) {
	s, err := d.open(ctx, link, bearer, remote, use)
	d.metrics.door(err)
	return s, err
}

func (d *Door) open(ctx context.Context, link, bearer string, remote netip.Addr, use Use) (*Session, error) {
	w := d.find(link)
	if w == nil {
		return nil, errNotFound
	}
	c, err := d.identify(w, bearer, remote)
	if err != nil {
		return nil, err
	}
	if use == Publish && !w.May(c.Role, c.Guest, webinar.Video) && !w.May(c.Role, c.Guest, webinar.Audio) {
		return nil, errMayNotSend
	}
	sctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	s := &Session{
		ID: randomID("s_"), Participant: c.Participant, Name: c.Name, Webinar: w.ID, Role: c.Role, Use: use,
		Since: d.cfg.Now(), claims: c, remote: remote, ctx: sctx, cancel: cancel, door: d,
	}
	if !d.live.add(s) {
		cancel(errTooManyHere)
		return nil, errTooManyHere
	}
	d.metrics.live.WithLabelValues(use.String()).Inc()
	// Only now is the session seen by Run. What was decided between the first
	// question and here is asked for again, so no ban can slip through.
	if err := d.stillAllowed(s); err != nil {
		d.end(s, err)
		return nil, err
	}
	return s, nil
}

// identify finds out who stands behind a bearer.
func (d *Door) identify(w *webinar.Webinar, bearer string, remote netip.Addr) (claims, error) {
	switch {
	case strings.HasPrefix(bearer, tokenPrefix):
		c, tw, err := d.bearer(bearer, remote)
		if err == nil && tw.ID != w.ID {
			return claims{}, errToken
		}
		return c, err
	case strings.HasPrefix(bearer, invitePrefix):
		return d.admit(w, "", Knock{Invite: bearer, Remote: remote})
	}
	// A player that knows nothing but the PIN, such as a WHEP client.
	return d.admit(w, "Player", Knock{PIN: bearer, Remote: remote})
}

// bearer checks a session token and asks the rules whether its participant may
// still be inside.
func (d *Door) bearer(token string, remote netip.Addr) (claims, *webinar.Webinar, error) {
	c, err := verify(token, d.cfg.Credentials().CA, d.cfg.Now())
	if err != nil {
		d.cfg.Logger.Debug("session token refused", "reason", err)
		return claims{}, nil, errToken
	}
	w := d.cfg.State().Webinar(c.Webinar)
	if w == nil {
		return claims{}, nil, errNotFound
	}
	if c.role(w) != c.Role || d.cfg.Now().Sub(time.UnixMilli(c.Admitted)) > admittedFor {
		return claims{}, nil, errToken
	}
	if err := w.Allowed(c.Participant, c.keys(remote), c.Since, d.cfg.Now()); err != nil {
		return claims{}, nil, err
	}
	return c, w, nil
}

// admit asks the rules about a visitor, and keeps the budget of wrong PINs.
func (d *Door) admit(w *webinar.Webinar, name string, k Knock) (claims, error) {
	v := webinar.Visitor{Name: name, PIN: k.PIN, Prefix: webinar.Prefix(k.Remote)}
	if k.Device != "" {
		v.Device = sha256.Sum256([]byte(k.Device))
	}
	if k.Invite != "" {
		v.Invite = sha256.Sum256([]byte(k.Invite))
	}
	guess := w.NeedsPIN(v)
	if guess && !d.guesses.spend(w.ID) {
		return claims{}, webinar.ErrTooManyGuesses
	}
	a, err := w.Admit(v, d.cfg.PINKey(w.ID), d.cfg.Now())
	if guess {
		d.guesses.answer(w.ID, err)
	}
	if err != nil {
		return claims{}, err
	}
	c := claims{
		Webinar: w.ID, Participant: randomID("p_"), Name: name, Role: a.Role, Guest: a.Guest,
		Since: a.Since, Keys: lasting(a.Keys).Strings(), Admitted: d.cfg.Now().UnixMilli(),
	}
	if a.InviteID != "" { // an invited person is the same participant every time
		c.Participant = "p_" + strings.TrimPrefix(a.InviteID, "i_")
		c.Name = a.Name
	}
	return c, nil
}

func (d *Door) grant(c claims) (Grant, error) {
	expires := d.cfg.Now().Add(tokenLife)
	c.Expires = expires.UnixMilli()
	token, err := mint(c, d.cfg.Credentials())
	if err != nil {
		return Grant{}, err
	}
	return Grant{
		Token: token, Participant: c.Participant, Name: c.Name, Webinar: c.Webinar, Role: c.Role, Expires: expires,
	}, nil
}

// find returns the webinar behind a link, nil if there is none. Its id opens
// nothing: it cannot be rotated (S7).
func (d *Door) find(link string) *webinar.Webinar { return d.cfg.State().WebinarByLink(link) }

// cleanName trims a name and reports whether it can be shown to others.
func cleanName(name string) (string, bool) {
	name = strings.TrimSpace(name)
	return name, name != "" && webinar.CheckName(name) == nil
}

// randomID returns prefix and 80 random bits in lower-case base32.
func randomID(prefix string) string {
	var b [10]byte
	rand.Read(b[:])
	return prefix + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}
