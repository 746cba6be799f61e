package pki

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

const tokenPrefix = "stj1."

// JoinToken lets one new node into the cluster:
//
//	stj1.<secret, 43 base64url>.<SHA-256 of the authority's certificate, 43 base64url>
//
// The secret is what the cluster checks (it stores [JoinToken.Hash] only), the
// digest is how the newcomer knows the cluster before it says the secret.
type JoinToken struct {
	Secret [32]byte
	CA     [32]byte
}

// NewJoinToken makes a token for the cluster whose authority has that digest.
// random is nil for the system's source.
func NewJoinToken(ca [32]byte, random io.Reader) (JoinToken, error) {
	if random == nil {
		random = rand.Reader
	}
	t := JoinToken{CA: ca}
	if _, err := io.ReadFull(random, t.Secret[:]); err != nil {
		return JoinToken{}, fmt.Errorf("pki: make a join token: %w", err)
	}
	return t, nil
}

var errToken = errors.New("pki: this is no join token: it looks like stj1.<43 characters>.<43 characters>, and comes from `stentor join-token create`")

// ParseJoinToken reads the secret form of a token; space around it is ignored,
// since it comes out of files.
func ParseJoinToken(s string) (JoinToken, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(s), tokenPrefix)
	secret, ca, ok2 := strings.Cut(rest, ".")
	var t JoinToken
	if !ok || !ok2 || !decode32(&t.Secret, secret) || !decode32(&t.CA, ca) {
		return JoinToken{}, errToken
	}
	return t, nil
}

func decode32(to *[32]byte, s string) bool {
	if len(s) != 43 {
		return false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && copy(to[:], b) == 32
}

// Text is the token in full. It goes to the person who asked for it, never into
// a log.
func (t JoinToken) Text() string {
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(t.Secret[:]) + "." + base64.RawURLEncoding.EncodeToString(t.CA[:])
}

// String is the token without its secret.
func (t JoinToken) String() string {
	return tokenPrefix + "[redacted]." + base64.RawURLEncoding.EncodeToString(t.CA[:])
}

// GoString is String, so that %#v tells no more.
func (t JoinToken) GoString() string { return t.String() }

// LogValue is String, for slog.
func (t JoinToken) LogValue() slog.Value { return slog.StringValue(t.String()) }

// Hash is what the replicated state stores: the SHA-256 of the secret. The
// secret has 256 bits, so that nothing slower is needed.
func (t JoinToken) Hash() [32]byte { return HashSecret(t.Secret[:]) }

// HashSecret is [JoinToken.Hash] for a secret that came over the wire.
func HashSecret(secret []byte) [32]byte { return sha256.Sum256(secret) }
