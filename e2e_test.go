package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"stentor/bench/rig"
	"stentor/control/client"
	"stentor/demo"
	"stentor/demo/rtcclient"
)

// binary returns the program under test: the one that make built, or a new one.
func binary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("STENTOR_BINARY"); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "stentor")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// artifacts is the folder of what a person may want to look at afterwards.
func artifacts(t *testing.T) string {
	if dir := os.Getenv("STENTOR_ARTIFACTS"); dir != "" {
		return dir
	}
	return t.TempDir()
}

// world is the running demo and what the steps of the test share.
type world struct {
	*rig.Demo
	t      *testing.T
	binary string
	api    *client.Client // node 1, as the host
}

const (
	n1, n2, n3, n4 = 0, 1, 2, 3
	wrongPIN       = "00000000"
)

func (w *world) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	w.t.Cleanup(cancel)
	return ctx
}

// eventually waits until ok, for a minute at most.
func (w *world) eventually(t *testing.T, what string, ok func() (bool, error)) {
	t.Helper()
	if err := rig.Poll(w.ctx(), 100*time.Millisecond, ok); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// hops returns how the webinar's video travels now, node by node.
func (w *world) hops() (map[string]client.Hop, error) {
	s, err := w.api.Status(w.ctx())
	if err != nil {
		return nil, err
	}
	out := make(map[string]client.Hop)
	for _, track := range s.Tracks {
		if track.Webinar == w.Webinar.ID && track.Track == "video" {
			for _, h := range track.Hops {
				out[h.Node] = h
			}
		}
	}
	return out, nil
}

// door joins at a node over HTTP and returns the code of the answer.
func (w *world) door(node int, body map[string]string) (code string, g client.Grant) {
	c, err := client.New(w.Nodes[node].URL, "")
	if err != nil {
		w.t.Fatal(err)
	}
	g, err = c.Join(w.ctx(), w.Webinar.Link, client.Knock{Name: body["name"], PIN: body["pin"], Device: body["device"]})
	var p *client.Problem
	switch {
	case err == nil:
		return "admitted", g
	case errors.As(err, &p):
		return p.Code, g
	}
	return err.Error(), g
}

// play plays at a node by WHEP and returns the player, or the code of the refusal.
func (w *world) play(node int, bearer string) (*rtcclient.Player, string) {
	p, err := rtcclient.Play(w.ctx(), rtcclient.PlayerConfig{URL: w.At(w.WHEP, node), Bearer: bearer})
	if err == nil {
		return p, "admitted"
	}
	if code := rtcclient.Code(err); code != "" {
		return nil, code
	}
	return nil, err.Error()
}

// TestEndToEnd is the demo as a person runs it: three voters and an edge as
// processes, a 4K stream by WHIP, a real browser. The steps follow each other.
func TestEndToEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the machine for itself: make e2e")
	}
	w := &world{t: t, binary: binary(t)}
	var err error
	w.Demo, err = rig.StartDemo(context.Background(), w.binary, filepath.Join(t.TempDir(), "demo"), "--nodes", "4")
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	defer func() {
		if !stopped {
			w.Stop()
		}
		if t.Failed() {
			w.showLogs()
		}
	}()
	if w.api, err = w.Client(n1); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"the demo prints its links", w.prints},
		{"nobody watches, so nothing crosses the mesh", w.idle},
		{"S33 the door refuses without the PIN, on every path and node", w.refuses},
		{"a WHEP player gets 4K two hops away", w.player},
		{"the page of node 3 shows 4K", w.page},
		{"garbage on every port is counted and harms nobody", w.garbage},
		{"a second publisher of one name is refused, or takes over", w.publishers},
		{"M3 the door works while nodes 1 and 2 are stopped", w.withoutQuorum},
		{"S64 a ban at node 1 ends the session at node 3", w.ban},
		{"Ctrl-C leaves nothing behind", func(t *testing.T) { stopped = true; w.stops(t) }},
	} {
		if !t.Run(step.name, step.run) {
			return
		}
	}
}

// TestEndToEndWithoutAStream is the demo for those who bring their own publisher. It
// is told no folder, so it leaves none behind.
func TestEndToEndWithoutAStream(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes: make e2e")
	}
	w := &world{t: t, binary: binary(t)}
	var err error
	if w.Demo, err = rig.StartDemo(context.Background(), w.binary, "", "--no-stream", "--nodes", "1"); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if _, code := w.play(n1, w.Webinar.PIN); code != "not_live" {
		t.Errorf("WHEP before anybody publishes: %s, want not_live", code)
	}
	if _, code := w.play(n1, wrongPIN); code != "wrong_pin" {
		t.Errorf("WHEP with a wrong PIN: %s", code)
	}
	if err := w.Stop(); err != nil {
		t.Errorf("Ctrl-C: %v\n%s", err, w.Output())
	}
	if _, err := os.Stat(w.Data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", w.Data, err)
	}
}

// TestS1EndToEndFromThePage publishes 4K from the presenter's page at node 1 and
// watches it on the guest page at node 2: two browsers' tabs, two nodes, no clip.
func TestS1EndToEndFromThePage(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the machine for itself: make e2e")
	}
	b, err := rig.OpenBrowser(context.Background())
	if errors.Is(err, rig.ErrNoBrowser) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	w := &world{t: t, binary: binary(t)}
	if w.Demo, err = rig.StartDemo(context.Background(), w.binary, "", "--no-stream", "--nodes", "2"); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	presenter, err := b.Open(w.Presenter, 1440, 900)
	if err != nil {
		t.Fatal(err)
	}
	for _, css := range []string{"#join button[type=submit]", "stentor-publish .row .button", "#on-air:not([disabled])"} {
		if err := presenter.Click(css); err != nil {
			t.Fatalf("click on %s: %v", css, err)
		}
	}
	w.eventually(t, "S1 4K leaves the presenter's page", func() (bool, error) {
		return presenter.True("stentor.stats().then(s => s.outbound !== null && s.outbound.frameWidth === 3840)")
	})
	guest, err := b.Open(w.At(w.Guest, n2), 1440, 900)
	if err != nil {
		t.Fatal(err)
	}
	if err := guest.Join("Ada", w.Webinar.PIN); err != nil {
		t.Fatal(err)
	}
	w.eventually(t, "S1 the guest at node 2 decodes 4K", func() (bool, error) {
		s, err := guest.Stats()
		return s.FrameWidth == 3840 && s.FramesDecoded >= 10, err
	})
	guest.Screenshot(artifacts(t), "guest-4k-from-the-page")
	presenter.Screenshot(artifacts(t), "presenter-on-air")
}

func (w *world) showLogs() {
	for _, n := range w.Nodes {
		if b, err := os.ReadFile(n.Log); err == nil {
			w.t.Logf("the end of %s:\n%s", n.Log, b[max(0, len(b)-3000):])
		}
	}
}

func (w *world) prints(t *testing.T) {
	for _, want := range []string{w.Guest, w.Host, w.WHIP, w.WHEP, w.Webinar.PIN, w.HostToken} {
		if want == "" || !strings.Contains(w.Output(), want) {
			t.Errorf("the demo did not print %q:\n%s", want, w.Output())
		}
	}
	if !strings.HasPrefix(w.Guest, w.Nodes[n4].URL) {
		t.Errorf("the guest page %s is not at the last node", w.Guest)
	}
	info, err := os.Stat(filepath.Join(w.Data, "demo.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("demo.json holds secrets, and has mode %v (%v)", info.Mode(), err)
	}
}

func (w *world) idle(t *testing.T) {
	w.eventually(t, "node 1 carries the track and no one else", func() (bool, error) {
		h, err := w.hops()
		return len(h) == 1 && h["n1"].Role == "origin", err
	})
}

func (w *world) refuses(t *testing.T) {
	for _, node := range []int{n1, n3, n4} {
		for _, c := range []struct{ pin, want string }{{"", "pin_required"}, {wrongPIN, "wrong_pin"}} {
			if code, _ := w.door(node, map[string]string{"name": "Eve", "pin": c.pin}); code != c.want {
				t.Errorf("join at %s with PIN %q: %s, want %s", w.Nodes[node].Name, c.pin, code, c.want)
			}
			if _, code := w.play(node, c.pin); code != c.want {
				t.Errorf("WHEP at %s with PIN %q: %s, want %s", w.Nodes[node].Name, c.pin, code, c.want)
			}
		}
		if code, _ := w.door(node, map[string]string{"name": "Ada", "pin": w.Webinar.PIN}); code != "admitted" {
			t.Errorf("join at %s with the PIN: %s", w.Nodes[node].Name, code)
		}
	}
}

func (w *world) player(t *testing.T) {
	for _, node := range []int{n3, n4} {
		p, code := w.play(node, w.Webinar.PIN)
		if p == nil {
			t.Fatalf("WHEP at %s: %s", w.Nodes[node].Name, code)
		}
		s, err := p.Wait(w.ctx(), func(s rtcclient.PlayerStats) bool { return s.WholeFrames >= 90 && s.Audio >= 100 })
		if err != nil {
			t.Fatalf("WHEP at %s: %v, after %+v", w.Nodes[node].Name, err, s)
		}
		if s.Width != 3840 || s.Height != 2160 {
			t.Errorf("the picture at %s is %d x %d", w.Nodes[node].Name, s.Width, s.Height)
		}
		h, err := w.hops()
		name := w.Nodes[node].Name
		if err != nil || h[name].Parent == "" || !slices.Contains(h[name].Path, "n1") {
			t.Errorf("the status does not show how %s gets the track: %+v %v", name, h, err)
		}
		w.showsTree(t, name)
		p.Close()
		w.eventually(t, name+" stops pulling when its last viewer leaves", func() (bool, error) {
			h, err := w.hops()
			_, carries := h[name]
			return !carries, err
		})
	}
}

// showsTree checks that the command line draws the hop and the metrics count it.
func (w *world) showsTree(t *testing.T, node string) {
	cmd := exec.Command(w.binary, "status")
	cmd.Env = append(os.Environ(), "STENTOR_CONTEXT="+w.Context)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), node) || !strings.Contains(string(out), "video") {
		t.Errorf("stentor status: %v\n%s", err, out)
	}
	i := slices.IndexFunc(w.Nodes, func(n demo.Node) bool { return n.Name == node })
	text, err := rig.Fetch(w.ctx(), "http://"+w.Nodes[i].Metrics+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"stentor_relay_", "stentor_session_live", "stentor_mesh_", "stentor_build_info"} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics of %s lacks %s", node, want)
		}
	}
}

func (w *world) page(t *testing.T) {
	b, err := rig.OpenBrowser(context.Background())
	if errors.Is(err, rig.ErrNoBrowser) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	p, err := b.Open(w.At(w.Guest, n3), 1440, 900)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := p.Text(); err != nil || !strings.Contains(text, version) {
		t.Errorf("S9 the page does not show the version %s: %v\n%s", version, err, text)
	}
	if err := p.Join("Ada", wrongPIN); err != nil {
		t.Fatal(err)
	}
	w.eventually(t, "the page says that the PIN is wrong", func() (bool, error) {
		text, err := p.Text()
		return strings.Contains(text, "That is not the PIN"), err
	})
	p.Screenshot(artifacts(t), "guest-wrong-pin")
	if err := p.Join("Ada", w.Webinar.PIN); err != nil {
		t.Fatal(err)
	}
	var first rig.Stats
	w.eventually(t, "the page of node 3 decodes 4K", func() (bool, error) {
		s, err := p.Stats()
		first = s
		return s.FrameWidth == 3840 && s.FramesDecoded > 0, err
	})
	if first.FrameWidth != 3840 || first.FrameHeight != 2160 {
		t.Errorf("the page decodes %d x %d", first.FrameWidth, first.FrameHeight)
	}
	w.eventually(t, "framesDecoded grows", func() (bool, error) {
		s, err := p.Stats()
		return s.FramesDecoded >= first.FramesDecoded+60, err
	})
	if err := p.Screenshot(artifacts(t), "guest-4k"); err != nil {
		t.Error(err)
	}
	phone, err := b.Open(w.At(w.Guest, n3), 390, 844)
	if err == nil {
		phone.Screenshot(artifacts(t), "guest-door-phone")
		phone.Close()
	}
	w.removedOnThePage(t, p)
}

// removedOnThePage bans the guest of the page at node 3 through node 1.
func (w *world) removedOnThePage(t *testing.T, p *rig.Page) {
	in, err := w.api.Participants(w.ctx(), w.Webinar.ID)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(in.Items, func(p client.Participant) bool { return p.Name == "Ada" && p.Node == "n3" })
	if i < 0 {
		t.Fatalf("Ada is not in the roster: %+v", in)
	}
	out, err := w.api.Disconnect(w.ctx(), w.Webinar.ID, in.Items[i].ID, client.Disconnect{Ban: true})
	if err != nil || out.Ban == nil || out.Ban.Strength != "weak" {
		t.Fatalf("ban: %+v %v", out, err)
	}
	w.eventually(t, "the page says that the guest was removed", func() (bool, error) {
		text, err := p.Text()
		return strings.Contains(text, "removed you"), err
	})
	p.Screenshot(artifacts(t), "guest-removed")
	if err := p.Reload(); err != nil {
		t.Fatal(err)
	}
	if err := p.Join("Someone else", w.Webinar.PIN); err != nil {
		t.Fatal(err)
	}
	w.eventually(t, "a rejoin from the same browser is refused", func() (bool, error) {
		text, err := p.Text()
		return strings.Contains(text, "removed you"), err
	})
}

func (w *world) publishers(t *testing.T) {
	post := func(url string) (int, string) {
		req, err := http.NewRequestWithContext(w.ctx(), http.MethodPost, url, strings.NewReader(minimalOffer))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/sdp")
		req.Header.Set("Authorization", "Bearer "+w.PresenterSecret)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var problem struct{ Code string }
		json.NewDecoder(res.Body).Decode(&problem)
		return res.StatusCode, problem.Code
	}
	for _, node := range []int{n1, n2, n4} {
		if status, code := post(w.At(w.WHIP, node)); status != http.StatusConflict || code != "stream_taken" {
			t.Errorf("a second publisher at %s: %d %s, want 409 stream_taken", w.Nodes[node].Name, status, code)
		}
	}
	if status, code := post(w.At(w.WHIP, n2) + "?takeover=true"); status != http.StatusCreated {
		t.Fatalf("takeover: %d %s", status, code)
	}
	// The demo's publisher lost the name, and gets it back when the silent one is given up.
	w.eventually(t, "the picture is back", func() (bool, error) {
		p, _ := w.play(n3, w.Webinar.PIN)
		if p == nil {
			return false, nil
		}
		defer p.Close()
		ctx, cancel := context.WithTimeout(w.ctx(), 5*time.Second)
		defer cancel()
		_, err := p.Wait(ctx, func(s rtcclient.PlayerStats) bool { return s.WholeFrames >= 30 })
		return err == nil, nil
	})
}

func (w *world) withoutQuorum(t *testing.T) {
	for _, node := range []int{n1, n2} {
		if err := w.Signal(node, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	defer func() {
		for _, node := range []int{n1, n2} {
			w.Signal(node, syscall.SIGCONT)
		}
		w.eventually(t, "the mesh is whole again", func() (bool, error) {
			s, err := w.api.Status(w.ctx())
			return err == nil && s.Leader != "" && len(s.Unreachable) == 0, nil
		})
	}()
	alone, err := w.Client(n3)
	if err != nil {
		t.Fatal(err)
	}
	w.eventually(t, "node 3 knows that there is no leader", func() (bool, error) {
		s, err := alone.Status(w.ctx())
		return err == nil && s.Leader == "" && len(s.Unreachable) >= 2, nil
	})
	for _, node := range []int{n3, n4} {
		for _, c := range []struct{ pin, want string }{{"", "pin_required"}, {wrongPIN, "wrong_pin"}, {w.Webinar.PIN, "admitted"}} {
			if code, _ := w.door(node, map[string]string{"name": "Ada", "pin": c.pin}); code != c.want {
				t.Errorf("without a quorum, join at %s with PIN %q: %s, want %s", w.Nodes[node].Name, c.pin, code, c.want)
			}
		}
	}
	if _, code := w.play(n3, wrongPIN); code != "wrong_pin" {
		t.Errorf("without a quorum, WHEP with a wrong PIN: %s", code)
	}
}

func (w *world) ban(t *testing.T) {
	for _, node := range []int{n3, n4} {
		name := w.Nodes[node].Name
		who := map[string]string{"name": "Mallory", "pin": w.Webinar.PIN, "device": "the laptop at " + name}
		code, g := w.door(node, who)
		if code != "admitted" {
			t.Fatal(code)
		}
		var p *rtcclient.Player
		w.eventually(t, "Mallory watches at "+name, func() (bool, error) {
			p, code = w.play(node, g.Token)
			return p != nil, nil
		})
		if _, err := p.Wait(w.ctx(), func(s rtcclient.PlayerStats) bool { return s.WholeFrames >= 10 }); err != nil {
			t.Fatal(err)
		}
		asked := time.Now()
		if _, err := w.api.Disconnect(w.ctx(), w.Webinar.ID, g.Participant, client.Disconnect{Ban: true}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-p.Done():
		case <-w.ctx().Done():
			t.Fatalf("the session at %s goes on after the ban", name)
		}
		t.Logf("from the call to the last packet at %s: %v", name, p.Stats().LastPacket.Sub(asked).Round(100*time.Microsecond))
		p.Close()
		for _, at := range []int{n1, n3, n4} {
			w.eventually(t, "a rejoin at "+w.Nodes[at].Name+" is refused", func() (bool, error) {
				code, _ := w.door(at, who)
				return code == "banned", nil
			})
			if _, code := w.play(at, g.Token); code != "banned" {
				t.Errorf("the banned token at %s: %s", w.Nodes[at].Name, code)
			}
		}
	}
}

func (w *world) stops(t *testing.T) {
	if err := w.Stop(); err != nil {
		t.Errorf("Ctrl-C: %v\n%s", err, w.Output())
	}
	for _, n := range w.Nodes {
		if err := syscall.Kill(n.PID, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("%s (process %d) is still there: %v", n.Name, n.PID, err)
		}
		if b, err := os.ReadFile(n.Log); err != nil || strings.Contains(string(b), "panic:") {
			t.Errorf("the log of %s: %v, or it holds a panic", n.Name, err)
		}
		for _, secret := range []string{w.Webinar.PIN, w.HostToken, w.AdminToken, w.PresenterSecret} {
			if b, _ := os.ReadFile(n.Log); strings.Contains(string(b), secret) {
				t.Errorf("the log of %s holds a secret", n.Name)
			}
		}
	}
}
