// Package personal keeps what people gave away about themselves: registrants' answers,
// invited addresses, names of those who were there, and the secrets of webhooks. It is
// sealed before it gets into the log, under keys that only voters have, so that neither
// an edge nor a stolen log can be read.
//
// What is sealed, byte for byte:
//
//	+---------+-----------+------------------------------------------+
//	| version |   nonce   |  XChaCha20-Poly1305 of JSON, with its tag |
//	|  1 = 1  | 24 bytes  |  all of it up to 16 KiB                   |
//	+---------+-----------+------------------------------------------+
//
// The webinar and the ID that it belongs to are authenticated with it: what was sealed
// for one registrant does not open as another's, wherever somebody moves it. The package
// stores nothing, and deletes nothing: what expires is dropped by package control.
package personal

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"
)

// MaxSealed is how many bytes one sealed piece may have, as package control bounds it too:
// fifty fields of a form, well filled in.
const MaxSealed = 16 << 10

const (
	version   = 1
	headerLen = 1 + chacha20poly1305.NonceSizeX
	maxPlain  = MaxSealed - headerLen - chacha20poly1305.Overhead
	keyLen    = 32
)

// What Seal and Open fail with.
var (
	ErrTooLarge = errors.New("personal: too much to seal in 16 KiB")
	ErrSealed   = errors.New("personal: not sealed by this cluster for this webinar and ID")
)

// Keeper seals and opens. It is safe for concurrent use.
type Keeper struct {
	seal   cipher.AEAD
	email  []byte // of EmailHash
	secret []byte // of Secret
	cookie []byte
}

// New returns a Keeper of the cluster's key, which has at least 32 bytes and is the same
// on all voters. Each use has a key of its own, derived by HKDF-SHA256 (RFC 5869).
func New(clusterKey []byte) (*Keeper, error) {
	if len(clusterKey) < keyLen {
		return nil, fmt.Errorf("personal: the cluster's key has %d bytes, not %d", len(clusterKey), keyLen)
	}
	derive := func(use string) []byte {
		key, err := hkdf.Key(sha256.New, clusterKey, nil, "stentor personal/1 "+use, keyLen)
		if err != nil {
			panic("personal: " + err.Error()) // only for a length that HKDF cannot give
		}
		return key
	}
	aead, err := chacha20poly1305.NewX(derive("seal"))
	if err != nil {
		return nil, fmt.Errorf("personal: %w", err)
	}
	return &Keeper{seal: aead, email: derive("email"), secret: derive("secret"), cookie: derive("cookie")}, nil
}

// Seal returns the JSON of v, readable for Open alone, and only with the same webinar and
// ID. What belongs to no webinar has an empty one.
func (k *Keeper) Seal(webinar, id string, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("personal: seal: %w", err)
	}
	if len(plain) > maxPlain {
		return nil, ErrTooLarge
	}
	b := make([]byte, headerLen, headerLen+len(plain)+k.seal.Overhead())
	b[0] = version
	rand.Read(b[1:headerLen])
	return k.seal.Seal(b, b[1:headerLen], plain, bound(webinar, id)), nil
}

// Open reads into v what was sealed for that webinar and ID. Fields that v does not have
// are left out: a newer version may have sealed it.
func (k *Keeper) Open(webinar, id string, sealed []byte, v any) error {
	if len(sealed) < headerLen+k.seal.Overhead() || len(sealed) > MaxSealed || sealed[0] != version {
		return ErrSealed
	}
	plain, err := k.seal.Open(nil, sealed[1:headerLen], sealed[headerLen:], bound(webinar, id))
	if err != nil {
		return ErrSealed
	}
	if err := json.Unmarshal(plain, v); err != nil {
		return fmt.Errorf("personal: open: %w", err)
	}
	return nil
}

// bound is what a sealed piece is bound to.
func bound(webinar, id string) []byte { return joined("stentor sealed/1", webinar, id) }

// joined writes texts after each other with their lengths, so that no two lists of texts
// are the same bytes.
func joined(texts ...string) []byte {
	var b []byte
	for _, t := range texts {
		b = binary.AppendUvarint(b, uint64(len(t)))
		b = append(b, t...)
	}
	return b
}

func mac(key []byte, texts ...string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(joined(texts...))
	return h.Sum(nil)
}

// EmailHash is what one address is found by among the registrants of a webinar: 32 bytes
// that say nothing to who has no key, and that differ from webinar to webinar.
func (k *Keeper) EmailHash(webinar, email string) []byte {
	return mac(k.email, webinar, NormalEmail(email))
}

// Secret is the secret of a registrant's personal link: "str_" and 43 characters of
// base64url, 256 bits. It follows from the key, so nobody has to keep it.
func (k *Keeper) Secret(webinar, registrant string) string {
	return "str_" + base64.RawURLEncoding.EncodeToString(mac(k.secret, webinar, registrant))
}

// CookieKey is what cookies of signed-in people are signed with: 32 bytes, which every
// voter has.
func (k *Keeper) CookieKey() []byte { return slices.Clone(k.cookie) }
