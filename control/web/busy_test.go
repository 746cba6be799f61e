package web_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestABusyNetworkIsNoEnd lets the node answer that too many come from this network: at
// the door that is a sentence, inside a pause, and a reload keeps the seat.
func TestABusyNetworkIsNoEnd(t *testing.T) {
	b := newBackend(t)
	var busy atomic.Pointer[string] // the path that is answered so
	var times atomic.Int64          // how often it was
	inner := b.handler()
	url := onLoopback(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := busy.Load(); p != nil && *p == r.URL.Path {
			times.Add(1)
			problem(w, 429, "too_many_requests", "No.", "1")
			return
		}
		inner.ServeHTTP(w, r)
	}))
	only := func(path string) {
		times.Store(0)
		busy.Store(&path)
	}
	guest := newBrowser(t).open("busy")
	only("/api/v1/door/tides/join")
	guest.do("open", chromedp.Navigate(url+"/w/tides"))
	guest.fill("#name", "Ada Lovelace")
	guest.fill("#pin", rightPIN)
	guest.click("#join button")
	guest.says("Wait a few seconds and try again.")

	only("/whep/tides")
	guest.click("#join button")
	guest.until("somebody is inside", `document.querySelector("stentor-stage") !== null`)
	for times.Load() < 2 { // the second one comes only if the first was no end
		guest.until("a little later", `new Promise((f) => setTimeout(() => f(true), 200))`)
		if guest.number(`window.stentor.state === "gone" ? 1 : 0`) == 1 {
			t.Fatal("the stay is over")
		}
	}
	busy.Store(nil)
	guest.says("The webinar has not begun yet.")

	only("/api/v1/door/tides/refresh")
	guest.do("reload", chromedp.Reload())
	guest.says("Wait a few seconds and try again.")
	busy.Store(nil)
	guest.do("reload", chromedp.Reload())
	guest.says("You are here as Ada Lovelace")
}
