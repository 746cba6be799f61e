package cluster

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"stentor/cluster/pki"
)

// What two nodes tell each other on push/pull, besides memberlist's own list:
//
//	1 | length, certificate | signature 64 | sender | incarnation | seq | count | record...
//
// The signature is by the certificate's key over everything after it, with
// signedAs before it. So the name that a node claims is checked against its
// certificate end to end, and what it says about itself is the whole truth;
// what it says about others is hearsay that their own later words replace.
const (
	stateVersion = 1
	signedAs     = "stentor gossip state 1\x00"
	maxState     = 4 << 20
)

var errState = errors.New("cluster: malformed state")

type state struct {
	sender           string
	incarnation, seq uint64
	list             []record
}

func (s state) append(b []byte, c *pki.Credentials) []byte {
	var body []byte
	body = appendString(body, s.sender)
	body = binary.AppendUvarint(body, s.incarnation)
	body = binary.AppendUvarint(body, s.seq)
	body = binary.AppendUvarint(body, uint64(len(s.list)))
	for _, w := range s.list {
		body = w.append(body)
	}
	b = append(b, stateVersion)
	b = appendString(b, string(c.Cert.Raw))
	b = append(b, ed25519.Sign(c.Key, append([]byte(signedAs), body...))...)
	return append(b, body...)
}

// parseState reads a state and checks who it is from, against ca at now.
func parseState(b []byte, c *pki.Credentials, now time.Time) (state, error) {
	var s state
	if len(b) > maxState {
		return s, errState
	}
	r := reader{b: b}
	if r.byte() != stateVersion {
		return s, errState
	}
	der := r.bytes(r.uvarint())
	signature := r.bytes(ed25519.SignatureSize)
	if r.bad {
		return s, errState
	}
	id, cert, err := pki.Verify(der, c.CA, now)
	if err != nil {
		return s, fmt.Errorf("cluster: state: %w", err)
	}
	if !ed25519.Verify(cert.PublicKey.(ed25519.PublicKey), append([]byte(signedAs), r.b...), signature) {
		return s, fmt.Errorf("cluster: state of %s: wrong signature", id.Node)
	}
	s.sender = r.string()
	s.incarnation = r.uvarint()
	s.seq = r.uvarint()
	n := r.uvarint()
	if s.sender != id.Node {
		return s, fmt.Errorf("cluster: %s says that it is %q", id.Node, s.sender)
	}
	for range n {
		w := r.record()
		if r.bad {
			return s, errState
		}
		s.list = append(s.list, w)
	}
	if r.bad || len(r.b) > 0 {
		return s, errState
	}
	return s, nil
}
