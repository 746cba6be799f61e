package pki

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// proofOID is a private arc under joint-iso-itu-t uuid(25). Nobody outside the
// cluster ever reads these certificates, so that its being unique is enough.
var proofOID = asn1.ObjectIdentifier{2, 25, 1946190822, 746931153}

// proofLabel keeps the authority's signature on a proof from passing for one on
// a certificate, and the other way round.
const proofLabel = "stentor node proof 1\x00"

// A Proof says what a node's certificate says, in 104 bytes: whose key that is
// and until when. It goes where a certificate (some 500 bytes) does not fit, such as
// gossip's metadata. The authority signs it together with the certificate, which
// carries that signature as an extension that older versions skip.
type Proof struct {
	Public    ed25519.PublicKey
	Until     time.Time // whole seconds
	Signature []byte    // the authority's, 64 bytes
}

// ProofSize is how many bytes [Proof.Append] adds.
const ProofSize = ed25519.PublicKeySize + 8 + ed25519.SignatureSize

// Append writes public key | until, Unix seconds, 8 | signature.
func (p Proof) Append(b []byte) []byte {
	b = append(b, p.Public...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Until.Unix()))
	return append(b, p.Signature...)
}

// ParseProof reads what Append wrote; what it gives aliases b. It verifies nothing.
func ParseProof(b []byte) (Proof, error) {
	if len(b) != ProofSize {
		return Proof{}, errors.New("pki: a proof of another size")
	}
	const at = ed25519.PublicKeySize
	return Proof{
		Public:    ed25519.PublicKey(b[:at]),
		Until:     time.Unix(int64(binary.BigEndian.Uint64(b[at:])), 0),
		Signature: b[at+8:],
	}, nil
}

// Verify checks that the authority vouches for id holding that key at now.
func (p Proof) Verify(id Identity, ca *x509.Certificate, now time.Time) error {
	if err := id.check(); err != nil {
		return err
	}
	if ca == nil {
		return fmt.Errorf("pki: no authority to check the proof of %s against: %w", id.Node, ErrForeign)
	}
	key, ok := ca.PublicKey.(ed25519.PublicKey)
	if !ok || len(p.Public) != ed25519.PublicKeySize || !ed25519.Verify(key, proven(p.Public, id, p.Until), p.Signature) {
		return fmt.Errorf("pki: the proof of %s was not signed by the authority: %w", id.Node, ErrForeign)
	}
	if now.After(p.Until) {
		return fmt.Errorf("pki: the proof of %s ended %s: %w", id.Node, p.Until.UTC().Format(time.RFC3339), ErrExpired)
	}
	return nil
}

// proven is what the authority signs.
func proven(pub ed25519.PublicKey, id Identity, until time.Time) []byte {
	b := append([]byte(proofLabel), pub...)
	b = binary.BigEndian.AppendUint64(b, uint64(until.Unix()))
	return append(b, id.String()...)
}

// proofExtension is the authority's signature for a certificate with that end.
func (a *Authority) proofExtension(pub ed25519.PublicKey, id Identity, until time.Time) pkix.Extension {
	return pkix.Extension{Id: proofOID, Value: ed25519.Sign(a.Key, proven(pub, id, until))}
}

// Proof is the node's identity in short; ok is false when a voter of a version
// before v0.3 signed its certificate. The next renewal brings it.
func (c *Credentials) Proof() (p Proof, ok bool) {
	for _, e := range c.Cert.Extensions {
		if e.Id.Equal(proofOID) && len(e.Value) == ed25519.SignatureSize {
			return Proof{Public: c.Key.Public().(ed25519.PublicKey), Until: c.Cert.NotAfter, Signature: e.Value}, true
		}
	}
	return Proof{}, false
}
