package client

import (
	"context"
	"io"
	"net/url"
)

// SetRegistration switches registration on, or replaces how people sign up.
func (c *Client) SetRegistration(ctx context.Context, id string, in SetRegistration, options ...CallOption) (Webinar, error) {
	var out Webinar
	err := c.change(ctx, "PUT", path("webinars", id, "registration"), in, &out, options...)
	return out, err
}

// ClearRegistration switches registration off.
func (c *Client) ClearRegistration(ctx context.Context, id string, options ...CallOption) error {
	return c.change(ctx, "DELETE", path("webinars", id, "registration"), nil, nil, options...)
}

// OpenRegistration lets people sign up again, while the window is open.
func (c *Client) OpenRegistration(ctx context.Context, id string, options ...CallOption) (Webinar, error) {
	var out Webinar
	err := c.change(ctx, "POST", path("webinars", id, "registration", "open"), nil, &out, options...)
	return out, err
}

// CloseRegistration lets nobody sign up, whatever the window. Who is inside stays.
func (c *Client) CloseRegistration(ctx context.Context, id string, options ...CallOption) (Webinar, error) {
	var out Webinar
	err := c.change(ctx, "POST", path("webinars", id, "registration", "close"), nil, &out, options...)
	return out, err
}

// Registrants returns a page of those who signed up: all, or those with a status.
func (c *Client) Registrants(ctx context.Context, id, status string, p Page) (Registrants, error) {
	q := url.Values{}
	if status != "" {
		q.Set("status", status)
	}
	var out Registrants
	err := c.call(ctx, "GET", path("webinars", id, "registrants")+p.with(q), nil, &out)
	return out, err
}

// Registrant returns one who signed up.
func (c *Client) Registrant(ctx context.Context, id, registrant string) (Registrant, error) {
	var out Registrant
	err := c.call(ctx, "GET", path("webinars", id, "registrants", registrant), nil, &out)
	return out, err
}

// DecideRegistrants approves, declines or cancels up to 500 registrations.
func (c *Client) DecideRegistrants(ctx context.Context, id string, in DecideRegistrants, options ...CallOption) (DecidedRegistrants, error) {
	var out DecidedRegistrants
	err := c.change(ctx, "POST", path("webinars", id, "registrants", "decide"), in, &out, options...)
	return out, err
}

// ExportRegistrants writes those who signed up to w, as CSV.
func (c *Client) ExportRegistrants(ctx context.Context, id string, w io.Writer) error {
	return c.download(ctx, path("webinars", id, "registrants.csv"), "text/csv", w)
}

// Public looks at the registration page of a webinar, by its link, without a token.
func (c *Client) Public(ctx context.Context, link string) (Public, error) {
	var out Public
	err := c.call(ctx, "GET", path("public", link), nil, &out, bearer(""))
	return out, err
}

// Register signs somebody up, without a token.
func (c *Client) Register(ctx context.Context, link string, in Register, options ...CallOption) (Registered, error) {
	var out Registered
	err := c.change(ctx, "POST", path("public", link, "registrants"), in, &out, append(options, bearer(""))...)
	return out, err
}

// CancelRegistration gives a registration up, by the secret of its personal link.
func (c *Client) CancelRegistration(ctx context.Context, link string, in CancelRegistration, options ...CallOption) error {
	return c.change(ctx, "POST", path("public", link, "cancel"), in, nil, append(options, bearer(""))...)
}
