package signal

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"

	"stentor/control/webinar"
	"stentor/node/session"
	"stentor/node/sfu"
)

// A resource is a WHIP or WHEP session at its URL. Who knows the URL (128 random
// bits) may end it. It lives as long as the session behind it: when that ends,
// the connection is closed at once, and the other way round.
type resource struct {
	id     string
	path   string
	etag   string // names the ICE session (RFC 9725, section 4.3.1)
	ufrag  string // of the client's offer
	ctx    context.Context
	cancel context.CancelCauseFunc
	conn   connection
	gone   chan struct{} // closed when all of it is over

	mu         sync.Mutex // guards the following
	candidates int        // trickled so far
}

// A connection is what node/sfu made of an offer.
type connection interface {
	Answer() string
	Done() <-chan struct{}
	Gone() <-chan struct{}
	Close()
}

// open makes a resource that lives as long as its session does. The context ends
// with the first of the session, the server and others.
func (s *Server) open(sess *session.Session, prefix string) *resource {
	ctx, cancel := context.WithCancelCause(sess.Context())
	id := randomText()
	return &resource{id: id, path: prefix + "/" + id, etag: `"` + randomText()[:16] + `"`, ctx: ctx, cancel: cancel, gone: make(chan struct{})}
}

// keep lists the resource and watches over its end; over is called then. It fails
// when the server stops.
func (s *Server) keep(r *resource, conn connection, offer string, over func()) error {
	r.conn, r.ufrag = conn, attribute(offer, "ice-ufrag")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return session.ErrStopping
	}
	s.resources[r.id] = r
	s.work.Go(func() {
		select {
		case <-conn.Done():
		case <-r.ctx.Done():
		}
		conn.Close()
		s.mu.Lock()
		delete(s.resources, r.id)
		s.mu.Unlock()
		over()
		r.cancel(nil)
		<-conn.Gone()
		close(r.gone)
	})
	return nil
}

// find returns the resource of a request.
func (s *Server) find(r *http.Request) (*resource, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	res := s.resources[r.PathValue("id")]
	if res == nil || res.path != r.URL.Path {
		return nil, errNoSuchSession
	}
	return res, nil
}

// delete ends a session at its client's wish. It answers when media has stopped.
func (s *Server) delete(w http.ResponseWriter, r *http.Request) error {
	res, err := s.find(r)
	if err != nil {
		return err
	}
	res.cancel(context.Canceled)
	res.conn.Close()
	<-res.gone
	w.WriteHeader(http.StatusOK) // OBS wants exactly this
	return nil
}

// maxTrickled bounds the candidates that a client may send in the life of a
// session. They have no effect, but reading them costs.
const maxTrickled = 8 * sfu.MaxCandidates

// patch takes trickled candidates (RFC 9725, section 4.3.2). The server is
// ICE-lite: it waits for the client's checks, so there is nothing to do with
// them. An ICE restart is refused as RFC 9725, section 4.3.3 allows where only
// one of the two is supported; the session goes on as it was.
func (s *Server) patch(w http.ResponseWriter, r *http.Request) error {
	res, err := s.find(r)
	if err != nil {
		return err
	}
	fragment, err := body(w, r, sfu.MaxOffer, typeFragment)
	if err != nil {
		w.Header().Set("Accept-Patch", typeFragment)
		return err
	}
	if err := res.checkTag(r); err != nil {
		return err
	}
	if err := sfu.CheckFragment(fragment); err != nil {
		return err
	}
	if !strings.Contains(fragment, "a=") {
		return &sfu.OfferError{Code: sfu.CodeMalformed, Detail: "The fragment has no attribute (RFC 8840)."}
	}
	if u := attribute(fragment, "ice-ufrag"); u != "" && u != res.ufrag {
		return errNoRestart
	}
	if err := res.trickled(strings.Count(fragment, "a=candidate:")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

var (
	errNoRestart = problem{
		Status: http.StatusUnprocessableEntity, Code: "ice_restart_unsupported",
		Detail: "This server does not restart ICE. End this session and begin a new one.",
	}
	errStaleTag = problem{
		Status: http.StatusPreconditionFailed, Code: "etag_mismatch", Detail: "If-Match does not name the ICE session of this resource.",
	}
)

// checkTag compares If-Match with the ICE session. A client that sends none is
// believed (common players do not), and one that says ETag means If-Match.
func (r *resource) checkTag(req *http.Request) error {
	tag := req.Header.Get("If-Match")
	if tag == "" {
		tag = req.Header.Get("ETag")
	}
	switch {
	case tag == "*":
		return errNoRestart
	case tag == "" || strings.Trim(tag, `"`) == strings.Trim(r.etag, `"`):
		return nil
	}
	return errStaleTag
}

func (r *resource) trickled(n int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.candidates += n; r.candidates > maxTrickled {
		return &sfu.OfferError{Code: sfu.CodeTooManyCandidates, Detail: "This session has had enough candidates."}
	}
	return nil
}

// created answers a POST.
func (r *resource) created(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", typeSDP)
	h.Set("Location", r.path)
	h.Set("ETag", r.etag)
	h.Set("Accept-Patch", typeFragment)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write([]byte(r.conn.Answer())) // a client that has gone is found by its silence
}

// attribute returns the first value of an SDP attribute, "" if there is none.
func attribute(sdp, key string) string {
	for line := range strings.Lines(sdp) {
		if v, ok := strings.CutPrefix(line, "a="+key+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// randomText is 128 random bits as 22 characters.
func randomText() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// notLive is what a viewer hears when there is nothing to watch.
func notLive(sources []sfu.Source, err error) error {
	if err == nil && len(sources) == 0 {
		return webinar.ErrNotLive
	}
	return decided(err)
}
