package session

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"sync"
	"time"

	"stentor/cluster/pki"
)

// issuers remembers the nodes whose certificates were checked: a thousand tokens come
// with the same few, and checking one costs as much as five signatures.
type issuers struct {
	removed func(node string) bool // nil: none is

	mu    sync.Mutex // guards the following
	ca    *x509.Certificate
	known map[[sha256.Size]byte]issuer
}

type issuer struct {
	node pki.Identity
	cert *x509.Certificate
}

// maxIssuers bounds what is remembered: the certificates of a large mesh in a day.
const maxIssuers = 4096

var errRemoved = errors.New("signed by a node that was removed from the cluster")

// check returns whose certificate der is, if the cluster under ca believes it at now.
func (i *issuers) check(der []byte, ca *x509.Certificate, now time.Time) (issuer, error) {
	key := sha256.Sum256(der)
	i.mu.Lock()
	who, ok := i.known[key]
	ok = ok && i.ca == ca
	i.mu.Unlock()
	if !ok || !within(who.cert, now) || !within(ca, now) {
		var err error
		if who.node, who.cert, err = pki.Verify(der, ca, now); err != nil {
			return issuer{}, err
		}
		i.remember(key, ca, who)
	}
	if i.removed != nil && i.removed(who.node.Node) { // asked each time: it can happen meanwhile
		return issuer{}, errRemoved
	}
	return who, nil
}

func within(c *x509.Certificate, now time.Time) bool {
	return !now.Before(c.NotBefore) && !now.After(c.NotAfter)
}

func (i *issuers) remember(key [sha256.Size]byte, ca *x509.Certificate, who issuer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.known == nil || i.ca != ca || len(i.known) >= maxIssuers {
		i.ca, i.known = ca, make(map[[sha256.Size]byte]issuer)
	}
	i.known[key] = who
}
