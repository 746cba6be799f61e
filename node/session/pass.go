package session

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"stentor/cluster/pki"
	"stentor/control/webinar"
)

// passPrefix begins every account pass: what somebody who is signed in at the control
// API brings to the door of any edge. Edges know no accounts; a voter, which does,
// signs who it is.
const passPrefix = "stp1."

// passLife is how long a pass opens the door: it is made when the page needs it.
const passLife = 5 * time.Minute

// pass is what an account pass says.
type pass struct {
	Account string `json:"u"`
	Name    string `json:"n,omitempty"`
	Expires int64  `json:"e"` // unix milliseconds
}

// errPass is the one answer to every pass that does not hold.
var errPass = &webinar.Denial{Code: "pass_invalid", Detail: "Your sign-in has run out. Please sign in again."}

// Pass returns an account pass: whoever brings it within five minutes, to any edge,
// is that account, called name. Only voters make passes, since only they have checked
// who it is, and others are not believed.
func (d *Door) Pass(account, name string) (string, error) {
	cred := d.cfg.Credentials()
	switch {
	case account == "":
		return "", errors.New("session: a pass for no account")
	case cred.Identity.Role != pki.Voter:
		return "", fmt.Errorf("session: %s is no voter and makes no passes", cred.Identity.Node)
	case webinar.CheckName(name) != nil:
		return "", webinar.ErrInvalidName
	}
	return sign(passPrefix, pass{Account: account, Name: name, Expires: d.cfg.Now().Add(passLife).UnixMilli()}, cred)
}

// pass returns what a pass says that a voter of the cluster under ca signed. The
// error is for the log.
func (i *issuers) pass(text string, ca *x509.Certificate, now time.Time) (pass, error) {
	var p pass
	node, err := i.unsign(passPrefix, text, ca, now, &p)
	switch {
	case err != nil:
		return pass{}, err
	case node.Role != pki.Voter:
		return pass{}, fmt.Errorf("signed by %s, which is no voter", node.Node)
	case p.Account == "":
		return pass{}, errors.New("of no account")
	}
	return p, inForce(p.Expires, passLife, now)
}
