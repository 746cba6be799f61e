package web_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"stentor/control/client"
)

// others sends a small picture and a tone for each of some invites, beside who is on the stage.
const others = `(async (link, all) => {
	for (const [stream, secret] of all) {
		const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
		for (const track of (await navigator.mediaDevices.getUserMedia()).getTracks()) pc.addTransceiver(track, { direction: "sendonly" });
		await pc.setLocalDescription();
		const answer = await fetch("/whip/" + link + "/" + stream, { method: "POST", body: pc.localDescription.sdp, headers: { "Content-Type": "application/sdp", Authorization: "Bearer " + secret } });
		if (!answer.ok) throw new Error(await answer.text());
		await pc.setRemoteDescription({ type: "answer", sdp: await answer.text() });
		(window.sending ??= new Map()).set(stream, pc);
	}
})(%q, %s)`

// moving is that the pictures of so many others move, each in a tile with that name.
func moving(names ...string) string {
	list, _ := json.Marshal(names)
	return fmt.Sprintf(`(async () => {
		const tiles = [...document.querySelectorAll(".seats .seat")];
		if (tiles.map((e) => e.querySelector(".seat-name").textContent).sort().join() !== %s.sort().join()) return false;
		const frames = () => tiles.map((e) => e.querySelector("video").getVideoPlaybackQuality().totalVideoFrames);
		const before = frames();
		await new Promise((f) => setTimeout(f, 500));
		return frames().every((n, i) => n > before[i]);
	})()`, list)
}

// TestAGuestSeesAllOfTheStage has presenters come beside the one who is on air, and go again:
// a guest who was there before sees and hears each of them without a new session.
func TestAGuestSeesAllOfTheStage(t *testing.T) {
	c := gather(t)
	guest, presenter := c.guest, c.presenter
	guest.do("sessions are counted", chromedp.Evaluate[chromedp.Void](`window.posts = 0; { const was = fetch; window.fetch = (...a) => { if (String(a[0]).includes("/whep/") && a[1]?.method === "POST" && !String(a[0]).endsWith("/layer")) window.posts++; return was(...a); }; }`))
	guest.until("alone there are no tiles", `document.querySelector(".seats").hidden && document.getElementById("layout").hidden`)
	guest.picture("gallery-one-1440-light")

	second := newTab(c, "gallery-second", "Mary Somerville")
	second.do("a small picture", chromedp.Evaluate[chromedp.Void](small))
	second.click("stentor-publish .row .button")
	second.until("a preview", `document.querySelector(".preview").videoWidth > 0`)
	second.click("#on-air")
	second.until("somebody has the stage", `document.getElementById("beside") !== null`)
	second.click("#beside")
	second.until("it leaves", `(await stentor.stats()).outbound.framesEncoded > 0`)
	guest.until("the guest sees the second, with the name", moving("Mary Somerville"))
	guest.flows("and the first")
	guest.until("and hears both", `document.querySelectorAll("stentor-stage video").length === 2 && [...document.querySelectorAll("stentor-stage video")].every((v) => v.srcObject.getAudioTracks().some((t) => !t.muted))`)
	guest.until("the first has a name too", `document.querySelector(".frame .seat-name").textContent === "Grace Hopper"`)
	second.until("who sends sees the other one, and is not sent the own picture", `document.querySelectorAll(".seats .seat").length === 0 && (await stentor.stats()).framesDecoded > 0`)
	second.until("and hears him", `!document.querySelector("stentor-stage video").muted || document.querySelector(".unmute")`)
	guest.accessible("two on the stage")
	guest.pictures("gallery-two")

	guest.size(1440, 900, "light")
	guest.click(".seat-pick")
	guest.until("a click makes the second one large", `document.querySelector(".frame .seat-name").textContent === "Mary Somerville"`)
	guest.flows("whose picture goes on")
	guest.until("and the first is a tile", moving("Grace Hopper"))

	var three [][2]string
	for i, name := range []string{"Maria Mitchell", "Cecilia Payne", "Henrietta Leavitt"} {
		invite := must(c.api.Invite(t.Context(), c.webinar.ID, client.CreateInvite{Name: name, Role: "presenter"}))
		stream := fmt.Sprintf("cam%d", i)
		if i == 2 {
			stream = "screen-1"
		}
		_, secret, _ := strings.Cut(invite.LinkPath, "#")
		secret = secret[strings.LastIndex(secret, "=")+1:]
		three = append(three, [2]string{stream, secret})
	}
	list, _ := json.Marshal(three)
	second.do("three more", chromedp.Evaluate[chromedp.Void](fmt.Sprintf(others, c.webinar.Link, list), chromedp.EvalAwaitPromise))
	guest.until("all five are there", moving("Grace Hopper", "Maria Mitchell", "Cecilia Payne", "Henrietta Leavitt"))
	guest.pictures("gallery-five")
	guest.size(1440, 900, "light")
	guest.click("#layout")
	guest.until("all are as large", `new Set([...document.querySelectorAll(".frame, .seat")].map((e) => Math.round(e.clientWidth))).size === 1`)
	guest.accessible("all alike")
	guest.pictures("gallery-alike")
	guest.until("it all came without another session", `window.posts === 0`)

	c.host.click("#watch")
	c.host.fill("#host-name", "Marie Curie")
	c.host.click("dialog .primary")
	c.host.until("the host sees five", `document.querySelectorAll("stentor-stage .seat").length === 4`)
	c.host.picture("gallery-host-1440-light")

	for _, p := range must(c.api.Participants(t.Context(), c.webinar.ID)).Items {
		if p.Name == "Cecilia Payne" {
			must(c.api.Disconnect(t.Context(), c.webinar.ID, p.ID, client.Disconnect{}))
		}
	}
	guest.until("who is put out has no tile", `document.querySelectorAll(".seat").length === 3 && ![...document.querySelectorAll(".seat-name")].some((e) => e.textContent === "Cecilia Payne")`)
	presenter.click("#off-air")
	guest.until("main goes, and the others stay", moving("Maria Mitchell", "Henrietta Leavitt"))
	guest.flows("the large picture goes on")

	guest.size(1440, 900, "light")
	guest.do("from right to left", chromedp.Navigate(c.url+c.webinar.JoinPath+"?lang=ar"))
	guest.until("inside, with a tile on the right", `(() => {
		const tile = document.querySelector(".seats .seat-name")?.getBoundingClientRect();
		return document.dir === "rtl" && tile && document.querySelector("#talk-text") && document.querySelector(".talk-place").getBoundingClientRect().right < tile.left;
	})()`)
	guest.size(390, 844, "light")
	guest.until("a name is cut at its own end, and the button for the sound is beside it", `(() => {
		const [name, sound] = [".frame .seat-name", ".unmute"].map((s) => document.querySelector(s)?.getBoundingClientRect());
		return sound && name.top >= sound.bottom && getComputedStyle(document.querySelector(".seat .seat-name bdi")).direction === "ltr";
	})()`)
	guest.pictures("gallery-arabic")
}

// newTab is a presenter's page, inside.
func newTab(c *crowd, file, name string) *tab {
	invite := must(c.api.Invite(c.t.Context(), c.webinar.ID, client.CreateInvite{Name: name, Role: "presenter"}))
	tab := c.browser.open(file)
	tab.do("open", chromedp.Navigate(c.url+invite.LinkPath))
	tab.click("#join button")
	tab.until("inside", `document.querySelector("stentor-publish") !== null`)
	return tab
}
