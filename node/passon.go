package node

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"sync/atomic"
)

// proxyAPI passes the control API from an edge to a voter, which checks the token
// itself: an edge holds no tokens.
func (n *Node) proxyAPI() http.Handler { return n.passOn(n.voters) }

func (n *Node) passOn(voters func() []string) http.Handler {
	return &httputil.ReverseProxy{
		Transport: asking{n.electors, voters},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "voter"
			r.Out.Host = r.In.Host // a request from another site is known by it
			r.Out.Header.Set(remoteHeader, r.In.RemoteAddr)
			r.Out = r.Out.WithContext(noteSent(r.Out.Context()))
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if errors.Is(err, errLarge) {
				problem(w, http.StatusRequestEntityTooLarge, "body_too_large", "The body is longer than any that makes sense here.")
				return
			}
			n.log.Warn("no answer of a voter for the control API", "err", err)
			notPassedOn(w, maybeDone(r))
		},
	}
}

type sentKey struct{}

// noteSent has a request say whether it went out: see [maybeDone].
func noteSent(ctx context.Context) context.Context {
	sent := new(atomic.Bool)
	ctx = context.WithValue(ctx, sentKey{}, sent)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
}

// maybeDone reports whether a voter may have carried out a request that was not answered:
// it asks for a change, and went out. No server begins before it has all headers.
func maybeDone(r *http.Request) bool {
	sent, ok := r.Context().Value(sentKey{}).(*atomic.Bool)
	return ok && sent.Load() && r.Method != http.MethodGet && r.Method != http.MethodHead
}

// notPassedOn says that no voter answered. Whoever is told no_voter may rely on it that
// nothing was done.
func notPassedOn(w http.ResponseWriter, maybe bool) {
	status, code, detail := http.StatusServiceUnavailable, "no_voter",
		"This edge cannot reach a voter now. Nothing was done: ask another node, or try again."
	if maybe {
		status, code, detail = http.StatusGatewayTimeout, "outcome_unknown",
			"The voter that this edge asked has not answered: the change may be made. Repeat it with the same Idempotency-Key."
	}
	w.Header().Set("Retry-After", "2")
	problem(w, status, code, detail)
}

func problem(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{ // the only error is a client that has gone
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail,
	})
}
