package pki

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// Credentials are what one node shows to the others, and what it knows them by.
type Credentials struct {
	Identity Identity
	Key      ed25519.PrivateKey
	Cert     *x509.Certificate
	CA       *x509.Certificate
}

// NewCredentials puts together what a join or a renewal brought, and refuses
// parts that do not belong together or are not valid at now.
func NewCredentials(der []byte, key ed25519.PrivateKey, ca *x509.Certificate, now time.Time) (*Credentials, error) {
	if ca == nil {
		return nil, errors.New("pki: no certificate of the cluster's authority")
	}
	id, cert, err := Verify(der, ca, now)
	if err != nil {
		return nil, err
	}
	c := &Credentials{Identity: id, Key: key, Cert: cert, CA: ca}
	return c, c.fit()
}

func (c *Credentials) fit() error {
	if len(c.Key) != ed25519.PrivateKeySize || !c.Key.Public().(ed25519.PublicKey).Equal(c.Cert.PublicKey) {
		return errors.New("pki: key and certificate of this node do not belong together: restore both from one backup, or join the cluster again")
	}
	return nil
}

// Check reports whether the credentials are good at now, in words that tell an
// operator what to do.
func (c *Credentials) Check(now time.Time) error {
	if c == nil || c.Cert == nil || c.CA == nil || c.Key == nil {
		return errors.New("pki: this node has no key or certificate: " + howToJoin)
	}
	if _, _, err := Verify(c.Cert.Raw, c.CA, now); err != nil {
		if errors.Is(err, ErrExpired) {
			return fmt.Errorf("pki: this node's certificate ended %s: look at its clock, or join the cluster again with a new token: %w", c.Cert.NotAfter.UTC().Format(time.RFC3339), ErrExpired)
		}
		return err
	}
	return c.fit()
}

// RenewAt is when to ask for the next certificate: after a third of its life, so
// that two thirds (16 hours) remain to find a voter that signs.
func (c *Credentials) RenewAt() time.Time { return c.Cert.NotAfter.Add(-Lifetime * 2 / 3) }

// TLS is the certificate as crypto/tls wants it. With the authority's own
// certificate in the chain a newcomer can compare it with its pin.
func (c *Credentials) TLS() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{c.Cert.Raw, c.CA.Raw}, PrivateKey: c.Key, Leaf: c.Cert}
}

// PEM writes the node's certificate and key, and the authority's certificate.
func (c *Credentials) PEM() (cert, key, ca []byte, err error) {
	key, err = keyPEM(c.Key)
	return certPEM(c.Cert.Raw), key, certPEM(c.CA.Raw), err
}

const howToJoin = "join the cluster with `stentor node --join ADDRESS --token-file FILE`"

// LoadCredentials reads what [Credentials.PEM] wrote. Missing or broken parts
// are refused; an expired certificate is not (see [Credentials.Check]), so that
// a node can still say who it is and since when it is locked out.
func LoadCredentials(certPEM, keyPEM, caPEM []byte) (*Credentials, error) {
	cert, err := parseCert(certPEM)
	if err != nil {
		return nil, fmt.Errorf("pki: certificate of this node: %w; %s", err, howToJoin)
	}
	key, err := parseKey(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("pki: key of this node: %w; %s", err, howToJoin)
	}
	ca, err := parseCert(caPEM)
	if err != nil {
		return nil, fmt.Errorf("pki: certificate of the cluster's authority: %w; %s", err, howToJoin)
	}
	// The middle of its life: whose it is matters here, not whether it is over.
	id, cert, err := Verify(cert.Raw, ca, cert.NotBefore.Add(cert.NotAfter.Sub(cert.NotBefore)/2))
	if err != nil {
		return nil, err
	}
	c := &Credentials{Identity: id, Key: key, Cert: cert, CA: ca}
	return c, c.fit()
}
