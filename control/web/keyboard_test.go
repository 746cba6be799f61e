package web_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"stentor/control/api"
	"stentor/control/client"
	"stentor/control/webinar"
)

// press presses keys, one after the other, wherever the focus is.
func (tab *tab) press(keys ...string) {
	tab.t.Helper()
	for _, k := range keys {
		tab.do("press a key", chromedp.KeyEvent(k))
	}
}

// tabTo presses Tab until what has the focus is what the selector finds.
func (tab *tab) tabTo(selector string) {
	tab.t.Helper()
	tab.until("there is "+selector, fmt.Sprintf(`document.querySelector(%q)`, selector))
	for range 80 {
		if tab.number(fmt.Sprintf(`Number(document.activeElement.matches(%q))`, selector)) == 1 {
			tab.until("the focus is seen", `document.activeElement.matches(":focus-visible")`)
			return
		}
		tab.press(kb.Tab)
	}
	tab.picture("failed")
	tab.t.Fatalf("%s: Tab does not lead to %s", tab.name, selector)
}

// TestAHostByKeyboardAlone plans a webinar, and bans somebody from it, without a pointer.
func TestAHostByKeyboardAlone(t *testing.T) {
	p := servePlanned(t)
	host := newBrowser(t).open("keyboard")
	host.do("open", chromedp.Navigate(p.url+"/host"))
	host.tabTo("#token")
	host.press(p.token, kb.Enter)
	host.tabTo("#new")
	host.press(kb.Enter)
	host.tabTo("#title")
	host.press("Tides and moons")
	host.tabTo("#plan-tab-general")
	host.press(kb.ArrowRight)
	host.until("the arrow moves along the tabs", `document.activeElement.id === "plan-tab-registration" && !document.getElementById("plan-registration").hidden`)
	host.press(kb.ArrowLeft)
	host.tabTo("#plan-save")
	host.press(kb.Enter)
	host.tabTo("#made-open")
	host.press(kb.Enter)
	w := p.only()
	p.mu.Lock()
	p.inside = append(p.inside, api.Present{ID: "p_ada", Name: "Ada", Role: webinar.Attendee, Guest: true, Node: "n1", Since: time.Now(), Uses: []string{"watch"}})
	p.mu.Unlock()

	host.tabTo(`#participants button[aria-label="Actions: Ada"]`)
	host.press(kb.Enter)
	host.until("the first of the menu has the focus", `document.activeElement.dataset.act === "stage" && document.activeElement.closest("[role=menu]")`)
	host.press(kb.Escape)
	host.until("Escape closes it and the focus is back", `!document.querySelector("[role=menu]") && document.activeElement.getAttribute("aria-label") === "Actions: Ada"`)
	host.press(kb.ArrowDown, kb.ArrowDown)
	host.until("arrows go down", `document.activeElement.dataset.act === "stop_audio"`)
	host.press(kb.Enter)
	host.until("S70 audio is stopped", `document.querySelector("#participants").textContent.includes("audio stopped")`)
	host.until("the focus is where it was", `document.activeElement.getAttribute("aria-label") === "Actions: Ada"`)
	host.press(kb.Enter, kb.End)
	host.until("End is the last", `document.activeElement.dataset.act === "ban"`)
	host.press(kb.Enter)
	host.until("the question has the focus", `document.activeElement.closest("dialog")`)
	host.tabTo("dialog .danger")
	host.press(kb.Enter)
	host.until("how strong it is is said", `document.querySelector("dialog [role=status]")?.textContent.includes("Weak ban")`)
	host.tabTo("dialog .row.end .primary")
	host.press(kb.Enter)
	host.until("the focus stays on the page", `document.activeElement.id === "people-title"`)
	if bans := ask[client.Bans](p, "GET", "/webinars/"+w.ID+"/bans", ""); len(bans.Items) != 1 {
		t.Errorf("the bans are %+v", bans.Items)
	}
	host.tabTo(`#unconnected button[aria-label="Invite again: Ada"]`)
	host.press(kb.Enter)
	host.tabTo("dialog .primary")
	host.press(kb.Enter)
	host.until("S69 asked back", `document.querySelectorAll("#unconnected li").length === 0`)
	host.tabTo("#guests-video")
	host.press(" ")
	host.until("S37 switched", `!document.getElementById("guests-video").checked`)
	host.says("Changed.")
}

// TestAGuestByKeyboardAlone comes from a link to a raised hand, and out again, without a pointer.
func TestAGuestByKeyboardAlone(t *testing.T) {
	c := &crowd{realNode: startNode(t)}
	var err error
	if c.webinar, err = c.api.CreateWebinar(t.Context(), client.CreateWebinar{Title: "Tides and moons", GeneratePIN: true}); err != nil {
		t.Fatal(err)
	}
	guest := newBrowser(t).open("keyboard-guest")
	guest.do("open", chromedp.Navigate(c.url))
	guest.tabTo("#link")
	guest.press(c.url+c.webinar.JoinPath, kb.Enter)
	guest.tabTo("#name")
	guest.press("Ada Lovelace")
	guest.tabTo("#pin")
	guest.press("00000000", kb.Enter)
	guest.says("That is not the PIN of this webinar.")
	guest.until("what is wrong has the focus, and all of it is chosen", `document.activeElement.id === "pin" && document.activeElement.selectionEnd === 8 && document.activeElement.selectionStart === 0`)
	guest.press(c.webinar.PIN, kb.Enter)
	guest.until("the webinar's title has the focus", `document.activeElement.matches("h1") && document.querySelector("stentor-stage")`)

	guest.tabTo("#hand")
	guest.press(kb.Enter)
	guest.until("the hand is up, and keeps the focus", `document.activeElement.id === "hand" && document.activeElement.ariaPressed === "true"`)
	c.raised(guest, true)
	for down := false; !down; { // one change in so many seconds: who is quicker reads why
		guest.press(" ")
		guest.until("down, or why not", `document.activeElement.id === "hand" && (document.activeElement.ariaPressed === "false" || document.querySelector(".talk-bar .problem").textContent)`)
		guest.until("the answer's own sentence", `!document.querySelector(".talk-bar .problem").textContent.includes("That did not work")`)
		down = guest.number(`Number(document.activeElement.ariaPressed === "false")`) == 1
	}
	c.raised(guest, false)

	guest.press("m") // a key of the stage, wherever the focus is
	guest.until("the sound is off", `document.querySelector("stentor-stage video").muted`)
	guest.tabTo(`stentor-stage button[aria-label="Leave"]`)
	guest.press(kb.Enter)
	guest.until("the sentence at the end has the focus", `document.activeElement.id === "gone"`)
	guest.tabTo("#again")
}

// raised waits until the host would read that one person's hand is up, or that nobody's is.
func (c *crowd) raised(tab *tab, up bool) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		all, err := c.api.Participants(c.t.Context(), c.webinar.ID)
		if err != nil {
			c.t.Fatal(err)
		}
		if len(all.Items) == 1 && (all.Items[0].Hand != nil) == up {
			return
		}
		tab.until("a little later", `new Promise((f) => setTimeout(() => f(true), 50))`)
	}
	c.t.Fatalf("hands: never %v", up)
}
