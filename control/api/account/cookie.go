package account

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"stentor/control/controlpb"
)

// signedInFor is how long a sign-in holds: a day's work.
const signedInFor = 12 * time.Hour

// maxCookie bounds what is looked at of a cookie.
const maxCookie = 512

// signedIn is what a cookie says. Its value is base64url of its JSON, a dot, and
// base64url of the HMAC-SHA256 over "stentor cookie/1 " and what is before the dot.
type signedIn struct {
	Account    string `json:"a"`
	Generation uint64 `json:"g"`
	Expires    int64  `json:"e"` // Unix time in seconds
}

// cookieName carries the prefix that browsers hold to: with it no other host and no plain
// HTTP page can set the cookie (RFC 6265bis, section 4.1.3.2).
func (a *Accounts) cookieName() string {
	if a.TLS() {
		return "__Host-stentor"
	}
	return "stentor"
}

func (a *Accounts) newCookie(name, value string, lasts time.Duration) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, Secure: a.TLS(), SameSite: http.SameSiteLaxMode}
	if c.MaxAge = int(lasts / time.Second); lasts <= 0 {
		c.MaxAge = -1
	}
	return c
}

// Cookie returns the cookie that says for twelve hours who is signed in.
func (a *Accounts) Cookie(r *controlpb.AccountRecord) *http.Cookie {
	said, _ := json.Marshal(signedIn{Account: r.GetId(), Generation: r.GetGeneration(), Expires: a.Now().Add(signedInFor).Unix()})
	body := base64.RawURLEncoding.EncodeToString(said) // of a string and numbers: it cannot fail
	return a.newCookie(a.cookieName(), body+"."+a.sign(body), signedInFor)
}

// Clear returns the cookie that takes the other one away.
func (a *Accounts) Clear() *http.Cookie { return a.newCookie(a.cookieName(), "", 0) }

func (a *Accounts) sign(body string) string {
	h := hmac.New(sha256.New, a.Key)
	h.Write([]byte("stentor cookie/1 " + body))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// Read returns the account that r's cookie names, as it is now. It is nobody's if the
// sign-in has expired, was ended, or the account is disabled or gone.
func (a *Accounts) Read(r *http.Request) (*controlpb.AccountRecord, bool) {
	for _, c := range r.CookiesNamed(a.cookieName()) {
		said, ok := a.read(c.Value)
		if !ok || a.Now().Unix() >= said.Expires {
			continue
		}
		found := a.Directory().Account(said.Account)
		if found != nil && !found.GetDisabled() && found.GetGeneration() == said.Generation {
			return found, true
		}
	}
	return nil, false
}

func (a *Accounts) read(value string) (said signedIn, ok bool) {
	body, sum, cut := strings.Cut(value, ".")
	if !cut || len(value) > maxCookie || !hmac.Equal([]byte(sum), []byte(a.sign(body))) {
		return said, false
	}
	b, err := base64.RawURLEncoding.DecodeString(body)
	return said, err == nil && json.Unmarshal(b, &said) == nil
}
