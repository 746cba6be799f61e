package cli

import (
	"context"
	"strings"

	"stentor/control/client"
)

// WebhookCommands have servers told what happens.
type WebhookCommands struct {
	Create WebhookCreate `cmd:"" help:"Have a server told what happens."`
	List   WebhookList   `cmd:"" help:"List the webhooks, without their secrets."`
	Delete WebhookDelete `cmd:"" help:"Have a server told nothing any more."`
}

// WebhookCreate makes a webhook.
type WebhookCreate struct {
	Remote
	URL     string   `arg:"" name:"url" help:"Where it is told, https://..."`
	Webinar string   `help:"One webinar; else all that were made with this token." placeholder:"ID"`
	Event   []string `help:"What it is told, as registrant.registered; may be repeated; else everything." placeholder:"ACTION"`
}

// Run makes the webhook.
func (c *WebhookCreate) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	w, err := api.CreateWebhook(ctx, client.CreateWebhook{URL: c.URL, Webinar: c.Webinar, Events: c.Event})
	if err != nil {
		return err
	}
	return c.say(e, w, w.Secret,
		"webhook", w.ID, "url", w.URL, "webinar", first(w.Webinar, "all"), "events", first(strings.Join(w.Events, ", "), "all"),
		"secret", w.Secret+"  (shown this once)")
}

// WebhookList lists webhooks.
type WebhookList struct{ Listing }

// Run prints the list.
func (c *WebhookList) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return printList(e, c.Listing, view[client.Webhook]{
		heading: "WEBHOOK STATE WEBINAR EVENTS URL", empty: "No webhooks.",
		id: func(w client.Webhook) string { return w.ID },
		row: func(w client.Webhook) []string {
			return []string{w.ID, webhookState(w), first(w.Webinar, "all"), first(strings.Join(w.Events, ","), "all"), w.URL}
		},
	}, func(p client.Page) (client.Webhooks, error) { return api.Webhooks(ctx, p) })
}

func webhookState(w client.Webhook) string {
	switch {
	case w.Disabled:
		return "disabled"
	case w.Failures > 0:
		return count(w.Failures, "failure", "failures")
	}
	return "works"
}

// WebhookDelete deletes a webhook.
type WebhookDelete struct {
	Remote
	ID string `arg:"" name:"webhook" help:"Id of the webhook."`
}

// Run deletes the webhook.
func (c *WebhookDelete) Run(ctx context.Context, e *Env) error {
	api, err := c.open(e)
	if err != nil {
		return err
	}
	return c.done(e, api.DeleteWebhook(ctx, c.ID), "The webhook %s is deleted.", c.ID)
}
