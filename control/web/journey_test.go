package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// shareScreen stands in for the dialog in which a person chooses a screen.
const shareScreen = `navigator.mediaDevices.getDisplayMedia = async () => {
	const canvas = Object.assign(document.createElement("canvas"), { width: 1280, height: 720 });
	const paint = canvas.getContext("2d");
	setInterval(() => { paint.fillStyle = "hsl(" + performance.now() / 20 % 360 + " 60% 40%)"; paint.fillRect(0, 0, 1280, 720); }, 50);
	const sound = new AudioContext().createMediaStreamDestination();
	return new MediaStream([...canvas.captureStream(20).getTracks(), ...sound.stream.getTracks()]);
}`

// TestAudienceAndPresenter goes from the link to the picture and to the sentence
// at the end, with a guest, a presenter and a host at once.
func TestAudienceAndPresenter(t *testing.T) {
	b, url := serveBackend(t)
	browser := newBrowser(t)
	guest := browser.open("guest")

	guest.do("open", chromedp.Navigate(url+"/w/tides"))
	guest.says("Not begun yet")
	guest.pictures("door")

	guest.fill("#name", "Ada Lovelace") // S33
	guest.fill("#pin", "11112222")
	guest.click("#join button")
	guest.says("That is not the PIN of this webinar.")
	guest.until("the PIN field has the focus", `document.activeElement.id === "pin"`)
	guest.pictures("wrong-pin")

	guest.fill("#pin", rightPIN)
	guest.click("#join button")
	guest.says("The webinar has not begun yet.")
	guest.until("diagnostics", `window.stentor.state === "waiting" && Object.isFrozen(window.stentor)`)
	guest.pictures("waiting")

	presenter := browser.open("presenter")
	presenter.do("open", chromedp.Navigate(url+"/w/tides#invite="+inviteToken))
	presenter.says("You are invited.")
	presenter.until("the invite is out of the address", `location.hash === ""`)
	presenter.until("S34 nobody asks the invited for a PIN", `document.getElementById("pin-field").hidden`)
	presenter.pictures("invited")
	presenter.until("nor for a name that the host has given", `document.getElementById("name-field").hidden`)
	presenter.click("#join button")
	presenter.says("You are here as Grace Hopper")
	presenter.says("Send to the stage")
	presenter.click("stentor-publish .row .button")
	presenter.until("a preview", `document.querySelector(".preview").videoWidth > 0`)
	presenter.pictures("preview")
	presenter.until("the way on air is on the screen", `(scrollTo(0, 0), document.getElementById("on-air").getBoundingClientRect().bottom <= innerHeight)`)
	presenter.picture("panel")
	presenter.click("#on-air")
	presenter.until("S1 4K leaves", `(await stentor.stats()).outbound.frameWidth === 3840`)
	presenter.says("Sending 3840 × 2160")

	// Retry-After says 30 seconds: the event brings the picture at once.
	guest.until("S1 4K arrives", `(await stentor.stats()).frameWidth === 3840`)
	first := guest.number(`(await stentor.stats()).framesDecoded`)
	guest.until("frames go on", `(await stentor.stats()).framesDecoded > `+fmt.Sprint(first+5))
	guest.says("3840 × 2160")
	guest.until("it is on the screen", `document.querySelector("stentor-stage video").videoWidth === 3840`)
	guest.pictures("watching")
	guest.size(844, 390, "dark") // a phone on its side
	guest.until("the whole picture is seen", `(() => {
		const stage = document.querySelector("stentor-stage video").getBoundingClientRect();
		return stage.top >= 0 && stage.bottom <= innerHeight && stage.height > innerHeight * .8;
	})()`)
	guest.seen("watching-844-dark")
	presenter.pictures("on-air")

	guest.until("a click let the sound through", `!document.querySelector("stentor-stage video").muted`)
	presenter.until("who sends does not hear the own voice", `document.querySelector("stentor-stage video").muted`)

	presenter.do("show a screen with sound", chromedp.Evaluate[chromedp.Void](shareScreen))
	presenter.click("stentor-publish .row .button:nth-child(2)")
	presenter.until("the screen leaves", `(await stentor.stats()).outbound.frameWidth === 1280`)
	presenter.until("the microphone is kept", `document.getElementById("publish-silent").textContent === ""`)
	presenter.picture("on-air-screen")
	heard := guest.number(`(await stentor.stats()).audioPacketsReceived`)
	guest.until("the presenter is still heard", `(await stentor.stats()).audioPacketsReceived > `+fmt.Sprint(heard+50))
	presenter.click("stentor-publish .row .button")
	presenter.until("the camera is back", `(await stentor.stats()).outbound.frameWidth === 3840`)

	// A reload goes on without asking for the PIN; without a click it is silent.
	b.change(func() { b.deaf = true })
	guest.do("reload", chromedp.Reload())
	guest.until("the picture is back", `window.stentor?.state === "watching" && (await stentor.stats()).framesDecoded > 0`)
	guest.until("nothing covers it, though no events come", `!document.querySelector(".veil") && document.getElementById("phase").textContent === "Live"`)
	b.change(func() { b.deaf = false })
	guest.do("the events come back", chromedp.Evaluate[chromedp.Void](`dispatchEvent(new Event("online"))`))
	guest.pictures("silent")
	guest.click(".unmute")
	guest.until("the sound is on", `!document.querySelector("stentor-stage video").muted && !document.querySelector(".unmute")`)

	host := browser.open("console")
	host.do("open", chromedp.Navigate(url+"/host#token="+apiToken))
	host.click(".row-link")
	host.says("Ada Lovelace")
	host.says("Grace Hopper")
	host.pictures("webinar")
	host.do("keep a button", chromedp.Evaluate[chromedp.Void](`window.kept = document.querySelector("#participants .menu-button"); kept.focus()`))
	polled := b.asked("/api/v1/webinars/w_tides")
	host.until("the webinar was looked at again", fmt.Sprintf(`performance.getEntriesByName(location.origin + "/api/v1/webinars/w_tides").length > %d`, polled))
	host.until("what has the focus keeps it", `document.activeElement === window.kept`)
	if n := b.asked("/api/v1/webinars/w_tides/invites"); n != 1 {
		t.Errorf("the invites were asked for %d times", n)
	}
	host.menu("#participants", "Ada Lovelace", "disconnect") // S63
	host.says("Do not allow to rejoin")
	host.click(`dialog input[name="ban"]`) // S64
	host.says("a new browser is a new person")
	host.pictures("remove")
	host.click(`dialog .danger`)
	host.says("Weak ban")
	host.pictures("strength")
	guest.says("The host has removed you from this webinar.")
	guest.until("the picture is torn down", `document.querySelector("video") === null && window.stentor.state === "gone"`)
	guest.pictures("removed")

	guest.do("reload", chromedp.Reload())
	guest.fill("#name", "Ada again")
	guest.fill("#pin", rightPIN)
	guest.click("#join button")
	guest.says("The host has removed you from this webinar.")

	host.click("dialog .primary")
	host.says("Not allowed to rejoin")
	host.click(`[aria-label="Allow again: Ada Lovelace"]`)
	host.click("dialog .primary")
	host.says("Ada Lovelace may join again.")
	guest.click("#join button") // the same form, still filled
	guest.until("the picture is back", `window.stentor.state === "watching"`)

	presenter.click("#off-air")
	guest.says("Nobody is on the stage now.")
	guest.pictures("paused")

	b.mu.Lock()
	defer b.mu.Unlock()
	for _, asked := range b.urls {
		for _, secret := range []string{rightPIN, inviteToken, apiToken, "sts1."} {
			if strings.Contains(asked, secret) {
				t.Errorf("a secret stands in an address: %s", asked)
			}
		}
	}
}

// TestLobby goes from the lobby to the stage, with and without events, and from the
// lobby out of the door.
func TestLobby(t *testing.T) {
	b, url := serveBackend(t)
	b.lobby = true
	browser := newBrowser(t)
	enter := func(name string) *tab {
		guest := browser.open(name)
		guest.do("open", chromedp.Navigate(url+"/w/tides"))
		guest.fill("#name", "Ada Lovelace")
		guest.fill("#pin", rightPIN)
		guest.click("#join button")
		guest.says("You are in the lobby. The host will let you in.")
		guest.until("the state is told", `window.stentor.state === "lobby" && document.getElementById("phase").textContent === "Lobby"`)
		return guest
	}

	guest := enter("lobby")
	guest.pictures("waits")
	if n := b.asked("/whep/tides"); n != 0 {
		t.Errorf("who waits asked for the picture %d times", n)
	}
	b.edit("role", "presenter")
	guest.says("Presenter")
	guest.until("nobody sends from the lobby", `!document.querySelector("stentor-publish")`)
	guest.do("reload", chromedp.Reload())
	guest.says("You are in the lobby.")

	b.edit("waiting", false)
	guest.says("The webinar has not begun yet.")
	guest.says("Send to the stage")
	guest.pictures("admitted")
	b.edit("role", "attendee")
	guest.until("who may not send any more has no panel", `!document.querySelector("stentor-publish") && document.body.innerText.includes("Attendee")`)
	guest.until("the stay goes on", `window.stentor.state === "waiting"`)

	b.edit("waiting", true) // which no event says
	guest.do("ask for the picture", chromedp.Evaluate[chromedp.Void](`dispatchEvent(new Event("online"))`))
	guest.until("back in the lobby", `window.stentor.state === "lobby"`)

	b.change(func() {
		b.webinars[0]["has_pin"], b.webinars[0]["open_door"], b.webinars[0]["registration"] = false, false, map[string]any{}
	})
	host := browser.open("lobby-host")
	host.do("open", chromedp.Navigate(url+"/host#token="+apiToken))
	host.click(".row-link")
	host.until("who waits stands in the lobby", `document.querySelectorAll("#lobby li").length > 0 && document.getElementById("participants").children.length === 0`)
	host.until("the door is not open, and takes no PIN beside a registration", `!document.querySelector(".warning") && !document.getElementById("pin-set")`)
	host.pictures("webinar")

	b.edit("waiting", false)
	guest.until("inside again", `window.stentor.state === "waiting"`)

	b.change(func() { b.deaf = true })
	deaf := enter("lobby-without-events")
	b.edit("waiting", false)
	deaf.do("ask again", chromedp.Evaluate[chromedp.Void](`dispatchEvent(new Event("online"))`))
	deaf.says("The webinar has not begun yet.")
	b.change(func() { b.deaf = false })

	b.change(func() { b.spent = true })
	out := enter("lobby-refused")
	out.says("no PIN is checked for a while")
	out.seen("unchecked")
	b.change(func() { b.remove(b.people[len(b.people)-1]["id"].(string), "disconnected") })
	out.says("The host has disconnected you.")
}

// TestOneLinkIsOnePerson is who registered, on two devices.
func TestOneLinkIsOnePerson(t *testing.T) {
	b, url := serveBackend(t)
	b.pin = ""
	browser := newBrowser(t)
	knock := func(device *tab) {
		device.fill("#name", "Ada Lovelace")
		device.click("#join button")
	}
	question := `document.activeElement.id === "elsewhere" && document.getElementById("elsewhere").textContent === "You are inside on another device. Continue here?"`
	inside := `window.stentor.state === "waiting"`

	laptop := browser.open("laptop")
	laptop.do("open", chromedp.Navigate(url+"/w/tides#str_wrong"))
	knock(laptop)
	laptop.says("This personal link is not valid any more. Register again, or ask the host.")
	laptop.until("the link is forgotten", `document.getElementById("registered").hidden`)
	laptop.do("another link", chromedp.Navigate(url+"/w/tides#"+registrantToken))
	laptop.says("This is your personal link.")
	laptop.until("what was wrong with the other is forgotten", `document.getElementById("problem").textContent === ""`)
	laptop.until("the secret is out of the address", `location.hash === ""`)
	laptop.pictures("registered")
	knock(laptop)
	laptop.until("inside", inside)

	phone := browser.open("phone")
	phone.do("open", chromedp.Navigate(url+"/w/tides#"+registrantToken))
	knock(phone)
	phone.until("asks", question)
	phone.pictures("elsewhere")
	phone.click("#not-here")
	phone.until("the form is back", `document.getElementById("name").value === "Ada Lovelace"`)
	phone.click("#join button")
	phone.until("asks again", question)
	phone.click("#here")
	phone.until("inside", inside)
	laptop.says("You have joined again somewhere else, so this page has let go.")
	laptop.pictures("superseded")

	laptop.click("#again")
	laptop.until("the door", `document.getElementById("join") && window.stentor?.state === "door"`)
	knock(laptop)
	laptop.until("asks", question)
	laptop.click("#here")
	laptop.until("inside", inside)
	phone.says("You have joined again somewhere else, so this page has let go.")

	// A device that wakes while the other one is inside asks too, also after a reload.
	laptop.do("reload", chromedp.Reload())
	laptop.until("inside", inside)
	b.change(func() { b.remove(b.people[0]["id"].(string), "already_inside") })
	laptop.until("asks", question)
	laptop.click("#here")
	laptop.until("inside", inside)

	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.people) != 1 {
		t.Errorf("%d are inside", len(b.people))
	}
	for _, asked := range b.urls {
		if strings.Contains(asked, "str_") {
			t.Errorf("a secret stands in an address: %s", asked)
		}
	}
}

// TestAnOldPageSaysSo is S10: a page that was loaded before an upgrade.
func TestAnOldPageSaysSo(t *testing.T) {
	b, url := serveBackend(t)
	b.version = "v1.10.0"
	guest := newBrowser(t).open("old")
	guest.do("open", chromedp.Navigate(url+"/w/tides"))
	guest.says("A newer version is there: reload")
	guest.says("Server v1.10.0")
	guest.says("this page v1.2.3")
}

// TestHostPlans makes a webinar, its PIN and an invite.
func TestHostPlans(t *testing.T) {
	_, url := serveBackend(t)
	host := newBrowser(t).open("host")
	host.do("open", chromedp.Navigate(url+"/host"))
	host.says("API token")
	host.pictures("signin")
	host.fill("#token", "sta_wrong")
	host.click(`button[type="submit"]`)
	host.says("This API token is not")
	host.fill("#token", apiToken)
	host.click(`button[type="submit"]`)
	host.says("Tides and moons")
	host.pictures("webinars")

	host.click("#new")
	host.fill("#title", "A <b>bold</b> plan")
	host.click(`input[value="none"]`)
	host.says("everyone who gets hold of the link gets in") // S7
	host.click(`input[value="type"]`)
	host.fill("#pin", "1234")
	host.says("This PIN is weak") // S32
	host.pictures("new")
	host.click(`input[value="generate"]`) // S31
	host.click("#plan-save")
	host.says("“A <b>bold</b> plan” is ready.")
	host.until("the PIN is shown once", `document.getElementById("new-pin")?.value === "40718263"`)
	host.pictures("made")
	host.click("#made-open")
	host.until("the webinar is open", `document.querySelector("h1").textContent === "A <b>bold</b> plan"`)

	host.click("#invite")
	host.fill("#invite-name", "Grace")
	host.click("dialog .primary")
	host.until("the secret is shown once", `document.getElementById("invite-link")?.value.endsWith("#invite=`+inviteToken+`")`)
	host.pictures("invite")
	host.click("dialog .primary")
	host.until("the invite is listed", `document.querySelector("#invites li")?.textContent.includes("Grace")`)

	host.click("#end")
	host.says("This cannot be undone.")
	host.click("dialog .danger")
	host.until("it has ended", `document.querySelector(".head .chip").textContent === "Ended" && !document.getElementById("end")`)

	host.click("#signout")
	host.until("the token is forgotten", `document.getElementById("token") && sessionStorage.length === 0`)
}

// TestRightToLeft looks at the pages in Arabic, and at the home page.
func TestRightToLeft(t *testing.T) {
	_, url := serveBackend(t)
	guest := newBrowser(t).open("arabic")
	guest.do("open", chromedp.Navigate(url+"/w/tides?lang=ar"))
	guest.says("اسمك")
	guest.pictures("door")
	guest.do("home", chromedp.Navigate(url+"/?lang=en"))
	guest.fill("#link", url+"/w/tides#invite="+inviteToken)
	guest.pictures("home")
	guest.click(`main button`)
	guest.says("You are invited.")
	guest.do("lost", chromedp.Navigate(url+"/w/nowhere"))
	guest.says("There is no webinar behind this link that you can enter now.")
	guest.pictures("lost")
}
