package session

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"stentor/cluster/pki"
)

// What a node signs for other nodes is
//
//	PREFIX<claims>.<signature>.<certificate>
//
// each part in unpadded base64url: the claims as JSON, the Ed25519 signature of the
// issuing node over PREFIX and the claims part as written, and the node's
// certificate in DER. Any node checks it offline with the cluster's CA. There is one
// algorithm and no way to name another; PREFIX ("sts1.", "stp1.") keeps one kind from
// being taken for the other.

// maxSigned bounds it in bytes before any of it is decoded: claims and a certificate
// come to about one kilobyte.
const maxSigned = 4096

// clockSkew is how far an issuing node's clock may be ahead of this one's.
const clockSkew = 30 * time.Second

// sign writes claims under prefix with the node's credentials.
func sign(prefix string, claims any, cred *pki.Credentials) (string, error) {
	body, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("session: sign: %w", err)
	}
	signed := prefix + base64.RawURLEncoding.EncodeToString(body)
	sig := ed25519.Sign(cred.Key, []byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig) + "." +
		base64.RawURLEncoding.EncodeToString(cred.Cert.Raw), nil
}

// unsign reads into claims what a node of the cluster under ca signed, and returns
// which node it was. The error is for the log.
func (i *issuers) unsign(prefix, text string, ca *x509.Certificate, now time.Time, claims any) (pki.Identity, error) {
	if len(text) > maxSigned {
		return pki.Identity{}, errors.New("too long")
	}
	rest, ok := strings.CutPrefix(text, prefix)
	parts := strings.Split(rest, ".")
	if !ok || len(parts) != 3 {
		return pki.Identity{}, errors.New("not signed by a node")
	}
	var raw [3][]byte
	for n, p := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(p)
		if err != nil {
			return pki.Identity{}, fmt.Errorf("part %d: %w", n+1, err)
		}
		raw[n] = b
	}
	who, err := i.check(raw[2], ca, now)
	if err != nil {
		return pki.Identity{}, err
	}
	pub, ok := who.cert.PublicKey.(ed25519.PublicKey)
	if !ok || !ed25519.Verify(pub, []byte(prefix+parts[0]), raw[1]) {
		return pki.Identity{}, errors.New("signature does not hold")
	}
	if err := json.Unmarshal(raw[0], claims); err != nil {
		return pki.Identity{}, fmt.Errorf("claims: %w", err)
	}
	return who.node, nil
}

// inForce reports whether something that expires at expires (unix milliseconds) and
// lives for life holds at now, as nil or an error for the log.
func inForce(expires int64, life time.Duration, now time.Time) error {
	left := expires - now.UnixMilli()
	switch {
	case left <= 0:
		return errors.New("expired")
	case left > (life + clockSkew).Milliseconds():
		return errors.New("lives longer than it may")
	}
	return nil
}
