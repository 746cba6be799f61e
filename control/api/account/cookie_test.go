package account

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stentor/control/controlpb"
)

func with(cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	for _, c := range cookies {
		r.AddCookie(c)
	}
	return r
}

func TestTheCookieIsForThisSiteAlone(t *testing.T) {
	for _, c := range []struct {
		base, name string
		secure     bool
	}{{"https://stentor.example", "__Host-stentor", true}, {"http://127.0.0.1:8080", "stentor", false}, {"", "stentor", false}} {
		w := newWorld(t, c.base, nil)
		w.account("a_1", "ada")
		for _, k := range []*http.Cookie{w.accounts.Cookie(w.store.state.Account("a_1")), w.accounts.Clear()} {
			if k.Name != c.name || k.Secure != c.secure || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Domain != "" || k.Valid() != nil {
				t.Errorf("%s: %s", c.base, k)
			}
		}
		if k := w.accounts.Cookie(w.store.state.Account("a_1")); k.MaxAge != 12*3600 || len(k.Value) > maxCookie {
			t.Errorf("it lasts %d s, with %d bytes", k.MaxAge, len(k.Value))
		}
		if k := w.accounts.Clear(); k.MaxAge != -1 || k.Value != "" {
			t.Errorf("cleared by %s", k)
		}
	}
}

func TestWhoACookieNames(t *testing.T) {
	w := newWorld(t, "https://stentor.example", nil)
	w.account("a_1", "ada")
	w.account("a_2", "bob")
	ada, bob := w.accounts.Cookie(w.store.state.Account("a_1")), w.accounts.Cookie(w.store.state.Account("a_2"))
	named := func(name, value string) *http.Cookie { return &http.Cookie{Name: name, Value: value} }
	body, sum, _ := strings.Cut(ada.Value, ".")
	_, other, _ := strings.Cut(bob.Value, ".")
	said, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		t.Fatal(err)
	}
	raised := base64.RawURLEncoding.EncodeToString(bytes.Replace(said, []byte("a_1"), []byte("a_2"), 1))
	foreign := newWorld(t, "https://stentor.example", nil)
	foreign.accounts.Key = bytes.Repeat([]byte{9}, 32)
	foreign.account("a_1", "ada")
	for _, c := range []struct {
		name    string
		cookies []*http.Cookie
		want    string
	}{
		{"its own", []*http.Cookie{ada}, "a_1"},
		{"none", nil, ""},
		{"under another name", []*http.Cookie{named("stentor", ada.Value)}, ""},
		{"an empty one", []*http.Cookie{named(ada.Name, "")}, ""},
		{"without a signature", []*http.Cookie{named(ada.Name, body)}, ""},
		{"with an empty signature", []*http.Cookie{named(ada.Name, body+".")}, ""},
		{"with another one's signature", []*http.Cookie{named(ada.Name, body+"."+other)}, ""},
		{"with another account in it", []*http.Cookie{named(ada.Name, raised+"."+sum)}, ""},
		{"of another cluster", []*http.Cookie{foreign.accounts.Cookie(foreign.store.state.Account("a_1"))}, ""},
		{"a very long one", []*http.Cookie{named(ada.Name, ada.Value+strings.Repeat("x", maxCookie))}, ""},
		{"a bad one before its own", []*http.Cookie{named(ada.Name, "x.y"), ada}, "a_1"},
		{"two: the first counts", []*http.Cookie{bob, ada}, "a_2"},
	} {
		got, ok := w.accounts.Read(with(c.cookies...))
		if got.GetId() != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, %v", c.name, got.GetId(), ok)
		}
	}
}

func TestASignInEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(w *world)
		ends bool
	}{
		{"by itself a moment before twelve hours: no", func(w *world) { w.now = w.now.Add(12*time.Hour - time.Second) }, false},
		{"by itself after twelve hours", func(w *world) { w.now = w.now.Add(12 * time.Hour) }, true},
		{"with a new name: no", func(w *world) { w.edit(&controlpb.EditAccount{Id: "a_1", Name: new("Ada L.")}) }, false},
		{"with a new password", func(w *world) { w.edit(&controlpb.EditAccount{Id: "a_1", Password: new(cheap)}) }, true},
		{"when the account signs out everywhere", func(w *world) { w.edit(&controlpb.EditAccount{Id: "a_1", SignOut: true}) }, true},
		{"when the account is disabled", func(w *world) { w.edit(&controlpb.EditAccount{Id: "a_1", Disabled: new(true)}) }, true},
		{"also when it is enabled again", func(w *world) {
			w.edit(&controlpb.EditAccount{Id: "a_1", Disabled: new(true)})
			w.edit(&controlpb.EditAccount{Id: "a_1", Disabled: new(false)})
		}, true},
		{"with the account", func(w *world) {
			w.do(&controlpb.Command{Kind: &controlpb.Command_DeleteAccount{DeleteAccount: &controlpb.DeleteAccount{Id: "a_1"}}})
		}, true},
	} {
		w := newWorld(t, "https://stentor.example", nil)
		w.account("a_1", "ada")
		r := with(w.accounts.Cookie(w.store.state.Account("a_1")))
		c.do(w)
		if _, ok := w.accounts.Read(r); ok == c.ends {
			t.Errorf("%s: signed in %v", c.name, ok)
		}
	}
}

func TestWhatAccountsCannotBeMadeWithout(t *testing.T) {
	good := func() Config {
		m := newMemory(t)
		return Config{Directory: m.directory, Propose: m.propose, Key: clusterKey, Now: time.Now, Rand: strings.NewReader(strings.Repeat("r", 64))}
	}
	if _, err := New(good()); err != nil {
		t.Fatal(err)
	}
	for i, spoil := range []func(*Config){
		func(c *Config) { c.Directory = nil }, func(c *Config) { c.Propose = nil }, func(c *Config) { c.Key = c.Key[1:] },
		func(c *Config) { c.Now = nil }, func(c *Config) { c.Rand = nil }, func(c *Config) { c.Rand = strings.NewReader("") },
		func(c *Config) { c.OIDC = &OIDCConfig{} },
		func(c *Config) {
			c.OIDC = &OIDCConfig{Issuer: "http://id.example", ClientID: "c", Redirect: "https://x/cb"}
		},
		func(c *Config) { c.OIDC = &OIDCConfig{Issuer: "https://id.example", Redirect: "https://x/cb"} },
		func(c *Config) {
			c.OIDC = &OIDCConfig{Issuer: "https://id.example", ClientID: "c", Redirect: "https://x/cb", SignUpRole: "administrator"}
		},
	} {
		c := good()
		spoil(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%d is enough", i)
		}
	}
}

func FuzzRead(f *testing.F) {
	w := newWorld(f, "https://stentor.example", nil)
	w.account("a_1", "ada")
	good := w.accounts.Cookie(w.store.state.Account("a_1")).Value
	f.Add(good)
	f.Add("e30." + w.accounts.sign("e30"))
	f.Add("bnVsbA." + w.accounts.sign("bnVsbA"))
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", fmt.Sprintf("%s=%s", w.accounts.cookieName(), value))
		if got, ok := w.accounts.Read(r); ok && !strings.HasPrefix(strings.Trim(value, "\" ;"), good) {
			t.Errorf("%q is %s", value, got.GetId())
		}
	})
}
