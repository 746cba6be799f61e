package node

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"stentor/control/api/account"
	"stentor/control/api/mail"
	"stentor/control/api/webhook"
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
		Key: n.personal.CookieKey(), Base: n.cfg.baseURL(), Refusals: "/signin", Now: n.now, Rand: rand.Reader,
		OIDC: provider, Logger: n.log, Registerer: n.reg,
	})
	if err != nil {
		return err
	}
	return n.openMessengers()
}

// openMessengers makes what tells people and programs of what happened: mails, where
// there is a server for them, and webhooks.
func (n *Node) openMessengers() (err error) {
	if m := n.cfg.Mail; m.Server != "" {
		n.mailer, err = mail.New(mail.Config{
			Store: n.store, Keeper: n.personal, Leader: n.leads, Base: n.cfg.baseURL(), Now: n.now,
			SMTP:   mail.SMTP{Addr: m.Server, User: m.User, PasswordFile: m.PasswordFile, From: m.From, TLS: m.TLS},
			Logger: n.log, Registerer: n.reg,
		})
		if err != nil {
			return err
		}
	}
	n.webhooks, err = webhook.New(webhook.Config{
		Store: n.store, Keeper: n.personal, Leader: n.leads, Now: n.now, AllowPrivate: n.cfg.Webhooks.Private,
		Logger: n.log, Registerer: n.reg,
	})
	return err
}

// messengers are the parts that openMessengers made.
func (n *Node) messengers() []part {
	var out []part
	if n.mailer != nil {
		out = append(out, part{"mail", n.mailer.Run})
	}
	if n.webhooks != nil {
		out = append(out, part{"webhooks", n.webhooks.Run})
	}
	return out
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
