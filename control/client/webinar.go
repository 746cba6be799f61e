package client

import "context"

// CreateWebinar makes a webinar.
func (c *Client) CreateWebinar(ctx context.Context, in CreateWebinar, options ...CallOption) (Webinar, error) {
	var out Webinar
	err := c.change(ctx, "POST", path("webinars"), in, &out, options...)
	return out, err
}

// Webinar returns one webinar.
func (c *Client) Webinar(ctx context.Context, id string) (Webinar, error) {
	var out Webinar
	err := c.call(ctx, "GET", path("webinars", id), nil, &out)
	return out, err
}

// Webinars returns a page of the webinars that the token may see, newest first.
func (c *Client) Webinars(ctx context.Context, p Page) (Webinars, error) {
	var out Webinars
	err := c.call(ctx, "GET", path("webinars")+p.query(), nil, &out)
	return out, err
}

// EditWebinar changes settings of a webinar; what in leaves out stays.
func (c *Client) EditWebinar(ctx context.Context, id string, in EditWebinar, options ...CallOption) (Webinar, error) {
	var out Webinar
	err := c.change(ctx, "PATCH", path("webinars", id), in, &out, options...)
	return out, err
}

// EndWebinar ends a webinar and every session in it.
func (c *Client) EndWebinar(ctx context.Context, id string, options ...CallOption) (Webinar, error) {
	var out Webinar
	err := c.change(ctx, "POST", path("webinars", id, "end"), nil, &out, options...)
	return out, err
}

// RotateLink gives a webinar another join link: the old one opens nothing any more.
// Who is inside stays.
func (c *Client) RotateLink(ctx context.Context, id string, options ...CallOption) (Webinar, error) {
	var out Webinar
	err := c.change(ctx, "POST", path("webinars", id, "link"), nil, &out, options...)
	return out, err
}

// SetPIN sets or draws the PIN of a webinar.
func (c *Client) SetPIN(ctx context.Context, id string, in SetPIN, options ...CallOption) (PIN, error) {
	var out PIN
	err := c.change(ctx, "PUT", path("webinars", id, "pin"), in, &out, options...)
	return out, err
}

// ClearPIN removes the PIN of a webinar: whoever has the link gets in.
func (c *Client) ClearPIN(ctx context.Context, id string, options ...CallOption) error {
	return c.change(ctx, "DELETE", path("webinars", id, "pin"), nil, nil, options...)
}
