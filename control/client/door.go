package client

import (
	"context"
	"time"
)

// Door is a webinar as a visitor sees it at one node.
type Door struct {
	ID          string `json:"id,omitempty"`
	Title       string `json:"title"`
	Link        string `json:"link"`
	Mode        string `json:"mode"`
	State       string `json:"state"`
	PINRequired bool   `json:"pin_required"`
	Live        bool   `json:"live"`
	Node        string `json:"node"`
	Version     string `json:"version"`
}

// Knock is what a visitor gives at the door: a name, and whatever opens it.
type Knock struct {
	Name   string `json:"name"`
	PIN    string `json:"pin,omitempty"`
	Invite string `json:"invite,omitempty"`
	Device string `json:"device,omitempty"`
}

// Grant is a visitor's right to be inside, for minutes. Token goes as bearer
// token with WHEP, WHIP and the events.
type Grant struct {
	Token       string    `json:"token"`
	Participant string    `json:"participant"`
	Name        string    `json:"name"`
	Role        string    `json:"role"`
	ExpiresAt   time.Time `json:"expires_at"`
}

// Door looks at a webinar from outside, by its link.
func (c *Client) Door(ctx context.Context, link string) (Door, error) {
	var d Door
	err := c.call(ctx, "GET", path("door", link), nil, &d, bearer(""))
	return d, err
}

// Join knocks at the door of a webinar. The refusal of the door is a [*Problem]
// with the code of the denial, such as "wrong_pin" or "banned".
func (c *Client) Join(ctx context.Context, link string, k Knock) (Grant, error) {
	var g Grant
	err := c.call(ctx, "POST", path("door", link, "join"), k, &g, bearer(""))
	return g, err
}

// Refresh exchanges a session token for a fresh one, before it expires.
func (c *Client) Refresh(ctx context.Context, link, token string) (Grant, error) {
	var g Grant
	err := c.call(ctx, "POST", path("door", link, "refresh"), nil, &g, bearer(token))
	return g, err
}
