package account

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/controlpb"
)

// site is a world with its two OIDC paths over HTTP, and a browser.
type site struct {
	*world
	server   *httptest.Server
	browser  *http.Client
	provider *provider
}

// newSite makes one; change may change what it is made of.
func newSite(t testing.TB, change func(*OIDCConfig)) *site {
	t.Helper()
	p := newProvider(t)
	c := p.config()
	s := serve(t, c, change)
	s.provider = p
	p.now = func() time.Time { return s.now }
	return s
}

func serve(t testing.TB, c *OIDCConfig, change func(*OIDCConfig)) *site {
	t.Helper()
	mux := http.NewServeMux()
	s := &site{server: httptest.NewServer(mux)}
	t.Cleanup(s.server.Close)
	c.Redirect = s.server.URL + "/api/v1/oidc/callback"
	if change != nil {
		change(c)
	}
	s.world = newWorld(t, s.server.URL, c)
	mux.Handle("/api/v1/oidc/start", s.accounts.StartHandler())
	mux.Handle("/api/v1/oidc/callback", s.accounts.CallbackHandler())
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if a, ok := s.accounts.Read(r); ok {
			_, _ = io.WriteString(w, a.GetId())
		}
	})
	s.browser = newBrowser(t)
	return s
}

func newBrowser(t testing.TB) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

// get follows redirects until stop, a path, if that is not empty.
func (s *site) get(address, stop string) (*http.Response, string) {
	s.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = s.server.URL + address
	}
	b := *s.browser
	b.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if stop != "" && r.URL.Path == stop || len(via) > 10 {
			return http.ErrUseLastResponse
		}
		return nil
	}
	resp, err := b.Get(address)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(body)
}

// signIn goes the whole way.
func (s *site) signIn() (*http.Response, string) {
	s.t.Helper()
	return s.get("/api/v1/oidc/start?next=%2Fhost%3Ftab%3D1", "")
}

// back goes up to the callback, and returns its address.
func (s *site) back() *url.URL {
	s.t.Helper()
	resp, _ := s.get("/api/v1/oidc/start", "/api/v1/oidc/callback")
	u, err := resp.Location()
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}

func (s *site) signedIn() bool {
	_, body := s.get("/", "")
	return body != ""
}

func TestS18SigningInByAProvider(t *testing.T) {
	s := newSite(t, nil)
	resp, id := s.signIn()
	if resp.StatusCode != 200 || resp.Request.URL.RequestURI() != "/host?tab=1" {
		t.Fatalf("landed at %s with %d %s", resp.Request.URL, resp.StatusCode, id)
	}
	a := s.store.state.Account(id)
	if a.GetLogin() != "ada.l" || a.GetName() != "Ada Lovelace" || a.GetRole() != "member" || a.GetPassword() != "" ||
		a.GetIssuer() != s.provider.server.URL || a.GetSubject() != "subject-7" {
		t.Errorf("made %v", a)
	}
	s.browser = newBrowser(t)
	s.provider.claims["preferred_username"] = "somebody.else" // names change, subjects do not
	if _, again := s.signIn(); again != id {
		t.Errorf("the second time it is %q", again)
	}
	if strings.Contains(strings.ToLower(s.log.String()), "ada") || strings.Contains(s.log.String(), "subject-7") {
		t.Errorf("logged %s", s.log)
	}
}

func TestAProviderMayLeaveOutTheIssuerInItsAnswer(t *testing.T) {
	s := newSite(t, nil)
	s.provider.noIss = true
	if s.signIn(); !s.signedIn() {
		t.Error("RFC 9207 is asked for, which older providers do not have")
	}
}

func TestWhoHasNoAccount(t *testing.T) {
	s := newSite(t, func(c *OIDCConfig) { c.AllowSignUp = false })
	if resp, _ := s.signIn(); resp.StatusCode != 403 || resp.Header.Get("Stentor-Error") != "oidc_no_account" || s.signedIn() {
		t.Errorf("answered %d %s", resp.StatusCode, resp.Header)
	}
	// An administrator has made one for that identity: its login and name are theirs to say.
	s.do(&controlpb.Command{Kind: &controlpb.Command_CreateAccount{CreateAccount: &controlpb.CreateAccount{
		Id: "a_1", Login: "countess", Name: "Ada", Role: "host", Issuer: s.provider.server.URL, Subject: "subject-7",
	}}})
	if _, id := s.signIn(); id != "a_1" {
		t.Errorf("signed in as %q", id)
	}
	s.browser = newBrowser(t)
	s.edit(&controlpb.EditAccount{Id: "a_1", Disabled: new(true)})
	if resp, _ := s.signIn(); resp.StatusCode != 403 || resp.Header.Get("Stentor-Error") != "account_disabled" || s.signedIn() {
		t.Errorf("disabled, and answered %d %s", resp.StatusCode, resp.Header)
	}
}

func TestALoginThatAProviderClaimsIsNobodysProof(t *testing.T) {
	for _, login := range []string{"ada.l", "ADA.L", "  ada.l", "ada.l\n", "(ada.l)"} {
		s := newSite(t, nil)
		s.account("a_1", "ada.l")
		s.provider.claims["preferred_username"] = login
		_, id := s.signIn()
		if a := s.store.state.Account(id); id == "a_1" || id == "" || !strings.HasPrefix(a.GetLogin(), "ada.l-") {
			t.Errorf("%q signed in as %q: %v", login, id, a)
		}
	}
	for _, odd := range []string{"", "x", "Ада", strings.Repeat("a", 500), "\x00\x00\x00", "<script>alert(1)</script>"} {
		s := newSite(t, nil)
		s.provider.claims = map[string]any{"sub": "7", "preferred_username": odd, "name": strings.Repeat(odd, 20)}
		if _, id := s.signIn(); id == "" {
			t.Errorf("who is called %q has no account: %s", odd, s.log)
		}
	}
}

func TestAnswersThatAreNotBelieved(t *testing.T) {
	type m = map[string]any
	for _, c := range []struct {
		name string
		lie  func(header, claims m)
	}{
		{"a nonce of another sign-in", func(_, c m) { c["nonce"] = strings.Repeat("A", 43) }},
		{"no nonce", func(_, c m) { delete(c, "nonce") }},
		{"another client's token", func(_, c m) { c["aud"] = "other" }},
		{"a token for many, made for another", func(_, c m) { c["aud"] = []string{"stentor", "other"}; c["azp"] = "other" }},
		{"a token for many, made for nobody", func(_, c m) { c["aud"] = []string{"stentor", "other"} }},
		{"another issuer's token", func(_, c m) { c["iss"] = "https://evil.example" }},
		{"a token that has expired", func(_, c m) { c["exp"] = c["iat"].(int64) - 1 }},
		{"no subject", func(_, c m) { c["sub"] = "" }},
		{"a subject that is too long", func(_, c m) { c["sub"] = strings.Repeat("7", 256) }},
		{"another key's signature", func(_, c m) { c["forged"] = true }},
		{"no signature", func(h, _ m) { h["alg"] = "none" }},
		{"an HMAC under the public key", func(h, _ m) { h["alg"] = "HS256" }},
		{"no ID token", func(_, c m) { c["left out"] = true }},
	} {
		s := newSite(t, nil)
		s.provider.lie = c.lie
		resp, body := s.signIn()
		if resp.StatusCode != 502 || resp.Header.Get("Stentor-Error") != "oidc_failed" || s.signedIn() {
			t.Errorf("%s: answered %d %s", c.name, resp.StatusCode, body)
		}
		for range s.store.state.Accounts() {
			t.Errorf("%s: made an account", c.name)
		}
	}
}

func TestWhatTheProviderRefusesIsNotQuoted(t *testing.T) {
	s := newSite(t, nil)
	s.provider.status = 401
	if resp, body := s.signIn(); resp.StatusCode != 502 || s.signedIn() || strings.Contains(body+s.log.String(), "the-client-secret") {
		t.Errorf("answered %d %s, logged %s", resp.StatusCode, body, s.log)
	}
}

func TestCallbacksThatAreNotOurs(t *testing.T) {
	for _, c := range []struct {
		name, code string
		do         func(s *site, u *url.URL, q url.Values)
	}{
		{"another browser's", "oidc_expired", func(s *site, _ *url.URL, _ url.Values) { s.browser = newBrowser(s.t) }},
		{"another state", "oidc_expired", func(_ *site, _ *url.URL, q url.Values) { q.Set("state", q.Get("state")+"x") }},
		{"no state", "oidc_expired", func(_ *site, _ *url.URL, q url.Values) { q.Del("state") }},
		{"a very long state", "oidc_expired", func(_ *site, _ *url.URL, q url.Values) { q.Set("state", strings.Repeat("x", 200)) }},
		{"one that took more than ten minutes", "oidc_expired", func(s *site, _ *url.URL, _ url.Values) { s.now = s.now.Add(flowFor) }},
		{"another provider's answer", "oidc_failed", func(_ *site, _ *url.URL, q url.Values) { q.Set("iss", "https://evil.example") }},
		{"a code that was made up", "oidc_failed", func(_ *site, _ *url.URL, q url.Values) { q.Set("code", "made-up") }},
		{"no code", "oidc_failed", func(_ *site, _ *url.URL, q url.Values) { q.Del("code") }},
		{"the person said no", "oidc_failed", func(_ *site, _ *url.URL, q url.Values) { q.Set("error", "access_denied") }},
		{"a cookie that was changed", "oidc_expired", func(s *site, u *url.URL, q url.Values) {
			name := s.accounts.flowCookie(q.Get("state"))
			s.browser.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: "AAAA" + strings.Repeat("B", 100), Path: "/"}})
		}},
		{"a cookie that is very long", "oidc_expired", func(s *site, u *url.URL, q url.Values) {
			name := s.accounts.flowCookie(q.Get("state"))
			s.browser.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: strings.Repeat("B", maxFlow+1), Path: "/"}})
		}},
	} {
		s := newSite(t, nil)
		u := s.back()
		q := u.Query()
		c.do(s, u, q)
		u.RawQuery = q.Encode()
		resp, _ := s.get(u.String(), "")
		if got := resp.Header.Get("Stentor-Error"); got != c.code || resp.StatusCode < 400 || s.signedIn() {
			t.Errorf("%s: answered %d %s", c.name, resp.StatusCode, got)
		}
	}
}

func TestACallbackWorksOnce(t *testing.T) {
	s := newSite(t, nil)
	u := s.back().String()
	if resp, _ := s.get(u, ""); resp.StatusCode != 200 || !s.signedIn() {
		t.Fatalf("the first time: %d", resp.StatusCode)
	}
	if resp, _ := s.get(u, ""); resp.Header.Get("Stentor-Error") != "oidc_expired" {
		t.Errorf("the second time: %d %s", resp.StatusCode, resp.Header.Get("Stentor-Error"))
	}
	if s.provider.asked != 1 {
		t.Errorf("the provider was asked for %d tokens", s.provider.asked)
	}
}

func TestTwoTabsAtOnce(t *testing.T) {
	s := newSite(t, nil)
	one, other := s.back().String(), s.back().String()
	for _, u := range []string{one, other} {
		if resp, _ := s.get(u, ""); resp.StatusCode != 200 {
			t.Errorf("answered %d %s", resp.StatusCode, resp.Header.Get("Stentor-Error"))
		}
	}
}

func TestAPostIsNoCallback(t *testing.T) {
	s := newSite(t, nil)
	u := s.back()
	resp, err := s.browser.PostForm(u.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("Stentor-Error") != "oidc_expired" || s.signedIn() {
		t.Errorf("answered %d", resp.StatusCode)
	}
}

func TestAProviderThatIsDownIsLookedUpAgain(t *testing.T) {
	s := newSite(t, nil)
	s.provider.down = true
	if resp, body := s.signIn(); resp.StatusCode != 502 || resp.Header.Get("Stentor-Error") != "oidc_unavailable" || body != ErrProvider.Detail+"\n" {
		t.Fatalf("answered %d %s", resp.StatusCode, body)
	}
	s.provider.mu.Lock()
	s.provider.down = false
	s.provider.mu.Unlock()
	if resp, _ := s.signIn(); resp.StatusCode != 502 {
		t.Errorf("it is looked up again at once: %d", resp.StatusCode)
	}
	s.now = s.now.Add(lookUpAgain)
	if s.signIn(); !s.signedIn() {
		t.Error("the provider came back, and nobody gets in")
	}
	s.provider.mu.Lock()
	s.provider.down = true
	s.provider.mu.Unlock()
	s.browser = newBrowser(t)
	if s.signIn(); !s.signedIn() {
		t.Error("it is looked up each time")
	}
}

// stalled is the way to a provider that does not answer until a test lets it.
type stalled struct {
	asked  atomic.Int32
	answer chan struct{}
}

func (s *stalled) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked.Add(1)
	select {
	case <-s.answer:
		return nil, errors.New("connection refused")
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func TestALookUpIsOneForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := &stalled{answer: make(chan struct{})}
		p, err := newRelyingParty(OIDCConfig{Issuer: "https://id.example", ClientID: "x", Redirect: "https://stentor.example/", Client: &http.Client{Transport: way}},
			clusterKey, time.Now, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		began, errs := time.Now(), make(chan error, 10)
		for range cap(errs) {
			go func() { _, err := p.found(t.Context()); errs <- err }()
		}
		synctest.Wait()
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.found(hasty); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("who has a second waited %v: %v", time.Since(began), err)
		}
		close(way.answer)
		for range cap(errs) {
			if err := <-errs; err == nil || errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		_, _ = p.found(t.Context())
		if n := way.asked.Load(); n != 1 {
			t.Errorf("the provider was asked %d times", n)
		}
		time.Sleep(lookUpAgain)
		_, _ = p.found(t.Context())
		if n := way.asked.Load(); n != 2 {
			t.Errorf("then it was asked %d times", n)
		}
	})
}

func TestWhoHasNoProvider(t *testing.T) {
	w := newWorld(t, "https://stentor.example", nil)
	for _, h := range []http.Handler{w.accounts.StartHandler(), w.accounts.CallbackHandler()} {
		r := httptest.NewRecorder()
		h.ServeHTTP(r, httptest.NewRequest("GET", "/?state=x", nil))
		if r.Code != 404 || r.Header().Get("Stentor-Error") != "oidc_off" {
			t.Errorf("answered %d", r.Code)
		}
	}
}

func TestWhatAProviderKeepsAtUserinfo(t *testing.T) {
	type m = map[string]any
	for _, c := range []struct {
		name  string
		info  m
		login string
		role  string
	}{
		{"names and groups come from there", m{"sub": "7", "preferred_username": "grace", "name": "Grace", "groups": []string{"admins"}}, "grace", "administrator"},
		{"it cannot change what the token says", m{"sub": "7", "preferred_username": "grace", "name": "Grace", "email": "x@example.org", "aud": "x", "iss": "x"}, "grace", "member"},
		{"it says an address alone", m{"sub": "7", "email": "g@example.org"}, "g@example.org", "member"},
		{"it is about somebody else", m{"sub": "8", "preferred_username": "grace", "groups": []string{"admins"}}, "", ""},
		{"it is about nobody", m{"preferred_username": "grace"}, "", ""},
		{"it fails", m{"fails": true}, "", ""},
	} {
		s := newSite(t, func(c *OIDCConfig) { c.AdminClaim, c.AdminValue = "groups", "admins" })
		s.provider.claims, s.provider.info = m{"sub": "7"}, c.info
		_, id := s.signIn()
		if !s.signedIn() {
			id = ""
		}
		if a := s.store.state.Account(id); a.GetLogin() != c.login || a.GetRole() != c.role {
			t.Errorf("%s: %v; logged %s", c.name, a, s.log)
		}
	}
}

func TestALogThatDoesNotAnswer(t *testing.T) {
	s := newSite(t, nil)
	u := s.back().String()
	s.store.mu.Lock()
	s.store.fail = errors.New("no leader")
	s.store.mu.Unlock()
	if resp, _ := s.get(u, ""); resp.StatusCode != 502 || s.signedIn() {
		t.Errorf("answered %d", resp.StatusCode)
	}
}

func TestWhereSomebodyLands(t *testing.T) {
	for next, want := range map[string]string{
		"/host": "/host", "/host?a=b#c": "/host?a=b#c", "/": "/", "": "/", "host": "/",
		"//evil.example": "/", "///evil.example": "/", `/\evil.example`: "/", `\\evil.example`: "/", "https://evil.example": "/",
		"/\t/evil.example": "/", "/\n/evil.example": "/", " //evil.example": "/", "/a b": "/", "javascript:alert(1)": "/",
		"/" + strings.Repeat("a", maxNext): "/", "/%zz": "/", "/w/x//y": "/w/x//y",
	} {
		if got := localPath(next); got != want {
			t.Errorf("%q leads to %q, not %q", next, got, want)
		}
	}
	s := newSite(t, func(c *OIDCConfig) { c.Home = "/host" })
	if resp, _ := s.get("/api/v1/oidc/start?next=//evil.example", ""); resp.Request.URL.Path != "/" {
		t.Errorf("landed at %s", resp.Request.URL)
	}
	if resp, _ := s.get("/api/v1/oidc/start", ""); resp.Request.URL.Path != "/host" {
		t.Errorf("landed at %s", resp.Request.URL)
	}
}

func TestS15TheProviderSaysWhoAdministers(t *testing.T) {
	s := newSite(t, func(c *OIDCConfig) { c.AdminClaim, c.AdminValue, c.SignUpRole = "groups", "stentor-admins", "host" })
	s.do(&controlpb.Command{Kind: &controlpb.Command_CreateAccount{CreateAccount: &controlpb.CreateAccount{
		Id: "a_root", Login: "root", Name: "Root", Role: "administrator", Password: cheap,
	}}})
	role := func(groups any) string {
		s.t.Helper()
		s.provider.mu.Lock()
		s.provider.claims["groups"] = groups
		s.provider.mu.Unlock()
		s.browser = newBrowser(t)
		_, id := s.signIn()
		return s.store.state.Account(id).GetRole()
	}
	for _, c := range []struct {
		name   string
		groups any
		want   string
	}{
		{"no groups are a host", nil, "host"},
		{"the group among others administers", []string{"staff", "stentor-admins"}, "administrator"},
		{"who left it does not", []string{"staff"}, "host"},
		{"one group that is it administers", "stentor-admins", "administrator"},
		{"one that begins like it does not", "stentor-admins-emeriti", "host"},
		{"true is no group", true, "host"},
	} {
		if got := role(c.groups); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	if a := s.store.state.Account("a_root"); a.GetRole() != "administrator" {
		t.Error("an account with a password was changed")
	}
}

func TestTheRoleOfAnAccountWithAPasswordIsItsOwn(t *testing.T) {
	s := newSite(t, func(c *OIDCConfig) { c.AdminClaim = "admin" })
	s.do(&controlpb.Command{Kind: &controlpb.Command_CreateAccount{CreateAccount: &controlpb.CreateAccount{
		Id: "a_1", Login: "ada", Name: "Ada", Role: "administrator", Password: cheap, Issuer: s.provider.server.URL, Subject: "subject-7",
	}}})
	if _, id := s.signIn(); id != "a_1" || s.store.state.Account(id).GetRole() != "administrator" {
		t.Errorf("signed in as %v", s.store.state.Account(id))
	}
}

func TestTheLastAdministratorStays(t *testing.T) {
	s := newSite(t, func(c *OIDCConfig) { c.AdminClaim = "admin" })
	s.provider.claims["admin"] = true
	_, id := s.signIn()
	if s.store.state.Account(id).GetRole() != "administrator" {
		t.Fatalf("signed in as %v", s.store.state.Account(id))
	}
	s.provider.claims["admin"] = false
	s.browser = newBrowser(t)
	if resp, _ := s.signIn(); resp.StatusCode != 403 || s.signedIn() || s.store.state.Account(id).GetRole() != "administrator" {
		t.Errorf("answered %d %s", resp.StatusCode, resp.Header.Get("Stentor-Error"))
	}
}

func TestOneIdentityIsOneAccountHoweverManySignUpAtOnce(t *testing.T) {
	s := newSite(t, nil)
	who := claims{Subject: "7", Login: "ada", Name: "Ada"}
	first, err := s.accounts.signUp(t.Context(), who)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.accounts.signUp(t.Context(), who) // which found nobody a moment ago
	if err != nil || second.GetId() != first.GetId() {
		t.Errorf("the second one is %v, %v", second, err)
	}
}

func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/host?a=b#c", "//evil", `/\evil`, "/a:b@c/", "/%2f%2fevil"} {
		f.Add(s)
	}
	base, _ := url.Parse("https://stentor.example/api/v1/oidc/callback")
	f.Fuzz(func(t *testing.T, next string) {
		u, err := base.Parse(localPath(next))
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme {
			t.Errorf("%q leads to %v, %v", next, u, err)
		}
	})
}
