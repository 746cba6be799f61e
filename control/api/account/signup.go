package account

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"

	"stentor/control/controlpb"
	"stentor/control/webinar"
)

// The roles of accounts.
const (
	administrator = "administrator"
	member        = "member"
)

// callback returns the account of whom the provider sent back.
func (a *Accounts) callback(ctx context.Context, r *http.Request, f flow) (*controlpb.AccountRecord, error) {
	q := r.URL.Query()
	if iss := q.Get("iss"); iss != "" && iss != a.oidc.Issuer {
		return nil, errors.New("account: OIDC: the answer is another provider's")
	}
	if code := q.Get("error"); code != "" {
		return nil, fmt.Errorf("account: OIDC: the provider said %.64q", code)
	}
	who, err := a.oidc.exchange(ctx, q.Get("code"), f)
	if err != nil {
		return nil, err
	}
	return a.known(ctx, who)
}

// known returns the account of an identity, made if that is allowed. It is found by issuer
// and subject alone: a login or an e-mail address that a provider claims is no proof of
// being whoever has it here.
func (a *Accounts) known(ctx context.Context, who claims) (*controlpb.AccountRecord, error) {
	found := a.Directory().AccountByIdentity(a.oidc.Issuer, who.Subject)
	if found == nil {
		if !a.oidc.AllowSignUp {
			return nil, ErrNotInvited
		}
		var err error
		if found, err = a.signUp(ctx, who); err != nil {
			return nil, err
		}
	}
	if found.GetDisabled() {
		return nil, ErrDisabled
	}
	return a.ranked(ctx, found, who.Admin)
}

// signUp makes an account. Its login is a name to show, which gets an end of its own if
// somebody has it.
func (a *Accounts) signUp(ctx context.Context, who claims) (*controlpb.AccountRecord, error) {
	id, err := drawn(a.Rand, "a_", 10)
	if err != nil {
		return nil, err
	}
	c := &controlpb.CreateAccount{
		Id: id, Login: loginOf(who.Login), Name: nameOf(who.Name), Role: a.oidc.SignUpRole,
		Issuer: a.oidc.Issuer, Subject: who.Subject,
	}
	if len(c.Login) < 3 || a.Directory().AccountByLogin(c.Login) != nil {
		if c.Login, err = drawn(a.Rand, c.Login+"-", 5); err != nil {
			return nil, err
		}
		c.Login = strings.TrimPrefix(c.Login, "-")
	}
	err = a.propose(ctx, id, &controlpb.Command{Kind: &controlpb.Command_CreateAccount{CreateAccount: c}})
	if found := a.Directory().AccountByIdentity(a.oidc.Issuer, who.Subject); found != nil {
		return found, nil // also if another request of the same person was first
	}
	if err == nil {
		err = errors.New("account: the account that was made is not there")
	}
	return nil, err
}

// ranked makes an administrator of an account, or a host of an administrator, as the
// provider says.
func (a *Accounts) ranked(ctx context.Context, found *controlpb.AccountRecord, admin bool) (*controlpb.AccountRecord, error) {
	role := found.GetRole()
	switch {
	case a.oidc.AdminClaim == "" || found.GetPassword() != "":
		return found, nil
	case admin:
		role = administrator
	case role == administrator:
		role = a.oidc.SignUpRole
	}
	if role == found.GetRole() {
		return found, nil
	}
	edit := &controlpb.EditAccount{Id: found.GetId(), Role: &role}
	if err := a.propose(ctx, found.GetId(), &controlpb.Command{Kind: &controlpb.Command_EditAccount{EditAccount: edit}}); err != nil {
		return nil, err
	}
	if found = a.Directory().Account(found.GetId()); found == nil || found.GetRole() != role {
		return nil, errors.New("account: the role that was given is not there")
	}
	return found, nil
}

func (a *Accounts) propose(ctx context.Context, who string, c *controlpb.Command) error {
	c.Principal, c.ProposedAt = who, a.Now().UnixNano()
	c.MinFeatureLevel = 2
	err := a.Propose(ctx, c)
	var denial *webinar.Denial
	if err != nil && !errors.As(err, &denial) {
		return fmt.Errorf("account: %w", err)
	}
	return err
}

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// drawn is a prefix and n random bytes in lower base32.
func drawn(random io.Reader, prefix string, n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("account: draw: %w", err)
	}
	return prefix + lowerBase32.EncodeToString(b), nil
}

// loginOf makes a login of what a provider calls somebody: up to 100 letters, digits and
// . _ - @ +, so that there is room for an end.
func loginOf(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._-@+", r)) {
			return r
		}
		return -1
	}, NormalLogin(s))
	return s[:min(len(s), 100)]
}

// nameOf makes a name of what a provider calls somebody: one line of up to 200 characters.
func nameOf(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || !unicode.IsPrint(r) }), " ")
	runes := []rune(s)
	if s = string(runes[:min(len(runes), webinar.MaxText)]); s == "" {
		return "?"
	}
	return s
}
