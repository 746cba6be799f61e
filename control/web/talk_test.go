package web_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"stentor/control/client"
)

// markup would run where text became part of a page.
const markup = `<img src=x onerror="window.hit=1"><b>bold</b>`

// TestTheTalk has two guests and a host talk at a real node, each in a browser of their own.
func TestTheTalk(t *testing.T) {
	c := &crowd{realNode: startNode(t)}
	var err error
	if c.webinar, err = c.api.CreateWebinar(t.Context(), client.CreateWebinar{Title: "Tides and moons"}); err != nil {
		t.Fatal(err)
	}
	browser := newBrowser(t)
	host, guest, other := browser.open("talk-host"), browser.open("talk-guest"), browser.open("talk-other")
	c.enter(guest, "Ada Lovelace")
	c.enter(other, "Bob")
	host.do("open", chromedp.Navigate(c.url+"/host#token="+c.token))
	host.click(".row-link")
	host.click("#watch")
	host.fill("#host-name", "Marie Curie")
	host.click("dialog .primary")
	host.click("#live-tab-chat")
	tabs := []*tab{host, guest, other}
	run := func(name string, work func(t *testing.T)) {
		if !t.Run(name, func(t *testing.T) {
			for _, tab := range tabs {
				tab.t = t
			}
			work(t)
		}) {
			t.FailNow()
		}
	}
	run("before anybody has said anything", func(*testing.T) {
		guest.says("Nobody has written yet.")
		guest.seen("no chat")
		for _, what := range []string{"questions", "polls"} {
			guest.click("#talk-tab-" + what)
			guest.seen("no " + what)
		}
		guest.click("#talk-tab-chat")
	})
	run("S38 a line crosses, and markup stays text", func(t *testing.T) {
		guest.fill("#talk-text", markup)
		guest.click("#talk-send")
		for _, tab := range tabs {
			tab.until("the line is there", fmt.Sprintf(`document.querySelector(".talk-lines .talk-text")?.textContent === %q`, markup))
			tab.until("as text", `!window.hit && !document.querySelector(".talk-lines img, .talk-lines b")`)
		}
		guest.until("it is said once, and the field is empty", `document.querySelectorAll(".talk-drafts li").length === 0 && document.querySelectorAll(".talk-line").length === 1 && document.querySelector("#talk-text").value === ""`)
		host.fill("#talk-text", "Welcome, all!")
		host.click("#talk-send")
		for _, tab := range tabs {
			tab.until("a host's line says so", `[...document.querySelectorAll(".talk-line")].some((l) => l.textContent.includes("Welcome, all!") && l.querySelector(".chip"))`)
		}
		guest.until("a guest cannot delete", `document.querySelectorAll(".talk-lines .talk-small").length === 0`)
		guest.pictures("chat")
		host.pictures("chat")
		host.size(1440, 900, "light")
		guest.size(1440, 900, "light")
		host.click(".talk-lines li .talk-small")
		for _, tab := range tabs {
			tab.until("a host deletes it for everybody", `!document.body.innerText.includes("onerror")`)
		}
	})
	run("questions are approved and voted on", func(*testing.T) {
		guest.click("#talk-tab-questions")
		guest.fill("#talk-question", "Why do the tides come twice a day?")
		guest.click("#talk-ask")
		guest.says("Waits for approval")
		host.until("the host is told that there is something new", `document.querySelector("#live-tab-questions .talk-unread")?.textContent.includes("1")`)
		other.click("#talk-tab-questions")
		other.says("No questions yet.")
		host.click("#live-tab-questions")
		host.click(".talk-acts .talk-small") // approve
		other.says("Why do the tides come twice a day?")
		other.click(".talk-vote")
		for _, tab := range tabs {
			tab.until("one vote", `document.querySelector(".talk-vote")?.textContent.includes("1")`)
		}
		other.until("nobody votes twice", `document.querySelector(".talk-vote").disabled`)
		host.do("answer", chromedp.Evaluate[chromedp.Void](`document.querySelector(".talk-reply").open = true`))
		host.fill(".talk-reply textarea", "There are two bulges of water.")
		host.click(".talk-reply button")
		other.says("There are two bulges of water.")
		other.says("Answered")
		guest.pictures("questions")
		host.pictures("questions")
	})
	run("a poll is voted once", func(*testing.T) {
		for _, tab := range tabs {
			tab.size(1440, 900, "light")
		}
		host.click("#live-tab-polls")
		host.click("#talk-make")
		host.fill("#talk-poll", "Tea or coffee?")
		host.fill(".talk-options input:nth-of-type(1)", "Tea")
		host.fill(".talk-options input:nth-of-type(2)", "Coffee")
		host.seen("a poll is made")
		host.click("#talk-poll-ask")
		guest.until("an unread poll", `document.querySelector("#talk-tab-polls .talk-unread") !== null`)
		guest.click("#talk-tab-polls")
		guest.click(".talk-ballot input[value='1']")
		guest.seen("ballot")
		guest.until("no results before the vote", `document.querySelector(".talk-results") === null`)
		guest.click(".talk-ballot button")
		guest.says("100 % (1)")
		guest.says("Your choice")
		guest.until("and no second vote", `document.querySelector(".talk-ballot") === null`)
		host.says("1 have voted")
		guest.pictures("poll")
		host.pictures("poll")
		guest.do("reload", chromedp.Reload())
		guest.until("after a reload as well", `document.querySelector("stentor-talk #talk-polls .talk-results") !== null && document.querySelector(".talk-ballot") === null`)
	})
	run("hands and reactions", func(*testing.T) {
		for _, tab := range tabs {
			tab.size(1440, 900, "light")
		}
		guest.click("#hand")
		guest.until("it is up", `document.querySelector("#hand").getAttribute("aria-pressed") === "true"`)
		host.click("#live-tab-chat")
		other.click(".talk-react")
		host.until("a reaction is seen", `document.querySelector(".talk-came")?.textContent.includes("👏")`)
		guest.seen("hand up")
	})
	run("S73 messages off for guests, live", func(*testing.T) {
		off := false
		if _, err := c.api.EditWebinar(t.Context(), c.webinar.ID, client.EditWebinar{Guests: &client.EditPermissions{Messages: &off}}); err != nil {
			t.Fatal(err)
		}
		guest.click("#talk-tab-chat")
		guest.says("Guests cannot send messages in this webinar now.")
		guest.until("no field, no reactions, but the hand", `!document.querySelector("#talk-text") && !document.querySelector(".talk-react") && document.querySelector("#hand")`)
		guest.seen("messages off")
		host.until("the host still writes", `document.querySelector("#talk-text") !== null`)
	})
}

// TestNoTextOfTheTalkIsMarkup puts hostile strings through chat, questions with their answers, and polls, at a real
// node, and looks at the pages of a guest and of a host.
func TestNoTextOfTheTalkIsMarkup(t *testing.T) {
	c := newCrowd(t)
	browser := newBrowser(t)
	host, guest := browser.open("markup-host"), browser.open("markup-guest")
	c.enter(guest, "Ada Lovelace")
	host.do("open", chromedp.Navigate(c.url+"/host#token="+c.token))
	host.click(".row-link")
	host.click("#watch")
	host.fill("#host-name", "Marie Curie")
	host.click("dialog .primary")
	host.click("#live-tab-chat")
	watch := `(window.violated ??= (addEventListener("securitypolicyviolation", (e) => window.violated.push(e.violatedDirective)), []), true)`
	for _, tab := range []*tab{host, guest} {
		tab.until("policies are watched", watch)
	}
	all := hostile()[:50] // one of each kind, each said once: a person writes six at once, and is too fast with a seventh
	says, asks := all[:8], all[12:17]
	write := func(tab *tab, field, button, text string) {
		tab.value(field, text)
		tab.click(button)
		tab.until("it went out", fmt.Sprintf(`document.querySelector(%q).value === "" && document.querySelectorAll(".talk-drafts li").length === 0`, field))
	}
	for i, s := range says {
		write([]*tab{host, guest}[i%2], "#talk-text", "#talk-send", s)
	}
	guest.click("#talk-tab-questions")
	for _, s := range asks[:2] {
		write(guest, "#talk-question", "#talk-ask", s)
	}
	host.click("#live-tab-questions")
	host.until("both are there", `document.querySelectorAll(".talk-question").length === 2`)
	host.do("answer", chromedp.Evaluate[chromedp.Void](`document.querySelector(".talk-reply").open = true`))
	host.value(".talk-reply textarea", asks[2])
	host.click(".talk-reply button")
	host.until("what is answered is not to be approved any more", `[...document.querySelectorAll(".talk-question")].some((q) => q.querySelector(".talk-answer") && ![...q.querySelectorAll(".talk-acts button")].some((b) => b.textContent === "Approve"))`)
	host.click("#live-tab-polls")
	host.click("#talk-make")
	host.value("#talk-poll", all[17])
	host.value(".talk-options input:nth-of-type(1)", all[18])
	host.value(".talk-options input:nth-of-type(2)", all[19])
	host.click("#talk-poll-ask")
	poll := all[17:20]
	guest.shows("chat, answers and polls at the guest", append(append(append([]string{}, says...), asks[0], asks[1], asks[2]), poll...))
	host.shows("and at the host", append(append(append([]string{}, says...), asks[:3]...), poll...))
	var file bytes.Buffer
	if err := c.api.ExportChat(t.Context(), c.webinar.ID, &file); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&file).ReadAll()
	if err != nil || len(lines) != 1+len(says)+2 {
		t.Errorf("%d lines were saved (%v)", len(lines), err)
	}
	host.click("#live-tab-chat")
	host.do("catch what is saved", chromedp.Evaluate[chromedp.Void](`(() => { const own = URL.createObjectURL; URL.createObjectURL = (b) => { b.text().then((s) => (window.saved = s)); return own.call(URL, b); }; })()`))
	host.click("#live-chat .save-chat button")
	host.until("the button saves it", `window.saved?.startsWith("\ufeff") || window.saved?.includes("kind,participant,name")`)
}
