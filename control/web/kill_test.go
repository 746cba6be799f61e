package web_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"stentor/bench/rig"
	"stentor/control/client"
)

// TestAKilledEdge has a guest watch at a node that is killed: the picture goes on at another
// one, on the same seat (there is only one), and nobody is asked for the PIN. Before, the way to
// the first node breaks, and an ICE restart finds another.
func TestAKilledEdge(t *testing.T) {
	mesh, c := meshToBreak(t)
	if mesh == nil {
		return
	}
	defer mesh.Stop()
	var err error
	c.webinar, err = c.api.CreateWebinar(t.Context(), client.CreateWebinar{Title: "Tides and moons", GeneratePIN: true, GuestLimit: 1})
	if err != nil {
		t.Fatal(err)
	}
	invite, err := c.api.Invite(t.Context(), c.webinar.ID, client.CreateInvite{Name: "Grace Hopper", Role: "presenter"})
	if err != nil {
		t.Fatal(err)
	}
	browser := newBrowser(t)
	presenter, guest := browser.open("kill-presenter"), browser.open("kill-guest")
	presenter.do("open", chromedp.Navigate(c.url+invite.LinkPath))
	presenter.click("#join button")
	presenter.do("a small picture", chromedp.Evaluate[chromedp.Void](small))
	presenter.click("stentor-publish .row .button")
	presenter.until("a preview", `document.querySelector(".preview").videoWidth > 0`)
	presenter.click("#on-air")
	presenter.until("it leaves", `(await stentor.stats()).outbound.framesEncoded > 0`)

	const edge = 1
	guest.do("open", chromedp.Navigate(mesh.Nodes[edge].URL+c.webinar.JoinPath))
	guest.fill("#name", "Ada Lovelace")
	guest.fill("#pin", c.webinar.PIN)
	guest.click("#join button")
	guest.flows("the picture moves")
	who := guest.participant()

	guest.do("count restarts", chromedp.Evaluate[chromedp.Void](countPatches))
	breakPaths(t, mesh.Nodes[edge].IP)
	guest.until("ICE begins anew", `window.patched === 200`)
	guest.flows("the picture moves by a new way")

	mesh.Kill(edge)
	guest.until("it goes on at another node", `stentor.node !== location.origin && stentor.state === "watching"`)
	guest.flows("the picture moves there")
	guest.until("nobody asks for the PIN", `!document.querySelector("#pin")`)
	if now := guest.participant(); now != who {
		t.Errorf("the guest is somebody else: %q, was %q", now, who)
	}
	guest.do("raise the hand there", chromedp.Evaluate[chromedp.Void](strings.Replace(raiseHand(c.webinar.ID), `fetch("/`, `fetch(stentor.node + "/`, 1), chromedp.EvalAwaitPromise))
}

// countPatches notes how the last PATCH of the page was answered.
const countPatches = `(() => {
	const own = window.fetch;
	window.fetch = async (...a) => {
		const answer = await own(...a);
		if (a[1]?.method === "PATCH") window.patched = answer.status;
		return answer;
	};
})()`

// breakPaths drops what comes and goes by the UDP ports that are in use now, between
// them and the media port of a node: as if its clients had other addresses.
func breakPaths(t *testing.T, node string) {
	t.Helper()
	table, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		t.Fatal(err)
	}
	var ports []string
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if _, port, ok := strings.Cut(f[1], ":"); ok {
			if n, err := strconv.ParseUint(port, 16, 16); err == nil && n > 9000 {
				ports = append(ports, strconv.FormatUint(n, 10))
			}
		}
	}
	slices.Sort(ports)
	these := "{ " + strings.Join(slices.Compact(ports), ", ") + " }"
	nft := exec.Command("nft", "-f", "-")
	nft.Stdin = strings.NewReader("table inet paths {\nchain input {\ntype filter hook input priority 0;\n" +
		"ip daddr " + node + " udp dport 8443 udp sport " + these + " drop\nip saddr " + node + " udp sport 8443 udp dport " + these + " drop\n}\n}\n")
	if out, err := nft.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v\n%s", err, out)
	}
}

// participant is who the page's grant names.
func (tab *tab) participant() string {
	tab.t.Helper()
	s, err := chromedp.Run(tab.ctx, chromedp.Evaluate[string](
		`Object.keys(sessionStorage).filter((k) => k.startsWith("stentor.session.")).map((k) => JSON.parse(sessionStorage.getItem(k)).participant).join()`))
	if err != nil || s == "" {
		tab.t.Fatalf("%s: nobody is inside: %q, %v", tab.name, s, err)
	}
	return s
}

// program is the one under test: that of make, or a new one.
func program(t *testing.T) string {
	if path := os.Getenv("STENTOR_BINARY"); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "stentor")
	if out, err := exec.Command("go", "build", "-o", path, "stentor").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// meshToBreak runs the calling test once more in a network namespace of its own, and there starts a voter and two edges as
// processes, which the caller stops. It returns nil to the one outside, whose part that was.
func meshToBreak(t *testing.T) (*rig.Mesh, *crowd) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes and a browser")
	}
	binary := program(t)
	os.Setenv("STENTOR_BINARY", binary) // for the one inside
	inside, why, err := rig.InNamespace("-test.run", "^"+t.Name()+"$", "-test.v", "-test.timeout", "5m")
	switch {
	case err != nil:
		t.Fatal("the run in its namespace failed: ", err)
	case why != "":
		t.Skip("no network namespace: ", why)
	case !inside:
		return nil, nil
	}
	mesh, err := rig.StartMesh(t.Context(), binary, t.TempDir(), 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{realNode: &realNode{t: t, url: mesh.Nodes[0].URL, token: mesh.Token}}
	c.api = must(mesh.Client(0))
	return mesh, c
}
