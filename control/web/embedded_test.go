package web_test

import (
	"fmt"
	"html"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"stentor/control/client"
)

// serveCompany is the site of somebody else, of another name than the node's, whose page shows what it is told to in a frame.
func serveCompany(t *testing.T) string {
	return strings.Replace(onLoopback(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, `<!doctype html><title>Example Company</title><meta name=viewport content="width=device-width">
			<style>body { font: 17px Georgia, serif; max-width: 1000px; margin: 24px auto; color: #223 } iframe { border: 0 }</style>
			<h1>The Example Company</h1><p>Our talk on the sea, live on our own page.</p>
			<iframe src="%s" title="Tides" width="100%%" height="640" allow="camera; microphone; display-capture; autoplay; fullscreen; picture-in-picture"></iframe>
			<p>Below the talk there is more to read.</p>`, html.EscapeString(r.URL.Query().Get("show")))
	})), "127.0.0.1", "localhost", 1)
}

// frame is what a tab shows in a frame of another site, as a page that can be asked.
func (b *browser) frame(outer *tab, url string) *tab {
	b.t.Helper()
	var found target.ID
	outer.comes("the frame", func() bool {
		for _, at := range must(chromedp.Targets(outer.ctx)) {
			if at.Type == "iframe" && strings.HasPrefix(at.URL, url) {
				found = at.TargetID
			}
		}
		return found != ""
	})
	inner := &tab{t: b.t, name: outer.name + "-frame"}
	complains := func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			b.t.Errorf("%s: %s %s", inner.name, e.ExceptionDetails.Text, thrown(e.ExceptionDetails))
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork {
				b.t.Errorf("%s: %s", inner.name, e.Entry.Text)
			}
		}
	}
	ctx, end := chromedp.NewContext(outer.ctx, chromedp.WithTargetID(found))
	b.t.Cleanup(end)
	inner.ctx = ctx
	if err := chromedp.Listen(ctx, complains); err != nil { // and the session lasts as long as this context, its first
		b.t.Fatal(err)
	}
	return inner
}

// comes waits for something that the browser tells the test and not the page.
func (tab *tab) comes(what string, is func() bool) {
	tab.t.Helper()
	for deadline := time.Now().Add(patience); !is(); tab.number(`new Promise((f) => setTimeout(() => f(0), 50))`) {
		if time.Now().After(deadline) {
			tab.t.Fatalf("%s: %s never came", tab.name, what)
		}
	}
}

// hit clicks what the selector finds in the frame as a person does: where it lies on the outer page.
func (outer *tab) hit(frame *tab, selector string) {
	outer.t.Helper()
	frame.until(selector+" is there", fmt.Sprintf(`(() => { const el = document.querySelector(%q); el?.scrollIntoView({ block: "center" }); return el && !el.disabled && el.getClientRects().length > 0; })()`, selector))
	middle := func(side, length string) float64 {
		in := frame.number(fmt.Sprintf(`(() => { const r = document.querySelector(%q).getBoundingClientRect(); return r.%s + r.%s / 2; })()`, selector, side, length))
		return in + outer.number(fmt.Sprintf(`document.querySelector("iframe").getBoundingClientRect().%s`, side))
	}
	outer.do("hit "+selector, chromedp.MouseClickXY(middle("left", "width"), middle("top", "height")))
}

// TestAGuestJoinsAndWatchesInAFrameOfASite has a guest come in and watch on a page of a site that the host has named, where
// the browser keeps no cookies of third parties, and go on after a reload. No other site shows the page. A moderator has
// no menu there, and a link that opens one's own window.
func TestAGuestJoinsAndWatchesInAFrameOfASite(t *testing.T) {
	c := newCrowd(t)
	allowed, other := serveCompany(t), serveCompany(t)
	c.webinar = must(c.api.EditWebinar(t.Context(), c.webinar.ID, client.EditWebinar{EmbedOrigins: &[]string{allowed}}))
	b := newBrowser(t)
	c.onAir(b)
	show := func(site, path string) string { return site + "/?show=" + strings.ReplaceAll(c.url+path, "#", "%23") }

	refused := b.watch("embedded-elsewhere")
	refused.do("another site", chromedp.Navigate(show(other, c.webinar.JoinPath)))
	refused.comes("the browser refuses the frame", func() bool { return refused.complaints("frame-ancestors 'self' "+allowed) > 0 })
	refused.do("away from it: the frame with the refusal is a frame too", chromedp.Navigate("about:blank"))

	page := b.open("embedded")
	page.do("the site that may", chromedp.Navigate(show(allowed, c.webinar.JoinPath)))
	guest := b.frame(page, c.url)
	guest.until("the page of the webinar", `document.querySelector("#join button") && document.body.classList.contains("framed")`)
	guest.until("a third party has no cookies here", `(document.cookie = "x=1; SameSite=None; Secure", document.cookie === "")`)
	page.picture("door")
	guest.do("a name", chromedp.Evaluate[chromedp.Void](`void (document.getElementById("name").value = "Ada Lovelace")`))
	page.hit(guest, "#join button")
	guest.until("the guest watches", `window.stentor && (await stentor.stats()).framesDecoded > 5`)
	guest.until("the talk is there", `document.querySelector("#talk-text")`)
	page.picture("watching")
	page.do("reload", chromedp.Reload())
	again := b.frame(page, c.url)
	again.until("the same guest goes on", `window.stentor && (await stentor.stats()).framesDecoded > 5`)
	if people := must(c.api.Participants(t.Context(), c.webinar.ID)); len(people.Items) != 2 {
		t.Errorf("inside: %+v", people.Items)
	}

	invite := must(c.api.Invite(t.Context(), c.webinar.ID, client.CreateInvite{Name: "Marie Curie", Role: "moderator"}))
	site := b.open("embedded-moderator")
	site.do("a personal link in a frame", chromedp.Navigate(show(allowed, invite.LinkPath)))
	moderator := b.frame(site, c.url)
	site.hit(moderator, "#join button")
	moderator.until("a way out of the frame", `document.getElementById("own-window")?.target === "_blank"`)
	moderator.until("the talk is there", `document.querySelector("#talk-text")`)
	moderator.until("nothing to moderate or to send with", `!document.querySelector("#to-host, stentor-publish, #talk-make, .talk-delete, .captioner")`)
	moderator.until("the link is in nothing that can be copied", `!document.documentElement.outerHTML.includes("sti_")`)
	site.picture("watching")
	site.hit(moderator, "#own-window")
	site.comes("a window of its own", func() bool {
		return slices.ContainsFunc(must(chromedp.Targets(site.ctx)), func(at *target.Info) bool {
			return at.Type == "page" && strings.HasPrefix(at.URL, c.url+c.webinar.JoinPath)
		})
	})
}

// TestAHostNamesTheSitesOfAWebinar writes sites as people paste them, reads what is wrong with one, and copies what goes into
// their pages.
func TestAHostNamesTheSitesOfAWebinar(t *testing.T) {
	c := newCrowd(t)
	host := newBrowser(t).open("embed")
	host.do("open", chromedp.Navigate(c.url+"/host#token="+c.token))
	host.click(".row-link")
	host.click("#plan-link")
	host.click("#plan-tab-advanced")
	host.fill("#embed_origins", "https://*.example.org")
	host.until("what is wrong", `document.getElementById("embed_origins").validationMessage.includes("https://*.example.org") && !document.getElementById("embed-snippet")`)
	host.fill("#embed_origins", "WWW.Example.org\nhttps://münchen.example:443/talks?x\nhttp://localhost:3000")
	host.until("what to put into their pages", fmt.Sprintf(`document.getElementById("embed-snippet").value.startsWith('<iframe src="%s" title="Tides and moons"') && document.getElementById("embed-snippet").value.includes("camera; microphone")`, c.url+c.webinar.JoinPath))
	host.do("down", chromedp.Evaluate[chromedp.Void](`document.getElementById("embed_origins").scrollIntoView()`))
	host.pictures("sites")
	host.click("#plan-save")
	host.until("saved", `document.getElementById("plan-link")`)
	want := []string{"https://www.example.org", "https://xn--mnchen-3ya.example", "http://localhost:3000"}
	if got := must(c.api.Webinar(t.Context(), c.webinar.ID)).EmbedOrigins; !slices.Equal(got, want) {
		t.Errorf("sites are %v, want %v", got, want)
	}
}
