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
