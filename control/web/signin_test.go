package web_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"stentor/control/api"
	"stentor/control/api/account"
	"stentor/control/controlpb"
)

const goodPassword = "correct horse battery staple"

// serveAccounts is servePlanned where people sign in: ada, a host, with a password, and
// whom the provider knows.
func serveAccounts(t *testing.T) *planner {
	sso := serveProvider(t)
	var accounts *account.Accounts
	p := servePlannedBy(t, func(c *api.Config, base string) {
		p := c.Store.(*planner)
		var err error
		accounts, err = account.New(account.Config{
			Directory: func() account.Directory { return p.State() },
			Propose: func(ctx context.Context, c *controlpb.Command) error {
				c.ProposedAt = time.Now().UnixNano()
				_, err := p.Propose(ctx, c)
				return err
			},
			Key: bytes.Repeat([]byte{9}, 32), Base: base, Refusals: "/signin", Now: time.Now, Rand: rand.Reader,
			OIDC: &account.OIDCConfig{Issuer: sso.url, ClientID: "stentor", ClientSecret: "secret", Redirect: base + "/api/v1/oidc/callback", AllowSignUp: true, SignUpRole: "host"},
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Accounts = accounts
	})
	hash, err := accounts.Hash(goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	p.command(&controlpb.Command{Kind: &controlpb.Command_CreateAccount{CreateAccount: &controlpb.CreateAccount{Id: "a_ada", Login: "ada", Name: "Ada Lovelace", Role: "host", Password: hash}}})
	return p
}

// TestS18HostSignsIn goes in with a local account, and by a provider: what opens the console is a cookie
// that no script reads.
func TestS18HostSignsIn(t *testing.T) {
	p := serveAccounts(t)
	host := newBrowser(t).open("signin")
	host.do("open", chromedp.Navigate(p.url+"/host"))
	host.fill("#login", "Ada")
	host.fill("#password", "wrong")
	host.click("#by-account button")
	host.says("That login or password is not right.")
	host.until("the password has the focus", `document.activeElement.id === "password"`)
	host.pictures("wrong")
	host.fill("#password", goodPassword)
	host.click("#by-account button")
	host.says("Ada Lovelace")
	host.until("nothing that a script can read tells who it is", `!document.cookie.includes("stentor") && !Object.keys(sessionStorage).some((k) => k.includes("token"))`)
	host.pictures("signed-in")
	host.click("#new")
	host.fill("#title", "Tides")
	host.click("#plan-save")
	host.click("#made-open")
	host.until("events come to an account", `document.getElementById("plan-link")`)
	host.do("reload", chromedp.Reload())
	host.says("Ada Lovelace")
	host.until("the view is the same", `document.querySelector("h1").textContent === "Tides"`)
	if made := p.State(); made.AccountByLogin("ada") == nil {
		t.Error("there is no account")
	}
	host.click("#signout")
	host.until("signed out", `document.getElementById("login")`)
	host.do("reload", chromedp.Reload())
	host.until("also after a reload", `document.getElementById("login") && !document.getElementById("who")`)

	host.until("not back where Ada was", `(location.hash = "", true)`)
	host.click("#oidc")
	host.says("Grace Hopper")
	host.until("the address tells nothing", `location.pathname === "/host" && location.search === "" && !location.href.includes("code")`)
	host.do("the operator's", chromedp.Navigate(p.url+"/operator"))
	host.says("Grace Hopper")
	host.until("the mesh is there", `document.getElementById("nodes")`)
	host.click("#signout")

	for range 10 { // the eleventh in a row has to wait
		host.fill("#login", "ada")
		host.fill("#password", "wrong")
		host.click("#by-account button")
		host.until("answered", `document.querySelector("#by-account .problem").textContent !== "" && !document.querySelector("#by-account button").disabled`)
	}
	host.says("There were too many attempts to sign in. Try again in")
	host.pictures("too-many")
	host.click(".other-way summary")
	host.fill("#token", p.token)
	host.click("#by-token button")
	host.until("a token opens it still", `document.getElementById("nodes")`)
}
