package api

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// The prefixes of secrets and ids: what it is can be seen wherever it turns up.
const (
	tokenPrefix     = "sta_"
	invitePrefix    = "sti_"
	sessionPrefix   = "sts1."
	joinTokenPrefix = "stj1."

	webinarID    = "w_"
	inviteID     = "i_"
	banID        = "b_"
	tokenID      = "t_"
	joinTokenID  = "j_"
	registrantID = "r_"
	accountID    = "a_"
	webhookID    = "h_"
	recordingID  = "rec_"

	participantID = "p_"
)

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewID draws an id: the prefix and 16 letters of base32, 80 bits.
func NewID(rand io.Reader, prefix string) (string, error) {
	var b [10]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("api: draw: %w", err)
	}
	return prefix + lowerBase32.EncodeToString(b[:]), nil
}

// NewToken draws an API token: its id, the token, and the hash that the state
// keeps.
func NewToken(rand io.Reader) (id, token string, hash [32]byte, err error) {
	if id, err = NewID(rand, tokenID); err != nil {
		return "", "", hash, err
	}
	token, err = newSecret(rand, tokenPrefix)
	return id, token, Hash(token), err
}

// newSecret draws a secret: the prefix and 256 bits in base64url.
func newSecret(rand io.Reader, prefix string) (string, error) {
	s, err := newText(rand, 32)
	return prefix + s, err
}

// newLink draws the slug of a join link: 22 characters, 128 bits.
func newLink(rand io.Reader) (string, error) { return newText(rand, 16) }

func newText(rand io.Reader, n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(rand, b); err != nil {
		return "", fmt.Errorf("api: draw: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// request is one change that a client asks for: what makes it the same as an
// earlier one, and where its ids and secrets are drawn from.
type request struct {
	principal string
	id        string // request id of the command
	digest    []byte // of what is asked for
	rand      io.Reader
}

// keyStream is an endless reader of what follows from a key: AES-256 in counter mode over
// zeros. A single HKDF would end after 8,160 bytes, which are 194 invites.
type keyStream struct{ cipher.Stream }

// newKeyStream returns the stream of one context, which no other context shares: the key is
// used for nothing else, so that the counter can begin at zero.
func newKeyStream(secret []byte, context string) (io.Reader, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, context, 32)
	if err != nil {
		return nil, fmt.Errorf("api: draw: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("api: draw: %w", err)
	}
	return keyStream{cipher.NewCTR(block, make([]byte, aes.BlockSize))}, nil
}

// Read fills b; it never fails.
func (s keyStream) Read(b []byte) (int, error) {
	clear(b)
	s.XORKeyStream(b, b)
	return len(b), nil
}

// newRequest makes the request of one operation. With an Idempotency-Key all that
// it draws follows from the cluster's key and that key, so that the answer to a
// repetition is the same as the first one, secrets included, and nobody has to
// keep it.
func (a *API) newRequest(p Principal, operation, key string, what ...any) (*request, error) {
	r := &request{principal: p.ID, rand: a.Rand}
	if key == "" {
		id, err := newText(a.Rand, 16)
		r.id = id
		return r, err
	}
	context := strings.Join([]string{p.ID, operation, key}, "\x00")
	sum := sha256.Sum256([]byte(context))
	r.id = base64.RawURLEncoding.EncodeToString(sum[:16])
	var err error
	if r.rand, err = newKeyStream(a.PINKey, "stentor api idempotency/2 "+context); err != nil {
		return nil, err
	}
	r.digest, err = a.digest(what)
	return r, err
}

// digest is of what a client asks for. It has a key: a PIN may be part of it, and
// a mere hash of one, in the replicated log, would soon be guessed.
func (a *API) digest(what []any) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, a.PINKey, nil, "stentor api digest/1", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("api: digest: %w", err)
	}
	b, err := json.Marshal(what)
	if err != nil {
		return nil, fmt.Errorf("api: digest: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(b)
	return mac.Sum(nil), nil
}
