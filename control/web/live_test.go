package web_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"stentor/control/client"
)

// menu opens the menu of somebody in a list and chooses from it.
func (tab *tab) menu(list, name, act string) {
	tab.t.Helper()
	tab.do("choose "+act, chromedp.Click(tab.openMenu(list, name, act)))
}

// openMenu opens the menu of somebody in a list, and returns what is chosen by it.
func (tab *tab) openMenu(list, name, act string) chromedp.CSS {
	tab.t.Helper()
	item := chromedp.CSS(fmt.Sprintf(`[role="menu"] [data-act=%q]`, act))
	for deadline := time.Now().Add(patience); ; {
		tab.click(fmt.Sprintf(`%s .menu-button[aria-label$=": %s"]`, list, name)) // "Actions: ...", in any language
		ctx, stop := context.WithTimeout(tab.ctx, menuStays)
		err := chromedp.Do(ctx, chromedp.WaitVisible(item))
		stop()
		if err == nil {
			return item
		}
		if time.Now().After(deadline) {
			tab.t.Fatalf("%s: the menu of %s has no %s: %v", tab.name, name, act, err)
		}
	}
}

// menuStays is how long a menu is looked at before it is opened again: what it belongs to may have been made anew when it
// was clicked, on a machine where a click takes its time.
const menuStays = patience / 4

// small has the page capture a small picture that moves, which costs little to send.
const small = `navigator.mediaDevices.getUserMedia = async () => {
	const canvas = Object.assign(document.createElement("canvas"), { width: 480, height: 270 });
	const paint = canvas.getContext("2d");
	setInterval(() => { paint.fillStyle = "hsl(" + performance.now() / 20 % 360 + " 60% 40%)"; paint.fillRect(0, 0, 480, 270); }, 66);
	const sound = new AudioContext();
	const tone = sound.createOscillator();
	const out = sound.createMediaStreamDestination();
	tone.connect(out);
	tone.start();
	return new MediaStream([...canvas.captureStream(15).getTracks(), ...out.stream.getTracks()]);
}`

// crowd is a webinar at a real node with a presenter on air, a guest who watches, and a host.
type crowd struct {
	*realNode
	browser                *browser
	webinar                client.Webinar
	host, presenter, guest *tab
}

// gather lets the presenter in and on air, then the guest and the host.
func gather(t *testing.T) *crowd {
	c := newCrowd(t)
	browser := newBrowser(t)
	c.browser = browser
	c.guest, c.host = browser.open("live-guest"), browser.open("live-host")
	c.onAir(browser)
	c.enter(c.guest, "Ada Lovelace")
	c.guest.until("the guest watches", `(await stentor.stats()).framesDecoded > 0`)
	c.host.do("open", chromedp.Navigate(c.url+"/host#token="+c.token))
	c.host.click(".row-link")
	c.host.until("both are listed", `document.querySelectorAll("#participants li").length === 2`)
	return c
}

// newCrowd is a webinar in which nobody is yet.
func newCrowd(t *testing.T) *crowd {
	c := &crowd{realNode: startNode(t)}
	var err error
	if c.webinar, err = c.api.CreateWebinar(t.Context(), client.CreateWebinar{Title: "Tides and moons"}); err != nil {
		t.Fatal(err)
	}
	return c
}

// onAir lets the presenter in, who sends a small picture from then on.
func (c *crowd) onAir(b *browser) {
	c.t.Helper()
	invite, err := c.api.Invite(c.t.Context(), c.webinar.ID, client.CreateInvite{Name: "Grace Hopper", Role: "presenter"})
	if err != nil {
		c.t.Fatal(err)
	}
	c.presenter = b.open("live-presenter")
	c.send(invite.LinkPath)
}

// send has the presenter's page come by a personal link and send a small picture.
func (c *crowd) send(link string) {
	c.t.Helper()
	c.presenter.do("open", chromedp.Navigate(c.url+link))
	c.presenter.click("#join button")
	c.presenter.until("the talk is there, which moves what stands below it", `document.querySelector("#talk-text")`)
	c.presenter.do("a small picture", chromedp.Evaluate[chromedp.Void](small))
	c.presenter.click("stentor-publish .row .button")
	c.presenter.until("a preview", `document.querySelector(".preview").videoWidth > 0`)
	c.presenter.click("#on-air")
	c.presenter.until("it leaves", `(await stentor.stats()).outbound.framesEncoded > 0`)
}

// enter goes through the guest's page into the webinar.
func (c *crowd) enter(tab *tab, name string) {
	c.t.Helper()
	tab.do("open", chromedp.Navigate(c.url+c.webinar.JoinPath))
	tab.fill("#name", name)
	tab.click("#join button")
}

// flows waits until more frames were decoded than now.
func (tab *tab) flows(what string) {
	tab.t.Helper()
	before := tab.number(`(await stentor.stats()).framesDecoded`)
	tab.until(what, fmt.Sprintf(`(await stentor.stats()).framesDecoded > %v`, before+3))
}

// stands waits until no more frames come for a second of the browser's own time.
func (tab *tab) stands(what string) {
	tab.t.Helper()
	tab.until(what, `(async () => {
		const before = (await stentor.stats()).framesDecoded;
		await new Promise((f) => setTimeout(f, 1000));
		return (await stentor.stats()).framesDecoded === before;
	})()`)
}

// TestLiveModeration has a host click and looks at what becomes of the pages of a presenter and
// of a guest, at a real node with real media.
func TestLiveModeration(t *testing.T) {
	c := gather(t)
	host, guest, presenter := c.host, c.guest, c.presenter
	row := func(t *testing.T, name string) { // the part of the test that the report names
		t.Helper()
		for _, tab := range []*tab{host, guest, presenter} {
			tab.t = t
		}
		t.Log(name)
	}
	run := func(name string, work func(t *testing.T)) {
		if !t.Run(name, func(t *testing.T) { row(t, name); work(t) }) {
			t.FailNow()
		}
	}
	run("S21 the host enters and sees the stage", func(*testing.T) {
		host.click("#watch")
		host.fill("#host-name", "Marie Curie")
		host.seen("under which name")
		host.click("dialog .primary")
		host.until("the picture is there", `document.querySelector("stentor-stage video")?.videoWidth > 0`)
		host.until("the host is one of the people", `document.querySelector("#participants").textContent.includes("you")`)
		host.until("who is on air has a tile", `document.querySelector("#tiles").textContent.includes("Grace Hopper")`)
		host.pictures("live")
	})
	run("S71 video is received no more, and again", func(*testing.T) {
		stop := host.openMenu("#tiles", "Grace Hopper", "stop_video")
		host.until("the menu of a tile at the edge is not outside of the stage", `document.querySelector("[role=menu]").getBoundingClientRect().left >= document.querySelector("#tiles").getBoundingClientRect().left`)
		host.seen("menu of a tile")
		host.do("choose", chromedp.Click(stop))
		host.until("the row says so", `document.querySelector("#participants").textContent.includes("video stopped")`)
		guest.stands("the guest's picture stops")
		host.menu("#participants", "Grace Hopper", "stop_video")
		guest.flows("the guest's picture goes on")
	})
	run("S70 audio is received no more, and again", func(*testing.T) {
		host.menu("#participants", "Grace Hopper", "stop_audio")
		guest.until("nothing more is heard", `(async () => {
			const before = (await stentor.stats()).audioPacketsReceived;
			await new Promise((f) => setTimeout(f, 1000));
			return (await stentor.stats()).audioPacketsReceived === before;
		})()`)
		host.pictures("stopped")
		host.menu("#tiles", "Grace Hopper", "stop_audio")
		heard := guest.number(`(await stentor.stats()).audioPacketsReceived`)
		guest.until("sound comes again", fmt.Sprintf(`(await stentor.stats()).audioPacketsReceived > %v`, heard+10))
	})
	run("S72 what is stopped is allowed again by anybody who runs the webinar", func(t *testing.T) {
		host.until("nothing is stopped", `!document.querySelector("#participants .chip.stopped")`)
		people, err := c.api.Participants(t.Context(), c.webinar.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range people.Items {
			if p.StopAudio || p.StopVideo {
				t.Errorf("%s is stopped", p.Name)
			}
		}
	})
	run("a raised hand stands first, and is brought to the stage", func(t *testing.T) {
		guest.do("raise", chromedp.Evaluate[chromedp.Void](raiseHand(c.webinar.ID)))
		host.until("the hand is first", `document.querySelector("#participants li").textContent.includes("Ada Lovelace") && document.querySelector("#participants li .hand")`)
		host.pictures("hand")
		host.menu("#participants", "Ada Lovelace", "stage")
		host.until("the hand is down", `!document.querySelector("#participants .hand")`)
		host.until("there is a tile", `document.querySelector("#tiles").textContent.includes("Ada Lovelace")`)
		host.menu("#tiles", "Ada Lovelace", "stage")
		host.until("and back", `!document.querySelector("#tiles").textContent.includes("Ada Lovelace")`)
	})
	run("S13 a moderator is made, and an attendee again", func(*testing.T) {
		host.menu("#participants", "Ada Lovelace", "role_moderator")
		guest.says("Moderator")
		host.until("the row says so", `[...document.querySelectorAll("#participants li")].some((li) => li.textContent.includes("Ada Lovelace") && li.textContent.includes("Moderator"))`)
		host.menu("#participants", "Ada Lovelace", "role_attendee") // which a menu that was opened before does not have
		guest.says("Attendee")
	})
	run("S36 S37 S38 S39 S40 S41 S43 what guests may is switched live", func(t *testing.T) {
		for _, what := range []string{"audio", "video", "messages", "files", "images"} {
			host.click("#guests-" + what)
		}
		host.says("Guests only listen")
		host.until("nothing is refused", `![...document.querySelectorAll(".toggle .problem")].some((p) => p.textContent)`)
		w, err := c.api.Webinar(t.Context(), c.webinar.ID)
		if err != nil || w.Guests != (client.Permissions{}) {
			t.Errorf("guests may %+v (%v)", w.Guests, err)
		}
		host.pictures("passive")
		host.click("#guests-audio")
		host.until("one is on again", `!document.body.innerText.includes("Guests only listen")`)
	})
	run("S73 messages of one and of all guests are off", func(t *testing.T) {
		host.menu("#participants", "Ada Lovelace", "stop_messages")
		host.says("messages off")
		w, err := c.api.Webinar(t.Context(), c.webinar.ID)
		if err != nil || w.Guests.Messages {
			t.Errorf("guests may %+v (%v)", w.Guests, err)
		}
	})
	run("S63 S66 S67 disconnected from the list, and invited again", func(*testing.T) {
		host.menu("#participants", "Ada Lovelace", "disconnect")
		host.click("dialog .danger")
		guest.says("The host has disconnected you.")
		guest.until("the picture is gone", `!document.querySelector("video")`)
		host.until("S66 in the list", `document.querySelector("#unconnected").textContent.includes("Ada Lovelace")`)
		host.pictures("unconnected")
		host.menu("#unconnected", "Ada Lovelace", "reinvite") // S68
		host.until("S67 not any more", `document.querySelectorAll("#unconnected li").length === 0`)
		guest.click("#again")
		guest.fill("#name", "Ada Lovelace")
		guest.click("#join button")
		guest.until("back", `(await window.stentor?.stats())?.framesDecoded > 0`)
	})
	run("S64 S68 S69 not allowed to rejoin, until invited again", func(*testing.T) {
		host.menu("#participants", "Ada Lovelace", "ban")
		host.says("Weak ban")
		host.pictures("ban")
		host.click("dialog .danger")
		host.says("Let guests wait in the lobby")
		guest.says("The host has removed you from this webinar.")
		guest.until("the picture is gone", `!document.querySelector("video")`)
		guest.picture("banned")
		host.click("dialog .row.end .primary")
		c.enter(guest, "Somebody else")
		guest.says("The host has removed you from this webinar.")
		host.until("S66 the list says so", `document.querySelector("#unconnected").textContent.includes("may not rejoin")`)
		host.click(`#unconnected button[aria-label="Invite again: Ada Lovelace"]`)
		host.click("dialog .primary")
		host.until("S69 the ban is lifted", `document.querySelectorAll("#unconnected li, #bans li").length === 0`)
		guest.click("#join button")
		guest.until("back", `(await window.stentor?.stats())?.framesDecoded > 0`)
	})
	run("S62 disconnected from the tile, and the stage is empty", func(*testing.T) {
		host.menu("#tiles", "Grace Hopper", "disconnect")
		host.click("dialog .danger")
		presenter.says("The host has disconnected you.")
		presenter.until("nothing is sent", `(await stentor.stats()).outbound === null || (await stentor.stats()).outbound.framesEncoded === 0`)
		guest.says("Nobody is on the stage now.")
		host.until("no tile", `document.querySelectorAll("#tiles li").length === 0`)
	})
	run("S7 the link is another one, and nobody has to go", func(t *testing.T) {
		host.click("#rotate")
		host.seen("rotate")
		host.click("dialog .danger")
		host.until("the new link is shown", `document.getElementById("rotated-link")?.value.includes("/w/")`)
		host.seen("rotated")
		host.click("dialog .primary")
		w, err := c.api.Webinar(t.Context(), c.webinar.ID)
		if err != nil || w.Link == c.webinar.Link {
			t.Errorf("the link is %s (%v)", w.Link, err)
		}
		host.until("the card has it", fmt.Sprintf(`document.getElementById("guest-link").value.endsWith(%q)`, w.JoinPath))
		guest.until("the guest stays", `window.stentor.state !== "gone"`)
	})
	run("the door is locked", func(t *testing.T) {
		host.click("#live-locked")
		host.until("locked", `document.getElementById("live-locked").checked`)
		host.says("Changed.")
		if w, err := c.api.Webinar(t.Context(), c.webinar.ID); err != nil || !w.Locked {
			t.Errorf("locked: %v (%v)", w.Locked, err)
		}
	})
	run("the end is for all", func(*testing.T) {
		host.click("#end")
		host.seen("end for all")
		host.click("dialog .danger")
		guest.says("This webinar has ended.")
		guest.seen("ended")
		host.until("it has ended", `document.querySelector(".head .chip").textContent === "Ended" && !document.getElementById("end")`)
		host.pictures("ended")
	})
}

// raiseHand raises the hand of whoever the page is, as its token says.
func raiseHand(id string) string {
	return fmt.Sprintf(`(async () => {
		const { token } = JSON.parse(Object.entries(sessionStorage).find(([k]) => k.startsWith("stentor.session."))[1]);
		const answer = await fetch("/api/v1/webinars/%s/hand", { method: "PUT", headers: { Authorization: "Bearer " + token, "Content-Type": "application/json" }, body: '{"raised":true}' });
		if (!answer.ok) throw new Error(await answer.text());
	})()`, id)
}
