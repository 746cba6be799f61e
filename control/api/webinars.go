package api

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

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

func answerWebinar(status int, w *webinar.Webinar, pin string) *oneWebinarAnswer {
	v := viewWebinar(w)
	v.PIN = pin
	return &oneWebinarAnswer{Status: status, ETag: etag(w), Body: v}
}

func (a *API) webinars() {
	add(a, "create-webinar", a.createWebinar)
	add(a, "list-webinars", a.listWebinars)
	add(a, "get-webinar", a.getWebinar)
	add(a, "end-webinar", a.endWebinar)
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
	c := &controlpb.CreateWebinar{Title: strings.TrimSpace(in.Body.Title), Mode: in.Body.Mode, Owner: p.ID}
	if c.Id, err = NewID(r.rand, webinarID); err != nil {
		return nil, err
	}
	if c.Link, err = newLink(r.rand); err != nil {
		return nil, err
	}
	pin := ""
	if in.Body.GeneratePIN || in.Body.PIN != "" {
		if pin, err = choosePIN(r, in.Body.PIN, in.Body.GeneratePIN); err != nil {
			return nil, err
		}
		key := webinar.DeriveKey(a.PINKey, c.Id)
		c.Pin = &controlpb.PIN{Verifier: webinar.Verifier(key, pin), Weak: webinar.Weak(pin)}
	}
	_, state, err := a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_CreateWebinar{CreateWebinar: c}})
	if err != nil {
		return nil, err
	}
	w := state.Webinar(c.Id)
	if w == nil { // made, and gone since: only after a repetition much later
		return nil, refuse(codeWebinarNotFound, "")
	}
	return answerWebinar(201, w, pin), nil
}

type listWebinarsAnswer struct{ Body client.Webinars }

func (a *API) listWebinars(ctx context.Context, in *Paged) (*listWebinarsAnswer, error) {
	p := principal(ctx)
	var all []*webinar.Webinar
	for w := range a.Store.State().Webinars() {
		if p.reaches(w) {
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
		items[i] = viewWebinar(w)
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
	return answerWebinar(status, w, ""), nil
}

type endWebinarInput struct {
	InWebinar
	Expected
	Keyed
}

func (a *API) endWebinar(ctx context.Context, in *endWebinarInput) (*oneWebinarAnswer, error) {
	p := principal(ctx)
	if _, err := a.find(a.Store.State(), p, in.ID); err != nil {
		return nil, err
	}
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	r, err := a.newRequest(p, "end-webinar", in.IdempotencyKey, in.ID, version)
	if err != nil {
		return nil, err
	}
	_, state, err := a.propose(ctx, r, version, &controlpb.Command{
		Kind: &controlpb.Command_EndWebinar{EndWebinar: &controlpb.EndWebinar{Webinar: in.ID}},
	})
	if err != nil {
		return nil, err
	}
	w, err := a.find(state, p, in.ID)
	if err != nil {
		return nil, err
	}
	return answerWebinar(200, w, ""), nil
}
