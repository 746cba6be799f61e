package node

import (
	"crypto/ed25519"
	"errors"
	"time"
	_ "time/tzdata" // time zones are those of this program, wherever it runs

	"stentor/cluster/pki"
	"stentor/control"
	"stentor/control/webinar"
)

// sign signs 32 bytes as this node, for the audit log and for heartbeats.
func (n *Node) sign(hash []byte) (signature, certificate []byte) {
	cred := n.credentials()
	return ed25519.Sign(cred.Key, control.Signed(hash)), cred.Cert.Raw
}

// errSignature means that what came was not signed by a voter of this cluster.
var errSignature = errors.New("node: the signature is not a voter's")

// verify checks what sign of another node made. The node must be a voter that was not
// removed, and its certificate good now.
func (n *Node) verify(certificate, hash, signature []byte) error {
	id, cert, err := pki.Verify(certificate, n.credentials().CA, n.now())
	if err != nil {
		return err
	}
	key, ok := cert.PublicKey.(ed25519.PublicKey)
	if !ok || id.Role != pki.Voter || n.removed(id.Node) || !ed25519.Verify(key, control.Signed(hash), signature) {
		return errSignature
	}
	return nil
}

// occurrencesAhead is how many occurrences of a recurring webinar the state knows: a year
// of a daily one.
const occurrencesAhead = 366

// occurrences works out when a recurring webinar takes place from now on. The rules of
// its time zone are this node's; the command carries what came of them.
func (n *Node) occurrences(w *webinar.Webinar, now time.Time) (starts []time.Time, complete bool) {
	p := w.Schedule
	zone, err := time.LoadLocation(p.Zone)
	if err == nil {
		starts, complete, err = webinar.Occurrences(p.Start, p.Duration, zone, p.Rule, now, occurrencesAhead)
	}
	if err != nil {
		n.log.Warn("occurrences are not known", "webinar", w.ID, "err", err)
		return nil, false
	}
	return starts, complete
}
