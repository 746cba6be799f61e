package node

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"time"

	"stentor/control/client"
)

// maxNames bounds the names of a certificate that a status tells: an operator's own may be for
// hundreds.
const maxNames = 8

// certificate is what the status says of c; nil of none.
func certificate(c *x509.Certificate, now time.Time) *client.Certificate {
	if c == nil {
		return nil
	}
	sum := sha256.Sum256(c.Raw)
	names := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		names = append(names, c.Subject.CommonName)
	}
	return &client.Certificate{
		Names: names[:min(len(names), maxNames)], Issuer: c.Issuer.CommonName, NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
		Fingerprint: hex.EncodeToString(sum[:]), EndsSoon: late(c.NotBefore, c.NotAfter, now),
	}
}

// aheadOfEnd is how long before its end a certificate that lives long should be a new one.
const aheadOfEnd = 14 * 24 * time.Hour

// late reports whether a certificate that lives from notBefore to notAfter should have been
// renewed by now: less than 14 days of it are left, or less than a third where it lives shorter
// than 42 days. Nodes renew theirs, of a day, when a third of it has passed, and try again each
// minute: with a third left that has failed for eight hours.
func late(notBefore, notAfter, now time.Time) bool {
	return notAfter.Sub(now) < min(aheadOfEnd, notAfter.Sub(notBefore)/3)
}
