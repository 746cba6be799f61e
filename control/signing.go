package control

// signedAs stands before what a voter signs of the state, so that the signature is good
// for nothing else that its key signs.
const signedAs = "stentor state/1\x00"

// Signed is what a voter's key signs (Ed25519) for a hash of 32 bytes: of the end of the
// audit log, or of a heartbeat.
func Signed(hash []byte) []byte { return append([]byte(signedAs), hash...) }
