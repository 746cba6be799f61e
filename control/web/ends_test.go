package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"stentor/control/client"
)

// noWebRTC is a browser that has none, or has it switched off.
const noWebRTC = `delete window.RTCPeerConnection`

// onlyCodec has the page know one codec for pictures.
func onlyCodec(mime string) string {
	return fmt.Sprintf(`(() => {
		const own = RTCPeerConnection.prototype.addTransceiver, choose = RTCRtpTransceiver.prototype.setCodecPreferences;
		RTCRtpTransceiver.prototype.setCodecPreferences = () => {};
		RTCPeerConnection.prototype.addTransceiver = function (what, ...more) {
			const way = own.call(this, what, ...more);
			if ((what.kind ?? what) === "video") choose.call(way, RTCRtpReceiver.getCapabilities("video").codecs.filter((c) => c.mimeType === %q));
			return way;
		};
	})()`, mime)
}

// TestABrowserThatCannotPlay has two guests whose browsers cannot play what is on the stage: one knows no WebRTC, the
// other none of the codecs. Each reads so, and what to do.
func TestABrowserThatCannotPlay(t *testing.T) {
	c := newCrowd(t)
	browser := newBrowser(t)
	toOther := fmt.Sprintf(`document.getElementById("other-browser").value === %q`, c.url+c.webinar.JoinPath)

	old := browser.open("no-webrtc")
	old.first(noWebRTC)
	old.do("open", chromedp.Navigate(c.url+c.webinar.JoinPath))
	old.says("This browser cannot play live video")
	old.until("it is not asked for a name in vain", `!document.getElementById("join") && document.activeElement.id === "gone"`)
	old.until("the link is there for another browser", toOther)
	old.pictures("sentence")
	old.click("#again")
	old.says("This browser cannot play live video")
	old.click(`main a[href="/"]`)
	old.says("Join a webinar")
	old.do("by a personal link", chromedp.Navigate(c.url+c.webinar.JoinPath+"#"+registrantToken))
	old.says("This browser cannot play live video")
	old.until("which is not shown", `!document.getElementById("other-browser") && !document.documentElement.outerHTML.includes("str_")`)

	invite := must(c.api.Invite(t.Context(), c.webinar.ID, client.CreateInvite{Name: "Grace Hopper", Role: "presenter"}))
	c.presenter = browser.open("vp8-presenter")
	c.presenter.first(onlyCodec("video/VP8"))
	c.send(invite.LinkPath)
	guest := browser.open("no-codec")
	guest.first(onlyCodec("video/H264"))
	c.enter(guest, "Ada Lovelace")
	guest.says("Your browser cannot play this video's format.")
	guest.until("the link is there for another browser", toOther)
	guest.until("nothing is left open", `!document.querySelector("video") && stentor.state === "gone"`)
	guest.pictures("sentence")
	guest.click("#again")
	guest.until("the door is there again", `document.getElementById("join")?.hidden === false`)
}

// TestEverySentenceHasAWayOn goes through what a guest can be refused with, at a real node: each is a sentence, and there is
// a button or a link under it that leads on.
func TestEverySentenceHasAWayOn(t *testing.T) {
	n := startNode(t)
	browser := newBrowser(t)
	var guest *tab // another one each time, who has nothing of the others
	plan := func(in client.CreateWebinar) *crowd {
		in.Title = "Tides and moons"
		return &crowd{realNode: n, webinar: must(n.api.CreateWebinar(t.Context(), in))}
	}
	inside := `document.querySelector("stentor-stage") && stentor.state === "waiting"`
	home := func() {
		guest.click(`main a[href="/"]`)
		guest.says("Join a webinar")
	}
	for _, test := range []struct {
		name string
		do   func(t *testing.T)
	}{
		{"S33 a wrong PIN can be mended in its field", func(*testing.T) {
			c := plan(client.CreateWebinar{GeneratePIN: true})
			guest.do("open", chromedp.Navigate(c.url+c.webinar.JoinPath))
			guest.fill("#name", "Ada Lovelace")
			guest.fill("#pin", "11112222")
			guest.click("#join button")
			guest.says("That is not the PIN of this webinar.")
			guest.until("the field is marked and has the focus", `document.activeElement.id === "pin" && document.activeElement.hasAttribute("aria-invalid")`)
			guest.fill("#pin", c.webinar.PIN)
			guest.click("#join button")
			guest.until("inside", inside)
		}},
		{"S60 who finds no seat has one as soon as one is free", func(t *testing.T) {
			c := plan(client.CreateWebinar{GuestLimit: 1})
			first := must(n.api.Join(t.Context(), c.webinar.Link, client.Knock{Name: "Bob", Device: strings.Repeat("B", 43)}))
			c.enter(guest, "Ada Lovelace")
			guest.says("The webinar is full.")
			guest.accessible("full")
			must(n.api.Disconnect(t.Context(), c.webinar.ID, first.Participant, client.Disconnect{}))
			guest.until("inside, trying once a second", `(`+inside+`) || (performance.now() - (window.tried ?? -1e4) > 1000 && (window.tried = performance.now(), document.querySelector("#join button")?.click()), false)`)
		}},
		{"S64 who was removed is led to the start page", func(t *testing.T) {
			c := plan(client.CreateWebinar{})
			c.enter(guest, "Ada Lovelace")
			guest.until("inside", inside)
			must(n.api.Disconnect(t.Context(), c.webinar.ID, guest.participant(), client.Disconnect{Ban: true}))
			guest.says("The host has removed you from this webinar.")
			guest.until("no button for what will not work", `!document.getElementById("again")`)
			guest.accessible("removed")
			home()
		}},
		{"S63 who was disconnected comes again", func(t *testing.T) {
			c := plan(client.CreateWebinar{})
			c.enter(guest, "Ada Lovelace")
			guest.until("inside", inside)
			must(n.api.Disconnect(t.Context(), c.webinar.ID, guest.participant(), client.Disconnect{}))
			guest.says("The host has disconnected you.")
			guest.click("#again")
			guest.fill("#name", "Ada Lovelace")
			guest.click("#join button")
			guest.until("inside", inside)
		}},
		{"S49 a registration that is closed leads back to the webinar's page", func(t *testing.T) {
			c := plan(client.CreateWebinar{Registration: &client.SetRegistration{Window: "always"}})
			must(n.api.CloseRegistration(t.Context(), c.webinar.ID))
			guest.do("open", chromedp.Navigate(c.url+c.webinar.JoinPath))
			guest.click("#to-register")
			guest.says("Nobody can register under this link now")
			guest.accessible("closed")
			guest.click("main a.button")
			guest.says("Only those who have registered can enter this webinar.")
		}},
		{"before the beginning there are the time, a countdown and the form", func(*testing.T) {
			c := plan(client.CreateWebinar{Schedule: &client.SetSchedule{Start: time.Now().Add(49 * time.Hour), Duration: 3600, Zone: "Europe/Berlin"}})
			guest.do("open", chromedp.Navigate(c.url+c.webinar.JoinPath))
			guest.says("Not begun yet")
			guest.until("the time is said", `document.querySelector("time[data-local]").textContent.length > 10 && /2 days/.test(document.querySelector(".countdown").textContent)`)
			guest.fill("#name", "Ada Lovelace")
			guest.click("#join button")
			guest.says("The webinar has not begun yet.")
			guest.until("inside", inside)
		}},
		{"what has ended leads to the start page", func(t *testing.T) {
			c := plan(client.CreateWebinar{})
			c.enter(guest, "Ada Lovelace")
			guest.until("inside", inside)
			must(n.api.EndWebinar(t.Context(), c.webinar.ID))
			guest.says("This webinar has ended.")
			home()
			guest.do("open", chromedp.Navigate(c.url+c.webinar.JoinPath))
			guest.says("It may be over, or locked.") // who asks anew is told no more than by a wrong link
			home()
		}},
		{"S7 behind a link that was changed there is nothing, and the new one works", func(t *testing.T) {
			c := plan(client.CreateWebinar{})
			guest.do("open", chromedp.Navigate(c.url+c.webinar.JoinPath))
			guest.says("Your name")
			rotated := must(n.api.RotateLink(t.Context(), c.webinar.ID))
			guest.fill("#name", "Ada Lovelace")
			guest.click("#join button")
			guest.says("There is no webinar behind this link that you can enter now.")
			guest.do("reload", chromedp.Reload())
			guest.says("There is no webinar behind this link that you can enter now.")
			home()
			guest.fill("#link", c.url+rotated.JoinPath)
			guest.click("main button")
			guest.says("Your name")
		}},
	} {
		if !t.Run(test.name, func(t *testing.T) {
			guest = browser.open("refused")
			guest.t = t
			test.do(t)
		}) {
			t.FailNow()
		}
	}
}
