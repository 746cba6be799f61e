package web_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"stentor/control/client"
)

// keepConnections notes the connections that a page makes.
const keepConnections = `(() => {
	const Own = RTCPeerConnection;
	window.connections = [];
	window.RTCPeerConnection = class extends Own {
		constructor(...a) { super(...a); connections.push(this); }
	};
})()`

// watchPackets has the page of a viewer look at what it plays, ten times a second: the SSRCs of
// sound and picture, whether either stood still, and whether its tile was there all the time.
const watchPackets = `(() => {
	const seen = (window.seen = { ssrcs: new Set(), offers: 0, gap: { video: 0, audio: 0 }, gone: 0, lost: 0 });
	const offer = RTCPeerConnection.prototype.createOffer;
	RTCPeerConnection.prototype.createOffer = function (...a) { if (this.connectionState === "connected") seen.offers++; return offer.apply(this, a); };
	const last = {};
	setInterval(async () => {
		const pc = connections.at(-1);
		if (!pc || pc.connectionState !== "connected") return;
		if (!document.querySelector("stentor-stage video")?.srcObject || document.querySelector(".veil")) seen.gone++;
		(await pc.getStats()).forEach((s) => {
			if (s.type !== "inbound-rtp" || !s.packetsReceived) return;
			seen.ssrcs.add(s.kind + s.ssrc);
			const n = s.kind === "video" ? s.framesDecoded : s.packetsReceived;
			const was = last[s.kind];
			if (!was || n !== was.n) last[s.kind] = { n, at: performance.now() };
			if (was) seen.gap[s.kind] = Math.max(seen.gap[s.kind], performance.now() - was.at);
			if (s.kind === "video") seen.lost = s.packetsLost;
		});
	}, 50);
})()`

// TestAPublishersEdgeThatDies has a presenter send at one edge and a guest watch at another one.
// The presenter's edge drains, and then the next one is killed: the presenter's page goes on at
// another node with the same camera, and for the guest the same picture and sound go on.
func TestAPublishersEdgeThatDies(t *testing.T) {
	mesh, c := meshToBreak(t)
	if mesh == nil {
		return
	}
	defer mesh.Stop()
	c.webinar = must(c.api.CreateWebinar(t.Context(), client.CreateWebinar{Title: "Tides and moons", GeneratePIN: true}))
	invite := must(c.api.Invite(t.Context(), c.webinar.ID, client.CreateInvite{Name: "Grace Hopper", Role: "presenter"}))
	const edge = 1
	browser := newBrowser(t)
	presenter, guest := browser.open("moves-presenter"), browser.open("moves-guest")
	guest.first(keepConnections)
	presenter.do("open", chromedp.Navigate(mesh.Nodes[edge].URL+invite.LinkPath))
	presenter.click("#join button")
	presenter.do("a small picture", chromedp.Evaluate[chromedp.Void](small))
	presenter.click("stentor-publish .row .button")
	presenter.until("a preview", `document.querySelector(".preview").videoWidth > 0`)
	presenter.click("#on-air")
	presenter.until("it leaves", `(await stentor.stats()).outbound.framesEncoded > 0`)
	presenter.do("note what it says", chromedp.Evaluate[chromedp.Void](`(() => {
		window.said = new Set();
		new MutationObserver(() => said.add(document.getElementById("publish-status").textContent)).observe(document.getElementById("publish-status"), { childList: true, characterData: true, subtree: true });
		window.asked = 0; // for a camera
		navigator.mediaDevices.getUserMedia = navigator.mediaDevices.getDisplayMedia = async () => { asked++; throw new Error("not again"); };
	})()`))
	who := presenter.participant()

	guest.do("open", chromedp.Navigate(mesh.Nodes[0].URL+c.webinar.JoinPath))
	guest.fill("#name", "Ada Lovelace")
	guest.fill("#pin", c.webinar.PIN)
	guest.click("#join button")
	guest.flows("the picture moves")
	guest.until("the sound too", `(await stentor.stats()).audioPacketsReceived > 50`)
	guest.do("look at what comes", chromedp.Evaluate[chromedp.Void](watchPackets))
	guest.until("it is seen", `seen.ssrcs.size === 2`)

	sends := func(what string, node int) {
		t.Helper()
		presenter.until(what, fmt.Sprintf(`stentor.sends === %q && document.getElementById("publish-status").textContent.startsWith("Sending")`, mesh.Nodes[node].URL))
		guest.flows("the picture moves on: " + what)
		heard := guest.number(`(await stentor.stats()).audioPacketsReceived`)
		guest.until("the sound goes on: "+what, fmt.Sprintf(`(await stentor.stats()).audioPacketsReceived > %v`, heard+20))
		t.Logf("%s: %v ms without a picture, %v ms without sound", what, guest.number(`seen.gap.video`), guest.number(`seen.gap.audio`))
		guest.do("again", chromedp.Evaluate[chromedp.Void](`seen.gap = { video: 0, audio: 0 }`))
	}
	origin := func() int {
		for i, n := range mesh.Nodes {
			if presenter.number(fmt.Sprintf(`stentor.sends === %q ? 1 : 0`, n.URL)) == 1 {
				return i
			}
		}
		return -1
	}
	if now := origin(); now != edge {
		t.Fatalf("it sends to node %d", now)
	}
	mesh.Kill(edge)
	presenter.until("it sends elsewhere", fmt.Sprintf(`stentor.sends !== %q`, mesh.Nodes[edge].URL))
	sends("its edge was killed", origin())
	presenter.until("it was told meanwhile", `[...said].some((s) => s.startsWith("Going on by another way"))`)
	presenter.until("it goes on at another node itself", `stentor.node !== location.origin && stentor.state === "watching"`)

	next := origin()
	if err := c.api.Drain(t.Context(), mesh.Nodes[next].Name); err != nil {
		t.Fatal(err)
	}
	presenter.until("it sends elsewhere again", fmt.Sprintf(`stentor.sends !== %q`, mesh.Nodes[next].URL))
	sends("the node drains", origin())

	if now := presenter.participant(); now != who {
		t.Errorf("the presenter is somebody else: %q, was %q", now, who)
	}
	presenter.until("nobody was asked for the camera again, or for a PIN", `asked === 0 && !document.querySelector("#pin")`)
	guest.until("the guest's tracks are the same two, without another description", `seen.ssrcs.size === 2 && seen.offers === 0 && connections.filter((c) => c.connectionState === "connected").length === 1`)
	guest.until("the tile was there all the time", `seen.gone === 0`)
}
