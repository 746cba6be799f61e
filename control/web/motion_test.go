package web_test

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestWhoWantsNoMotionGetsNone looks at the page while it connects, which is when something turns.
func TestWhoWantsNoMotionGetsNone(t *testing.T) {
	_, url := serveBackend(t)
	guest := newBrowser(t).open("motion")
	guest.do("open", chromedp.Navigate(url+"/w/tides"))
	guest.do("the stage never answers", chromedp.Evaluate[chromedp.Void](`(() => {
		const own = window.fetch;
		window.fetch = (where, how) => String(where).includes("/whep/") ? new Promise(() => {}) : own(where, how);
	})()`))
	guest.fill("#name", "Ada Lovelace")
	guest.fill("#pin", rightPIN)
	guest.click("#join button")
	guest.says("Connecting")
	guest.motion("no-preference")
	guest.until("something turns", `document.getAnimations().length === 1`)
	guest.motion("reduce")
	guest.until("nothing does", `document.getAnimations().length === 0 && document.querySelector(".spinner")`)
	guest.until("and nothing would", noMotion)
	guest.do("the host's page", chromedp.Navigate(url+"/host#token="+apiToken))
	guest.click(".row-link")
	guest.until("a switch that would slide", `document.querySelector("input[role=switch]")`)
	guest.until("nothing moves there either", noMotion)
}

// noMotion is whether no element, or what stands before it, changes but at once.
const noMotion = `[...document.querySelectorAll("*")].every((e) => [null, "::before", "::after"].every((part) => {
	const s = getComputedStyle(e, part);
	return s.transitionProperty === "none" && s.animationName === "none" && s.scrollBehavior === "auto";
}))`

// motion sets what the visitor wants of motion.
func (tab *tab) motion(wish string) {
	tab.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: wish}}}
	tab.do("motion", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, media)
		return err
	}))
}
