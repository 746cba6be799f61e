package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"stentor/control/client"
)

const goodPassword = "correct horse battery staple"

func TestAnAccountSignsInAndOut(t *testing.T) {
	w := newWorld(t)
	made := decode[client.Account](w.do(ask{method: "POST", path: "/api/v1/accounts", token: w.admin,
		body: `{"login":" Ada@Example.org ","name":" Ada ","role":"host","password":"` + goodPassword + `"}`}).must(201))
	if made.Login != "ada@example.org" || made.Name != "Ada" || made.Role != "host" || !made.Password || made.OIDC || made.Disabled || !strings.HasPrefix(made.ID, "a_") {
		t.Errorf("made %+v", made)
	}
	signIn := func(login, password string) reply {
		return w.do(ask{method: "POST", path: "/api/v1/sign-in", body: `{"login":"` + login + `","password":"` + password + `"}`})
	}
	unknown, wrong := signIn("nobody", goodPassword), signIn("ada@example.org", "wrong horse")
	if unknown.must(401).refused(codeSignInFailed); string(unknown.body) != string(wrong.must(401).body) {
		t.Errorf("one can tell %s from %s", unknown.body, wrong.body)
	}
	in := signIn("ADA@example.org", goodPassword).must(200)
	me := decode[client.Me](in)
	if me.Kind != "account" || me.ID != made.ID || me.Role != "host" || me.Login != "ada@example.org" || fmt.Sprint(me.Scopes) != "[host]" {
		t.Errorf("signed in: %+v", me)
	}
	cookie := cookieOf(in)
	if cookie == nil || !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || !strings.HasPrefix(cookie.Name, "__Host-") {
		t.Fatalf("the cookie is %v", cookie)
	}
	if got := decode[client.Me](w.do(ask{method: "GET", path: "/api/v1/me", cookie: cookie}).must(200)); got.ID != made.ID {
		t.Errorf("it is %+v", got)
	}
	pass := decode[client.Pass](w.do(ask{method: "POST", path: "/api/v1/me/pass", cookie: cookie}).must(200))
	if pass.Pass != "stp1."+made.ID+".Ada" {
		t.Errorf("the pass is %s", pass.Pass)
	}
	if out := cookieOf(w.do(ask{method: "POST", path: "/api/v1/sign-out", cookie: cookie}).must(204)); out == nil || out.MaxAge >= 0 {
		t.Errorf("signed out by %v", out)
	}
	if log := w.log.String(); strings.Contains(log, goodPassword) || strings.Contains(log, cookie.Value) {
		t.Error("a secret is logged")
	}
}

func cookieOf(r reply) *http.Cookie {
	for _, c := range (&http.Response{Header: r.header}).Cookies() {
		return c
	}
	return nil
}

func TestAnAccountIsEditedAndDeleted(t *testing.T) {
	w := newWorld(t)
	id, cookie := w.account("ada", "administrator")
	_, other := w.account("bob", "administrator")
	me := func(c *http.Cookie) reply { return w.do(ask{method: "GET", path: "/api/v1/me", cookie: c}) }
	edit := func(body string) client.Account {
		return decode[client.Account](w.do(ask{method: "PATCH", path: "/api/v1/accounts/" + id, token: w.admin, body: body}).must(200))
	}
	me(cookie).must(200)
	if got := edit(`{"name":"Ada L","role":"host"}`); got.Name != "Ada L" || got.Role != "host" {
		t.Errorf("edited to %+v", got)
	}
	w.do(ask{method: "GET", path: "/api/v1/accounts", cookie: cookie}).refused(codeScopeMissing) // at once
	for _, ends := range []string{`{"sign_out":true}`, `{"password":"` + goodPassword + `"}`, `{"disabled":true}`} {
		cookie = w.accounts.Cookie(w.store.State().Account(id))
		me(cookie).must(200)
		edit(ends)
		me(cookie).refused(codeTokenRequired)
	}
	w.do(ask{method: "PATCH", path: "/api/v1/accounts/" + id, token: w.admin, body: `{}`}).refused(codeEmptyEdit)
	w.do(ask{method: "PATCH", path: "/api/v1/accounts/a_x", token: w.admin, body: `{"name":"X"}`}).refused(codeAccountNotFound)
	if got := decode[client.Account](w.do(ask{method: "GET", path: "/api/v1/accounts/" + id, cookie: other}).must(200)); !got.Disabled || got.Name != "Ada L" {
		t.Errorf("it is %+v", got)
	}
	w.do(ask{method: "DELETE", path: "/api/v1/accounts/" + id, cookie: other}).must(204)
	w.do(ask{method: "GET", path: "/api/v1/accounts/" + id, cookie: other}).refused(codeAccountNotFound)
	list := decode[client.Accounts](w.do(ask{method: "GET", path: "/api/v1/accounts", cookie: other}).must(200))
	if len(list.Items) != 1 || list.Items[0].Login != "bob" || strings.Contains(fmt.Sprint(list), "argon2") {
		t.Errorf("listed %+v", list)
	}
}

func TestACookieIsOfNoUseToOtherSites(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"a"}`).ID
	_, cookie := w.account("ada", "administrator")
	for name, header := range map[string]http.Header{
		"by fetch": {"Sec-Fetch-Site": {"cross-site"}}, "by a page of the same domain": {"Sec-Fetch-Site": {"same-site"}},
		"in an old browser": {"Origin": {"https://evil.example"}},
	} {
		w.do(ask{method: "POST", path: "/api/v1/webinars/" + id + "/end", cookie: cookie, header: header}).must(403).refused(codeCrossOrigin)
		w.do(ask{method: "POST", path: "/api/v1/sign-in", body: sample("sign-in"), header: header}).refused(codeCrossOrigin)
		for _, other := range []string{"Basic YTpi", "Bearer", "x"} { // which is not what they are known by
			h := header.Clone()
			h.Set("Authorization", other)
			w.do(ask{method: "POST", path: "/api/v1/webinars/" + id + "/end", cookie: cookie, header: h}).must(403).refused(codeCrossOrigin)
			w.do(ask{method: "POST", path: "/api/v1/sign-in", body: sample("sign-in"), header: h}).refused(codeCrossOrigin)
		}
		w.do(ask{method: "GET", path: "/api/v1/webinars/" + id, cookie: cookie, header: header}).must(200) // which another site cannot read
		w.do(ask{method: "PUT", path: "/api/v1/webinars/" + id + "/pin", token: w.admin, body: `{"generate":true}`, header: header}).must(200)
		if w.store.State().Webinar(id).State == "ended" {
			t.Errorf("%s: it was carried out", name)
		}
	}
	w.do(ask{method: "POST", path: "/api/v1/webinars/" + id + "/end", cookie: cookie, header: http.Header{"Sec-Fetch-Site": {"same-origin"}}}).must(200)
}

func TestATokenCountsMoreThanACookie(t *testing.T) {
	w := newWorld(t)
	_, cookie := w.account("ada", "administrator")
	w.do(ask{method: "GET", path: "/api/v1/accounts", cookie: cookie, token: w.host}).refused(codeScopeMissing)
	w.do(ask{method: "GET", path: "/api/v1/accounts", cookie: cookie, token: "sta_x"}).refused(codeTokenUnknown)
}

func TestWithoutAccountsNobodySignsIn(t *testing.T) {
	w := newWorld(t)
	_, cookie := w.account("ada", "administrator")
	w.accounts = nil
	w.serve(Limits{})
	w.do(ask{method: "POST", path: "/api/v1/sign-in", body: sample("sign-in")}).refused(codeAccountsOff)
	if ways := decode[client.SignIns](w.do(ask{method: "GET", path: "/api/v1/sign-in"}).must(200)); ways.Password || ways.OIDC {
		t.Errorf("the page would offer %+v", ways)
	}
	w.do(ask{method: "POST", path: "/api/v1/sign-out"}).must(204)
	w.do(ask{method: "GET", path: "/api/v1/me", cookie: cookie}).refused(codeTokenRequired)
	w.do(ask{method: "POST", path: "/api/v1/accounts", token: w.admin, body: `{"login":"ada2","name":"A","role":"member","password":"` + goodPassword + `"}`}).refused(codeAccountsOff)
}

func TestOIDCIsServedWhereAccountsAre(t *testing.T) {
	w := newWorld(t)
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, httptest.NewRequest("GET", "/api/v1/oidc/start?next=/host", nil))
	if recorder.Code != 404 || recorder.Header().Get("Stentor-Error") != "oidc_off" {
		t.Errorf("answered %d %v", recorder.Code, recorder.Header())
	}
	w.serve(Limits{Public: Limit{1, time.Hour}})
	for _, want := range []int{404, 429} {
		recorder = httptest.NewRecorder()
		w.handler.ServeHTTP(recorder, httptest.NewRequest("GET", "/api/v1/oidc/callback?state=x", nil))
		if recorder.Code != want {
			t.Errorf("answered %d, want %d", recorder.Code, want)
		}
	}
	if recorder.Header().Get("Retry-After") != "3600" {
		t.Errorf("the header is %v", recorder.Header())
	}
}

func TestTokensAreListedAndRevoked(t *testing.T) {
	w := newWorld(t)
	made := decode[client.Token](w.do(ask{method: "POST", path: "/api/v1/tokens", token: w.admin, body: `{"name":"CI","scopes":["host"],"ttl_seconds":60}`}).must(201))
	if made.ExpiresAt == nil || !made.ExpiresAt.Equal(w.now.Add(time.Minute)) || made.By == "" || made.CreatedAt.IsZero() {
		t.Errorf("made %+v", made)
	}
	out := w.do(ask{method: "GET", path: "/api/v1/tokens?limit=200", token: w.admin}).must(200)
	list := decode[client.Tokens](out)
	if len(list.Items) != 4 || strings.Contains(string(out.body), tokenPrefix) {
		t.Errorf("listed %s", out.body)
	}
	look := ask{method: "GET", path: "/api/v1/webinars", token: made.Token}
	w.do(look).must(200)
	w.do(ask{method: "DELETE", path: "/api/v1/tokens/" + made.ID, token: w.admin}).must(204)
	w.do(look).refused(codeTokenUnknown)
	w.do(ask{method: "DELETE", path: "/api/v1/tokens/" + made.ID, token: w.admin}).refused(codeTokenNotFound)
}

func TestWebhooksAreTheirOwners(t *testing.T) {
	w := newWorld(t)
	id := w.webinar(`{"title":"a"}`).ID
	create := func(token, body string) reply {
		return w.do(ask{method: "POST", path: "/api/v1/webhooks", token: token, body: body})
	}
	made := decode[client.Webhook](create(w.host, `{"url":"https://example.org/hook","webinar":"`+id+`","events":["registrant.registered"]}`).must(201))
	if !strings.HasPrefix(made.Secret, "whsec_") || made.Owner != w.hostID || made.Webinar != id || len(made.Events) != 1 {
		t.Errorf("made %+v", made)
	}
	if state := fmt.Sprintf("%+v", w.store.State()); strings.Contains(state, made.Secret) || strings.Contains(w.log.String(), made.Secret) {
		t.Error("the secret is kept unsealed, or logged")
	}
	create(w.other, `{"url":"https://example.org/hook","webinar":"`+id+`"}`).refused(codeWebinarNotFound)
	create(w.host, `{"url":"javascript:alert(1)"}`).refused(codeInvalidRequest)
	create(w.host, `{"url":"https://me:secret@example.org/"}`).refused(codeInvalidRequest)
	create(w.host, `{"url":"https://example.org/","events":["*"]}`).refused(codeInvalidRequest)
	count := func(token string) int {
		out := w.do(ask{method: "GET", path: "/api/v1/webhooks", token: token}).must(200)
		if strings.Contains(string(out.body), "whsec_") {
			t.Errorf("listed %s", out.body)
		}
		return len(decode[client.Webhooks](out).Items)
	}
	if a, b, c := count(w.host), count(w.other), count(w.admin); a != 1 || b != 0 || c != 1 {
		t.Errorf("listed %d, %d, %d", a, b, c)
	}
	remove := ask{method: "DELETE", path: "/api/v1/webhooks/" + made.ID, token: w.other}
	w.do(remove).refused(codeWebhookNotFound)
	remove.token = w.host
	w.do(remove).must(204)
	w.do(remove).refused(codeWebhookNotFound)
}
