package pki

import (
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

var (
	// ErrForeign is wrapped by errors about certificates that this cluster's
	// authority did not sign, or not for a node.
	ErrForeign = errors.New("not of this cluster")
	// ErrExpired is wrapped by errors about certificates that are over, or not
	// valid yet.
	ErrExpired = errors.New("not valid now")
)

// Verify parses a node's certificate and checks it against the authority's at
// now: signed by it, for a node, valid. Edges use it offline for the
// certificates inside session tokens too.
func Verify(der []byte, ca *x509.Certificate, now time.Time) (Identity, *x509.Certificate, error) {
	fail := func(why error, kind error) (Identity, *x509.Certificate, error) {
		return Identity{}, nil, fmt.Errorf("pki: %w: %w", why, kind)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return fail(errors.New("the certificate cannot be read"), ErrForeign)
	}
	if ca == nil {
		return fail(errors.New("no authority to check the certificate against"), ErrForeign)
	}
	if err := cert.CheckSignatureFrom(ca); err != nil {
		return fail(errors.New("the certificate was signed by another authority"), ErrForeign)
	}
	id, err := IdentityOf(cert)
	if err != nil {
		return fail(errNoIdentity, ErrForeign)
	}
	if _, ok := cert.PublicKey.(ed25519.PublicKey); !ok || cert.IsCA || len(cert.UnhandledCriticalExtensions) > 0 ||
		!slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
		return fail(fmt.Errorf("the certificate of %s is not one for a node", id.Node), ErrForeign)
	}
	for _, c := range []*x509.Certificate{cert, ca} {
		if now.Before(c.NotBefore) || now.After(c.NotAfter) {
			return fail(fmt.Errorf("the certificate of %s is valid from %s to %s, and it is %s: let it renew, and compare the clocks", c.Subject.CommonName,
				c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339)), ErrExpired)
		}
	}
	return id, cert, nil
}
