// Package web serves the pages: the guest page behind a webinar's link, the
// host console, and the scripts, styles and texts that they are made of.
//
// It decides nothing. What a page may show about a webinar comes in through
// Config.Door; everything that somebody does on a page goes to the door's and
// the control API's own addresses, which ask for credentials themselves. It
// holds no session, sets no cookie but the language, and never sees a PIN: the
// form of the guest page is sent by script to the door, and a form that was
// sent without script is answered with a sentence and forgotten. Only who registers
// needs no script: that form goes to Config.API, which decides.
package web

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Config is what the pages need to know of the node that serves them.
type Config struct {
	// Version is the version of the server, such as "v0.1.0".
	Version string
	// ShowVersion puts Version on the guest page, where attackers can read it
	// too. The host console always shows it.
	ShowVersion bool
	// Door says what a visitor may know of the webinar behind a link. Its error
	// may be (or wrap) a *Refusal, which the visitor reads.
	Door func(link string) (Webinar, error)
	// API is the control API, of this node or of a voter that it passes requests on to. The
	// registration page asks it for what everybody may ask, as the visitor who asks for
	// the page: RemoteAddr is theirs. Nil means that there are no registration pages.
	API http.Handler
	// Edges are the origins ("https://edge2.example.org") of other nodes where the guest page
	// may go on when this node dies, the best first. Nil means that there are none.
	Edges func() []string
	// Languages are the languages offered, as BCP 47 tags; the first is spoken
	// to those who want none of them. Empty means all of the catalogue, with
	// English first. Tags that the catalogue lacks are passed over.
	Languages []string
	// Logger hears of what went wrong while a page was made. Nil means silence.
	Logger *slog.Logger
}

// Webinar is what stands on the guest page before anybody is let in.
type Webinar struct {
	Title       string
	Mode        string // "role-based" or "all-on-screen"
	State       string // "planned", "live" or "ended"
	PINRequired bool
	Live        bool // something is on the stage now
	// Locked is whether nobody enters without a personal link (S6).
	Locked bool
	// Registration is whether only those enter who have registered, and the invited.
	Registration bool
	// Accounts is whether those enter too who are signed in, although they have not (S53).
	Accounts    bool
	Description string
	// Start is the beginning of the occurrence that is running, or of the next one; zero
	// for a webinar without a time.
	Start time.Time
	// Zone is the IANA name of the time zone in which the webinar was planned.
	Zone string
	// EmbedOrigins are the sites whose pages may show the guest page and the registration page in a frame, as
	// webinar.EmbedOrigin writes them.
	EmbedOrigins []string
}

// Refusal is a reason that a visitor may read: Code is stable and names a text
// of the catalogue (denial.CODE); Detail is the sentence where there is none.
type Refusal struct{ Code, Detail string }

// Error returns the sentence.
func (r *Refusal) Error() string { return r.Detail }

// site is the handler behind New.
type site struct {
	config Config
	texts  *texts
	assets *assets
	api    *controlAPI       // nil: there are no registration pages
	pages  map[string]*pages // by language
	worker []byte            // the service worker's script
	log    *slog.Logger

	zippers sync.Pool // of *gzip.Writer, which are 800 KB each
}

// New returns a handler for /, /w/{link}, /w/{link}/register, /host, /operator, /signin, /offline, /preflight,
// /manifest.webmanifest, /worker.js and /assets/; every other path is answered with the page that says so. It panics
// where the files that were compiled in do not fit together, which a test sees
// first.
func New(c Config) http.Handler {
	s := &site{config: c, log: c.Logger, pages: map[string]*pages{}}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if c.API != nil {
		s.api = &controlAPI{c.API}
	}
	s.texts = newTexts(c.Languages)
	s.assets = newAssets(s.texts)
	for _, lang := range s.texts.languages {
		s.pages[lang] = newPages(s.texts, s.assets, lang)
	}
	s.worker = newWorker(s.assets)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("POST /{$}", s.follow)
	mux.HandleFunc("GET /w/{link}", s.guest)
	mux.HandleFunc("POST /w/{link}", s.guestWithoutScript)
	mux.HandleFunc("GET /w/{link}/register", s.register)
	mux.HandleFunc("POST /w/{link}/register", s.registerSent)
	mux.HandleFunc("GET /host", s.host)
	mux.HandleFunc("GET /operator", s.operator)
	mux.HandleFunc("GET /signin", s.signIn)
	mux.HandleFunc("GET /manifest.webmanifest", s.manifest)
	mux.HandleFunc("GET /worker.js", s.serveWorker)
	mux.HandleFunc("GET /offline", s.offline)
	mux.HandleFunc("POST /preflight", s.probe)
	mux.Handle("GET /assets/{name}", s.assets)
	mux.HandleFunc("/", s.lost)
	return protect(mux)
}

// refusalOf returns the sentence for a visitor that is in err, or one that
// gives nothing away.
func refusalOf(err error) *Refusal {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r
	}
	return &Refusal{Code: "unavailable", Detail: "This node cannot answer now. Try again in a moment."}
}
