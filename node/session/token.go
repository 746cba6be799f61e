package session

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"stentor/cluster/pki"
	"stentor/control/webinar"
)

// A session token is
//
//	sts1.<claims>.<signature>.<certificate>
//
// each part in unpadded base64url: the claims as JSON, the Ed25519 signature of
// the issuing node over "sts1." and the claims part as written, and the node's
// certificate in DER. Any node checks it offline with the cluster's CA. There is
// one algorithm and no way to name another.
const tokenPrefix = "sts1."

// tokenLife is how long a token opens the door. A removed participant is refused
// by the ban and not by expiry, so this only bounds what a stolen token is worth.
const tokenLife = 5 * time.Minute

// maxToken bounds a token in bytes before any of it is decoded: claims and a
// certificate come to about one kilobyte.
const maxToken = 4096

// clockSkew is how far an issuing node's clock may be ahead of this one's.
const clockSkew = 30 * time.Second

// claims are what a token says: who was admitted where, as whom, and by which
// proofs. They are also what the roster and bans know of a session.
type claims struct {
	Webinar     string       `json:"w"`
	Participant string       `json:"p"`
	Name        string       `json:"n"`
	Role        webinar.Role `json:"r"`
	Guest       bool         `json:"g,omitempty"`
	Keys        []string     `json:"k,omitempty"` // identity keys, without network prefixes
	Since       uint64       `json:"s"`           // [webinar.Admission.Since]
	Admitted    int64        `json:"a"`           // unix milliseconds; a refreshed token keeps it
	Expires     int64        `json:"e"`           // unix milliseconds
}

// keys returns the identity keys that stand behind the claims, seen from remote:
// a person who changes the network is known by the new prefix.
func (c claims) keys(remote netip.Addr) webinar.Keys {
	keys, _ := webinar.ParseKeys(c.Keys)
	if p := webinar.Prefix(remote); p.IsValid() {
		keys = append(keys, webinar.Key{Kind: webinar.KindPrefix, Value: p.String()})
	}
	return keys
}

// admittedFor is how long tokens can be refreshed after one admission: longer than
// any webinar, so that only a stolen token notices.
const admittedFor = 24 * time.Hour

// role returns what the participant is in w now: an invite can have been taken back
// or changed since.
func (c claims) role(w *webinar.Webinar) webinar.Role {
	keys, _ := webinar.ParseKeys(c.Keys)
	for _, k := range keys {
		if k.Kind == webinar.KindInvite {
			i, _ := w.Invite(k.Value)
			return i.Role
		}
	}
	return webinar.Attendee
}

// lasting returns keys without the network prefixes, which are looked at anew for
// each connection.
func lasting(keys webinar.Keys) webinar.Keys {
	return slices.DeleteFunc(slices.Clone(keys), func(k webinar.Key) bool { return k.Kind == webinar.KindPrefix })
}

// errToken is the one answer to every token that does not hold, whatever is
// wrong with it; the log has the reason.
var errToken = &webinar.Denial{Code: "token_invalid", Detail: "Your session has run out. Please join again."}

// mint signs c with the node's credentials.
func mint(c claims, cred *pki.Credentials) (string, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("session: mint: %w", err)
	}
	signed := tokenPrefix + base64.RawURLEncoding.EncodeToString(body)
	sig := ed25519.Sign(cred.Key, []byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig) + "." +
		base64.RawURLEncoding.EncodeToString(cred.Cert.Raw), nil
}

// verify returns the claims of a token that a node of the cluster under ca signed
// and that has not expired at now. The error is for the log.
func verify(token string, ca *x509.Certificate, now time.Time) (claims, error) {
	if len(token) > maxToken {
		return claims{}, errors.New("too long")
	}
	parts := strings.Split(token, ".")
	if len(parts) != 4 || parts[0]+"." != tokenPrefix {
		return claims{}, errors.New("not a session token")
	}
	var raw [3][]byte
	for i, p := range parts[1:] {
		b, err := base64.RawURLEncoding.Strict().DecodeString(p)
		if err != nil {
			return claims{}, fmt.Errorf("part %d: %w", i+1, err)
		}
		raw[i] = b
	}
	_, cert, err := pki.Verify(raw[2], ca, now)
	if err != nil {
		return claims{}, err
	}
	pub, ok := cert.PublicKey.(ed25519.PublicKey)
	if !ok || !ed25519.Verify(pub, []byte(tokenPrefix+parts[1]), raw[1]) {
		return claims{}, errors.New("signature does not hold")
	}
	var c claims
	if err := json.Unmarshal(raw[0], &c); err != nil {
		return claims{}, fmt.Errorf("claims: %w", err)
	}
	if _, ok := webinar.ParseKeys(c.Keys); !ok {
		return claims{}, errors.New("unknown identity key")
	}
	if now.UnixMilli() >= c.Expires {
		return claims{}, errors.New("expired")
	}
	if c.Expires-now.UnixMilli() > (tokenLife + clockSkew).Milliseconds() {
		return claims{}, errors.New("lives longer than a token may")
	}
	return c, nil
}
