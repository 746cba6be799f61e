package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"stentor/control/client"
)

// large is a picture that is wide enough to be sent in three sizes, by a browser that believes in
// eight cores; it costs little, since it is one colour.
var large = strings.NewReplacer("480", "1536", "270", "864").Replace(small) + `;
Object.defineProperty(navigator, "hardwareConcurrency", { value: 8 });`

// TestM12AViewerChoosesTheSize has a guest choose among the three sizes that a presenter's page
// really sends through a real node, by keyboard, and the host bound what the guest gets.
func TestM12AViewerChoosesTheSize(t *testing.T) {
	c := gather(t)
	guest, presenter := c.guest, c.presenter
	height := func(lines int) string {
		return fmt.Sprintf(`(await stentor.stats()).frameHeight === %d`, lines)
	}
	note := func(says string) string {
		return fmt.Sprintf(`document.getElementById("quality-note").textContent.includes(%q)`, says)
	}
	guest.until("there is no menu for one size", `document.getElementById("quality")?.parentElement.hidden`)

	presenter.click("#off-air")
	presenter.do("a large picture", chromedp.Evaluate[chromedp.Void](large))
	presenter.click("stentor-publish .row .button")
	presenter.click("#on-air")
	guest.until("the largest comes", height(864))
	guest.until("there is a menu", `!document.getElementById("quality").parentElement.hidden`)
	guest.until("it says what is played", `document.getElementById("quality").getAttribute("aria-label") === "Picture quality, now 864p"`)

	guest.do("focus", chromedp.Focus(chromedp.CSS("#quality")))
	guest.press(kb.Enter)
	guest.until("automatic is what holds, and the first", `document.activeElement.dataset.act === "automatic" && document.activeElement.ariaChecked === "true" && document.activeElement.textContent === "Automatic · now 864p"`)
	guest.until("every size is there, the largest first", `[...document.querySelectorAll("[role=menuitemradio]")].map((e) => e.dataset.act).join() === "automatic,864p,432p,216p"`)
	guest.picture("quality-menu-1440-light")
	guest.accessible("the menu")
	guest.press(kb.Escape)
	guest.until("Escape closes it, and the focus is back", `document.activeElement.id === "quality" && !document.querySelector("[role=menu]")`)
	guest.size(390, 844, "dark")
	guest.press(" ")
	guest.until("all of it is on a phone's screen", `[...document.querySelectorAll("[role=menuitemradio]")].every((e) => { const r = e.getBoundingClientRect(); return r.top >= 0 && r.left >= 0 && r.bottom <= innerHeight && r.right <= innerWidth && r.height >= 42; }) && document.querySelector("[role=menu]")`)
	guest.picture("quality-menu-390-dark")
	guest.accessible("the menu on a phone")
	guest.press(kb.Escape)
	guest.press(kb.ArrowUp)
	guest.until("the arrow up opens it at its end", `document.activeElement.dataset.act === "216p"`)
	guest.press(kb.Enter)
	guest.until("the smallest comes", height(216))
	guest.until("it is said that it is fixed", note("Fixed at 216p."))

	guest.menuOfSizes("864p")
	guest.until("the largest comes again", height(864))
	bound := []client.Ceiling{{Role: "attendee", Height: 500}}
	if _, err := c.api.EditWebinar(t.Context(), c.webinar.ID, client.EditWebinar{Ceilings: &bound}); err != nil {
		t.Fatal(err)
	}
	guest.until("M12 the host's ceiling holds", height(432))
	guest.until("and is said", note("You chose 864p, and 432p comes"))
	guest.pictures("quality-bounded")
	guest.size(1440, 900, "light")
	guest.menuOfSizes("automatic")
	guest.until("nothing more is said", `document.getElementById("quality-note").textContent === ""`)
	guest.until("nothing of it is kept", `!JSON.stringify([{...localStorage}, {...sessionStorage}]).includes("864p")`)
}

// menuOfSizes chooses from the menu under the picture.
func (tab *tab) menuOfSizes(act string) {
	tab.t.Helper()
	tab.click("#quality")
	tab.click(fmt.Sprintf(`[role="menu"] [data-act=%q]`, act))
}
