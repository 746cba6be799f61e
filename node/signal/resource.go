package signal

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"stentor/control/webinar"
	"stentor/node/session"
	"stentor/node/sfu"
)

// A resource is a WHIP or WHEP session at its URL. Who knows the URL (128 random
// bits) may end it. It lives as long as the session behind it: when that ends,
// the connection is closed at once, and the other way round.
type resource struct {
	id       string
	link     string // of the webinar, as the client wrote it
	endpoint string // the path that made it
	path     string
	at       string // its address: the path, or the whole URL for who was sent here by another node
	sess     *session.Session
	watches  bool
	pictures int // sections of the offer
	ctx      context.Context
	cancel   context.CancelCauseFunc
	conn     connection
	claim    Claim         // of a publisher; nil: it watches
	gone     chan struct{} // closed when all of it is over

	restarting chan struct{} // holds one while ICE begins anew

	mu         sync.Mutex // guards the following
	etag       string     // names the ICE session (RFC 9725, section 4.3.1)
	ufrag      string     // the client's, in it
	candidates int        // trickled in it
	patches    float64    // that count at the time of the last one
	patched    time.Time
	feeds      map[string]*feed
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
func (s *Server) open(r *http.Request, sess *session.Session, endpoint string) *resource {
	ctx, cancel := context.WithCancelCause(sess.Context())
	id := randomText()
	res := &resource{
		id: id, link: r.PathValue("link"), endpoint: endpoint, path: endpoint + "/" + id, sess: sess, watches: sess.Use == session.Watch, ctx: ctx, cancel: cancel,
		gone: make(chan struct{}), restarting: make(chan struct{}, 1), etag: newTag(),
	}
	res.at = res.path
	if len(via(r)) > 0 { // common clients resolve a relative address against the one that they asked first
		res.at = strings.TrimRight(s.cfg.URL, "/") + res.path
	}
	return res
}

// newTag is a strong entity-tag (RFC 9110, section 8.8.3).
func newTag() string { return `"` + randomText()[:16] + `"` }

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
		s.unattend(r)
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
	if res == nil || res.path != r.URL.Path && !strings.HasPrefix(r.URL.Path, res.path+"/") {
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

// present says that a session is there (RFC 9725, section 4.1: nothing else to see).
func (s *Server) present(w http.ResponseWriter, r *http.Request) error {
	res, err := s.find(r)
	if err != nil {
		return err
	}
	res.tellEpoch(w.Header())
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// tellEpoch names a publisher's claim, by which it goes on after this node has died.
func (r *resource) tellEpoch(h http.Header) {
	if r.claim == nil {
		return
	}
	if n := r.claim.Epoch(); n != 0 {
		h.Set(headerEpoch, strconv.FormatUint(n, 10))
	}
}

// endpoint says that there is a webinar behind the link, and no more.
func (s *Server) endpoint(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.cfg.Door.Webinar(r.PathValue("link")); err != nil {
		return err
	}
	w.Header().Set("Accept-Post", typeSDP)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// created answers a POST.
func (s *Server) created(w http.ResponseWriter, r *resource) {
	h := w.Header()
	s.link(h, r, r.watches)
	h.Set("Content-Type", typeSDP)
	h.Set("Location", r.at)
	h.Set("ETag", r.etag)
	r.tellEpoch(h)
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
