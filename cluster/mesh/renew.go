package mesh

import "crypto/ed25519"

// RenewRequest is how a node asks a voter for its next certificate, over the
// calls between nodes: who asks is in the certificate of the connection
// ([PeerOf]), so that nothing but the key has to be said.
type RenewRequest struct {
	Public ed25519.PublicKey `json:"public"`
}

// RenewReply is the next certificate, for [pki.NewCredentials].
type RenewReply struct {
	Certificate []byte `json:"certificate"` // DER
}

// KeysReply is what a voter answers a node that asks for the cluster's gossip keys
// over calls: all that are installed now, the one that seals first. A node that was
// away while they rotated asks before it gossips; calls need a certificate alone.
type KeysReply struct {
	Generation uint64   `json:"generation"` // of the rotation that they belong to
	Keys       [][]byte `json:"keys"`       // 32 bytes each
}
