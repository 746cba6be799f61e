package api

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"stentor/control"
	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// InWebinar is the webinar that a request is about. Like the other parts of requests
// it has a capital for the sake of huma, which overlooks embedded fields without.
type InWebinar struct {
	ID string `path:"id" maxLength:"64" doc:"Id of the webinar."`
}

// oneWebinarAnswer is the answer with one webinar.
type oneWebinarAnswer struct {
	Status int
	ETag   string `header:"ETag"`
	Body   client.Webinar
}

func (a *API) answerWebinar(status int, w *webinar.Webinar, pin string) *oneWebinarAnswer {
	v := viewWebinar(w, a.Now())
	v.PIN = pin
	return &oneWebinarAnswer{Status: status, ETag: etag(w), Body: v}
}

func (a *API) webinars() {
	add(a, "create-webinar", a.createWebinar)
	add(a, "list-webinars", a.listWebinars)
	add(a, "get-webinar", a.getWebinar)
	add(a, "end-webinar", a.endWebinar)
	add(a, "rotate-link", a.rotateLink)
}

type createWebinarInput struct {
	Keyed
	Body client.CreateWebinar
}

func (a *API) createWebinar(ctx context.Context, in *createWebinarInput) (*oneWebinarAnswer, error) {
	p := principal(ctx)
	r, err := a.newRequest(p, "create-webinar", in.IdempotencyKey, in.Body)
	if err != nil {
		return nil, err
	}
	c, pin, err := a.newWebinar(r, p, in.Body)
	if err != nil {
		return nil, err
	}
	_, state, err := a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_CreateWebinar{CreateWebinar: c}})
	if err != nil {
		return nil, err
	}
	w := state.Webinar(c.Id)
	if w == nil { // made, and gone since: only after a repetition much later
		return nil, refuse(codeWebinarNotFound, "")
	}
	return a.answerWebinar(201, w, pin), nil
}

// newWebinar is the command that makes a webinar, and its PIN, if it gets one. A cluster
// of feature level 1 is asked in the old way for what it can do.
func (a *API) newWebinar(r *request, p Principal, in client.CreateWebinar) (c *controlpb.CreateWebinar, pin string, err error) {
	settings, err := created(in, a.Now())
	if err != nil {
		return nil, "", err
	}
	c = &controlpb.CreateWebinar{Owner: p.ID, Settings: settings}
	if old := (client.CreateWebinar{Title: in.Title, Mode: in.Mode}); a.Store.State().Cluster().FeatureLevel < 2 && onlyOld(in, old) {
		c.Title, c.Mode, c.Settings = settings.Title, settings.Mode, nil
	}
	if c.Id, err = NewID(r.rand, webinarID); err != nil {
		return nil, "", err
	}
	if c.Link, err = newLink(r.rand); err != nil {
		return nil, "", err
	}
	if in.GeneratePIN || in.PIN != "" {
		if pin, err = choosePIN(r, in.PIN, in.GeneratePIN); err != nil {
			return nil, "", err
		}
		key := webinar.DeriveKey(a.PINKey, c.Id)
		c.Pin = &controlpb.PIN{Verifier: webinar.Verifier(key, pin), Weak: webinar.Weak(pin)}
	}
	return c, pin, nil
}

// onlyOld reports whether in asks for no more than old and a PIN.
func onlyOld(in, old client.CreateWebinar) bool {
	in.PIN, in.GeneratePIN = "", false
	return fmt.Sprintf("%+v", in) == fmt.Sprintf("%+v", old)
}

type listWebinarsAnswer struct{ Body client.Webinars }

func (a *API) listWebinars(ctx context.Context, in *Paged) (*listWebinarsAnswer, error) {
	p := principal(ctx)
	row := rowOf("get-webinar", "")
	var all []*webinar.Webinar
	for w := range a.Store.State().Webinars() {
		if row.Verdict(p.actorIn(w), p.Way, w.State) == "" {
			all = append(all, w)
		}
	}
	slices.SortFunc(all, func(x, y *webinar.Webinar) int { return cmp.Compare(newestFirst(x), newestFirst(y)) })
	page, next, err := cut(*in, "webinars", all, newestFirst)
	if err != nil {
		return nil, err
	}
	items := make([]client.Webinar, len(page))
	for i, w := range page {
		items[i] = viewWebinar(w, a.Now())
	}
	return &listWebinarsAnswer{client.Webinars{Items: items, Next: next}}, nil
}

// newestFirst is the place of a webinar in the list.
func newestFirst(w *webinar.Webinar) string {
	return fmt.Sprintf("%020d.%s", math.MaxInt64-uint64(max(0, w.Created.UnixNano())), w.ID)
}

type getWebinarInput struct {
	InWebinar
	IfNoneMatch string `header:"If-None-Match" maxLength:"200" doc:"Answer 304 while the webinar has this ETag."`
}

func (a *API) getWebinar(ctx context.Context, in *getWebinarInput) (*oneWebinarAnswer, error) {
	w, err := a.find(a.Store.State(), principal(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	status := 200
	for _, tag := range strings.Split(in.IfNoneMatch, ",") {
		if t := strings.TrimPrefix(strings.TrimSpace(tag), "W/"); t == etag(w) || t == "*" {
			status = 304
		}
	}
	return a.answerWebinar(status, w, ""), nil
}

// changeWebinarInput is a change of a webinar without a body.
type changeWebinarInput struct {
	InWebinar
	Expected
	Keyed
}

func (a *API) endWebinar(ctx context.Context, in *changeWebinarInput) (*oneWebinarAnswer, error) {
	return a.changeWebinar(ctx, "end-webinar", in, func(*request) (*controlpb.Command, error) {
		return &controlpb.Command{Kind: &controlpb.Command_EndWebinar{EndWebinar: &controlpb.EndWebinar{Webinar: in.ID}}}, nil
	})
}

func (a *API) rotateLink(ctx context.Context, in *changeWebinarInput) (*oneWebinarAnswer, error) {
	return a.changeWebinar(ctx, "rotate-link", in, func(r *request) (*controlpb.Command, error) {
		link, err := newLink(r.rand)
		return &controlpb.Command{Kind: &controlpb.Command_RotateLink{RotateLink: &controlpb.RotateLink{Webinar: in.ID, Link: link}}}, err
	})
}

// changeWebinar proposes what command makes, and answers with the webinar as it is then.
// what is what the client asked for beside the webinar and its version.
func (a *API) changeWebinar(ctx context.Context, operation string, in *changeWebinarInput, command func(*request) (*controlpb.Command, error), what ...any) (*oneWebinarAnswer, error) {
	state, err := a.change(ctx, operation, in, command, what...)
	if err != nil {
		return nil, err
	}
	w, err := a.find(state, principal(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return a.answerWebinar(200, w, ""), nil
}

// change proposes what command makes, and returns the state after it.
func (a *API) change(ctx context.Context, operation string, in *changeWebinarInput, command func(*request) (*controlpb.Command, error), what ...any) (*control.State, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	r, err := a.newRequest(principal(ctx), operation, in.IdempotencyKey, append([]any{in.ID, version}, what...)...)
	if err != nil {
		return nil, err
	}
	c, err := command(r)
	if err != nil {
		return nil, err
	}
	_, state, err := a.propose(ctx, r, version, c)
	return state, err
}
