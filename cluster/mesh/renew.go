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
