// Package pki is the cluster's own certificate authority: who is a node of this
// cluster, with which role, until when.
//
// Everything is Ed25519. The authority signs certificates of 24 hours that name
// a node and its role as one URI (stentor://voter/n1), so that a lost machine is
// locked out by not being renewed. A newcomer proves itself with a join token,
// which also pins the authority: the secret is only sent to a node whose
// certificate leads to the pinned one.
//
// It does not decide who may join (the replicated state does), holds no
// revocation lists, opens no sockets and never logs.
package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"regexp"
)

// Role is what a node may do in the cluster.
type Role string

const (
	// Voter holds the replicated log and votes; it is an edge as well.
	Voter Role = "voter"
	// Edge follows the voters and serves participants.
	Edge Role = "edge"
)

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool { return r == Voter || r == Edge }

// Identity is what a certificate says about a node.
type Identity struct {
	Node string
	Role Role
}

func (i Identity) String() string { return i.Node + " (" + string(i.Role) + ")" }

// nodeName keeps names usable as host names in URLs of calls between nodes, as
// file names and as label values, without any quoting.
var nodeName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`)

// CheckNode reports whether name may be the name of a node, in words that a
// person can act on.
func CheckNode(name string) error {
	if nodeName.MatchString(name) {
		return nil
	}
	return fmt.Errorf("pki: %q cannot name a node: use 1 to 63 lower-case letters, digits, dots and hyphens, with a letter or digit at both ends", name)
}

func (i Identity) check() error {
	if err := CheckNode(i.Node); err != nil {
		return err
	}
	if !i.Role.Valid() {
		return fmt.Errorf("pki: %q is no role of a node: use %q or %q", i.Role, Voter, Edge)
	}
	return nil
}

const scheme = "stentor"

func (i Identity) uri() *url.URL {
	return &url.URL{Scheme: scheme, Host: string(i.Role), Path: "/" + i.Node}
}

var errNoIdentity = errors.New("pki: the certificate names no node of a Stentor cluster")

// IdentityOf reads the identity out of a certificate. It verifies nothing else:
// use [Verify] for a certificate that came from outside.
func IdentityOf(cert *x509.Certificate) (Identity, error) {
	if cert == nil || len(cert.URIs) != 1 {
		return Identity{}, errNoIdentity
	}
	u := cert.URIs[0]
	if u.Scheme != scheme || len(u.Path) < 2 {
		return Identity{}, errNoIdentity
	}
	id := Identity{Node: u.Path[1:], Role: Role(u.Host)}
	if err := id.check(); err != nil || u.String() != id.uri().String() {
		return Identity{}, errNoIdentity
	}
	return id, nil
}
