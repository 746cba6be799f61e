package api

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Hash is what the state keeps of a secret ("sta_...", "sti_..."): the SHA-256 of
// its text. A secret has 256 random bits, so that nothing slower is needed.
func Hash(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// secretLength is how long the random part of a secret is: 32 bytes in
// base64url.
const secretLength = 43

// bearerToken returns the token of an Authorization header, if it has one.
func bearerToken(header string) (token string, found bool) {
	scheme, token, cut := strings.Cut(header, " ")
	if !cut || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(token), true
}

// wellFormed reports whether secret can be one of ours with that prefix.
func wellFormed(secret, prefix string) bool {
	random, ours := strings.CutPrefix(secret, prefix)
	if !ours || len(random) != secretLength {
		return false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(random)
	return err == nil
}
