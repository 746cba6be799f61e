package api

import (
	"context"
	"slices"
	"time"

	"stentor/control/client"
	"stentor/control/controlpb"
	"stentor/control/personal"
	"stentor/control/webinar"
)

func (a *API) webhooks() {
	add(a, "create-webhook", a.createWebhook)
	add(a, "list-webhooks", a.listWebhooks)
	add(a, "delete-webhook", a.deleteWebhook)
}

func viewWebhook(r *controlpb.WebhookRecord) client.Webhook {
	v := client.Webhook{
		ID: r.GetId(), Owner: r.GetOwner(), Webinar: r.GetWebinar(), URL: r.GetUrl(), Events: notNil(r.GetEvents()),
		CreatedAt: time.Unix(0, r.GetCreated()).UTC(), Seq: r.GetSeq(), Failures: int(r.GetFailures()), Disabled: r.GetDisabled(),
	}
	if r.GetNext() > 0 {
		next := time.Unix(0, r.GetNext()).UTC()
		v.NextAt = &next
	}
	return v
}

type createWebhookInput struct {
	Keyed
	Body client.CreateWebhook
}

type webhookAnswer struct{ Body client.Webhook }

// createWebhook has a server told of what happens, in one webinar that the caller plans,
// or in all of those that the caller made.
func (a *API) createWebhook(ctx context.Context, in *createWebhookInput) (*webhookAnswer, error) {
	p := principal(ctx)
	if in.Body.Webinar != "" {
		w := a.Store.State().Webinar(in.Body.Webinar)
		if w == nil || rowOf("set-registration", "").Verdict(p.actorIn(w), p.Way, webinar.Planned) != "" {
			return nil, refuse(codeWebinarNotFound, "")
		}
	}
	r, err := a.newRequest(p, "create-webhook", in.IdempotencyKey, in.Body)
	if err != nil {
		return nil, err
	}
	id, err := NewID(r.rand, webhookID)
	if err != nil {
		return nil, err
	}
	secret, err := personal.NewWebhook(r.rand)
	if err != nil {
		return nil, err
	}
	sealed, err := a.Keeper.Seal("", id, secret)
	if err != nil {
		return nil, err
	}
	_, state, err := a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_CreateWebhook{CreateWebhook: &controlpb.CreateWebhook{
		Id: id, Owner: p.ID, Webinar: in.Body.Webinar, Url: in.Body.URL, Sealed: sealed, Events: in.Body.Events,
	}}})
	if err != nil {
		return nil, err
	}
	made := state.Webhook(id)
	if made == nil { // deleted since
		return nil, refuse(codeConflict, "This webhook was deleted.")
	}
	v := viewWebhook(made)
	v.Secret = secret.Secret
	return &webhookAnswer{v}, nil
}

type webhooksAnswer struct{ Body client.Webhooks }

func (a *API) listWebhooks(ctx context.Context, in *Paged) (*webhooksAnswer, error) {
	all := reached(principal(ctx), slices.Collect(a.Store.State().Webhooks()), (*controlpb.WebhookRecord).GetOwner)
	page, next, err := cut(*in, "webhooks", all, (*controlpb.WebhookRecord).GetId)
	if err != nil {
		return nil, err
	}
	items := make([]client.Webhook, len(page))
	for i, r := range page {
		items[i] = viewWebhook(r)
	}
	return &webhooksAnswer{client.Webhooks{Items: items, Next: next}}, nil
}

type deleteWebhookInput struct {
	Keyed
	Webhook string `path:"webhook" maxLength:"64" doc:"Id of the webhook."`
}

func (a *API) deleteWebhook(ctx context.Context, in *deleteWebhookInput) (*emptyAnswer, error) {
	p := principal(ctx)
	r, err := a.newRequest(p, "delete-webhook", in.IdempotencyKey, in.Webhook)
	if err != nil {
		return nil, err
	}
	s := a.Store.State()
	h := s.Webhook(in.Webhook)
	if theirs := h != nil && (p.admin() || h.GetOwner() == p.ID); !theirs && !answered(s, r) {
		return nil, refuse(codeWebhookNotFound, "")
	}
	_, _, err = a.propose(ctx, r, 0, &controlpb.Command{Kind: &controlpb.Command_DeleteWebhook{DeleteWebhook: &controlpb.DeleteWebhook{Id: in.Webhook}}})
	return &emptyAnswer{}, err
}
