package send

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"sync"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/prf"
	"github.com/pion/dtls/v3/pkg/protocol/extension"
	"github.com/pion/dtls/v3/pkg/protocol/handshake"
)

// exporterLabel is what SRTP keys are derived under (RFC 5764 section 4.2).
const exporterLabel = "EXTRACTOR-dtls_srtp"

// saltLength is the master salt of the AES-GCM profiles (RFC 7714 section 12).
const saltLength = 12

// Keys are the SRTP master key and salt that the server of a DTLS session writes
// with.
type Keys struct {
	Key  []byte // 16 or 32 bytes
	Salt []byte // 12 bytes
}

// Wipe overwrites the keys. Copies made by others stay.
func (k *Keys) Wipe() {
	clear(k.Key)
	clear(k.Salt)
	k.Key, k.Salt = nil, nil
}

// A Handshake overhears one DTLS 1.2 handshake of pion's in which this side is the
// server: pion shows its session's keys to nobody, but tells the master secret to a
// key log, and the rest of what RFC 5705 needs stands in the ServerHello. It is
// given to a webrtc.SettingEngine of that one connection, as the key log writer and
// (ServerHello) as the ServerHello hook. Nothing of it leaves memory, and it is
// overwritten as soon as the keys are taken.
type Handshake struct {
	mu sync.Mutex // guards the following

	profile      dtls.SRTPProtectionProfile
	suite        uint16
	clientRandom [handshake.RandomLength]byte
	serverRandom [handshake.RandomLength]byte
	master       []byte
	hello        bool
}

// ServerHello notes what the server chose, and returns m as it is.
func (h *Handshake) ServerHello(m handshake.MessageServerHello) handshake.Message {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hello, h.serverRandom = true, m.Random.MarshalFixed()
	if m.CipherSuiteID != nil {
		h.suite = *m.CipherSuiteID
	}
	for _, e := range m.Extensions {
		if u, ok := e.(*extension.UseSRTP); ok && len(u.ProtectionProfiles) == 1 {
			h.profile = u.ProtectionProfiles[0]
		}
	}
	return &m
}

// Write takes a line of a key log (the NSS format: "CLIENT_RANDOM", the client's
// random and the master secret in hexadecimal). Against the custom of an io.Writer
// it overwrites the line: it lies in a buffer that fmt keeps for others.
func (h *Handshake) Write(line []byte) (int, error) {
	defer clear(line)
	h.mu.Lock()
	defer h.mu.Unlock()
	fields := bytes.Fields(line)
	if len(fields) != 3 || string(fields[0]) != "CLIENT_RANDOM" || len(fields[1]) != 2*len(h.clientRandom) {
		return len(line), nil
	}
	master := make([]byte, hex.DecodedLen(len(fields[2])))
	if _, err := hex.Decode(master, fields[2]); err != nil {
		return len(line), nil
	}
	if _, err := hex.Decode(h.clientRandom[:], fields[1]); err != nil {
		return len(line), nil
	}
	clear(h.master)
	h.master = master
	return len(line), nil
}

// Keys returns the keys that this side writes with, once, and forgets the secret. It
// returns [ErrNoKeys] when this side was not the server of a complete handshake, or
// another profile than AES-GCM was agreed on.
func (h *Handshake) Keys() (Keys, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer h.forget()
	length := keyLength(h.profile)
	if !h.hello || len(h.master) == 0 || length == 0 {
		return Keys{}, ErrNoKeys
	}
	seed := append([]byte(exporterLabel), h.clientRandom[:]...)
	seed = append(seed, h.serverRandom[:]...)
	material, err := prf.PHash(h.master, seed, 2*(length+saltLength), hashOf(h.suite))
	if err != nil {
		return Keys{}, fmt.Errorf("send: %w", err)
	}
	defer clear(material)
	// The client's key, the server's key, the client's salt, the server's salt.
	return Keys{
		Key:  bytes.Clone(material[length : 2*length]),
		Salt: bytes.Clone(material[2*length+saltLength : 2*length+2*saltLength]),
	}, nil
}

// Forget overwrites the secret of a handshake whose keys nobody will take.
func (h *Handshake) Forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget()
}

func (h *Handshake) forget() {
	clear(h.master)
	h.master, h.hello = nil, false
}

// keyLength is the length of a profile's keys; 0 for one that is not sealed here.
func keyLength(p dtls.SRTPProtectionProfile) int {
	switch p {
	case dtls.SRTP_AEAD_AES_128_GCM:
		return 16
	case dtls.SRTP_AEAD_AES_256_GCM:
		return 32
	}
	return 0
}

// hashOf returns the hash of a cipher suite's PRF: SHA-384 where the suite's name
// says so, SHA-256 for all others of TLS 1.2 (RFC 5246 section 5). The guard tests
// hold it for each suite that pion chooses from by default.
func hashOf(suite uint16) func() hash.Hash {
	switch dtls.CipherSuiteID(suite) {
	case dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, dtls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:
		return sha512.New384
	}
	return sha256.New
}
