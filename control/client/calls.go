package client

import (
	"context"
	"net/url"
	"strconv"
	"time"
)

// Page asks for a part of a list. The zero Page is the first one, of the
// server's own size.
type Page struct {
	Limit  int
	Cursor string
}

func (p Page) query() string {
	q := url.Values{}
	if p.Limit > 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	if p.Cursor != "" {
		q.Set("cursor", p.Cursor)
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// CreateWebinar makes a webinar.
func (c *Client) CreateWebinar(ctx context.Context, in CreateWebinar, options ...CallOption) (Webinar, error) {
	var w Webinar
	err := c.change(ctx, "POST", path("webinars"), in, &w, options...)
	return w, err
}

// Webinar returns one webinar.
func (c *Client) Webinar(ctx context.Context, id string) (Webinar, error) {
	var w Webinar
	err := c.call(ctx, "GET", path("webinars", id), nil, &w)
	return w, err
}

// Webinars returns a page of the webinars that the token may see.
func (c *Client) Webinars(ctx context.Context, p Page) (Webinars, error) {
	var l Webinars
	err := c.call(ctx, "GET", path("webinars")+p.query(), nil, &l)
	return l, err
}

// EndWebinar ends a webinar and every session in it.
func (c *Client) EndWebinar(ctx context.Context, id string, options ...CallOption) (Webinar, error) {
	var w Webinar
	err := c.change(ctx, "POST", path("webinars", id, "end"), nil, &w, options...)
	return w, err
}

// SetPIN sets or draws the PIN of a webinar.
func (c *Client) SetPIN(ctx context.Context, id string, in SetPIN, options ...CallOption) (PIN, error) {
	var p PIN
	err := c.change(ctx, "PUT", path("webinars", id, "pin"), in, &p, options...)
	return p, err
}

// ClearPIN removes the PIN of a webinar: whoever has the link gets in.
func (c *Client) ClearPIN(ctx context.Context, id string, options ...CallOption) error {
	return c.change(ctx, "DELETE", path("webinars", id, "pin"), nil, nil, options...)
}

// Invite makes a personal link.
func (c *Client) Invite(ctx context.Context, id string, in CreateInvite, options ...CallOption) (Invite, error) {
	var i Invite
	err := c.change(ctx, "POST", path("webinars", id, "invites"), in, &i, options...)
	return i, err
}

// Invites returns a page of a webinar's invites, without their secrets.
func (c *Client) Invites(ctx context.Context, id string, p Page) (Invites, error) {
	var l Invites
	err := c.call(ctx, "GET", path("webinars", id, "invites")+p.query(), nil, &l)
	return l, err
}

// Participants returns who is inside a webinar now, over the whole mesh.
func (c *Client) Participants(ctx context.Context, id string) (Participants, error) {
	var l Participants
	err := c.call(ctx, "GET", path("webinars", id, "participants"), nil, &l)
	return l, err
}

// Disconnect ends the sessions of a participant; with Ban it keeps the person
// out as well.
func (c *Client) Disconnect(ctx context.Context, id, participant string, in Disconnect, options ...CallOption) (Disconnected, error) {
	var d Disconnected
	err := c.change(ctx, "POST", path("webinars", id, "participants", participant, "disconnect"), in, &d, options...)
	return d, err
}

// Bans returns a page of a webinar's bans.
func (c *Client) Bans(ctx context.Context, id string, p Page) (Bans, error) {
	var l Bans
	err := c.call(ctx, "GET", path("webinars", id, "bans")+p.query(), nil, &l)
	return l, err
}

// LiftBan lets a banned person in again.
func (c *Client) LiftBan(ctx context.Context, id, ban string, options ...CallOption) error {
	return c.change(ctx, "DELETE", path("webinars", id, "bans", ban), nil, nil, options...)
}

// CreateToken makes an API token. Needs the scope admin.
func (c *Client) CreateToken(ctx context.Context, in CreateToken, options ...CallOption) (Token, error) {
	var t Token
	err := c.change(ctx, "POST", path("tokens"), in, &t, options...)
	return t, err
}

// JoinToken makes a token that lets one node with this role ("voter", "edge")
// into the mesh until ttl is over (0: the server's default). Needs the scope
// admin.
func (c *Client) JoinToken(ctx context.Context, role string, ttl time.Duration, options ...CallOption) (JoinToken, error) {
	var t JoinToken
	err := c.change(ctx, "POST", path("join-tokens"), CreateJoinToken{Role: role, TTL: seconds(ttl)}, &t, options...)
	return t, err
}
