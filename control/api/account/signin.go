package account

import (
	"context"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"stentor/control/controlpb"
)

// MaxLogin is how many characters a login has at most.
const MaxLogin = 128

// NormalLogin is the form in which logins are stored and compared: lower case, composed,
// without space around.
func NormalLogin(login string) string {
	return strings.ToLower(norm.NFC.String(strings.TrimSpace(login)))
}

// SignIn returns the account of that login if password is its password. The error is
// ErrSignIn for whatever is wrong, a [*TooMany] for too many attempts for this login or
// from this address, or that of ctx.
func (a *Accounts) SignIn(ctx context.Context, login, password string, remote netip.Addr) (*controlpb.AccountRecord, error) {
	login = NormalLogin(login)
	if login == "" || utf8.RuneCountInString(login) > MaxLogin || password == "" || utf8.RuneCountInString(password) > MaxPassword {
		a.metrics.signIn("password", "failed")
		return nil, ErrSignIn
	}
	if wait, ok := a.attempt(login, remote); !ok {
		a.metrics.signIn("password", "limited")
		return nil, &TooMany{After: wait}
	}
	found := a.Directory().AccountByLogin(login)
	matches, err := a.verify(ctx, found.GetPassword(), password)
	if err != nil {
		a.returnAttempt(login, remote)
		a.metrics.signIn("password", "limited")
		return nil, err
	}
	if found == nil || found.GetDisabled() || !matches {
		a.metrics.signIn("password", "failed")
		return nil, ErrSignIn
	}
	a.returnAttempt(login, remote)
	a.metrics.signIn("password", "ok")
	return found, nil
}

// Hash returns the PHC string of a password, or ErrInvalidPassword.
func (a *Accounts) Hash(password string) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	leave, err := a.argon.enter(context.Background())
	if err != nil {
		return "", err
	}
	defer leave()
	return a.argon.hash(password)
}

func (a *Accounts) verify(ctx context.Context, stored, password string) (bool, error) {
	leave, err := a.argon.enter(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	return a.argon.matches(stored, password), nil
}

// siteLogin is a login as it is tried from one site.
type siteLogin struct {
	login string
	site  netip.Prefix
}

// attempt takes a try from the address and its site first, so that one of them cannot spend
// the tries of many logins.
func (a *Accounts) attempt(login string, remote netip.Addr) (wait time.Duration, ok bool) {
	now := a.Now()
	if wait, ok = a.addresses.take(network(remote, 64), now); !ok {
		return wait, false
	}
	at := network(remote, 48)
	if at.Addr().Is6() {
		if wait, ok = a.sites.take(at, now); !ok {
			return wait, false
		}
	}
	if wait, ok = a.siteLogins.take(siteLogin{login, at}, now); !ok {
		return wait, false
	}
	if wait, ok = a.logins.take(login, now); !ok {
		a.siteLogins.giveBack(siteLogin{login, at}, now) // no password was looked at
		return wait, false
	}
	return 0, true
}

func (a *Accounts) returnAttempt(login string, remote netip.Addr) {
	now, at := a.Now(), network(remote, 48)
	a.logins.giveBack(login, now)
	a.siteLogins.giveBack(siteLogin{login, at}, now)
	a.sites.giveBack(at, now)
	a.addresses.giveBack(network(remote, 64), now)
}

// network is what counts as one with an address: an IPv6 network of 64 bits is one
// household, one of 48 bits one customer of a tunnel or a data centre. IPv4 is scarcer.
func network(remote netip.Addr, bits6 int) netip.Prefix {
	remote = remote.Unmap().WithZone("")
	bits := bits6
	if remote.Is4() {
		bits = 32
	}
	p, _ := remote.Prefix(bits) // of no address: the zero Prefix, which is one more network
	return p
}

// enter waits for one of the places at which Argon2id runs. Too long a queue is a
// [*TooMany].
func (g *argon) enter(ctx context.Context) (leave func(), err error) {
	select {
	case g.queue <- struct{}{}:
	default:
		return nil, &TooMany{After: 5 * time.Second}
	}
	select {
	case g.slots <- struct{}{}:
		return func() { <-g.slots; <-g.queue }, nil
	case <-ctx.Done():
		<-g.queue
		return nil, ctx.Err()
	}
}
