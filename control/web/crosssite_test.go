package web_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"stentor/control/client"
)

// otherSite is somebody else's server, of which a page of ours is told nothing and gets nothing.
type otherSite struct {
	url string // of another site, or of the same one at another port

	mu       sync.Mutex        // guards the following
	referers map[string]string // by path
}

func serveOtherSite(t *testing.T, host string) *otherSite {
	o := &otherSite{referers: map[string]string{}}
	o.url = strings.Replace(onLoopback(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		o.referers[r.URL.Path] = r.Header.Get("Referer")
		o.mu.Unlock()
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, "<!doctype html><title>evil</title><iframe name=f></iframe>")
	})), "127.0.0.1", host, 1)
	return o
}

// watched is a tab of which the test hears what the browser refused and what it asked for. What the browser complains of
// is what is looked for, so that nothing of it fails the test.
type watched struct {
	*tab
	mu      sync.Mutex // guards the following
	refused []string
	asked   []string // addresses
}

func (b *browser) watch(name string) *watched {
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	b.t.Cleanup(end)
	w := &watched{tab: &tab{t: b.t, ctx: ctx, name: name, artifacts: b.artifacts}}
	if err := chromedp.Listen(ctx, func(event any) {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch e := event.(type) {
		case *log.EventEntryAdded:
			w.refused = append(w.refused, e.Entry.Text)
		case *network.EventRequestWillBeSent:
			w.asked = append(w.asked, e.Request.URL)
		case *network.EventWebSocketCreated:
			w.asked = append(w.asked, e.URL)
		}
	}); err != nil {
		b.t.Fatal(err)
	}
	w.do("watch", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.Enable, network.EnableParams{})
		return err
	}))
	return w
}

// complaints is how often the browser has refused something in those words.
func (w *watched) complaints(words string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.refused {
		if strings.Contains(r, words) {
			n++
		}
	}
	return n
}

// TestAnotherSiteGetsNothing has somebody who is signed in visit a page of another site, and one at another port of the
// same address, whose requests carry the cookie. Each tries what a browser lets it: requests by script and by
// form, streams of events, WebSockets, frames, and the address that its visitor came from.
func TestAnotherSiteGetsNothing(t *testing.T) {
	const password = "correct horse battery staple"
	r := startNode(t)
	if _, err := r.api.CreateAccount(t.Context(), client.CreateAccount{Login: "ada", Name: "Ada Lovelace", Role: "host", Password: password}); err != nil {
		t.Fatal(err)
	}
	ada := newBrowser(t).watch("crosssite")
	ada.do("open", chromedp.Navigate(r.url+"/host"))
	ada.fill("#login", "ada")
	ada.fill("#password", password)
	ada.click("#by-account button")
	ada.click("#new")
	ada.fill("#title", "Tides")
	ada.click("#plan-save")
	ada.click("#made-open")
	ada.until("the webinar is there", `document.getElementById("plan-link")`)
	made, err := r.api.Webinars(t.Context(), client.Page{Limit: 10})
	if err != nil || len(made.Items) != 1 {
		t.Fatalf("%+v %v", made, err)
	}
	w := made.Items[0]
	api := r.url + "/api/v1/webinars/" + w.ID
	ada.until("the cookie opens it to its own page", fmt.Sprintf(`(await fetch(%q)).status === 200`, api))

	for _, host := range []string{"localhost", "127.0.0.1"} {
		o := serveOtherSite(t, host)
		ada.do("a page of ours", chromedp.Navigate(r.url+"/host"))
		ada.until("signed in", `document.getElementById("signout")`)
		ada.do("a link to another site", chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`void Object.assign(document.createElement("a"), { href: %q }).click()`, o.url+"/came")))
		ada.until("on the other site", `document.title === "evil"`)
		ada.attack(r, w)
		now, err := r.api.Webinar(t.Context(), w.ID)
		if err != nil || now.State == "ended" || now.Version != w.Version || now.Title != w.Title {
			t.Errorf("%s has changed it to %+v (%v)", o.url, now, err)
		}
		o.mu.Lock()
		if from, came := o.referers["/came"]; !came || from != "" {
			t.Errorf("%s was told %q", o.url, from)
		}
		o.mu.Unlock()
	}
	ada.mu.Lock()
	defer ada.mu.Unlock()
	for _, a := range ada.asked {
		if strings.Contains(a, "correct") || strings.Contains(a, "horse") || strings.Contains(a, "token") || strings.Contains(a, "secret") {
			t.Errorf("a secret stands in %s", a)
		}
	}
	if len(ada.asked) < 10 {
		t.Errorf("only %q was asked for", ada.asked)
	}
}

// attack tries what a page of another origin can.
func (w *watched) attack(r *realNode, of client.Webinar) {
	w.t.Helper()
	api := r.url + "/api/v1/webinars/" + of.ID
	for what, expression := range map[string]string{
		"by script, without an answer": fmt.Sprintf(`await fetch("%s/end", { method: "POST", mode: "no-cors", credentials: "include", body: "{}" }).then((r) => r.type === "opaque", () => true)`, api),
		"by script, with one":          fmt.Sprintf(`await fetch("%s/end", { method: "POST", credentials: "include", headers: { "Content-Type": "application/json" }, body: "{}" }).then(() => false, () => true)`, api),
		"by script, with another verb": fmt.Sprintf(`await fetch("%s", { method: "PATCH", credentials: "include", headers: { "Content-Type": "application/json" }, body: '{"title":"Mine"}' }).then(() => false, () => true)`, api),
		"captions":                     fmt.Sprintf(`await fetch("%s/captions", { method: "POST", mode: "no-cors", credentials: "include", body: '{"language":"en","text":"x"}' }).then((r) => r.type === "opaque", () => true)`, api),
		"a form": fmt.Sprintf(`await new Promise((done) => {
			const f = Object.assign(document.createElement("form"), { method: "post", target: "f", action: "%s/end" });
			document.querySelector("iframe").onload = () => done(true);
			document.body.append(f);
			f.submit();
		})`, api),
		"nothing can be read":     fmt.Sprintf(`await fetch("%s/api/v1/webinars", { credentials: "include" }).then(() => false, () => true)`, r.url),
		"no page can be read":     fmt.Sprintf(`await fetch("%s/host", { credentials: "include" }).then(() => false, () => true)`, r.url),
		"no script can be loaded": fmt.Sprintf(`await new Promise((done) => { const s = Object.assign(document.createElement("script"), { src: "%s/api/v1/webinars", onload: () => done(false), onerror: () => done(true) }); document.head.append(s); })`, r.url),
		"no events come": fmt.Sprintf(`await new Promise((done) => {
			const s = new EventSource("%s/events", { withCredentials: true });
			s.onopen = s.onmessage = () => (s.close(), done(false));
			s.onerror = () => (s.close(), done(true));
		})`, api),
		"no WebSocket opens": fmt.Sprintf(`await new Promise((done) => {
			const s = new WebSocket("ws%s/api/v1/door/%s/events");
			s.onopen = () => done(false);
			s.onerror = () => done(true);
		})`, strings.TrimPrefix(r.url, "http"), of.Link),
	} {
		w.until(what, expression)
	}
	const why = "frame-ancestors 'none'"
	for _, path := range []string{"/host", "/operator", "/", of.JoinPath} {
		before := w.complaints(why)
		w.do("a frame", chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`void document.body.append(Object.assign(document.createElement("iframe"), { src: %q }))`, r.url+path)))
		for deadline := time.Now().Add(patience); w.complaints(why) == before; w.number(`new Promise((f) => setTimeout(() => f(0), 50))`) {
			if time.Now().After(deadline) {
				w.t.Fatalf("%s: the browser did not refuse to frame %s", w.name, path)
			}
		}
	}
}
