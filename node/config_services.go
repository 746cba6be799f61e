package node

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// Mail is the server that sends e-mail for registrations and invites. It matters on
// voters: the one that leads sends.
type Mail struct {
	// Server is its address, "smtp.example.org:587". Empty: no mail is sent.
	Server string `yaml:"server"`
	// From is the sender, "Webinars <webinars@example.org>".
	From string `yaml:"from"`
	// User and PasswordFile sign in there; both may be empty.
	User         string `yaml:"user"`
	PasswordFile string `yaml:"password_file"`
	// TLS is starttls, implicit, or none, which only a server on loopback may have.
	TLS string `yaml:"tls"`
}

// OIDC is the OpenID Connect provider that people sign in by, beside local accounts. It
// matters on voters, and must be the same on all.
type OIDC struct {
	// Issuer is its URL. Empty: none.
	Issuer   string `yaml:"issuer"`
	ClientID string `yaml:"client_id"`
	// SecretFile holds the client secret.
	SecretFile string `yaml:"secret_file"`
	// SignUp makes an account for whoever the provider lets in.
	SignUp bool `yaml:"sign_up"`
	// AdminClaim is the claim that makes an administrator, and AdminValue what it holds.
	AdminClaim string `yaml:"admin_claim"`
	AdminValue string `yaml:"admin_value"`
}

// Webhooks says where events may be sent.
type Webhooks struct {
	// Private allows addresses of this machine and of private networks, which hosts could
	// otherwise make the voters talk to.
	Private bool `yaml:"private"`
}

// The ways to reach a mail server.
const (
	mailStartTLS = "starttls"
	mailImplicit = "implicit"
	mailPlain    = "none"
)

func (m *Mail) check() error {
	if m.Server == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(m.Server)
	if err != nil {
		return usage(fmt.Errorf("mail.server: %q is not an address", m.Server), "write HOST:PORT, such as smtp.example.org:587")
	}
	if _, err := mail.ParseAddress(m.From); err != nil {
		return usage(fmt.Errorf("mail.from: %q is no sender", m.From), "write it as Webinars <webinars@example.org>")
	}
	if (m.User == "") != (m.PasswordFile == "") {
		return usage(errors.New("mail: a user needs a password_file, and the other way round"), "set both or neither")
	}
	switch m.TLS {
	case mailStartTLS, mailImplicit:
		return nil
	case mailPlain:
		if ip, err := netip.ParseAddr(host); err == nil && ip.IsLoopback() || host == "localhost" {
			return nil
		}
		return usage(fmt.Errorf("mail.tls: none would send personal links to %s in the clear", host), "use starttls or implicit; none is for a server on this machine")
	}
	return usage(fmt.Errorf("mail.tls: %q is not known", m.TLS), "write starttls, implicit or none")
}

func (o *OIDC) check() error {
	if o.Issuer == "" {
		return nil
	}
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return usage(fmt.Errorf("oidc.issuer: %q is no URL", o.Issuer), "write it as the provider does, https://id.example.org")
	}
	if o.ClientID == "" || o.SecretFile == "" {
		return usage(errors.New("oidc: client_id or secret_file is missing"), "the provider gives both for a new client; its redirect URL is URL/api/v1/oidc/callback")
	}
	return nil
}

// secret reads a file with one secret line; an empty name is no secret.
func secret(key, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", usage(fmt.Errorf("%s: %w", key, err), "the node reads it at its start, as the user that it runs as")
	}
	return strings.TrimSpace(string(b)), nil
}
