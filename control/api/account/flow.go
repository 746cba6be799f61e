package account

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

// flowFor is how long somebody may take at the provider.
const flowFor = 10 * time.Minute

// flow is one sign-in on its way through the provider. The browser carries it, sealed, so
// that any voter can finish what another one began.
type flow struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"` // of PKCE
	Next     string `json:"p"` // path to land on
	Expires  int64  `json:"e"` // Unix time in seconds
}

// newFlow draws one.
func newFlow(random io.Reader, next string, now time.Time) (flow, error) {
	var text [3]string
	for i := range text {
		b := make([]byte, 32)
		if _, err := io.ReadFull(random, b); err != nil {
			return flow{}, fmt.Errorf("account: draw: %w", err)
		}
		text[i] = base64.RawURLEncoding.EncodeToString(b)
	}
	return flow{State: text[0], Nonce: text[1], Verifier: text[2], Next: next, Expires: now.Add(flowFor).Unix()}, nil
}

// maxNext bounds the path to land on.
const maxNext = 1024

// localPath returns path if it is one of this site, with query and fragment, and else "/".
// What browsers take for another site is none: "//host", "/\host", and whatever has a
// character that they leave out.
func localPath(path string) string {
	odd := func(r rune) bool { return r <= ' ' || r == '\\' || r == 0x7f }
	if len(path) > maxNext || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsFunc(path, odd) {
		return "/"
	}
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil {
		return "/"
	}
	return path
}

// sealer makes the cookies of flows: AES-256-GCM under a key derived from the cookies'.
type sealer struct{ aead cipher.AEAD }

func newSealer(cookieKey []byte) (*sealer, error) {
	key, err := hkdf.Key(sha256.New, cookieKey, nil, "stentor oidc flow/1", 32)
	if err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("account: %w", err)
	}
	return &sealer{aead: aead}, nil
}

func (s *sealer) seal(f flow) string {
	plain, _ := json.Marshal(f) // of strings and a number: it cannot fail
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(plain)+s.aead.Overhead())
	rand.Read(nonce)
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, nil))
}

// maxFlow bounds the cookie of a flow.
const maxFlow = 4096

func (s *sealer) open(value string, now time.Time) (f flow, ok bool) {
	if len(value) > maxFlow {
		return f, false
	}
	b, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(b) < s.aead.NonceSize() {
		return f, false
	}
	n := s.aead.NonceSize()
	plain, err := s.aead.Open(nil, b[:n], b[n:], nil)
	if err != nil || json.Unmarshal(plain, &f) != nil {
		return flow{}, false
	}
	return f, now.Unix() < f.Expires
}
