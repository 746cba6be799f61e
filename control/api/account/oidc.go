package account

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// OIDCConfig is the provider that people sign in by, and what it knows this cluster as.
type OIDCConfig struct {
	Issuer       string // https://..., as its discovery document says; http:// only on loopback
	ClientID     string
	ClientSecret string
	Redirect     string   // public URL of the callback
	Scopes       []string // beside openid; empty: profile and email
	AllowSignUp  bool     // whom nobody has made an account for gets one
	SignUpRole   string   // of such an account: member (if empty) or host
	// AdminClaim is a claim of the ID token that makes administrators: of an account that
	// has no password of its own, the provider decides at each sign-in. Empty: none.
	AdminClaim string
	AdminValue string // what AdminClaim is or holds; empty: true
	Home       string // path that people land on if they came from none; empty: /

	Client *http.Client // nil: one that waits ten seconds
}

func (c *OIDCConfig) check() error {
	issuer, err := url.Parse(c.Issuer)
	switch {
	case err != nil || issuer.Host == "" || issuer.Scheme != "https" && !(issuer.Scheme == "http" && loopback(issuer.Hostname())):
		return errors.New("account: OIDC: the issuer is no https:// URL")
	case c.ClientID == "" || c.Redirect == "":
		return errors.New("account: OIDC: ClientID or Redirect is missing")
	case c.SignUpRole != "" && c.SignUpRole != "member" && c.SignUpRole != "host":
		return errors.New("account: OIDC: SignUpRole is member or host")
	}
	if c.SignUpRole == "" {
		c.SignUpRole = "member"
	}
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"profile", "email"}
	}
	c.Scopes = append([]string{oidc.ScopeOpenID}, slices.DeleteFunc(slices.Clone(c.Scopes), func(s string) bool { return s == oidc.ScopeOpenID })...)
	if c.Home = localPath(c.Home); c.Client == nil {
		c.Client = &http.Client{Timeout: 10 * time.Second}
	}
	return nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// relyingParty is this cluster as the provider's client: OpenID Connect Core 1.0, code
// flow, with PKCE (RFC 7636, S256), state, nonce, and the issuer in the answer (RFC 9207).
type relyingParty struct {
	OIDCConfig
	now   func() time.Time
	rand  io.Reader
	flows *sealer

	mu       sync.Mutex // guards the following
	provider *oidc.Provider
	looking  *lookUp   // the one that is under way; nil: none
	failed   error     // what became of the last one
	again    time.Time // until then failed is the answer
}

// lookUp is one look-up of the provider, for all who wait for it. What it found may be read
// once done is closed.
type lookUp struct {
	done     chan struct{}
	provider *oidc.Provider
	err      error
}

// A look-up takes so long at the most, and one that failed is not repeated for a moment: a
// provider that is down is asked once, and not by each of those who wait to sign in.
const (
	lookUpFor   = 15 * time.Second
	lookUpAgain = 5 * time.Second
)

func newRelyingParty(c OIDCConfig, key []byte, now func() time.Time, random io.Reader) (*relyingParty, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s, err := newSealer(key)
	if err != nil {
		return nil, err
	}
	return &relyingParty{OIDCConfig: c, now: now, rand: random, flows: s}, nil
}

// found returns the provider, which is looked up once: its keys are fetched again by
// themselves when they change. Whoever asks meanwhile waits for the same look-up, as long as
// ctx says. After one that failed the next person begins another, lookUpAgain later.
func (p *relyingParty) found(ctx context.Context) (*oidc.Provider, error) {
	l, err := p.lookedUp(ctx)
	if err != nil {
		return nil, err
	}
	select {
	case <-l.done:
		return l.provider, l.err
	case <-ctx.Done():
		return nil, fmt.Errorf("account: OIDC discovery: %w", ctx.Err())
	}
}

// lookedUp returns the look-up to wait for, which may be over.
func (p *relyingParty) lookedUp(ctx context.Context) (*lookUp, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.looking != nil:
		return p.looking, nil
	case p.provider != nil:
		l := &lookUp{done: make(chan struct{}), provider: p.provider}
		close(l.done)
		return l, nil
	case p.failed != nil && p.now().Before(p.again):
		return nil, p.failed
	}
	p.looking = &lookUp{done: make(chan struct{})}
	go p.lookUp(context.WithoutCancel(ctx), p.looking) // it is for others too
	return p.looking, nil
}

func (p *relyingParty) lookUp(ctx context.Context, l *lookUp) {
	ctx, stop := context.WithTimeout(ctx, lookUpFor)
	defer stop()
	// The provider outlives ctx, of which only the client stays with it.
	l.provider, l.err = oidc.NewProvider(oidc.ClientContext(ctx, p.Client), p.Issuer)
	if l.err != nil {
		l.provider, l.err = nil, fmt.Errorf("account: OIDC discovery: %w", l.err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.provider, p.failed, p.again, p.looking = l.provider, l.err, p.now().Add(lookUpAgain), nil
	close(l.done)
}

func (p *relyingParty) oauth(provider *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, RedirectURL: p.Redirect,
		Endpoint: provider.Endpoint(), Scopes: p.Scopes,
	}
}

// claims are what an ID token says of somebody.
type claims struct {
	Subject, Login, Name string
	Admin                bool
}

// exchange makes an identity of the code that the provider sent the browser back with.
func (p *relyingParty) exchange(ctx context.Context, code string, f flow) (claims, error) {
	provider, err := p.found(ctx)
	if err != nil {
		return claims{}, err
	}
	ctx = oidc.ClientContext(ctx, p.Client)
	token, err := p.oauth(provider).Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	if err != nil {
		return claims{}, tokenError(err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return claims{}, errors.New("account: OIDC: the provider gave no ID token")
	}
	id, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: p.ClientID, Now: p.now}).Verify(ctx, raw)
	if err != nil {
		return claims{}, fmt.Errorf("account: OIDC: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(f.Nonce)) != 1 {
		return claims{}, errors.New("account: OIDC: the ID token is of another sign-in")
	}
	all, err := p.all(ctx, provider, token, id)
	if err != nil {
		return claims{}, err
	}
	return p.claims(id, all)
}

// all returns the claims of an ID token, and of what it leaves out those that the provider
// keeps at its userinfo endpoint (OpenID Connect Core 1.0, sections 5.3 and 5.4).
func (p *relyingParty) all(ctx context.Context, provider *oidc.Provider, token *oauth2.Token, id *oidc.IDToken) (map[string]any, error) {
	all := map[string]any{}
	if err := id.Claims(&all); err != nil {
		return nil, fmt.Errorf("account: OIDC: %w", err)
	}
	missing := p.AdminClaim != "" && all[p.AdminClaim] == nil || all["preferred_username"] == nil || all["name"] == nil
	if !missing || provider.UserInfoEndpoint() == "" {
		return all, nil
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, errors.New("account: OIDC: the provider does not say who that is") // err may quote it
	}
	if info.Subject != id.Subject {
		return nil, errors.New("account: OIDC: the provider says of somebody else who that is")
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil {
		return nil, fmt.Errorf("account: OIDC: %w", err)
	}
	for k, v := range more {
		if all[k] == nil {
			all[k] = v
		}
	}
	return all, nil
}

// tokenError keeps what a provider answers out of the log but its code: the rest may
// quote the request, secrets included.
func tokenError(err error) error {
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) {
		return fmt.Errorf("account: OIDC: the provider refused the code: status %d, %.64q", answer.Response.StatusCode, answer.ErrorCode)
	}
	return fmt.Errorf("account: OIDC: %w", err)
}

// maxSubject bounds a subject (OpenID Connect Core 1.0, section 2).
const maxSubject = 255

func (p *relyingParty) claims(id *oidc.IDToken, all map[string]any) (claims, error) {
	if id.Subject == "" || len(id.Subject) > maxSubject {
		return claims{}, errors.New("account: OIDC: an ID token without a subject")
	}
	// The token says for whom it was made; userinfo is not asked.
	if by, ok := all["azp"].(string); (ok || len(id.Audience) > 1) && by != p.ClientID {
		return claims{}, errors.New("account: OIDC: the ID token was made for another client")
	}
	text := func(name string) string { s, _ := all[name].(string); return s }
	c := claims{Subject: id.Subject, Login: text("preferred_username"), Name: text("name"), Admin: p.admin(all[p.AdminClaim])}
	if c.Login == "" {
		c.Login = text("email")
	}
	if c.Name == "" {
		c.Name = c.Login
	}
	return c, nil
}

// admin reports whether a claim makes an administrator.
func (p *relyingParty) admin(claim any) bool {
	switch v := claim.(type) {
	case bool:
		return p.AdminClaim != "" && p.AdminValue == "" && v
	case string:
		return p.AdminClaim != "" && p.AdminValue != "" && v == p.AdminValue
	case []any:
		return p.AdminClaim != "" && p.AdminValue != "" && slices.Contains(v, any(p.AdminValue))
	}
	return false
}

// short is what tells the cookies of sign-ins apart that one browser has begun at once.
func short(state string) string {
	sum := sha256.Sum256([]byte(state))
	return fmt.Sprintf("%x", sum[:4])
}
