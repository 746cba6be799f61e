// Package account finds out who somebody with an account is: by login and password, by
// an OpenID Connect provider, and afterwards by a signed cookie.
//
//	login, password -> limits -> Argon2id, two at a time -> account -> cookie
//	/oidc/start -> provider -> /oidc/callback -> identity -> account -> cookie
//
// Whoever asks learns nothing about which logins there are: an unknown one is limited,
// takes its Argon2id and is refused like a known one. Nothing about a sign-in is kept on
// the server: the cookie names the account and its generation, so that every voter reads
// what any other one wrote, and signing out everywhere is one command.
//
// The package decides nothing about what an account may do, serves no page, and logs
// neither login nor name. Limits are counted by each voter for itself.
package account

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// Directory finds accounts; a nil one is not there. A *control.State is one.
type Directory interface {
	Account(id string) *controlpb.AccountRecord
	AccountByLogin(login string) *controlpb.AccountRecord
	AccountByIdentity(issuer, subject string) *controlpb.AccountRecord
}

// Config is what Accounts need. Logger, Registerer and OIDC may be left out.
type Config struct {
	// Directory returns the accounts as they are now.
	Directory func() Directory
	// Propose changes them, and returns once the change is in what Directory returns. The
	// error is a [*webinar.Denial] when the command was refused.
	Propose func(ctx context.Context, c *controlpb.Command) error

	Key  []byte           // what cookies are signed with: personal.Keeper.CookieKey
	Base string           // public URL: with https:// cookies are for TLS alone
	Now  func() time.Time // the clock
	Rand io.Reader        // crypto/rand

	OIDC *OIDCConfig // nil: passwords alone
	// Refusals is the path of the page that tells browsers, by the query "problem", why they are
	// not signed in by a provider. Empty: they get a sentence as plain text.
	Refusals string

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

func (c *Config) check() error {
	switch {
	case c.Directory == nil || c.Propose == nil:
		return errors.New("account: Config lacks Directory or Propose")
	case len(c.Key) < 32:
		return errors.New("account: Config.Key has less than 32 bytes")
	case c.Now == nil || c.Rand == nil:
		return errors.New("account: Config lacks Now or Rand")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	return nil
}

// Accounts signs people in. It is safe for concurrent use.
type Accounts struct {
	Config
	metrics    *metrics
	argon      *argon
	siteLogins *limit[siteLogin]
	logins     *limit[string]
	addresses  *limit[netip.Prefix]
	sites      *limit[netip.Prefix]
	oidc       *relyingParty // nil without OIDC
}

// New returns Accounts. It asks nobody: an OIDC provider is looked up when somebody
// signs in by it.
func New(c Config) (*Accounts, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	a := &Accounts{
		Config: c, metrics: newMetrics(c.Registerer),
		siteLogins: newLimit[siteLogin](siteLoginBurst, siteLoginEvery),
		logins:     newLimit[string](loginBurst, loginEvery),
		addresses:  newLimit[netip.Prefix](addressBurst, addressEvery),
		sites:      newLimit[netip.Prefix](siteBurst, siteEvery),
	}
	var err error
	if a.argon, err = newArgon(c.Rand); err != nil {
		return nil, err
	}
	if c.OIDC != nil {
		if a.oidc, err = newRelyingParty(*c.OIDC, c.Key, c.Now, c.Rand); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// TLS reports whether people reach this cluster by TLS, so that cookies are for TLS alone.
func (a *Accounts) TLS() bool { return strings.HasPrefix(a.Base, "https://") }

// What signing in is refused with.
var (
	ErrSignIn  = &webinar.Denial{Code: "sign_in_failed", Detail: "That login or password is not right."}
	ErrTooMany = &webinar.Denial{Code: "too_many_attempts", Detail: "There were too many attempts to sign in. Wait a minute and try again."}
)

// TooMany is an ErrTooMany that says how long to wait.
type TooMany struct{ After time.Duration }

// Error returns the sentence of ErrTooMany.
func (t *TooMany) Error() string { return ErrTooMany.Detail }

// Unwrap returns ErrTooMany.
func (t *TooMany) Unwrap() error { return ErrTooMany }
