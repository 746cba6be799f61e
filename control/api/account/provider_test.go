package account

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// provider is an OpenID Connect provider of a few lines, which a test can make lie.
type provider struct {
	t      testing.TB
	server *httptest.Server
	key    *rsa.PrivateKey
	now    func() time.Time

	mu     sync.Mutex // guards the following
	claims map[string]any
	lie    func(header, claims map[string]any) // changes a token before it is signed
	status int                                 // of the token endpoint; 0: as it should be
	down   bool
	noIss  bool
	codes  map[string]url.Values // code -> what was asked for
	asked  int                   // for tokens
	info   map[string]any        // at userinfo; nil: there is none
}

var providerKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newProvider(t testing.TB) *provider {
	p := &provider{
		t: t, key: providerKey(), codes: map[string]url.Values{},
		claims: map[string]any{"sub": "subject-7", "preferred_username": "Ada.L", "name": "Ada Lovelace", "email": "ada@example.org"},
		now:    func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("/auth", p.authorize)
	mux.HandleFunc("/token", p.token)
	mux.HandleFunc("/jwks", p.jwks)
	mux.HandleFunc("/userinfo", p.userinfo)
	p.server = httptest.NewServer(mux)
	t.Cleanup(p.server.Close)
	return p
}

func (p *provider) config() *OIDCConfig {
	return &OIDCConfig{Issuer: p.server.URL, ClientID: "stentor", ClientSecret: "the-client-secret", AllowSignUp: true}
}

func (p *provider) discovery(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	u := p.server.URL
	document := map[string]any{
		"issuer": u, "authorization_endpoint": u + "/auth", "token_endpoint": u + "/token", "jwks_uri": u + "/jwks",
		"id_token_signing_alg_values_supported": []string{"RS256"}, "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
	}
	if p.info != nil {
		document["userinfo_endpoint"] = u + "/userinfo"
	}
	p.answer(w, document)
}

func (p *provider) userinfo(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer at" || p.info["fails"] != nil {
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	p.answer(w, p.info)
}

func (p *provider) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.t.Error(err)
	}
}

func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := r.URL.Query()
	for name, want := range map[string]string{"response_type": "code", "client_id": "stentor", "code_challenge_method": "S256"} {
		if q.Get(name) != want {
			p.t.Errorf("asked with %s=%q", name, q.Get(name))
		}
	}
	if len(q.Get("state")) < 22 || len(q.Get("nonce")) < 22 || len(q.Get("code_challenge")) != 43 || q.Get("scope") != "openid profile email" {
		p.t.Errorf("asked with %v", q)
	}
	code := fmt.Sprintf("code-%d", len(p.codes))
	p.codes[code] = q
	back := url.Values{"code": {code}, "state": {q.Get("state")}}
	if !p.noIss {
		back.Set("iss", p.server.URL)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	asked, known := p.codes[r.FormValue("code")]
	delete(p.codes, r.FormValue("code"))
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	id, secret, basic := r.BasicAuth()
	switch {
	case p.status != 0:
		w.WriteHeader(p.status)
		p.answer(w, map[string]any{"error": "invalid_grant", "error_description": "about the-client-secret"})
		return
	case !known, base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge"),
		r.FormValue("redirect_uri") != asked.Get("redirect_uri"), !basic || id != "stentor" || secret != "the-client-secret":
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		p.answer(w, map[string]any{"error": "invalid_grant"})
		return
	}
	header := map[string]any{"alg": "RS256", "kid": "1", "typ": "JWT"}
	claims := map[string]any{"iss": p.server.URL, "aud": "stentor", "nonce": asked.Get("nonce"), "iat": p.now().Unix(), "exp": p.now().Add(time.Minute).Unix()}
	for k, v := range p.claims {
		claims[k] = v
	}
	if p.lie != nil {
		p.lie(header, claims)
	}
	answer := map[string]any{"access_token": "at", "token_type": "Bearer", "expires_in": 60}
	if claims["left out"] == nil {
		answer["id_token"] = p.sign(header, claims)
	}
	p.answer(w, answer)
}

func (p *provider) sign(header, claims map[string]any) string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			p.t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(header) + "." + part(claims)
	if header["alg"] == "none" {
		return text + "."
	}
	sum := sha256.Sum256([]byte(text))
	key := p.key
	if claims["forged"] != nil {
		var err error
		if key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			p.t.Fatal(err)
		}
	}
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		p.t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func (p *provider) jwks(w http.ResponseWriter, _ *http.Request) {
	e := base64.RawURLEncoding.EncodeToString
	p.answer(w, map[string]any{"keys": []any{map[string]any{
		"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", "n": e(p.key.N.Bytes()), "e": e(big.NewInt(int64(p.key.E)).Bytes()),
	}}})
}
