package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/chromedp/chromedp"
)

// ErrNoBrowser means that there is no Chromium on this machine.
var ErrNoBrowser = errors.New("rig: no Chromium here; `make deps` installs it")

// Browser is a headless Chromium.
type Browser struct {
	ctx    context.Context
	cancel func()
}

// browsers are the names under which Chromium is found, the first that is there.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// OpenBrowser starts a headless Chromium that may play media over loopback, with a
// fresh profile.
func OpenBrowser(ctx context.Context) (*Browser, error) {
	path := ""
	for _, name := range browsers {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		return nil, ErrNoBrowser
	}
	profile, err := os.MkdirTemp("", "stentor-chromium-")
	if err != nil {
		return nil, fmt.Errorf("rig: %w", err)
	}
	actx, stop := chromedp.NewExecAllocator(ctx,
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.Flag("no-sandbox", true),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("headless", "new"), chromedp.Flag("disable-quic", true),
		chromedp.Flag("no-first-run", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.Flag("use-fake-ui-for-media-stream", true), chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("allow-loopback-in-peer-connection", true),
		chromedp.Flag("disable-features", "WebRtcHideLocalIpsWithMdns"),
	)
	bctx, cancel := chromedp.NewContext(actx)
	b := &Browser{ctx: bctx, cancel: func() { cancel(); stop(); os.RemoveAll(profile) }}
	if err := chromedp.Do(bctx); err != nil {
		b.cancel()
		return nil, fmt.Errorf("rig: start Chromium: %w", err)
	}
	return b, nil
}

// Close ends the browser.
func (b *Browser) Close() { b.cancel() }

// Page is one tab.
type Page struct {
	ctx    context.Context
	cancel context.CancelFunc
}

// Open opens url in a tab of width x height.
func (b *Browser) Open(url string, width, height int64) (*Page, error) {
	ctx, cancel := chromedp.NewContext(b.ctx)
	p := &Page{ctx: ctx, cancel: cancel}
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as the context that it is first used with
		cancel()
		return nil, fmt.Errorf("rig: open a tab: %w", err)
	}
	if err := p.Do(chromedp.EmulateViewport(width, height), chromedp.Navigate(url)); err != nil {
		cancel()
		return nil, fmt.Errorf("rig: open %s: %w", url, err)
	}
	return p, nil
}

// Close closes the tab.
func (p *Page) Close() { p.cancel() }

// pageWithin bounds one set of actions on a page.
const pageWithin = 30 * time.Second

// Action is something that is done on a page.
type Action = chromedp.Action[chromedp.Void]

// Do does actions, bounded.
func (p *Page) Do(actions ...Action) error {
	ctx, cancel := context.WithTimeout(p.ctx, pageWithin)
	defer cancel()
	return chromedp.Do(ctx, actions...)
}

// evaluate runs a script, bounded, and waits for the promise that it returns.
func evaluate[T any](p *Page, script string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, pageWithin)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

// Join fills the door's form and sends it. An empty pin leaves the field alone.
func (p *Page) Join(name, pin string) error {
	actions := []Action{
		chromedp.WaitVisible(chromedp.CSS("#join")),
		chromedp.SetValue(chromedp.CSS("#name"), name),
	}
	if pin != "" {
		actions = append(actions, chromedp.SetValue(chromedp.CSS("#pin"), pin))
	}
	return p.Do(append(actions, chromedp.Click(chromedp.CSS("#join button[type=submit]")))...)
}

// Click clicks the first element that a CSS selector finds, once it can be seen.
func (p *Page) Click(css string) error {
	return p.Do(chromedp.WaitVisible(chromedp.CSS(css)), chromedp.Click(chromedp.CSS(css)))
}

// True reports whether a JavaScript expression, or what it promises, is true.
func (p *Page) True(expression string) (bool, error) {
	return evaluate[bool](p, "Promise.resolve("+expression+").then(v => v === true)")
}

// Number evaluates a JavaScript expression that is, or promises, a number.
func (p *Page) Number(expression string) (float64, error) {
	return evaluate[float64](p, "Promise.resolve("+expression+")")
}

// Pairs evaluates a JavaScript expression that is an array of pairs of numbers.
func (p *Page) Pairs(expression string) ([][2]float64, error) {
	return evaluate[[][2]float64](p, expression)
}

// Reload loads the page again.
func (p *Page) Reload() error { return p.Do(chromedp.Reload()) }

// Text returns the visible text of the whole page.
func (p *Page) Text() (string, error) { return evaluate[string](p, `document.body.innerText`) }

// Stats are what the guest page knows of its picture.
type Stats struct {
	FrameWidth      int     `json:"frameWidth"`
	FrameHeight     int     `json:"frameHeight"`
	FramesDecoded   int     `json:"framesDecoded"`
	FramesDropped   int     `json:"framesDropped"`
	FramesPerSecond float64 `json:"framesPerSecond"`
}

// Stats asks the page, by the diagnostics that it offers.
func (p *Page) Stats() (Stats, error) {
	return evaluate[Stats](p, `window.stentor.stats().then(s => ({...s}))`)
}

// Screenshot writes what the page looks like into dir.
func (p *Page) Screenshot(dir, name string) error {
	ctx, cancel := context.WithTimeout(p.ctx, pageWithin)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return fmt.Errorf("rig: screenshot: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("rig: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
}
