package web_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"
)

// provider is an OpenID Connect provider that lets everybody in under one name, at the
// authorization endpoint at once.
type provider struct {
	t   testing.TB
	url string
	key *rsa.PrivateKey

	mu    sync.Mutex        // guards the following
	nonce map[string]string // by code
}

func serveProvider(t *testing.T) *provider {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{t: t, key: key, nonce: map[string]string{}}
	mux := http.NewServeMux()
	p.url = onLoopback(t, mux)
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, 200, map[string]any{
			"issuer": p.url, "authorization_endpoint": p.url + "/auth", "token_endpoint": p.url + "/token", "jwks_uri": p.url + "/jwks",
			"id_token_signing_alg_values_supported": []string{"RS256"}, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		})
	})
	mux.HandleFunc("/auth", p.authorize)
	mux.HandleFunc("/token", p.token)
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) {
		e := base64.RawURLEncoding.EncodeToString
		answerJSON(w, 200, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", "n": e(key.N.Bytes()), "e": e(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	return p
}

func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	code := rand.Text()
	p.mu.Lock()
	p.nonce[code] = q.Get("nonce")
	p.mu.Unlock()
	back := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.url}}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	nonce := p.nonce[r.FormValue("code")]
	p.mu.Unlock()
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			p.t.Error(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(map[string]any{"alg": "RS256", "kid": "1", "typ": "JWT"}) + "." + part(map[string]any{
		"iss": p.url, "aud": "stentor", "sub": "subject-7", "nonce": nonce, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
		"preferred_username": "grace", "name": "Grace Hopper", "email": "grace@example.org",
	})
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, p.key, crypto.SHA256, sum[:])
	if err != nil {
		p.t.Error(err)
	}
	answerJSON(w, 200, map[string]any{"access_token": "at", "token_type": "Bearer", "expires_in": 60, "id_token": text + "." + base64.RawURLEncoding.EncodeToString(sig)})
}
