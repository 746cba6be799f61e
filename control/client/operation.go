package client

import (
	"context"
	"time"
)

// CreateToken makes an API token. Needs the scope admin.
func (c *Client) CreateToken(ctx context.Context, in CreateToken, options ...CallOption) (Token, error) {
	var out Token
	err := c.change(ctx, "POST", path("tokens"), in, &out, options...)
	return out, err
}

// Tokens returns a page of the API tokens, without what they are known by. Needs the
// scope admin.
func (c *Client) Tokens(ctx context.Context, p Page) (Tokens, error) {
	var out Tokens
	err := c.call(ctx, "GET", path("tokens")+p.query(), nil, &out)
	return out, err
}

// RevokeToken makes an API token worthless. Needs the scope admin.
func (c *Client) RevokeToken(ctx context.Context, id string, options ...CallOption) error {
	return c.change(ctx, "DELETE", path("tokens", id), nil, nil, options...)
}

// JoinToken makes a token that lets one node with this role ("voter", "edge")
// into the mesh until ttl is over (0: the server's default). Needs the scope
// admin.
func (c *Client) JoinToken(ctx context.Context, role string, ttl time.Duration, options ...CallOption) (JoinToken, error) {
	var out JoinToken
	err := c.change(ctx, "POST", path("join-tokens"), CreateJoinToken{Role: role, TTL: seconds(ttl)}, &out, options...)
	return out, err
}

// RemoveNode puts a node out of the mesh for good. Needs the scope admin.
func (c *Client) RemoveNode(ctx context.Context, node string, options ...CallOption) error {
	return c.change(ctx, "DELETE", path("nodes", node), nil, nil, options...)
}

// Drain has a node hand over what it carries to others, before it is stopped. Needs the
// scope admin.
func (c *Client) Drain(ctx context.Context, node string, options ...CallOption) error {
	return c.change(ctx, "PUT", path("nodes", node, "drain"), nil, nil, options...)
}

// Undrain has a node carry again. Needs the scope admin.
func (c *Client) Undrain(ctx context.Context, node string, options ...CallOption) error {
	return c.change(ctx, "DELETE", path("nodes", node, "drain"), nil, nil, options...)
}

// RotateGossipKey has the nodes seal their gossip with another key. Needs the scope admin.
func (c *Client) RotateGossipKey(ctx context.Context, options ...CallOption) (GossipKey, error) {
	var out GossipKey
	return out, c.change(ctx, "POST", path("gossip-key", "rotate"), nil, &out, options...)
}

// CreateWebhook has a server told what happens. The answer holds its secret, this once.
func (c *Client) CreateWebhook(ctx context.Context, in CreateWebhook, options ...CallOption) (Webhook, error) {
	var out Webhook
	err := c.change(ctx, "POST", path("webhooks"), in, &out, options...)
	return out, err
}

// Webhooks returns a page of the webhooks, without their secrets.
func (c *Client) Webhooks(ctx context.Context, p Page) (Webhooks, error) {
	var out Webhooks
	err := c.call(ctx, "GET", path("webhooks")+p.query(), nil, &out)
	return out, err
}

// DeleteWebhook has a server told nothing any more.
func (c *Client) DeleteWebhook(ctx context.Context, id string, options ...CallOption) error {
	return c.change(ctx, "DELETE", path("webhooks", id), nil, nil, options...)
}
