// Package api is the control API over HTTP: what hosts and operators, their
// programs and the command line may ask of any voter.
//
//	request -> who (token, sign-in, session) -> may they (Rows) -> bounded body -> schema -> handler -> one command -> answer
//
// A handler reads the replicated state, and changes it by proposing a command;
// the rules are in package webinar and are checked again when the command is
// applied. Nothing is decided here but who may ask. Secrets are drawn here,
// leave in one answer, and are kept as hashes by the state; no secret and no
// body is ever logged.
//
// The package serves no media, no door and no page, knows no other node, and
// listens nowhere: [API.Handler] is mounted by who has a listener.
package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"stentor/control"
	"stentor/control/api/account"
	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/personal"
	"stentor/control/webinar"
)

// Status is the mesh as one node sees it; who fills it is [Mesh].
type Status = client.Status

// NodeStatus is one node of a Status.
type NodeStatus = client.NodeStatus

// Track is one track of a Status.
type Track = client.Track

// Hop is one node that carries a Track.
type Hop = client.Hop

// Store holds the replicated state and takes changes of it.
type Store interface {
	State() *control.State
	// Changed returns a channel that is closed at the next change of State.
	Changed() <-chan struct{}
	// Propose returns once the command was committed and applied by the leader. The
	// error is a [*webinar.Denial] when it was refused; after any other one its
	// outcome is not known.
	Propose(ctx context.Context, c *controlpb.Command) (control.Result, error)
}

// Present is a participant inside, as the node knows that serves the sessions.
type Present struct {
	ID, Name string
	Role     webinar.Role
	Node     string
	Since    time.Time
	Uses     []string     // watch, publish, events
	Keys     webinar.Keys // what the participant is known by; for bans, and never shown

	Guest                         bool
	Waiting                       bool   // in the lobby
	Invite, Registration, Account string // IDs of what they came by
}

// Roster knows who is inside a webinar, over the whole mesh.
type Roster interface {
	// Participants returns who is inside, and the nodes that did not say.
	Participants(ctx context.Context, webinar string) (inside []Present, unreachable []string, err error)
	// Ask asks all nodes who is inside, or was put out a moment ago, and calls heard with each
	// answer as it comes, one at a time; it returns when every node has answered or failed to.
	Ask(ctx context.Context, webinar string, heard func([]Present))
}

// Mesh knows the nodes and what they carry.
type Mesh interface {
	Status(ctx context.Context) (Status, error)
	// Drain has a node take no new children and move those that it has, or ends that.
	// It fails with [ErrNoNode] when the mesh knows no such node; any other error means
	// that the node did not answer.
	Drain(ctx context.Context, node string, on bool) error
	// DrawKey begins a rotation of the gossip key with one that was just drawn; nil if
	// this node has no way to seal it.
	DrawKey() *controlpb.BeginKeyRotation
}

// ErrNoNode is [Mesh.Drain]'s answer when there is no such node.
var ErrNoNode = errors.New("api: no such node")

// Config is what an API needs. What may be left out says so.
type Config struct {
	Store  Store
	Roster Roster
	Mesh   Mesh
	Keeper *personal.Keeper // of what people gave away about themselves; nil: one of PINKey

	Recordings Recordings // nil: nothing is recorded
	Captions   Captions   // nil: there are none
	Talks      Talks      // nil: nothing is said

	Accounts *account.Accounts // nil: nobody signs in, API tokens alone
	// Participant returns who holds a session token ("sts1...."). The error is a
	// [*webinar.Denial] if it is good no more. Nil: session tokens are not known.
	Participant func(ctx context.Context, token string, remote netip.Addr) (Bearer, error)
	// Pass returns a short-lived proof of an account, for the door. Nil: none.
	Pass func(account, name string) (string, error)
	// ICS returns a webinar as a calendar file; uid names it there for ever. Nil: none.
	ICS func(w *webinar.Webinar, uid string) []byte
	// Mail says that somebody sends the mails that the state has.
	Mail bool
	// Remote returns the address of whoever makes the request. Nil: that of the connection.
	Remote func(*http.Request) netip.Addr
	Limits Limits // zero: the defaults
	// Done is closed when streams of events are to end. Nil: they end with their requests.
	Done <-chan struct{}

	PINKey  []byte           // the cluster's, which only voters have
	CA      [32]byte         // SHA-256 of the CA certificate's DER, for join tokens
	Now     func() time.Time // the clock
	Rand    io.Reader        // crypto/rand, for secrets and ids
	Version string           // of this software, for the OpenAPI document

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

func (c *Config) check() error {
	switch {
	case c.Store == nil || c.Roster == nil || c.Mesh == nil:
		return errors.New("api: Config lacks Store, Roster or Mesh")
	case len(c.PINKey) < 32:
		return errors.New("api: Config.PINKey has less than 32 bytes; only voters, who have the key, serve the control API")
	case c.CA == [32]byte{}:
		return errors.New("api: Config lacks the digest of the CA")
	case c.Now == nil || c.Rand == nil:
		return errors.New("api: Config lacks Now or Rand")
	}
	if c.Keeper == nil {
		var err error
		if c.Keeper, err = personal.New(c.PINKey); err != nil {
			return fmt.Errorf("api: %w", err)
		}
	}
	if c.Remote == nil {
		c.Remote = remote
	}
	c.Limits.complete()
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	return nil
}

// API is the control API of one node. It is safe for concurrent use.
type API struct {
	Config
	metrics    *metrics
	huma       huma.API
	routed     map[string]bool  // the operations of Routes that have a handler
	bodies     map[string]int64 // pattern of the mux -> most bytes of a body
	document   func() []byte    // OpenAPI, JSON
	mux        *http.ServeMux
	sameOrigin *http.CrossOriginProtection
	public     *buckets[netip.Prefix]
	principals *buckets[string]
	hands      *buckets[string]
	streams    *streams
	seen       glimpses
}

// New returns an API.
func New(c Config) (*API, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	a := &API{
		Config: c, metrics: newMetrics(c.Registerer), routed: map[string]bool{}, bodies: map[string]int64{}, mux: http.NewServeMux(),
		sameOrigin: http.NewCrossOriginProtection(), streams: newStreams(c.Limits.Streams),
		public: newBuckets[netip.Prefix](c.Limits.Public), principals: newBuckets[string](c.Limits.Principal),
		hands: newBuckets[string](Limit{Burst: 1, Every: handEvery}),
	}
	a.huma, a.document = humago.New(a.mux, a.humaConfig()), sync.OnceValue(a.written)
	for _, register := range []func(){
		a.webinars, a.edits, a.pins, a.events, a.registration, a.registrants, a.publicRoutes,
		a.invites, a.participants, a.removals, a.lobby, a.bans,
		a.recordings, a.captions, a.chat, a.attendance, a.audit, a.webhooks, a.accounts, a.signIns, a.tokens, a.nodes, a.about,
	} {
		register()
	}
	if err := a.finish(); err != nil {
		return nil, err
	}
	return a, nil
}

// Handler serves every path below /api/v1/ but the door's, which is not part of
// the control API.
func (a *API) Handler() http.Handler { return a.guard(a.mux) }
