// Package signal is how people and their programs talk to one edge: WHIP
// (RFC 9725) for publishers, WHEP (draft-ietf-wish-whep-03) for viewers, and the
// JSON and WebSocket of the pages.
//
// It translates between HTTP and node/session, which decides who may enter, and
// node/sfu, which carries the media. It decides nothing itself: every live
// connection is a [session.Session], and ends in the moment when that does. It
// knows nothing of the control API and of accounts.
//
// Trickled candidates are accepted, bounded and have no effect: the server is
// ICE-lite and learns where the other side is from its checks. Of what the two
// specifications leave open it does not speak WHEP's counter-offers.
package signal

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"

	"stentor/node/session"
	"stentor/node/sfu"
)

// DefaultStream is the stream of a publisher who names none.
const DefaultStream = "main"

// A Door lets people in; *session.Door is one.
type Door interface {
	Webinar(link string) (session.Public, error)
	Join(ctx context.Context, link string, k session.Knock) (session.Grant, error)
	Refresh(ctx context.Context, token string, remote netip.Addr) (session.Grant, error)
	Open(ctx context.Context, link, bearer string, remote netip.Addr, use session.Use) (*session.Session, error)
	TakeOver(ctx context.Context, link, bearer string, remote netip.Addr, use session.Use) (*session.Session, error)
	Ticket(ctx context.Context, link, bearer string, remote netip.Addr, use session.Use, takeover bool) (string, error)
}

// A Stage knows who publishes what in a webinar.
type Stage interface {
	// Claim takes a stream name for a publisher, or fails with a [*webinar.Denial]
	// (stream_taken).
	Claim(ctx context.Context, b Bid) (Claim, error)
	// Continues reports whether a publisher may go on with what it sent before, as nil or
	// stream_taken: the name is its own still, or free.
	Continues(ctx context.Context, b Bid) error
	// Sources are the tracks that viewers are given, the most important first. It
	// fails with webinar.ErrNotLive when nobody publishes.
	Sources(ctx context.Context, webinar string) ([]sfu.Source, error)
	// Watch tells all that is on the stage, the most important first, and again when that
	// changes, until ctx is done. A source without a codec is still to come.
	// loudest are the names of those who are heard where not all can be.
	Watch(ctx context.Context, webinar string, tell func(sources []sfu.Source, loudest []string))
}

// A Bid is what a publisher asks of the stage.
type Bid struct {
	Webinar, Stream, Participant string

	// Takeover supersedes whoever has the name.
	Takeover bool

	// Resume is the epoch of a claim that the publisher had, perhaps at another node; 0: none.
	// It goes on with the name unless somebody else took it since.
	Resume uint64
}

// A Claim is the right to publish under a stream name.
type Claim interface {
	sfu.Sink
	Epoch() uint64            // which claim of the name it is; later ones have higher epochs
	Context() context.Context // done when somebody else took the name; its cause says so
	Release()
}

// Media carries it; *sfu.SFU does.
type Media interface {
	Publish(ctx context.Context, offer string, sink sfu.Sink, allowed sfu.Allowed) (*sfu.Publisher, error)
	View(ctx context.Context, offer string, sources []sfu.Source) (*sfu.Viewer, error)
}

// Config says what a Server needs. Door, Stage and Media are required.
type Config struct {
	Door  Door
	Stage Stage
	Media Media
	Talk  Talk // nil: nothing is written

	Node    string // this node's name, shown to those who have the link
	Version string // and its version; empty is not shown (S9)

	// Origins are the origins whose pages may open an events connection beside the
	// one that served them ("https://edge2.example.org"); nil: no others.
	Origins func(origin string) bool

	// URL is how browsers reach this node, "https://edge1.example.org". Empty: addresses
	// in answers are relative, also those of clients that another node sent here.
	URL string

	// Elsewhere says which node a publisher or a player of a webinar should begin at instead
	// of this one, by its URL: this one drains, or has no room. via are the names of the
	// nodes that sent the client on before. Nil, or false: it begins here.
	Elsewhere func(link string, use session.Use, via []string) (url string, ok bool)

	// ICEServers are named to whoever is let in (RFC 9725, section 4.6).
	ICEServers []ICEServer

	// Viewers is about how many watch a webinar. Nil: those at this node.
	Viewers func(webinar string) int

	// Silent bounds the events connections of one network (IPv4 /32, IPv6 /64) that have
	// not said yet who they are; 0: 200, negative: no limit. Those over the loopback
	// interface do not count.
	Silent int

	Logger *slog.Logger
}

// Server serves signalling over HTTP.
type Server struct {
	cfg Config
	log *slog.Logger

	mu        sync.Mutex // guards the following
	resources map[string]*resource
	events    map[*events]struct{}
	silent    map[netip.Prefix]int // events connections that have said nothing, by network
	closed    bool
	work      sync.WaitGroup
	moving    chan struct{} // closed when sessions are to begin anew elsewhere
	audiences map[string]audience
	casts     map[string]*cast // by webinar
}

// New returns a server without any session.
func New(cfg Config) *Server {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Silent == 0 {
		cfg.Silent = 200
	}
	return &Server{
		cfg: cfg, log: cfg.Logger,
		resources: make(map[string]*resource), events: make(map[*events]struct{}), silent: make(map[netip.Prefix]int),
		moving: make(chan struct{}), audiences: make(map[string]audience), casts: make(map[string]*cast),
	}
}

// Run serves until ctx is done, then ends every session and waits for it.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	s.mu.Lock()
	s.closed = true
	for _, r := range s.resources {
		r.cancel(session.ErrStopping)
	}
	for e := range s.events {
		e.cancel(session.ErrStopping)
	}
	s.mu.Unlock()
	s.work.Wait()
	return nil
}

// Handler serves /whip/, /whep/ and /api/v1/door/.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	whip := map[string]handler{"POST": s.whipPost, "GET": s.endpoint, "HEAD": s.endpoint}
	mux.Handle("/whip/{link}", s.methods(whip))
	mux.Handle("/whip/{link}/{stream}", s.methods(whip))
	session := map[string]handler{"PATCH": s.patch, "DELETE": s.delete, "GET": s.present, "HEAD": s.present}
	mux.Handle("/whip/{link}/{stream}/{id}", s.methods(session))
	mux.Handle("/whep/{link}", s.methods(map[string]handler{"POST": s.whepPost, "GET": s.endpoint, "HEAD": s.whepHead}))
	mux.Handle("/whep/{link}/{id}", s.methods(session))
	mux.Handle("/whep/{link}/{id}/sse", s.methods(map[string]handler{"POST": s.openFeed, "GET": s.readFeed}))
	mux.Handle("/whep/{link}/{id}/sse/{feed}", s.methods(map[string]handler{"GET": s.readFeed, "DELETE": s.dropFeed}))
	mux.Handle("/whep/{link}/{id}/layer", s.methods(map[string]handler{"POST": s.chooseLayer, "DELETE": s.freeLayer}))
	mux.Handle("/api/v1/door/{link}", s.methods(map[string]handler{"GET": s.describe}))
	mux.Handle("/api/v1/door/{link}/join", s.methods(map[string]handler{"POST": s.join}))
	mux.Handle("/api/v1/door/{link}/refresh", s.methods(map[string]handler{"POST": s.refresh}))
	mux.Handle("/api/v1/door/{link}/events", s.methods(map[string]handler{"GET": s.serveEvents}))
	mux.Handle("/", handler(func(http.ResponseWriter, *http.Request) error { return errNoSuchPlace }))
	return tidied(mux)
}
