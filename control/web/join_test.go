package web_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// marks notes when the page does what a join is made of, in milliseconds since the form was sent; what was done before
// is zero.
const marks = `(() => {
	const at = (window.joined = { zero: 0 });
	const note = (name) => (at[name] ??= at.zero && performance.now() - at.zero);
	addEventListener("submit", () => (at.zero = performance.now()), true);
	for (const name of ["createOffer", "setRemoteDescription"]) {
		const own = RTCPeerConnection.prototype[name];
		RTCPeerConnection.prototype[name] = function (...a) {
			this.addEventListener("connectionstatechange", () => this.connectionState === "connected" && note("connected"));
			return own.apply(this, a).finally(() => note(name));
		};
	}
	const own = window.fetch;
	window.fetch = (...a) => {
		const path = new URL(a[0], location.href).pathname;
		const what = path.endsWith("/join") ? "knock" : path.startsWith("/whep/") ? "ask" : "other";
		note(what);
		const answer = own(...a);
		answer.then(() => note(what + "ed"));
		return answer;
	};
})()`

// TestAClickOnJoinOnlySends has a guest come while somebody is on the stage: the offer, with its sections for all who may
// come to the stage, is there before the click, and is not made again.
func TestAClickOnJoinOnlySends(t *testing.T) {
	c := newCrowd(t)
	browser := newBrowser(t)
	c.onAir(browser)
	guest := browser.open("join")
	guest.first(marks)
	guest.do("open", chromedp.Navigate(c.url+c.webinar.JoinPath))
	guest.until("the offer is made while the page is idle", `"createOffer" in joined`)
	guest.fill("#name", "Ada Lovelace")
	guest.click("#join button")
	guest.until("the guest watches", `(await stentor.stats()).framesDecoded > 0`)
	guest.until("the click made none", `joined.createOffer === 0 && joined.ask > 0`)
	took, err := chromedp.Run(guest.ctx, chromedp.Evaluate[string](`JSON.stringify(joined, (k, v) => typeof v === "number" ? Math.round(v) : v)`))
	t.Log(took, err)
}
