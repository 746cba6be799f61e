package pki

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"time"
)

const (
	// Lifetime of a node's certificate: short enough that a stolen one is worth
	// little and no revocation list is needed, long enough that voters may be
	// gone for a whole event without an edge falling out of the mesh.
	Lifetime = 24 * time.Hour
	// caLifetime outlives the installation; the cluster is made anew, or given
	// a second authority, long before.
	caLifetime = 20 * 365 * 24 * time.Hour
	// skew is how far a new certificate reaches back, for nodes whose clock
	// is a little behind the signer's.
	skew = 5 * time.Minute
)

// Authority is the cluster's certificate authority. Only voters hold its key.
type Authority struct {
	Cert *x509.Certificate
	Key  ed25519.PrivateKey
}

// NewAuthority makes a new authority for a cluster of that name.
func NewAuthority(name string, now time.Time) (*Authority, error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("pki: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{"Stentor"}, CommonName: name},
		NotBefore:             now.Add(-skew),
		NotAfter:              now.Add(caLifetime),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, pub, key)
	if err != nil {
		return nil, fmt.Errorf("pki: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("pki: %w", err)
	}
	return &Authority{Cert: cert, Key: key}, nil
}

// Digest is the SHA-256 of the authority's certificate, as join tokens pin it.
func (a *Authority) Digest() [32]byte { return sha256.Sum256(a.Cert.Raw) }

// Sign makes a certificate of 24 hours for the node id whose public key is pub,
// for both sides of a connection.
func (a *Authority) Sign(pub ed25519.PublicKey, id Identity, now time.Time) (der []byte, err error) {
	if err := id.check(); err != nil {
		return nil, err
	}
	if len(pub) != ed25519.PublicKeySize {
		return nil, errors.New("pki: not an Ed25519 public key")
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: id.Node},
		NotBefore:             now.Add(-skew),
		NotAfter:              now.Add(Lifetime),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		URIs:                  []*url.URL{id.uri()},
	}
	t.ExtraExtensions = []pkix.Extension{a.proofExtension(pub, id, t.NotAfter)}
	der, err = x509.CreateCertificate(rand.Reader, t, a.Cert, pub, a.Key)
	if err != nil {
		return nil, fmt.Errorf("pki: sign for %s: %w", id.Node, err)
	}
	return der, nil
}

// PEM writes the authority as two PEM blocks.
func (a *Authority) PEM() (cert, key []byte, err error) {
	key, err = keyPEM(a.Key)
	return certPEM(a.Cert.Raw), key, err
}

// LoadAuthority reads what [Authority.PEM] wrote, and checks that the two belong
// together.
func LoadAuthority(certPEM, keyPEM []byte) (*Authority, error) {
	cert, err := parseCert(certPEM)
	if err != nil {
		return nil, fmt.Errorf("pki: certificate of the cluster's authority: %w", err)
	}
	if !cert.IsCA {
		return nil, errors.New("pki: this is the certificate of a node, not of the cluster's authority")
	}
	key, err := parseKey(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("pki: key of the cluster's authority: %w", err)
	}
	if !key.Public().(ed25519.PublicKey).Equal(cert.PublicKey) {
		return nil, errors.New("pki: key and certificate of the cluster's authority do not belong together: restore both from one backup")
	}
	return &Authority{Cert: cert, Key: key}, nil
}

func newSerial() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, fmt.Errorf("pki: %w", err)
	}
	return n.Add(n, big.NewInt(1)), nil
}
