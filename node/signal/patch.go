package signal

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"stentor/node/sfu"
)

// maxTrickled bounds the candidates that a client may send in one ICE session. They
// have no effect, but reading them costs.
const maxTrickled = 8 * sfu.MaxCandidates

// How often a client may PATCH: at once as often as some clients that send each
// candidate by itself, and then as often as a phone that walks from one network to the
// next and back.
const (
	patchBurst     = 64
	patchPerSecond = 2
)

// restarter is a connection that can begin ICE anew.
type restarter interface {
	// Restart takes the client's new credentials and returns the server's new
	// description. When it fails the session goes on as it was.
	Restart(ufrag, pwd string) (answer string, err error)
}

// patch takes trickled candidates (RFC 9725, section 4.3.2) and restarts ICE (4.3.3). The
// server is ICE-lite: it waits for the client's checks, so there is nothing to do with
// candidates.
func (s *Server) patch(w http.ResponseWriter, r *http.Request) error {
	res, err := s.find(r)
	if err != nil {
		return err
	}
	if !res.mayPatch(time.Now()) {
		return problem{Code: "too_many_requests", Detail: "This session changes too often."}
	}
	text, err := body(w, r, sfu.MaxOffer, typeFragment)
	if err != nil {
		w.Header().Set("Accept-Patch", typeFragment)
		return err
	}
	tags := tagsOf(r)
	if res.stale(tags) { // before the body: a fragment of an earlier session says nothing
		return errStaleTag
	}
	f, err := readFragment(text)
	if err != nil {
		return err
	}
	restart := res.restarts(f)
	if restart && len(tags) == 0 { // common players trickle without, and there it changes nothing
		return errNoTag
	}
	if restart {
		return s.restart(w, r, res, f)
	}
	if err := res.trickled(f.candidates); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

var (
	errNoRestart = problem{
		Status: http.StatusUnprocessableEntity, Code: "ice_restart_unsupported",
		Detail: "This session does not restart ICE. End it and begin a new one.",
	}
	errRestartFailed = problem{Code: "ice_restart_failed", Detail: "ICE could not begin anew; the session goes on as it was."}
	errStaleTag      = problem{
		Status: http.StatusPreconditionFailed, Code: "etag_mismatch", Detail: "If-Match does not name the ICE session of this resource.",
	}
	errNoTag = problem{
		Status: http.StatusPreconditionRequired, Code: "etag_required", Detail: `Say which ICE session is meant by If-Match: the ETag of the last answer, or "*" for a restart.`,
	}
)

// tagsOf are the entity-tags that a request is for; "*" is any. One common client says
// ETag and means If-Match, and proxies weaken tags that they pass on.
func tagsOf(r *http.Request) []string {
	v := r.Header.Get("If-Match")
	if v == "" {
		v = r.Header.Get("ETag")
	}
	var out []string
	for t := range strings.SplitSeq(v, ",") {
		if t = strings.Trim(strings.TrimPrefix(strings.TrimSpace(t), "W/"), `"`); t != "" {
			out = append(out, t)
		}
	}
	return out
}

// stale reports whether tags name other ICE sessions. A client that names none is
// believed, unless more depends on it.
func (r *resource) stale(tags []string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(tags) > 0 && !slices.Contains(tags, "*") && !slices.Contains(tags, strings.Trim(r.etag, `"`))
}

// restarts reports whether a fragment is of another ICE session than the resource's:
// new credentials are a restart, whatever the tag (RFC 9725, section 4.3.3).
func (r *resource) restarts(f fragment) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return f.ufrag != "" && f.ufrag != r.ufrag
}

func (s *Server) restart(w http.ResponseWriter, r *http.Request, res *resource, f fragment) error {
	if err := f.checkCredentials(); err != nil {
		return err
	}
	c, ok := res.conn.(restarter)
	if !ok {
		return errNoRestart
	}
	select { // one after the other, in the order in which they come
	case res.restarting <- struct{}{}:
		defer func() { <-res.restarting }()
	case <-r.Context().Done():
		return errRestartFailed
	}
	answer, err := c.Restart(f.ufrag, f.pwd)
	if err != nil {
		s.log.Info("ICE could not begin anew", "err", err)
		return errRestartFailed
	}
	etag := res.restarted(f)
	writeRestart(w, etag, answer, remote(r))
	return nil
}

func writeRestart(w http.ResponseWriter, etag, answer string, from netip.Addr) {
	h := w.Header()
	h.Set("Content-Type", typeFragment)
	h.Set("ETag", etag)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte(iceFragment(answer, from))) // a client that has gone is found by its silence
}

// restarted begins a new ICE session of the resource and returns its tag.
func (r *resource) restarted(f fragment) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.etag, r.ufrag, r.candidates = newTag(), f.ufrag, f.candidates
	return r.etag
}

func (r *resource) trickled(n int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.candidates += n; r.candidates > maxTrickled {
		return &sfu.OfferError{Code: sfu.CodeTooManyCandidates, Detail: "This session has had enough candidates."}
	}
	return nil
}

// mayPatch counts a PATCH at now.
func (r *resource) mayPatch(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.patches -= now.Sub(r.patched).Seconds() * patchPerSecond; r.patches < 0 || r.patched.IsZero() {
		r.patches = 0
	}
	r.patched = now
	if r.patches >= patchBurst {
		return false
	}
	r.patches++
	return true
}
