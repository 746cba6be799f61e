// Package session is the door of one edge and the people behind it: it turns a
// visitor into a participant, keeps the list of live connections, changes what they
// may do and ends them the moment the rules no longer allow them.
//
// The rules themselves are [webinar.Webinar.Admit], [webinar.Webinar.Allowed] and
// [webinar.Webinar.May], asked of this node's own copy of the state, so the door
// asks the voters nothing but whether a secret that it does not know is none: it works
// while the edge is cut off, within the seats and guesses that are leased to it. The package carries no media and speaks no protocol;
// node/signal and node/sfu do.
package session

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stentor/cluster/pki"
	"stentor/control/webinar"
)

// State is the node's own copy of the replicated state at one moment: of a voter
// all of it, of an edge what an edge may hold. *control.State is one.
type State interface {
	Index() uint64                      // of the last command in it
	Webinar(id string) *webinar.Webinar // nil: none
	WebinarByLink(link string) *webinar.Webinar
}

// Seats are what this edge may give away of what is limited over the whole mesh.
// *lease.Keeper of node/lease is one. All methods may be called from any goroutine.
type Seats interface {
	// Take gives a guest a seat at this edge, or fails with webinar.ErrFull or
	// webinar.ErrUnavailable. Whoever has one keeps it. It is called for every guest, also
	// while there is no limit, so that those inside count once there is one.
	Take(ctx context.Context, webinar, participant string) error
	// Leave gives the seat back.
	Leave(webinar, participant string)
	// Spend takes one guess at a webinar's PIN, before the PIN is looked at. It
	// reports false when none is left, or none is here and nobody answers.
	Spend(ctx context.Context, webinar string) bool
	// Settle says what became of a guess that was spent.
	Settle(webinar string, right, looked bool)
	// Strict fails with webinar.ErrUnavailable while nobody new may enter a webinar
	// that is to end rather than go on without the voters.
	Strict(webinar string) error
}

// Config says what a Door needs. Node, State, Changed, PINKey, Credentials and Logger
// are required.
type Config struct {
	Node        string
	State       func() State
	Changed     func() <-chan struct{}        // closed at the next change of State
	PINKey      func(webinarID string) []byte // the webinar's derived key; nil where this node has none
	Credentials func() *pki.Credentials       // sign and check session tokens
	Removed     func(node string) bool        // a node that was put out of the cluster: what it signed is not believed; nil: none was
	// Newest asks the leader how far the log is, for those who come with a secret that is not
	// known here (yet); nil: this node is never behind.
	Newest func(ctx context.Context) (index uint64, err error)
	Seats  Seats      // nil: neither seats nor wrong PINs are limited
	Attend func(Stay) // hears of stays as they begin and end; nil: nobody does
	// Elsewhere asks all other nodes after one person, each by its [Door.Inside], and
	// returns their answers as one; nil: nobody else is asked. It is called at each join
	// of a person who is known by a link or an account, and where they come with a token
	// that is new here. An answer that does not come is a no.
	Elsewhere func(ctx context.Context, q Asked) Found
	// Supersede has all other nodes end what the holder of a token took over, each by
	// its [Door.Supersede], also those that answer only later; nil: there are no others.
	Supersede  func(ctx context.Context, token string)
	Limits     Limits
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time // nil: time.Now
}

// Door lets people in at this edge. Run must be running for people to be put out.
type Door struct {
	cfg     Config
	metrics *metrics
	live    live
	places  places
	dead    dead
	seen    seen
	issuers issuers
	newest  newest
	joins   *throttle // and what is as good as one
	tokens  *throttle
}

// NewDoor returns the door of an edge.
func NewDoor(cfg Config) *Door {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Attend == nil {
		cfg.Attend = func(Stay) {}
	}
	cfg.Limits = cfg.Limits.withDefaults()
	d := &Door{
		cfg: cfg, metrics: newMetrics(cfg.Registerer), issuers: issuers{removed: cfg.Removed}, live: live{most: cfg.Limits.Sessions},
		joins: newThrottle(cfg.Limits, 1), tokens: newThrottle(cfg.Limits, tokenShare),
	}
	d.newest.ask = cfg.Newest
	d.places = places{seats: cfg.Seats, attend: cfg.Attend, now: cfg.Now, by: make(map[placeKey]*place)}
	return d
}

// Public is what anyone who holds the link may know of a webinar.
type Public struct {
	ID           string
	Title        string
	Link         string
	Mode         webinar.Mode
	State        webinar.State
	PINRequired  bool // of guests
	Registration bool // only those who signed up enter, and the invited
	Accounts     bool // and those who are signed in (S53)
	Live         bool // somebody publishes
}

// The refusals that are the door's own. The others come from package webinar.
var (
	// errNotFound is also what a visitor without any proof hears of a webinar that has
	// ended or is locked, whatever PIN they bring: whoever guesses learns nothing from
	// the difference.
	errNotFound    = &webinar.Denial{Code: webinar.ErrNotFound.Code, Detail: "There is no webinar behind this link that you can enter now. It may be over, or locked. Ask the host for the current link."}
	errName        = &webinar.Denial{Code: webinar.ErrInvalidName.Code, Detail: "Please give a name of 1 to 200 characters, on one line."}
	errDevice      = &webinar.Denial{Code: "device_invalid", Detail: "The device key is longer than 128 bytes. Please reload the page."}
	errMayNotSend  = &webinar.Denial{Code: webinar.ErrNotAllowed.Code, Detail: "You may not send audio or video in this webinar. Ask the host for a presenter's link, or to bring you to the stage."}
	errOffStage    = &webinar.Denial{Code: "off_stage", Detail: "The host has taken you off the stage."}
	errTooOften    = &webinar.Denial{Code: "too_many_requests", Detail: "Too many people knock from your network at once. Please try again in a few seconds."}
	errCrowd       = &webinar.Denial{Code: "too_many_sessions", Detail: "Too many guests are here from your network. Ask the host for a personal link, or come by another network."}
	errTooManyHere = &webinar.Denial{Code: "too_many_sessions", Detail: "You have too many connections open. Close another tab and try again."}
)

// ErrStopping is the cause of sessions that end because the node stops: the
// participant is welcome at another edge.
var ErrStopping = &webinar.Denial{Code: "node_stopping", Detail: "This node is being restarted. You will be connected to another one."}

// Webinar returns what the holder of a link may know. That is nothing while nobody
// enters without proof: one that has ended or is locked is like one that never was.
func (d *Door) Webinar(link string) (Public, error) {
	w := d.find(link)
	if !w.Opens(webinar.Visitor{}) {
		return Public{}, errNotFound
	}
	return public(w), nil
}

// Entrance is Webinar for the page behind the link, which is there while a webinar is
// locked: the invited and those who reload it bring their proof in what only the page
// itself can see, and without the page they would stay outside.
func (d *Door) Entrance(link string) (Public, error) {
	w := d.find(link)
	if w == nil || w.State == webinar.Ended {
		return Public{}, errNotFound
	}
	return public(w), nil
}

func public(w *webinar.Webinar) Public {
	p := Public{
		ID: w.ID, Title: w.Title, Link: w.Link, Mode: w.Mode, State: w.State, Live: w.OnAir(),
		PINRequired: w.PIN != nil && w.Registration == nil, Registration: w.Registration != nil,
	}
	p.Accounts = p.Registration && w.Registration.Accounts
	return p
}

// find returns the webinar behind a link, nil if there is none. Its id opens
// nothing: it cannot be rotated (S7).
func (d *Door) find(link string) *webinar.Webinar { return d.cfg.State().WebinarByLink(link) }

// strict fails while w admits nobody because this edge is cut off.
func (d *Door) strict(w *webinar.Webinar) error {
	if w.Partition != webinar.Strict || d.cfg.Seats == nil {
		return nil
	}
	return d.cfg.Seats.Strict(w.ID)
}

// randomID returns prefix and 80 random bits in lower-case base32.
func randomID(prefix string) string {
	var b [10]byte
	rand.Read(b[:])
	return prefix + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}
