package signal

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sort"
	"strings"
	"time"

	"stentor/node/sfu"
)

// A handler answers a request or returns why not; what it returns becomes a
// problem (RFC 9457).
type handler func(http.ResponseWriter, *http.Request) error

// ServeHTTP lets a handler stand alone.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h(w, r); err != nil {
		writeProblem(w, problemOf(err))
	}
}

// What WHIP and WHEP speak.
const (
	typeSDP      = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag"
	typeJSON     = "application/json"
)

// What pages of other origins may send and read. There are no cookies here, only
// bearers, so an origin gains nothing from a visitor's browser. Each browser
// asks before it sends a bearer; clients that look at Allow-Methods without
// asking first are why it is exposed.
const (
	allowMethods  = "DELETE, GET, HEAD, OPTIONS, PATCH, POST"
	allowHeaders  = "Authorization, Content-Type, If-Match, ETag, Last-Event-ID"
	exposeHeaders = "Location, ETag, Link, Accept-Post, Accept-Patch, Access-Control-Allow-Methods, Retry-After, " + headerEpoch + ", WWW-Authenticate"
)

// methods is a place with its methods: it answers OPTIONS itself, and 405 to what
// it does not know.
func (s *Server) methods(by map[string]handler) http.Handler {
	known := []string{"OPTIONS"}
	for m := range by {
		known = append(known, m)
	}
	sort.Strings(known)
	allow := strings.Join(known, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Allow-Methods", allow)
		if !strings.HasPrefix(r.URL.Path, "/api/") { // who sees PATCH at the endpoint will trickle at the session
			h.Set("Access-Control-Allow-Methods", allowMethods)
		}
		h.Set("Access-Control-Allow-Headers", allowHeaders)
		h.Set("Access-Control-Expose-Headers", exposeHeaders)
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Method == http.MethodOptions {
			accepts(h, r.URL.Path, by)
			h.Set("Allow", allow)
			h.Set("Access-Control-Max-Age", "86400")
			w.WriteHeader(http.StatusOK) // RFC 9725, section 4.2, says exactly this
			return
		}
		serve, ok := by[r.Method]
		if !ok {
			h.Set("Allow", allow)
			writeProblem(w, problem{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Detail: "This place knows " + allow + "."})
			return
		}
		if err := serve(w, r); err != nil {
			p := problemOf(err)
			if p.Status >= 500 {
				s.log.Warn("request failed", "method", r.Method, "path", r.Pattern, "code", p.Code, "err", err)
			}
			writeProblem(w, p)
		}
	})
}

// tidied passes over the slashes that clients add to the end of an address.
func tidied(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := strings.TrimRight(r.URL.Path, "/"); p != r.URL.Path && strings.Count(p, "/") > 1 && !strings.HasPrefix(p, "/api/") {
			to := *r.URL
			to.Path, to.RawPath = p, strings.TrimRight(to.RawPath, "/")
			tidy := *r
			tidy.URL = &to
			r = &tidy
		}
		next.ServeHTTP(w, r)
	})
}

// accepts says what may be sent to a place (RFC 9725, section 4.2).
func accepts(h http.Header, path string, by map[string]handler) {
	if strings.HasPrefix(path, "/api/") {
		return
	}
	switch {
	case by["POST"] != nil && (strings.HasSuffix(path, "/sse") || strings.HasSuffix(path, "/layer")):
		h.Set("Accept-Post", typeJSON)
	case by["POST"] != nil:
		h.Set("Accept-Post", typeSDP)
	}
	if by["PATCH"] != nil {
		h.Set("Accept-Patch", typeFragment)
	}
}

// bodyWithin bounds the arrival of a body.
const bodyWithin = 10 * time.Second

// body reads a body of one of the media types, at most limit bytes.
func body(w http.ResponseWriter, r *http.Request, limit int64, types ...string) (string, error) {
	// Parameters mean nothing here, and some clients write them badly.
	t, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !slices.Contains(types, strings.ToLower(strings.TrimSpace(t))) {
		return "", problem{
			Status: http.StatusUnsupportedMediaType, Code: "content_type", Detail: "Send " + strings.Join(types, " or ") + ".",
		}
	}
	if r.ContentLength > limit {
		return "", tooLarge(limit)
	}
	// Who trickles a body holds a connection; a few seconds are enough for 64 KiB.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyWithin)) // not every test's writer can
	defer http.NewResponseController(w).SetReadDeadline(time.Time{})
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		if _, large := err.(*http.MaxBytesError); large {
			return "", tooLarge(limit)
		}
		return "", problem{Status: http.StatusBadRequest, Code: "body_cut_off", Detail: "The body did not arrive whole."}
	}
	return string(b), nil
}

func tooLarge(limit int64) error {
	if limit == sfu.MaxOffer {
		return &sfu.OfferError{Code: sfu.CodeTooLarge, Detail: "A session description has at most 65536 bytes."}
	}
	return problem{Status: http.StatusRequestEntityTooLarge, Code: "body_too_large", Detail: "The body is too large."}
}

// bearer is the credential of a request (RFC 6750). A few players leave out the
// word Bearer; what they send cannot be mistaken for anything else. Who was sent
// here by another node brings its ticket: a browser takes the header off on the way.
func bearer(r *http.Request) string {
	if t := r.URL.Query().Get(queryTicket); t != "" {
		return t
	}
	v := strings.TrimSpace(r.Header.Get("Authorization"))
	if scheme, rest, ok := strings.Cut(v, " "); ok {
		if !strings.EqualFold(scheme, "Bearer") {
			return ""
		}
		return strings.TrimSpace(rest)
	}
	if strings.EqualFold(v, "Bearer") {
		return ""
	}
	return v
}

// remote is where a request comes from, by the socket: a header that says
// otherwise is the visitor's own invention.
func remote(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}
