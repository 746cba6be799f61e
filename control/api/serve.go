package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"stentor/control/client"
)

// What a request's body has at most. The longest of most routes is a hundredth of that.
const (
	maxBody   = 16 << 10
	largeBody = 64 << 10  // a description, all answers of a form, five hundred ids
	formBody  = 256 << 10 // fifty fields with fifty options each
	batchBody = 256 << 10 // five hundred invites
)

// The media types of answers that are no JSON.
const (
	mediaCSV    = "text/csv"
	mediaEvents = "text/event-stream"
	mediaFile   = "video/webm" // and its relatives
)

// bodyTimeout bounds how long a body may take to arrive.
const bodyTimeout = 5 * time.Second

// add registers the handler of the route with that name: whoever reaches it has
// been let on by the table, and its errors leave as refusals.
func add[I, O any](a *API, name string, handle func(context.Context, *I) (*O, error)) {
	r := route(name)
	a.routed[name] = true
	op := a.operation(r)
	op.Middlewares = huma.Middlewares{a.observe(r), a.authorize(r)}
	a.bodies[r.Method+" "+r.Path] = int64(r.maxBytes())
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, a.refusal(ctx, r, err)
		}
		if r.Writes() {
			a.Logger.Info("changed", "operation", r.Name, "principal", principal(ctx).ID)
		}
		return out, nil
	})
}

// refusal turns a handler's error into what the client may know of it.
func (a *API) refusal(ctx context.Context, r Route, err error) error {
	p := a.problemOf(err)
	if p.Code == codeInternal && ctx.Err() == nil {
		a.Logger.Error("a request failed", "operation", r.Name, "principal", principal(ctx).ID, "err", err)
	}
	var l limited
	if errors.As(err, &l) {
		return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {l.seconds()}})
	}
	return p
}

// problemOf is the refusal that err is; one that is none is ours alone to know.
func (a *API) problemOf(err error) *client.Problem {
	var p *client.Problem
	if errors.As(err, &p) {
		return p
	}
	if p, ok := denied(err); ok {
		return p
	}
	return refuse(codeInternal, "")
}

// observe counts a route's requests, and how long they take.
func (a *API) observe(r Route) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		began := a.Now()
		next(ctx)
		a.metrics.observe(r.Name, ctx.Status(), a.Now().Sub(began))
	}
}

// write answers with a refusal, outside of a handler.
func (a *API) write(ctx huma.Context, p *client.Problem) {
	body, _ := json.Marshal(p) // of strings and numbers: it cannot fail
	ctx.SetHeader("Content-Type", p.ContentType(""))
	ctx.SetStatus(p.Status)
	_, _ = ctx.BodyWriter().Write(append(body, '\n')) // a client that is gone does not want it
}

// writeProblem answers with p.
func writeProblem(w http.ResponseWriter, p *client.Problem) {
	body, _ := json.Marshal(p) // of strings and numbers: it cannot fail
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // a client that is gone does not want it
}

// problems is huma's transformer of answers: what huma refuses by itself leaves
// as one of our kinds, without the values that the client sent, which may be
// secrets.
func problems(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := refuse(codeOfStatus(m.Status), "")
	for _, e := range m.Errors {
		if e != nil && p.Code != codeInternal {
			p.Fields = append(p.Fields, client.FieldError{Location: e.Location, Message: e.Message})
		}
	}
	return p, nil
}

// guard is around all routes: the headers that every answer has, unknown paths
// and methods, and the last resort for a panic.
func (a *API) guard(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		defer a.recovered(w, r)
		_, pattern := mux.Handler(r)
		if most := max(a.bodies[pattern], maxBody); r.ContentLength > most {
			h.Set("Connection", "close") // what comes is not read
			writeProblem(w, refuse(codeBodyTooLarge, ""))
			return
		}
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		a.lost(w, r, mux)
	})
}

// lost answers a request for which there is no route.
func (a *API) lost(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	var allowed []string
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	a.metrics.observe("", http.StatusNotFound, 0)
	if len(allowed) == 0 {
		writeProblem(w, refuse(codeRouteNotFound, ""))
		return
	}
	if slices.Contains(allowed, "GET") {
		allowed = append(allowed, "HEAD")
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	writeProblem(w, refuse(codeMethod, ""))
}

func (a *API) recovered(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
		panic(v)
	}
	a.Logger.Error("a handler panicked", "method", r.Method, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	writeProblem(w, refuse(codeInternal, "")) // too late if the answer has begun, and then without effect
}
