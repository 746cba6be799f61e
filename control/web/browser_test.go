package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is one Chromium for a test; every tab of it is another person.
type browser struct {
	t         *testing.T
	ctx       context.Context
	artifacts string
}

// patience is how long a step in the browser may take, on a machine that does
// much else.
const patience = 2 * time.Minute

// chromium is the one Chromium of all tests, whose tabs have storage of their own; an error where
// it does not start, a nil context where there is none. It ends with [TestMain].
var chromium = sync.OnceValues(func() (context.Context, error) {
	path := chromiumPath()
	if path == "" {
		return nil, nil
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path))
	for name, value := range map[string]any{
		"headless": "new", "no-sandbox": true, "disable-gpu": true, "disable-quic": true, "disable-component-update": true,
		"use-fake-ui-for-media-stream": true, "use-fake-device-for-media-stream": true,
		"allow-loopback-in-peer-connection": true, "disable-features": "WebRtcHideLocalIpsWithMdns",
		"test-third-party-cookie-phaseout": true, // a frame of another site has no cookies, as browsers have it more and more
	} {
		options = append(options, chromedp.Flag(name, value))
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(alloc)
	closeChromium = func() { end(); stop() }
	return ctx, chromedp.Do(ctx)
})

// chromiumPath is where Chromium is; "" where there is none.
func chromiumPath() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	return ""
}

var closeChromium = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	closeChromium()
	os.Exit(code)
}

func newBrowser(t *testing.T) *browser {
	ctx, err := chromium()
	if err != nil {
		t.Fatalf("chromium does not start: %v", err)
	}
	if ctx == nil {
		t.Skip("SKIPPED: no chromium here, so the pages were not tried in a browser")
	}
	return &browser{t: t, ctx: ctx, artifacts: artifacts(t)}
}

// artifacts is where screenshots are kept; "" where nobody asked for them, since
// they take most of a test's time.
func artifacts(t *testing.T) string {
	dir := os.Getenv("STENTOR_ARTIFACTS")
	if dir == "" {
		return ""
	}
	dir = filepath.Join(dir, "web")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// tab is one person's page, with storage of its own.
type tab struct {
	t         *testing.T
	ctx       context.Context
	name      string
	artifacts string
}

// open opens a tab. Whatever the page complains of, a violated policy first of
// all, fails the test.
func (b *browser) open(name string) *tab { return b.tab(name, chromedp.WithNewBrowserContext()) }

// openPlain opens a tab in the profile itself, where pages can be installed. What it stores stays
// there for the next one.
func (b *browser) openPlain(name string) *tab { return b.tab(name) }

func (b *browser) tab(name string, options ...chromedp.ContextOption) *tab {
	ctx, end := chromedp.NewContext(b.ctx, options...)
	b.t.Cleanup(end)
	tab := &tab{t: b.t, ctx: ctx, name: name, artifacts: b.artifacts}
	err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			b.t.Errorf("%s: %s %s", name, e.ExceptionDetails.Text, thrown(e.ExceptionDetails))
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError && e.Entry.Source != log.EntrySourceNetwork { // refusals are answers
				b.t.Errorf("%s: %s", name, e.Entry.Text)
			}
		}
	})
	if err != nil {
		b.t.Fatal(err)
	}
	tab.size(1440, 900, "light")
	return tab
}

func thrown(d *runtime.ExceptionDetails) string {
	if d.Exception == nil {
		return ""
	}
	return d.Exception.Description
}

// do runs actions and ends the test where one fails.
func (tab *tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	ctx, stop := context.WithTimeout(tab.ctx, patience)
	defer stop()
	if err := chromedp.Do(ctx, actions...); err != nil {
		tab.picture("failed")
		tab.t.Fatalf("%s: %s: %v", tab.name, what, err)
	}
}

// until waits for an expression to be true on the page.
func (tab *tab) until(what, expression string) {
	tab.t.Helper()
	wrapped := fmt.Sprintf(`(async () => Boolean(await (%s)))()`, expression)
	ctx, stop := context.WithTimeout(tab.ctx, patience)
	defer stop()
	var last error
	for {
		// An exception may come of a page that is being left: the next one is looked at.
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](wrapped, chromedp.EvalAwaitPromise))
		if ok {
			return
		}
		if err != nil && ctx.Err() == nil {
			last = err
		}
		// The next look is a little later, in the browser's own time.
		_ = chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](`new Promise((f) => setTimeout(f, 50))`, chromedp.EvalAwaitPromise))
		if ctx.Err() != nil {
			tab.picture("failed")
			tab.t.Fatalf("%s: %s: never came true: %s (%v)\nthe page says: %s", tab.name, what, expression, last, tab.text())
		}
	}
}

// number evaluates an expression.
func (tab *tab) number(expression string) float64 {
	tab.t.Helper()
	n, err := chromedp.Run(tab.ctx, chromedp.Evaluate[float64](`(async () => `+expression+`)()`, chromedp.EvalAwaitPromise))
	if err != nil {
		tab.t.Fatalf("%s: %s: %v", tab.name, expression, err)
	}
	return n
}

// text is what the page says now.
func (tab *tab) text() string {
	s, _ := chromedp.Run(tab.ctx, chromedp.Evaluate[string](`document.body.innerText`)) // for the message of a failure
	return s
}

// says waits for a text to be seen.
func (tab *tab) says(text string) {
	tab.t.Helper()
	tab.until("says "+text, fmt.Sprintf(`document.body.innerText.includes(%q)`, text))
}

// click clicks what the selector finds once it is there and enabled.
func (tab *tab) click(selector string) {
	tab.t.Helper()
	tab.do("click "+selector, chromedp.WaitEnabled(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector)))
}

// fill types into a field.
func (tab *tab) fill(selector, text string) {
	tab.t.Helper()
	tab.do("fill "+selector, chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelector(%q).value = ""`, selector)), chromedp.SendKeys(chromedp.CSS(selector), text))
}

// size sets the window's size and the colour scheme.
func (tab *tab) size(width, height int64, scheme string) {
	tab.t.Helper()
	options := []chromedp.EmulateViewportOption{chromedp.EmulateScale(1)}
	if width < 500 {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	tab.do("size", chromedp.EmulateViewport(width, height, options...), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, media)
		return err
	}))
}

// picture keeps a screenshot, where somebody wants to look at it.
func (tab *tab) picture(what string) {
	if tab.artifacts == "" {
		return
	}
	png, err := chromedp.Run(tab.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		tab.t.Logf("%s: no screenshot: %v", tab.name, err)
		return
	}
	file := strings.ReplaceAll(tab.name+"-"+what, " ", "-") + ".png"
	if err := os.WriteFile(filepath.Join(tab.artifacts, file), png, 0o644); err != nil {
		tab.t.Error(err)
	}
}

// look is how a page is looked at: a phone's window or a desk's, in one scheme.
type look struct {
	width, height int64
	scheme        string
}

// pictures keeps screenshots of both sizes in both schemes, finds a page that is wider than
// its window, and breaks of WCAG 2.2 AA. Where nobody wants pictures it looks at the phone in
// the dark and at the desk in the light: colours are the same at both widths.
func (tab *tab) pictures(what string) {
	tab.t.Helper()
	looks := []look{{390, 844, "dark"}, {1440, 900, "light"}}
	if tab.artifacts != "" {
		looks = []look{{390, 844, "dark"}, {1440, 900, "dark"}, {390, 844, "light"}, {1440, 900, "light"}}
	}
	for _, l := range looks {
		tab.size(l.width, l.height, l.scheme)
		if over := tab.number(`document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
			tab.t.Errorf("%s: %s: %v pixels too wide at %d", tab.name, what, over, l.width)
		}
		tab.picture(fmt.Sprintf("%s-%d-%s", what, l.width, l.scheme))
		tab.accessible(fmt.Sprintf("%s at %d, %s", what, l.width, l.scheme))
	}
}

// seen is a state that is passed through: a picture of it, where somebody wants one, and breaks of WCAG 2.2 AA, as the
// window is now.
func (tab *tab) seen(what string) {
	tab.t.Helper()
	tab.picture(what)
	tab.accessible(what)
}

// serveBackend starts a backend on loopback.
func serveBackend(t *testing.T) (*backend, string) {
	b := newBackend(t)
	return b, onLoopback(t, b.handler())
}

// onLoopback serves h on loopback.
func onLoopback(t *testing.T, h http.Handler) string {
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL
}

// first runs script in every page that the tab opens, before the page's own.
func (tab *tab) first(script string) {
	tab.t.Helper()
	tab.do("a script before the page's", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	}))
}
