// Package client speaks the control API of a Stentor node, for the command
// line, for tests and for other programs in Go.
//
// It holds the types of the API's bodies and nothing of the server: it knows no
// rule, keeps no state and, but for [Client.Events], retries nothing by itself. A
// refusal by the server is a [*Problem] with a stable code; an unreachable server
// is an [*UnreachableError].
//
// Every change carries an Idempotency-Key: one that the caller gave, to be able to
// repeat the change, or one that is drawn, so that a request which the transport
// has to send twice (a connection that broke before the answer) acts once.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxResponse bounds what the client reads of one answer. The largest ones are
// lists, which the server cuts into pages long before this.
const maxResponse = 8 << 20

// Client is one server, seen with one API token. It is safe for concurrent use.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// Option changes how a Client reaches its server.
type Option func(*Client)

// HTTP makes the client use h, for a transport or time limits of one's own.
func HTTP(h *http.Client) Option { return func(c *Client) { c.http = h } }

// New returns a client of the server at base, such as "http://127.0.0.1:8080",
// which signs in with an API token ("sta_..."). The token may be empty for what
// needs none: [Client.Door] and [Client.Join].
func New(base, token string, options ...Option) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("client: %q is not the address of a server, such as http://127.0.0.1:8080", base)
	}
	if u.User != nil {
		return nil, errors.New("client: a server's address carries no user name or password")
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	u.RawQuery, u.Fragment = "", ""
	c := &Client{base: u, token: token, http: http.DefaultClient}
	for _, o := range options {
		o(c)
	}
	return c, nil
}

// Server returns the base address of the server.
func (c *Client) Server() string { return c.base.String() }

// CallOption changes one call.
type CallOption func(*http.Request)

// IdempotencyKey makes a call that is sent again with the same key act once. A
// repeated create answers with what the first one made, secrets included.
func IdempotencyKey(key string) CallOption {
	return header("Idempotency-Key", key)
}

// IfVersion makes a call act only while the webinar has this version; otherwise
// it is refused with the code "version_mismatch".
func IfVersion(version uint64) CallOption {
	return header("If-Match", strconv.Quote(strconv.FormatUint(version, 10)))
}

func header(name, value string) CallOption {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// bearer signs a call with another secret than the client's API token.
func bearer(secret string) CallOption {
	return func(r *http.Request) {
		r.Header.Del("Authorization")
		if secret != "" {
			r.Header.Set("Authorization", "Bearer "+secret)
		}
	}
}

// change is a call that changes something: without an idempotency key of the caller's
// it has one of its own.
func (c *Client) change(ctx context.Context, method, path string, in, out any, options ...CallOption) error {
	drawn := IdempotencyKey(rand.Text())
	return c.call(ctx, method, path, in, out, append([]CallOption{drawn}, options...)...)
}

// call sends in as JSON (nil: no body) and decodes the answer into out (nil: it
// is thrown away).
func (c *Client) call(ctx context.Context, method, path string, in, out any, options ...CallOption) error {
	request, err := c.request(ctx, method, path, in, options)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("client: %w", ctx.Err())
		}
		return &UnreachableError{Server: c.Server(), Err: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxResponse))
	if err != nil {
		return fmt.Errorf("client: %s %s: %w", method, path, err)
	}
	if response.StatusCode >= 300 {
		return problemOf(response, body)
	}
	if out == nil || len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("client: %s %s: the answer is not the control API's: %w", method, path, err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, method, path string, in any, options []CallOption) (*http.Request, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base.String()+path, body)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	r.Header.Set("Accept", "application/json")
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	for _, o := range options {
		o(r)
	}
	return r, nil
}

// path joins the segments below /api/v1, each escaped.
func path(segments ...string) string {
	var b strings.Builder
	b.WriteString("/api/v1")
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// seconds is a duration as the API writes it.
func seconds(d time.Duration) int64 { return int64(d / time.Second) }
