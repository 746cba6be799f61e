package signal

import (
	"net/http"
	"net/url"
	"strings"

	"stentor/node/session"
)

// What a client that is sent to another node takes with it, in the query of the address.
const (
	queryVia    = "via"    // the nodes that sent it on, so that none does twice
	queryTicket = "ticket" // who it is: browsers do not take a bearer to another origin
)

// maxVia bounds how often one client is sent on. Two nodes that drain one after the
// other are bad luck; more is a loop that no node sees.
const maxVia = 3

// via are the nodes that sent a client on.
func via(r *http.Request) []string {
	v := r.URL.Query().Get(queryVia)
	if v == "" {
		return nil
	}
	return strings.Split(v, ",")
}

// sendOn has a client begin at another node where this one drains or has no room (RFC
// 9725, section 4.5; 307, since other redirections make a GET of a POST). It reports
// false where the client is to begin here. Who would not be let in is told so here.
func (s *Server) sendOn(w http.ResponseWriter, r *http.Request, use session.Use, takeover bool) (bool, error) {
	been := via(r)
	if s.cfg.Elsewhere == nil || len(been) >= maxVia {
		return false, nil
	}
	base, ok := s.cfg.Elsewhere(r.PathValue("link"), use, been)
	if !ok {
		return false, nil
	}
	to, err := url.Parse(base)
	if err != nil || to.Host == "" {
		s.log.Warn("another node's address cannot be read", "url", base, "err", err)
		return false, nil
	}
	ticket, err := s.cfg.Door.Ticket(r.Context(), r.PathValue("link"), bearer(r), remote(r), use, takeover)
	if err != nil {
		return false, nameless(r, err)
	}
	q := r.URL.Query()
	q.Set(queryVia, strings.Join(append(been, s.cfg.Node), ","))
	q.Set(queryTicket, ticket)
	to.Path, to.RawPath = strings.TrimRight(to.Path, "/")+r.URL.Path, ""
	to.RawQuery = q.Encode()
	h := w.Header()
	h.Set("Location", to.String())
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusTemporaryRedirect)
	return true, nil
}

// Move tells every player that listens, and every page that sends, to begin anew at another
// node: this one drains.
// It may be called more than once.
func (s *Server) Move() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.moving:
	default:
		close(s.moving)
	}
}

// Stay ends that.
func (s *Server) Stay() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.moving:
		s.moving = make(chan struct{})
	default:
	}
}

// moves is closed when players are to begin anew elsewhere.
func (s *Server) moves() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.moving
}

// publishes reports whether a participant sends something here.
func (s *Server) publishes(webinar, participant string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.resources {
		if !r.watches && r.sess.Webinar == webinar && r.sess.Participant == participant {
			return true
		}
	}
	return false
}

// next is where a player is to begin anew; false: it is best off where it is.
func (s *Server) next(r *resource) (string, bool) {
	if s.cfg.Elsewhere == nil {
		return "", false
	}
	base, ok := s.cfg.Elsewhere(r.link, session.Watch, nil)
	return strings.TrimRight(base, "/") + r.endpoint, ok
}
