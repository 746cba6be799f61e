package node

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"stentor/control/api/account"
	"stentor/control/controlpb"
	"stentor/control/personal"
)

// openPeople makes what only voters have: the keys to personal data, and accounts.
func (n *Node) openPeople(Parts) (err error) {
	if n.voter == nil {
		return nil
	}
	if n.personal, err = personal.New(n.keys.PINKey); err != nil {
		return err
	}
	provider, err := n.provider()
	if err != nil {
		return err
	}
	n.accounts, err = account.New(account.Config{
		Directory: func() account.Directory { return n.store.State() }, Propose: n.proposeApplied,
		Key: n.personal.CookieKey(), Base: n.cfg.baseURL(), Now: n.now, Rand: rand.Reader,
		OIDC: provider, Logger: n.log, Registerer: n.reg,
	})
	return err
}

// provider is the OpenID Connect provider of the configuration; nil without one.
func (n *Node) provider() (*account.OIDCConfig, error) {
	c := n.cfg.OIDC
	if c.Issuer == "" {
		return nil, nil
	}
	pass, err := secret("oidc.secret_file", c.SecretFile)
	if err != nil {
		return nil, err
	}
	return &account.OIDCConfig{
		Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: pass, Redirect: n.cfg.baseURL() + "/api/v1/oidc/callback",
		AllowSignUp: c.SignUp, AdminClaim: c.AdminClaim, AdminValue: c.AdminValue,
	}, nil
}

// appliedWithin bounds the wait of proposeApplied for this node's own copy.
const appliedWithin = 5 * time.Second

// proposeApplied makes a change and waits until this node's own copy of the state has it.
func (n *Node) proposeApplied(ctx context.Context, c *controlpb.Command) error {
	res, err := n.store.Propose(ctx, c)
	if err == nil {
		err = res.Err
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, appliedWithin)
	defer cancel()
	for {
		changed := n.store.Changed()
		if n.store.State().Index() >= res.Index {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return errors.New("node: the change is made, but not here yet")
		}
	}
}

// leads reports whether this node is the leader of the voters: the one that sends mail
// and webhooks.
func (n *Node) leads() bool { return n.store.Status().Leader == n.cfg.Name }
