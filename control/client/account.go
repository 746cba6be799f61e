package client

import "context"

// CreateAccount makes an account. Needs the scope admin.
func (c *Client) CreateAccount(ctx context.Context, in CreateAccount, options ...CallOption) (Account, error) {
	var out Account
	err := c.change(ctx, "POST", path("accounts"), in, &out, options...)
	return out, err
}

// Accounts returns a page of the accounts. Needs the scope admin.
func (c *Client) Accounts(ctx context.Context, p Page) (Accounts, error) {
	var out Accounts
	err := c.call(ctx, "GET", path("accounts")+p.query(), nil, &out)
	return out, err
}

// Account returns one account. Needs the scope admin.
func (c *Client) Account(ctx context.Context, id string) (Account, error) {
	var out Account
	err := c.call(ctx, "GET", path("accounts", id), nil, &out)
	return out, err
}

// EditAccount changes an account; what in leaves out stays. Needs the scope admin.
func (c *Client) EditAccount(ctx context.Context, id string, in EditAccount, options ...CallOption) (Account, error) {
	var out Account
	err := c.change(ctx, "PATCH", path("accounts", id), in, &out, options...)
	return out, err
}

// DeleteAccount deletes an account, and ends its sign-ins. Needs the scope admin.
func (c *Client) DeleteAccount(ctx context.Context, id string, options ...CallOption) error {
	return c.change(ctx, "DELETE", path("accounts", id), nil, nil, options...)
}

// SignIns returns the ways to sign in that a page can offer.
func (c *Client) SignIns(ctx context.Context) (SignIns, error) {
	var out SignIns
	err := c.call(ctx, "GET", path("sign-in"), nil, &out, bearer(""))
	return out, err
}

// SignIn signs in with a local account. The answer sets a cookie, which the client's
// [http.Client] keeps if it has a jar.
func (c *Client) SignIn(ctx context.Context, in SignIn) (Me, error) {
	var out Me
	err := c.call(ctx, "POST", path("sign-in"), in, &out, bearer(""))
	return out, err
}

// SignOut ends a sign-in.
func (c *Client) SignOut(ctx context.Context) error {
	return c.call(ctx, "POST", path("sign-out"), nil, nil, bearer(""))
}

// Me returns who the client is to the server.
func (c *Client) Me(ctx context.Context) (Me, error) {
	var out Me
	err := c.call(ctx, "GET", path("me"), nil, &out)
	return out, err
}

// Pass returns a proof of an account for the door of any node, good for minutes.
func (c *Client) Pass(ctx context.Context) (Pass, error) {
	var out Pass
	err := c.call(ctx, "POST", path("me", "pass"), nil, &out)
	return out, err
}
