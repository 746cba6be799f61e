package node

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
)

// sealKey returns the key under which an edge keeps its last state on disk. It
// comes from the node's own key, so a copied file alone tells nothing.
func sealKey(key ed25519.PrivateKey) []byte {
	k, err := hkdf.Key(sha256.New, key.Seed(), nil, "stentor follower state", 32)
	if err != nil {
		panic("node: " + err.Error()) // only for lengths that SHA-256 cannot give
	}
	return k
}
