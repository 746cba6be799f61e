package control

import (
	"strings"
	"unicode"

	"google.golang.org/protobuf/proto"

	"stentor/control/controlpb"
)

// What an account can be.
const (
	AccountAdministrator = "administrator" // of the whole installation
	AccountHost          = "host"          // plans webinars of their own
	AccountMember        = "member"        // is known by name, no more
)

// The bounds of an account, in bytes.
const (
	minLogin    = 3
	maxLogin    = 128
	maxPassword = 512 // of the hash in PHC form
	maxIdentity = 255 // of issuer and subject each
)

func (d *draft) createAccount(c *controlpb.CreateAccount) (string, error) {
	a := &controlpb.AccountRecord{
		Id: c.GetId(), Login: c.GetLogin(), Name: c.GetName(), Role: c.GetRole(), Password: c.GetPassword(),
		Issuer: c.GetIssuer(), Subject: c.GetSubject(), Created: nanos(d.at), Generation: 1,
	}
	if err := first(checkID("id", a.GetId()), checkLogin(a.GetLogin()), checkAccount(a)); err != nil {
		return "", err
	}
	switch {
	case d.next.Account(a.GetId()) != nil:
		return "", ErrExists
	case d.next.AccountByLogin(a.GetLogin()) != nil:
		return "", ErrLoginTaken
	case d.next.plain[KindAccount-KindAttendance].Len() >= maxAccounts:
		return "", tooMany("accounts", maxAccounts)
	}
	return a.GetId(), first(d.putAccount(a), d.audit("account.created", "", a.GetId(), facts{"role": a.GetRole()}))
}

// editAccount changes an account. A new password, and putting it out of use, end every
// sign-in of it.
func (d *draft) editAccount(c *controlpb.EditAccount) (string, error) {
	old := d.next.Account(c.GetId())
	if old == nil {
		return "", ErrNoSuchAccount
	}
	a := proto.CloneOf(old)
	var changed []string
	set := func(field string, to *string, value *string) {
		if value != nil && *value != *to {
			*to = *value
			changed = append(changed, field)
		}
	}
	set("name", &a.Name, c.Name)
	set("role", &a.Role, c.Role)
	set("password", &a.Password, c.Password)
	set("issuer", &a.Issuer, c.Issuer)
	set("subject", &a.Subject, c.Subject)
	if c.Disabled != nil && *c.Disabled != a.GetDisabled() {
		a.Disabled = *c.Disabled
		changed = append(changed, "disabled")
	}
	if c.GetSignOut() {
		changed = append(changed, "sign_out")
	}
	if len(changed) == 0 {
		return a.GetId(), nil
	}
	if c.GetSignOut() || a.GetPassword() != old.GetPassword() || a.GetDisabled() && !old.GetDisabled() {
		a.Generation++
	}
	if err := checkAccount(a); err != nil {
		return "", err
	}
	if administers(old) && !administers(a) && d.lastAdministrator(a.GetId()) {
		return "", ErrLastAdministrator
	}
	return a.GetId(), first(d.putAccount(a), d.audit("account.edited", "", a.GetId(), facts{"fields": changed}))
}

// deleteAccount ends an account, and the webhooks that it owns. Its webinars stay: an
// administrator ends them, or hands them on.
func (d *draft) deleteAccount(c *controlpb.DeleteAccount) (string, error) {
	a := d.next.Account(c.GetId())
	switch {
	case a == nil:
		return "", ErrNoSuchAccount
	case administers(a) && d.lastAdministrator(a.GetId()):
		return "", ErrLastAdministrator
	}
	s := d.next
	for h := range s.Webhooks() {
		if h.GetOwner() != a.GetId() {
			continue
		}
		if err := d.remove(Key{Kind: KindWebhook, ID: h.GetId()}); err != nil {
			return "", err
		}
	}
	return a.GetId(), first(d.remove(Key{Kind: KindAccount, ID: a.GetId()}), d.audit("account.deleted", "", a.GetId(), nil))
}

// putAccount keeps a, unless another account has its identity.
func (d *draft) putAccount(a *controlpb.AccountRecord) error {
	if a.GetSubject() != "" {
		if other := d.next.AccountByIdentity(a.GetIssuer(), a.GetSubject()); other != nil && other.GetId() != a.GetId() {
			return ErrIdentityTaken
		}
	}
	return d.put(&controlpb.Record{Kind: &controlpb.Record_Account{Account: a}})
}

func administers(a *controlpb.AccountRecord) bool {
	return a.GetRole() == AccountAdministrator && !a.GetDisabled()
}

// lastAdministrator reports whether nobody but that account administers.
func (d *draft) lastAdministrator(id string) bool {
	for a := range d.next.Accounts() {
		if a.GetId() != id && administers(a) {
			return false
		}
	}
	return true
}

// checkLogin refuses what is no login: 3 to 128 bytes without spaces, in lower case, so
// that nobody takes one that looks like another's.
func checkLogin(login string) error {
	bad := func(r rune) bool { return r <= ' ' || r >= 'A' && r <= 'Z' } // not by tables that versions of Unicode change
	if len(login) < minLogin || len(login) > maxLogin ||
		strings.ContainsFunc(login, bad) || checkText("login", login, true) != nil {
		return invalid("login", "A login has 3 to 128 characters, in lower case and without spaces.")
	}
	return nil
}

func checkAccount(a *controlpb.AccountRecord) error {
	if err := checkText("name", a.GetName(), true); err != nil {
		return err
	}
	switch a.GetRole() {
	case AccountAdministrator, AccountHost, AccountMember:
	default:
		return invalid("role", "The role is administrator, host or member.")
	}
	identity := a.GetIssuer() + a.GetSubject()
	bad := func(r rune) bool { return unicode.IsControl(r) }
	switch p := a.GetPassword(); {
	case p != "" && (len(p) > maxPassword || !strings.HasPrefix(p, "$argon2id$") || strings.ContainsFunc(p, bad)):
		return invalid("password", "A password is kept as Argon2id in PHC form.")
	case (a.GetIssuer() == "") != (a.GetSubject() == "") || len(a.GetIssuer()) > maxIdentity ||
		len(a.GetSubject()) > maxIdentity || strings.ContainsFunc(identity, bad):
		return invalid("identity", "An OIDC identity is an issuer and a subject, up to 255 bytes each.")
	case p == "" && identity == "":
		return invalid("password", "An account has a password, or an OIDC identity.")
	}
	return nil
}
