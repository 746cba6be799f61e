package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"stentor/bench/rig"
	"stentor/demo/rtcclient"
)

// peers is the folder of what runs clients of others.
const peers = "node/signal/thirdparty"

// slow is how long a program may take that starts a browser, on a machine that does much else.
const slow = 2 * time.Minute

// enough frames are more than what any buffer on the way could have held back.
const enough = 30

// foreign is a mesh of two nodes, one browser, and programs of others that publish at the
// first and watch at the second.
type foreign struct {
	*world
	page *rig.Page
	site string // a page of another origin, with the clients of npm in it
}

// TestEndToEndThirdParty has WHIP and WHEP clients that were written elsewhere, unmodified,
// publish at one node and watch at the other.
func TestEndToEndThirdParty(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes and a browser: make e2e")
	}
	os.Setenv("STENTOR_BINARY", binary(t)) // for the one inside
	// Some of them take no loopback address and ask which way the world is.
	inside, why, err := rig.InNamespace("-test.run", "^TestEndToEndThirdParty$", "-test.v", "-test.timeout", "10m")
	switch {
	case err != nil:
		t.Fatal("the run in its namespace failed: ", err)
	case why != "":
		t.Skip("no network namespace: ", why)
	case !inside:
		return
	}
	defaultRoute(t)
	f := &foreign{world: &world{t: t, binary: binary(t)}}
	if f.Demo, err = rig.StartDemo(context.Background(), f.binary, filepath.Join(t.TempDir(), "demo"), "--no-stream", "--nodes", "2", "--media", outside); err != nil {
		t.Fatal(err)
	}
	defer f.Stop()
	f.open(t)
	t.Run("FFmpeg publishes H.264", f.ffmpeg)
	t.Run("whip-whep publishes, restarts ICE, and Eyevinn's player watches", f.whipWhep)
	t.Run("Eyevinn's client publishes, and whip-whep watches and restarts ICE", f.eyevinn)
	t.Run("aiortc publishes", f.aiortc)
	t.Run("GStreamer publishes", f.gstreamer)
	t.Run("OBS, as it is documented, publishes", f.obs)
	t.Run("Firefox publishes, and watches", f.firefox)
}

// outside is an address that is not loopback: Firefox and GStreamer make no pair of one that is
// with one that is not, and have none that is.
const outside = "10.77.0.1"

// defaultRoute gives the namespace an address that is not loopback and a way out of it.
func defaultRoute(t *testing.T) {
	t.Helper()
	for _, line := range []string{
		"link add v0 type veth peer name v1", "addr add " + outside + "/24 dev v0", "link set v0 up", "link set v1 up", "route add default via 10.77.0.254 dev v0",
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", line, err, out)
		}
	}
}

// open starts the browser with the clients of npm, where both are there.
func (f *foreign) open(t *testing.T) {
	if _, err := os.Stat(filepath.Join(peers, "node_modules", "whip-whep")); err != nil {
		return
	}
	script := filepath.Join(t.TempDir(), "browser.js")
	if out, err := exec.Command("go", "tool", "esbuild", filepath.Join(peers, "browser.js"), "--bundle", "--format=iife", "--log-level=error", "--outfile="+script).CombinedOutput(); err != nil {
		t.Fatalf("esbuild: %v\n%s", err, out)
	}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/browser.js" {
			http.ServeFile(w, r, script)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, `<!doctype html><title>peers</title><body><script src="/browser.js"></script>`)
	}))
	t.Cleanup(site.Close)
	f.site = site.URL
	b, err := rig.OpenBrowser(context.Background())
	if errors.Is(err, rig.ErrNoBrowser) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if f.page, err = b.Open(f.site, 800, 600); err != nil {
		t.Fatal(err)
	}
}

// browser is the page, or the end of the step.
func (f *foreign) browser(t *testing.T) *rig.Page {
	t.Helper()
	if f.page == nil {
		t.Skip("no Chromium, or no clients of npm: `make deps` installs both")
	}
	return f.page
}

// call runs one of the page's clients.
func (f *foreign) call(t *testing.T, client, url, bearer string) {
	t.Helper()
	page := f.browser(t)
	f.eventually(t, client+" begins", func() (bool, error) {
		ok, err := page.True(fmt.Sprintf("peers.%s(%q, %q)", client, url, bearer))
		if err != nil && strings.Contains(err.Error(), "409") { // not live yet: they are to come again
			return false, nil
		}
		return ok, err
	})
	t.Cleanup(func() { f.page.True(fmt.Sprintf("peers.stop(%q).then(() => true)", client)) })
}

// decodes waits until a client of the page has decoded so many more frames.
func (f *foreign) decodes(t *testing.T, client string, more int) {
	t.Helper()
	first := true
	f.eventually(t, client+" decodes", func() (bool, error) {
		if first {
			first = false
			return f.page.True(fmt.Sprintf("peers.frames(%q).then(n => { window.before = n; return false })", client))
		}
		return f.page.True(fmt.Sprintf("peers.frames(%q).then(n => n >= window.before + %d)", client, more))
	})
}

// live waits until the other node knows that somebody is on air.
func (f *foreign) live(t *testing.T) {
	t.Helper()
	f.eventually(t, "the other node is live", func() (bool, error) {
		text, err := rig.Fetch(f.ctx(), f.Nodes[n2].URL+"/api/v1/door/"+f.Webinar.Link)
		return strings.Contains(text, `"live":true`), err
	})
}

// A program is a client that runs as a process and says how it fares, line by line.
type program struct {
	publishing chan struct{}
	frames     atomic.Int64
	output     atomic.Pointer[string]
	done       chan struct{}
}

func start(t *testing.T, name string, args ...string) *program {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("no %s here", name)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 3 * time.Second
	cmd.Dir = peers
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &program{publishing: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		said, began := "", false
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			switch word, n, _ := strings.Cut(lines.Text(), " "); {
			case word == "frames":
				count, _ := strconv.Atoi(n)
				p.frames.Store(int64(count))
			case word == "publishing" && !began:
				began = true
				close(p.publishing)
			default:
				said += lines.Text() + "\n"
				tail := said[max(0, len(said)-2000):]
				p.output.Store(&tail)
			}
		}
		cmd.Wait()
	}()
	t.Cleanup(func() { cancel(); <-p.done })
	return p
}

// said is the end of what a program printed besides.
func (p *program) said() string {
	if s := p.output.Load(); s != nil {
		return *s
	}
	return ""
}

// publishes waits until the program says so, and the mesh too.
func (f *foreign) publishes(t *testing.T, p *program) {
	t.Helper()
	select {
	case <-p.publishing:
	case <-p.done:
		t.Fatalf("it ended:\n%s", p.said())
	case <-time.After(slow):
		t.Fatalf("it does not publish:\n%s", p.said())
	}
	f.live(t)
}

func (f *foreign) watches(t *testing.T, p *program) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), slow)
	defer cancel()
	err := rig.Poll(ctx, 100*time.Millisecond, func() (bool, error) {
		select {
		case <-p.done:
			return false, fmt.Errorf("it ended:\n%s", p.said())
		default:
		}
		return p.frames.Load() >= enough, nil
	})
	if err != nil {
		t.Fatalf("it sees %d frames: %v\n%s", p.frames.Load(), err, p.said())
	}
}

// stage is where the next one publishes. Who was there before may not have said goodbye.
func (f *foreign) stage() string { return f.WHIP + "?takeover=true" }

// python is the one for which the packages of the system are.
const python = "/usr/bin/python3"

func module(t *testing.T, name string) {
	t.Helper()
	if err := exec.Command(python, "-c", "import "+name).Run(); err != nil {
		t.Skipf("no %s for %s here", name, python)
	}
}

func (f *foreign) ffmpeg(t *testing.T) {
	if _, err := os.Stat(filepath.Join(peers, "node_modules", "node-av")); err != nil {
		t.Skip("no node-av: `make deps` installs it")
	}
	f.publishes(t, start(t, "node", "ffmpeg.mjs", f.stage(), f.PresenterSecret))
	t.Run("and pion's client watches", func(t *testing.T) {
		var p *rtcclient.Player
		f.eventually(t, "the first player is let in", func() (bool, error) { p, _ = f.play(n2, f.Webinar.PIN); return p != nil, nil })
		defer p.Close()
		if s, err := p.Wait(f.ctx(), func(s rtcclient.PlayerStats) bool { return s.WholeFrames >= enough }); err != nil {
			t.Fatalf("%v after %+v", err, s)
		}
	})
	t.Run("and aiortc watches", func(t *testing.T) {
		module(t, "aiortc")
		f.watches(t, start(t, python, "aiortc_peer.py", "watch", f.WHEP, f.Webinar.PIN))
	})
	t.Run("and Eyevinn's player watches", func(t *testing.T) {
		f.call(t, "eyevinnPlayer", f.WHEP, f.Webinar.PIN)
		f.decodes(t, "eyevinnPlayer", enough)
	})
	t.Run("and Chromium watches, which asks for sound first and gets none", func(t *testing.T) {
		f.call(t, "soundFirst", f.WHEP, f.Webinar.PIN)
		f.decodes(t, "soundFirst", enough)
	})
	t.Run("and GStreamer watches", func(t *testing.T) {
		module(t, "gi; gi.require_version('GstWebRTC', '1.0'); from gi.repository import GstWebRTC")
		f.watches(t, start(t, python, "gstreamer_peer.py", "watch", f.WHEP, f.Webinar.PIN))
	})
}

func (f *foreign) whipWhep(t *testing.T) {
	f.call(t, "whip", f.stage(), f.PresenterSecret)
	f.live(t)
	f.call(t, "eyevinnPlayer", f.WHEP, f.Webinar.PIN)
	f.decodes(t, "eyevinnPlayer", enough)
	if ok, err := f.page.True("peers.running.whip.restart().then(() => true)"); err != nil || !ok {
		t.Fatalf("ICE restart: %v", err)
	}
	f.decodes(t, "eyevinnPlayer", enough)
}

func (f *foreign) eyevinn(t *testing.T) {
	f.call(t, "eyevinnWhip", f.stage(), f.PresenterSecret)
	f.live(t)
	f.call(t, "whep", f.WHEP, f.Webinar.PIN)
	f.decodes(t, "whep", enough)
	f.eventually(t, "whip-whep listens to events", func() (bool, error) { return f.page.True("peers.running.whep.listens()") })
	if ok, err := f.page.True("peers.running.whep.restart().then(() => true)"); err != nil || !ok {
		t.Fatalf("ICE restart: %v", err)
	}
	f.decodes(t, "whep", enough)
}

func (f *foreign) aiortc(t *testing.T) {
	module(t, "aiortc")
	f.publishes(t, start(t, python, "aiortc_peer.py", "publish", f.stage(), f.PresenterSecret))
	f.watches(t, start(t, python, "aiortc_peer.py", "watch", f.WHEP, f.Webinar.PIN))
}

func (f *foreign) gstreamer(t *testing.T) {
	module(t, "gi; gi.require_version('GstWebRTC', '1.0'); from gi.repository import GstWebRTC")
	f.publishes(t, start(t, python, "gstreamer_peer.py", "publish", f.stage(), f.PresenterSecret))
	f.call(t, "whep", f.WHEP, f.Webinar.PIN)
	f.decodes(t, "whep", enough)
}

func (f *foreign) firefox(t *testing.T) {
	path, err := exec.LookPath("firefox-esr")
	if err != nil {
		if path, err = exec.LookPath("firefox"); err != nil {
			t.Skip("no Firefox here")
		}
	}
	if _, err := os.Stat(filepath.Join(peers, "node_modules", "puppeteer-core")); err != nil {
		t.Skip("no puppeteer-core: `make deps` installs it")
	}
	t.Setenv("FIREFOX", path)
	f.publishes(t, start(t, "node", "firefox.mjs", "publish", f.site, f.stage(), f.PresenterSecret))
	f.call(t, "whep", f.WHEP, f.Webinar.PIN)
	f.decodes(t, "whep", enough)
	t.Run("and watches", func(t *testing.T) {
		f.watches(t, start(t, "node", "firefox.mjs", "watch", f.site, f.WHEP, f.Webinar.PIN))
	})
}
