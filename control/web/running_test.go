package web_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"stentor/control/client"
)

// TestOperatorSeesARunningMesh looks at a mesh that runs: its certificates, the tree of a track that a guest at an edge
// pulls from the voter, and an edge that is drained by its button and carries again.
func TestOperatorSeesARunningMesh(t *testing.T) {
	c := newCrowd(t)
	edge := c.edge("e1")
	browser := newBrowser(t)
	c.onAir(browser)
	guest, operator := browser.open("running-guest"), browser.open("running-operator")
	guest.do("open", chromedp.Navigate(edge.url+c.webinar.JoinPath))
	guest.fill("#name", "Ada Lovelace")
	guest.click("#join button")
	guest.until("the picture has come over the edge", `(await stentor.stats()).framesDecoded > 0 && stentor.node === location.origin`)

	operator.do("open", chromedp.Navigate(c.url+"/operator#token="+c.token))
	operator.until("both nodes answer", `["n1", "e1"].every((n) => document.querySelector("#nodes tr[data-node='" + n + "']")?.textContent.includes("v1.2.3"))`)
	operator.says("Nothing needs your attention.")
	for _, id := range []string{"mesh n1", "mesh e1", "authority "} {
		operator.until("the certificate of "+id, fmt.Sprintf(`document.querySelector("#certificates tr[data-certificate='%s']")`, id))
	}
	operator.until("which the mesh renews each day", `/(23|24) hours/.test(document.querySelector("#certificates tr[data-certificate='mesh e1']").textContent)`)
	operator.until("with its fingerprint", `/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/.test(document.querySelector("#certificates tr[data-certificate='mesh e1'] details > code").textContent)`)
	operator.until("the tree of a real track: the voter left, the edge right of it, with what the link does", `(() => {
		const [n1, e1] = ["n1", "e1"].map((n) => [...document.querySelectorAll(".tree .hop")].find((g) => g.textContent.startsWith(n)));
		const edge = document.querySelector(".tree .edge");
		return n1?.classList.contains("origin") && e1 && e1.getBoundingClientRect().left > n1.getBoundingClientRect().left + 100 && /ms · .*Mbit/.test(edge.textContent);
	})()`)
	operator.until("the webinar has its viewers, of whom the presenter is one", `/Tides and moons.*[12]$/.test(document.querySelector("#webinars-on-air tr").textContent)`)
	operator.pictures("mesh")
	operator.do("down", chromedp.Evaluate[chromedp.Void](`document.getElementById("certificates").scrollIntoView()`))
	operator.pictures("certificates")

	draining := `document.querySelector("#nodes tr[data-node='e1']").textContent.includes("draining")`
	operator.menu("#nodes", "e1", "drain")
	operator.click("dialog .primary")
	operator.until("it drains", draining)
	s, err := c.api.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range s.Nodes {
		if n.Draining != (n.Node == "e1") || n.Mesh == nil || n.Mesh.EndsSoon {
			t.Errorf("%s: draining %v, certificate %+v", n.Node, n.Draining, n.Mesh)
		}
	}
	operator.menu("#nodes", "e1", "undrain")
	operator.until("it carries again", "!"+draining)
}

// TestS12MediaGetsThroughToARunningNode has the preflight page make connections to a node by UDP and by TCP.
func TestS12MediaGetsThroughToARunningNode(t *testing.T) {
	n := startNode(t)
	host := newBrowser(t).open("preflight-node")
	host.do("open", chromedp.Navigate(n.url+"/host#token="+n.token))
	host.do("a small picture", chromedp.Evaluate[chromedp.Void](small))
	host.click("#preflight")
	host.click("#check")
	paths := `document.querySelector('[data-check="paths"]')`
	host.until("by UDP and by TCP", paths+`.dataset.state === "good" && /by UDP, the fast way \([\d,]+ ms to connect\). TCP works too/.test(`+paths+`.textContent)`)
	host.until("nothing is left running", `document.querySelectorAll('[data-state="running"]').length === 0`)
	host.do("a network without UDP", chromedp.Evaluate[chromedp.Void](`(() => {
		const own = RTCPeerConnection.prototype.setRemoteDescription;
		RTCPeerConnection.prototype.setRemoteDescription = function (d) { return own.call(this, { type: d.type, sdp: d.sdp.replace(/^a=candidate:.* udp .*\r\n/gim, "") }); };
	})()`))
	host.click("#check")
	host.until("TCP alone is a warning that says what to do", paths+`.dataset.state === "warn" && /Your network blocks UDP.*have UDP port \d+ opened/.test(`+paths+`.textContent)`)
	host.pictures("blocked")
}

// TestS53AnAccountPassesTheRegistrationsDoor has somebody enter who is on no list, but signed in.
func TestS53AnAccountPassesTheRegistrationsDoor(t *testing.T) {
	c := &crowd{realNode: startNode(t)}
	var err error
	c.webinar, err = c.api.CreateWebinar(t.Context(), client.CreateWebinar{Title: "Tides and moons", Registration: &client.SetRegistration{Window: "always"}})
	if err != nil {
		t.Fatal(err)
	}
	account, err := c.api.CreateAccount(t.Context(), client.CreateAccount{Login: "ada", Name: "Ada Lovelace", Role: "member", Password: goodPassword})
	if err != nil {
		t.Fatal(err)
	}
	guest := newBrowser(t).open("s53")
	guest.do("open", chromedp.Navigate(c.url+c.webinar.JoinPath))
	guest.says("Register")
	guest.until("accounts are nothing here", `!document.getElementById("sign-in")`)
	if c.webinar, err = c.api.SetRegistration(t.Context(), c.webinar.ID, client.SetRegistration{Window: "always", Accounts: true}); err != nil {
		t.Fatal(err)
	}
	guest.do("reload", chromedp.Reload())
	guest.says("Have an account here? Then you need no registration.")
	guest.pictures("door")
	guest.click("#sign-in")
	guest.fill("#login", "ada")
	guest.fill("#password", "wrong")
	guest.click("#by-account button")
	guest.says("That login or password is not right.")
	guest.pictures("signin")
	guest.fill("#password", goodPassword)
	guest.click("#by-account button")
	guest.says("Join as Ada Lovelace")
	guest.until("back at the webinar, with nothing in the address", `location.pathname.startsWith("/w/") && location.search === "" && location.hash === ""`)
	guest.pictures("signed-in")
	guest.click("button#by-account")
	guest.until("inside", `stentor.state !== "door" && stentor.state !== "gone" && document.querySelector("stentor-stage")`)
	people, err := c.api.Participants(t.Context(), c.webinar.ID)
	if err != nil || len(people.Items) != 1 || people.Items[0].Account != account.ID || people.Items[0].Registration != "" {
		t.Errorf("inside: %+v (%v)", people.Items, err)
	}
	guest.do("reload", chromedp.Reload())
	guest.until("inside after a reload", `window.stentor?.state !== "door" && document.querySelector("stentor-stage")`)
}

// TestS13AModeratorFindsTheHostsView makes a guest a moderator, who opens the host's view from the guest page.
func TestS13AModeratorFindsTheHostsView(t *testing.T) {
	c := newCrowd(t)
	guest := newBrowser(t).open("moderator")
	c.enter(guest, "Ada Lovelace")
	guest.until("inside", `document.querySelector("stentor-stage")`)
	guest.until("no way to the host's view", `!document.getElementById("to-host")`)
	role := "moderator"
	if _, err := c.api.EditParticipant(t.Context(), c.webinar.ID, guest.participant(), client.EditParticipant{Role: &role}); err != nil {
		t.Fatal(err)
	}
	guest.until("there is one", `document.getElementById("to-host")`)
	guest.pictures("link")
	guest.do("keep what is opened", chromedp.Evaluate[chromedp.Void](`(() => { const own = window.open; window.open = (...a) => (window.opened = own.apply(window, a)); })()`))
	guest.click("#to-host")
	host := func(what, expression string) {
		guest.until(what, `window.opened && ((document, location) => `+expression+`)(opened.document, opened.location)`)
	}
	host("the webinar is there", `document.querySelector("h1")?.textContent === "Tides and moons"`)
	host("with who is inside", `document.querySelector("#participants")?.textContent.includes("Ada Lovelace")`)
	host("nothing secret is in an address", `!location.href.includes("sts1") && [...document.querySelectorAll("a")].every((a) => !a.href.includes("sts1"))`)
	guest.until("the guest page keeps no second copy", `sessionStorage.getItem("stentor.token") === null`)
	host("a switch is his to turn", `(document.getElementById("guests-audio").click(), true)`)
	host("and is turned", `document.body.textContent.includes("Changed.")`)
	w, err := c.api.Webinar(t.Context(), c.webinar.ID)
	if err != nil || w.Guests.Audio {
		t.Errorf("guests may %+v (%v)", w.Guests, err)
	}
}

// TestWhoIsNotSignedInReadsWhy goes through what a provider's answer can come to.
func TestWhoIsNotSignedInReadsWhy(t *testing.T) {
	p := serveAccounts(t)
	guest := newBrowser(t).open("refused")
	guest.do("an answer that nobody asked for", chromedp.Navigate(p.url+"/api/v1/oidc/callback?state=nothing&code=x"))
	guest.says("This sign-in took too long, or was begun in another browser. Begin again.")
	guest.until("there is a way on", `document.querySelector("#oidc") && document.querySelector("#login")`)
	guest.until("the address has no secret", `location.pathname === "/signin" && location.search === "?problem=oidc_expired"`)
	guest.pictures("expired")
	for lang, says := range map[string]string{"de": "Diese Anmeldung hat zu lange gedauert", "es": "tardó demasiado", "fr": "a duré trop longtemps", "ru": "слишком много времени", "ar": "استغرق الدخول وقتًا طويلًا"} {
		guest.do(lang, chromedp.Navigate(p.url+"/signin?problem=oidc_expired&lang="+lang))
		guest.says(says)
	}
	guest.do("right to left", chromedp.Navigate(p.url+"/signin?problem=oidc_no_account&lang=ar&next=/w/tides"))
	guest.until("with the way to sign in", `document.querySelector("#oidc")?.href.endsWith("next=%2Fw%2Ftides")`)
	guest.pictures("arabic")
	guest.do("who begins again is signed in", chromedp.Navigate(p.url+"/signin?problem=oidc_failed&lang=en&next=/host"))
	guest.click("#oidc")
	guest.says("Grace Hopper")
	guest.until("where they wanted to be", `location.pathname === "/host"`)
}
