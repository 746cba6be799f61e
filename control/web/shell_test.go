package web_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"stentor/control/api"
	"stentor/control/cli"
	"stentor/control/client"
	"stentor/control/web"
)

// TestS2ThePagesAreInstallable asks the browser itself, brings another version, and takes the
// network away.
func TestS2ThePagesAreInstallable(t *testing.T) {
	var dead, newer atomic.Bool
	p := servePlanned(t)
	w := ask[client.Webinar](p, "POST", "/webinars", `{"title":"Tides"}`)
	backward, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(backward)
	proxy.ModifyResponse = func(r *http.Response) error {
		if !newer.Load() || r.Request.URL.Path != "/worker.js" {
			return nil
		}
		script, err := io.ReadAll(r.Body)
		script = bytes.Replace(script, []byte("stentor-shell-"), []byte("stentor-shell-later-"), 1)
		r.Body = io.NopCloser(bytes.NewReader(script))
		r.Header.Set("Content-Length", strconv.Itoa(len(script)))
		return err
	}
	base := onLoopback(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if dead.Load() {
			panic(http.ErrAbortHandler) // as a network that is gone
		}
		proxy.ServeHTTP(w, r)
	}))
	guest := newBrowser(t).openPlain("installable")
	guest.do("open", chromedp.Navigate(base+"/"))
	guest.until("the shell is kept", `(await navigator.serviceWorker.ready).active?.state === "activated"`)
	wrong, err := chromedp.Run(guest.ctx, chromedp.Action[page.GetInstallabilityErrorsResult](func(ctx context.Context, t *chromedp.Target) (page.GetInstallabilityErrorsResult, error) {
		return cdp.Call(ctx, t, page.GetInstallabilityErrors, cdp.Empty{})
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range wrong.InstallabilityErrors {
		t.Errorf("not installable: %s %v", e.ErrorID, e.ErrorArguments)
	}

	guest.do("the host's page", chromedp.Navigate(base+"/host#token="+p.token))
	guest.says("Tides")
	guest.do("the registration page", chromedp.Navigate(base+"/w/"+w.Link))
	guest.until("only the shell is kept", `(async () => {
		const all = [];
		for (const name of await caches.keys()) for (const r of await (await caches.open(name)).keys()) all.push(new URL(r.url).pathname);
		return all.length >= 4 && all.every((path) => path === "/offline" || path.startsWith("/assets/"));
	})()`)
	before := guest.number(`(await caches.keys()).length`)
	newer.Store(true)
	guest.do("look for another version", chromedp.Evaluate[chromedp.Void](`void navigator.serviceWorker.ready.then((r) => r.update())`))
	guest.until("the newer shell is kept, and the old one is gone", `(await caches.keys()).length === 1 && (await caches.keys())[0].includes("-later-")`)
	if before != 1 {
		t.Errorf("%v shells were kept", before)
	}
	dead.Store(true)
	guest.do("without a network", chromedp.Reload())
	guest.says("You are offline.")
	guest.pictures("offline")
	dead.Store(false)
	guest.click("#again")
	guest.until("back where one was", `!document.body.innerText.includes("offline") && location.pathname.startsWith("/w/")`)
}

// TestS3ABrowserIsEnough looks at all that a page fetches: it comes from the node, and it is
// nothing that a browser does not have by itself.
func TestS3ABrowserIsEnough(t *testing.T) {
	reference := regexp.MustCompile(`(?:href|src|action|data-\w+)="([^"]*)"`)
	for _, path := range []string{"/", "/w/open", "/w/pin", "/host", "/operator", "/offline"} {
		p := body(t, get(t, pages(true), path))
		for _, m := range reference.FindAllStringSubmatch(p, -1) {
			if strings.Contains(m[1], "//") {
				t.Errorf("%s points at %s", path, m[1])
			}
		}
		for _, foreign := range []string{"<object", "<embed", "<applet", "chrome-extension", "install"} {
			if strings.Contains(strings.ReplaceAll(p, "nothing to install", ""), foreign) {
				t.Errorf("%s has %s", path, foreign)
			}
		}
	}
}

// commandLine is the grammar of the command line, as main has it.
type commandLine struct{ cli.Commands }

// TestS4EverySurfaceAnswers meets one webinar on each of the five surfaces.
func TestS4EverySurfaceAnswers(t *testing.T) {
	p := servePlanned(t)
	w := ask[client.Webinar](p, "POST", "/webinars", `{"title":"Tides"}`)
	guest := web.New(web.Config{Door: func(link string) (web.Webinar, error) {
		return web.Webinar{Title: p.State().WebinarByLink(link).Title, Mode: "role-based", State: "planned"}, nil
	}})
	fetched := func(path string) string {
		r, err := http.Get(p.url + path)
		if err != nil || r.StatusCode != 200 {
			t.Fatalf("%s: %v %v", path, r, err)
		}
		defer r.Body.Close()
		return body(t, r)
	}
	t.Run("the guest page", func(t *testing.T) {
		if page := body(t, get(t, guest, "/w/"+w.Link)); !strings.Contains(page, "Tides") {
			t.Error(page)
		}
	})
	t.Run("the host console", func(t *testing.T) {
		if page := fetched("/host"); !strings.Contains(page, "/assets/host-") {
			t.Error(page)
		}
	})
	t.Run("the operator console", func(t *testing.T) {
		if page := fetched("/operator"); !strings.Contains(page, "/assets/operator-") {
			t.Error(page)
		}
	})
	t.Run("the control API, with its document", func(t *testing.T) {
		if doc := fetched("/api/v1/openapi.json"); !strings.Contains(doc, `"3.1`) || !strings.Contains(doc, "/api/v1/webinars") {
			t.Error(doc)
		}
	})
	t.Run("the command line", func(t *testing.T) {
		env := map[string]string{"STENTOR_SERVER": p.url, "STENTOR_TOKEN": p.token, "STENTOR_CONTEXT": t.TempDir() + "/context.yaml"}
		var out, errs bytes.Buffer
		e := &cli.Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: func(k string) string { return env[k] }, Now: time.Now, HTTP: http.DefaultClient}
		if status := cli.Run(t.Context(), []string{"webinar", "list"}, &commandLine{}, e); status != 0 || !strings.Contains(out.String(), "Tides") {
			t.Errorf("%d %s%s", status, out.String(), errs.String())
		}
	})
}

// TestS12AHostChecksBeforehand is the preflight page: versions, camera, microphone, network, 4K.
func TestS12AHostChecksBeforehand(t *testing.T) {
	p := servePlanned(t)
	p.mu.Lock()
	p.mesh = api.Status{Node: "n1", Version: "v1.2.3", Nodes: []api.NodeStatus{{Node: "n1", Version: "v1.2.3", Alive: true}, {Node: "n2", Version: "v1.1.0", Alive: true, Outdated: true}}}
	p.mu.Unlock()
	host := newBrowser(t).open("preflight")
	host.do("open", chromedp.Navigate(p.url+"/host#token="+p.token))
	host.click("#preflight")
	host.says("Nobody else sees or hears any of it.")
	host.do("remember how high the level goes", chromedp.Evaluate[chromedp.Void](`setInterval(() => (window.highest = Math.max(window.highest ?? 0, document.querySelector("#checks meter")?.value ?? 0)), 20)`))
	host.pictures("before")
	host.click("#check")
	host.says("Older nodes: n2 v1.1.0")
	host.until("the level moves", `window.highest > .3`)
	host.picture("running")
	host.until("the camera gives 4K", `document.querySelector('[data-check="camera"]').dataset.state === "good" && document.querySelector('[data-check="camera"]').textContent.includes("3840 × 2160")`)
	host.until("the microphone hears", `document.querySelector('[data-check="microphone"]').dataset.state === "good"`)
	host.until("the network was measured", `/Round trip \d+ ms, up about [\d.,]+ Mbit/.test(document.querySelector('[data-check="network"]').textContent)`)
	host.until("what leaves a real encoder was looked at", `/3840 × 2160 at \d+ frames per second \(\w+\)/.test(document.querySelector('[data-check="encode"]').textContent)`)
	host.until("it can be done again", `!document.getElementById("check").disabled`)
	host.pictures("done")

	host.do("no camera", chromedp.Evaluate[chromedp.Void](`navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("", "NotAllowedError"); }`))
	host.click("#check")
	host.until("a refusal is a sentence", `document.querySelector('[data-check="camera"]').dataset.state === "bad" && document.querySelector('[data-check="camera"] .hint').textContent.length > 20`)
	host.until("nothing is left running", `document.querySelectorAll('[data-state="running"]').length === 0`)
	host.accessible("refused")
}

// TestWhatAPreflightSendsIsBounded holds the probe's limit, and that it says what came.
func TestWhatAPreflightSendsIsBounded(t *testing.T) {
	for _, test := range []struct {
		name   string
		bytes  int
		status int
		says   string
	}{
		{"nothing is a round trip", 0, 200, "0\n"},
		{"four MiB are taken", 4 << 20, 200, "4194304\n"},
		{"a byte more is not", 4<<20 + 1, 413, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := serve(pages(true), httptest.NewRequest("POST", "/preflight", bytes.NewReader(make([]byte, test.bytes))))
			if says := body(t, r); r.StatusCode != test.status || test.says != "" && says != test.says {
				t.Errorf("%d %q", r.StatusCode, says)
			}
		})
	}
}
