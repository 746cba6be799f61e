package web_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"stentor/control/client"
)

// TestCaptions has a host and software write captions at a real node, and guests read them in the language
// of their choice.
func TestCaptions(t *testing.T) {
	c := &crowd{realNode: startNode(t)}
	var err error
	if c.webinar, err = c.api.CreateWebinar(t.Context(), client.CreateWebinar{Title: "Tides and moons"}); err != nil {
		t.Fatal(err)
	}
	browser := newBrowser(t)
	host, guest, presenter := browser.open("captions-host"), browser.open("captions-guest"), browser.open("captions-presenter")
	c.enter(guest, "Ada Lovelace")
	guest.until("the talk is there", `document.querySelector("#talk-text") !== null`)
	guest.until("no captions, and no field to write them", `document.querySelector(".captions-choice").hidden && !document.querySelector(".captioner")`)
	write := func(language, text, key string, draft bool) {
		t.Helper()
		if err := c.api.WriteCaption(t.Context(), c.webinar.ID, client.WriteCaption{Language: language, Text: text, Key: key, Draft: draft}); err != nil {
			t.Fatal(err)
		}
	}
	shows := func(what, text, language string) { // what is said leaves the picture after a while, and stays where it is read out
		t.Helper()
		guest.until(what, fmt.Sprintf(`[...document.querySelectorAll("#captions-read p")].some((p) => p.textContent === %q && p.lang === %q)`, text, language))
	}

	host.do("open", chromedp.Navigate(c.url+"/host?lang=de#token="+c.token))
	host.click(".row-link")
	host.click("#watch")
	host.fill("#host-name", "Marie Curie")
	host.click("dialog .primary")
	host.click("#live-tab-chat")
	host.fill("#talk-text", "Willkommen!")
	host.click("#talk-send")
	guest.fill("#talk-text", "Guten Tag")
	guest.click("#talk-send")
	for _, width := range []int64{390, 1440} {
		host.size(width, 844, "light")
		host.until("who wrote it, when, and the button that deletes it stand side by side", `(() => {
			const heads = [...document.querySelectorAll(".talk-lines .talk-head")].map((p) => [...p.children].map((e) => e.getBoundingClientRect()));
			return heads.length === 2 && heads.every(([who, when, button]) => button.height < 45 && button.top < when.bottom && button.left >= when.right && when.left >= who.right);
		})()`)
		host.picture(fmt.Sprint("chat-", width))
	}
	host.click(".captioner summary")
	host.do("in German", chromedp.Evaluate[chromedp.Void](`void (document.querySelector("#caption-language").value = "de")`))
	host.fill("#caption-text", "Guten ")
	guest.until("who wants captions can have them", `!document.querySelector(".captions-choice").hidden && document.querySelector("#captions").getAttribute("aria-label").endsWith("Off")`)
	guest.until("and has none before", `document.querySelector(".captions-lines").textContent === ""`)
	guest.click("#captions")
	guest.until("the languages are named", `[...document.querySelectorAll("[role=menuitemradio]")].map((b) => b.textContent).join() === "Off,German"`)
	guest.click("[data-act=de]")
	host.do("it grows", chromedp.SendKeys(chromedp.CSS("#caption-text"), "Tag."))
	guest.until("what is typed still is seen", `[...document.querySelectorAll(".captions-lines p")].some((p) => p.textContent === "Guten Tag." && p.lang === "de")`)
	guest.until("and not read out yet", `document.querySelector("#captions-read").textContent === ""`)
	guest.pictures("captions")
	host.pictures("captioner")
	guest.size(844, 390, "light")
	guest.until("on a phone on its side as well, above the controls", `(() => {
		const line = document.querySelector(".captions-lines span").getBoundingClientRect(), controls = document.querySelector(".controls").getBoundingClientRect();
		return line.top >= 0 && line.height > 0 && line.bottom <= controls.top && controls.bottom <= innerHeight;
	})()`)
	guest.picture("captions-landscape")
	guest.size(1440, 900, "light")
	host.do("it is said", chromedp.SendKeys(chromedp.CSS("#caption-text"), "\r"))
	guest.until("what is said is read out once", `document.querySelector("#captions-read").textContent === "Guten Tag." && document.querySelector(".captions-lines").getAttribute("aria-hidden") === "true"`)
	host.until("the field is empty", `document.querySelector("#caption-text").value === ""`)
	write("de", markup, "1", false)
	shows("markup stays text", markup, "de")
	guest.until("and does nothing", `!window.hit && !document.querySelector(".captions img, .captions b")`)
	write("qaa-x1", "Language without a name", "2", false)
	write("pt-br", "Bom dia.", "3", true)
	guest.until("another language is not shown", `!document.querySelector(".captions").textContent.includes("Bom dia")`)
	guest.until("it has come", `document.querySelector(".captions-choice").dataset.languages === "de pt-br qaa-x1"`)
	guest.click("#captions")
	guest.until("it is offered, and so is one that has no name", `[...document.querySelectorAll("[role=menuitemradio]")].map((b) => b.textContent).join() === "Off,German,Brazilian Portuguese,qaa-x1"`)
	guest.click("[data-act=pt-br]")
	guest.until("what is said in it", `document.querySelector(".captions-lines").textContent === "Bom dia."`)
	write("pt-br", "Bom dia a todos.", "3", false)
	shows("what was chosen is", "Bom dia a todos.", "pt-br")
	guest.do("reload", chromedp.Reload())
	guest.until("the choice is remembered", `document.querySelector("#captions")?.getAttribute("aria-label").endsWith("Brazilian Portuguese")`)
	write("pt-br", "Boa noite.", "4", false)
	shows("after a reload as well", "Boa noite.", "pt-br")
	guest.click("#captions")
	guest.click("[data-act=off]")
	guest.until("and off is off", `document.querySelector(".captions-lines").textContent === ""`)

	invite, err := c.api.Invite(t.Context(), c.webinar.ID, client.CreateInvite{Name: "Grace Hopper", Role: "presenter"})
	if err != nil {
		t.Fatal(err)
	}
	presenter.do("come in", chromedp.Navigate(c.url+invite.LinkPath))
	presenter.click("#join button")
	presenter.until("a presenter may write them", `document.querySelector(".captioner") !== null`)
	inside, err := c.api.Participants(t.Context(), c.webinar.ID)
	if err != nil {
		t.Fatal(err)
	}
	grace := inside.Items[slices.IndexFunc(inside.Items, func(p client.Participant) bool { return p.Name == "Grace Hopper" })]
	stop := true
	if _, err := c.api.EditParticipant(t.Context(), c.webinar.ID, grace.ID, client.EditParticipant{StopMessages: &stop}); err != nil {
		t.Fatal(err)
	}
	presenter.until("until a host stops their messages", `document.querySelector(".captioner") === null`)
}
