package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"stentor/bench/rig"
	"stentor/control/client"
	"stentor/demo/clip"
	"stentor/demo/rtcclient"
)

// lastRelease is the commit of v0.2.0, and lastVersion what its nodes say.
const (
	lastRelease = "d9c7ea7e5640b64f188f79514a21515b950e650a"
	lastVersion = "v0.2.0"
)

// lastBinary builds the program of the last release from the history, or takes the one
// that STENTOR_LAST_BINARY names.
func lastBinary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("STENTOR_LAST_BINARY"); path != "" {
		return path
	}
	if out, err := exec.Command("git", "cat-file", "-e", lastRelease+"^{commit}").CombinedOutput(); err != nil {
		t.Skipf("NOTHING IS KNOWN OF UPGRADES FROM %s: its commit %s is not in this clone; fetch the whole history (%v: %s)", lastVersion, lastRelease, err, out)
	}
	dir := t.TempDir()
	source, path := filepath.Join(dir, "source"), filepath.Join(dir, "stentor")
	archive := exec.Command("sh", "-c", `mkdir "$1" && git archive "$0" >"$1.tar" && tar -xf "$1.tar" -C "$1"`, lastRelease, source)
	if out, err := archive.CombinedOutput(); err != nil {
		t.Fatalf("take %s out of the history: %v\n%s", lastRelease, err, out)
	}
	build := exec.Command("go", "build", "-o", path, ".")
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", lastVersion, err, out)
	}
	return path
}

// upgrade is a mesh on its way from one version to the next.
type upgrade struct {
	*rig.Mesh
	t        *testing.T
	old, now string // programs
	replaced []int
	webinar  client.Webinar
	whip     string // secret of the presenter
	origin   int    // the node at which the stream comes in
	unair    func()
	writes   int
}

// The nodes: three voters, then two edges. The edges are replaced first, the leader last.
const (
	upgradeVoters = 3
	edgeA, edgeB  = 3, 4
	// upgradeWithin bounds what a step waits for on a slow and busy machine.
	upgradeWithin = 90 * time.Second
)

// TestEndToEndUpgrade replaces the last release by this one, node by node, while a webinar
// runs: SIGTERM, and the new program on the same data. After each step every node takes
// writes and guests, and who watches elsewhere goes on. The stream crosses the mesh from
// old nodes to new ones and from new ones to old ones.
func TestEndToEndUpgrade(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the last release and runs five processes of it: make e2e")
	}
	u := &upgrade{t: t, now: binary(t), old: lastBinary(t)}
	var err error
	if u.Mesh, err = rig.StartMesh(t.Context(), u.old, t.TempDir(), upgradeVoters, 2); err != nil {
		t.Fatal(err)
	}
	defer u.Stop()
	defer u.showLogs()
	u.plan()
	u.air(edgeA)
	defer func() { u.unair() }()
	steps := []struct {
		name string
		run  func(*testing.T)
	}{
		{"all nodes are old", u.works},
		{"a new edge below old nodes", func(t *testing.T) { u.replace(t, edgeB, 0) }},
		{"the stream comes in at the new edge, above old nodes", func(t *testing.T) { u.move(t, edgeB) }},
		{"the other edge", func(t *testing.T) { u.replace(t, edgeA, 0, 1) }},
		{"a voter", func(t *testing.T) { u.replaceFollower(t, edgeA) }},
		{"one voter understands what the others do not", u.waits},
		{"the next voter", func(t *testing.T) { u.replaceFollower(t, edgeA) }},
		{"the leader", func(t *testing.T) { u.replaceLast(t, edgeA) }},
		{"the feature level rises", u.rises},
	}
	for _, step := range steps {
		if !t.Run(step.name, step.run) {
			return
		}
	}
}

func (u *upgrade) showLogs() {
	if !u.t.Failed() {
		return
	}
	for i, p := range u.Nodes {
		log := u.Log(i)
		u.t.Logf("%s:\n%s", p.Name, log[max(0, len(log)-6000):])
	}
}

func (u *upgrade) client(t *testing.T, node int) *client.Client {
	t.Helper()
	c, err := u.Client(node)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// plan makes the webinar and invites its presenter.
func (u *upgrade) plan() {
	c := u.client(u.t, 0)
	var err error
	if u.webinar, err = c.CreateWebinar(u.t.Context(), client.CreateWebinar{Title: "Upgrade", GeneratePIN: true}); err != nil {
		u.t.Fatal(err)
	}
	invite, err := c.Invite(u.t.Context(), u.webinar.ID, client.CreateInvite{Name: "Presenter", Role: "presenter"})
	if err != nil {
		u.t.Fatal(err)
	}
	u.whip = invite.Secret
}

// air publishes the stream at a node until unair is called. A node that was just started
// may not have heard of the webinar yet.
func (u *upgrade) air(node int) {
	u.t.Helper()
	pictures, err := clip.Load()
	if err != nil {
		u.t.Fatal(err)
	}
	u.eventually(u.t, "publish at "+u.Nodes[node].Name, func(context.Context) error {
		p := rtcclient.NewPublisher(rtcclient.PublisherConfig{
			URL: u.Nodes[node].URL + "/whip/" + u.webinar.Link + "/main", Bearer: u.whip, Clip: pictures})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- p.Run(ctx) }()
		select {
		case <-p.Connected():
			u.origin, u.unair = node, func() { cancel(); <-done }
			return nil
		case err := <-done:
			cancel()
			return fmt.Errorf("refused: %w", err)
		case <-time.After(20 * time.Second):
			cancel()
			<-done
			return errors.New("it does not connect")
		}
	})
}

// eventually tries until there is no error, and fails with the last one.
func (u *upgrade) eventually(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), upgradeWithin)
	defer cancel()
	var last error
	err := rig.Poll(ctx, 50*time.Millisecond, func() (bool, error) {
		within, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		if err := try(within); err != nil {
			last = err
			return false, nil
		}
		return true, nil
	})
	if err != nil {
		t.Fatalf("%s: %v", what, errors.Join(err, last))
	}
}

// works checks that every node takes a write, lets a guest in by PIN, and shows the stream.
func (u *upgrade) works(t *testing.T) {
	for i, p := range u.Nodes {
		c := u.client(t, i)
		u.writes++
		text := fmt.Sprint("write ", u.writes)
		began := time.Now()
		u.eventually(t, "write at "+p.Name, func(ctx context.Context) error {
			w, err := c.EditWebinar(ctx, u.webinar.ID, client.EditWebinar{Description: &text})
			if err == nil && w.Description != text {
				err = fmt.Errorf("acknowledged as %q", w.Description)
			}
			return err
		})
		wrote := time.Since(began)
		lobby := 0
		u.eventually(t, "join at "+p.Name, func(ctx context.Context) error {
			waiting, err := u.knock(ctx, i, u.webinar.PIN)
			if err == nil && waiting {
				lobby++
				err = errors.New("the lobby, with the right PIN")
			}
			return err
		})
		t.Logf("%s (%s): write %d ms, join %d ms, %d times by the lobby",
			p.Name, u.version(i), wrote.Milliseconds(), (time.Since(began) - wrote).Milliseconds(), lobby)
	}
	if len(u.replaced) > 0 { // one only: the budget of wrong PINs is the mesh's
		node := u.replaced[len(u.replaced)-1]
		if waiting, err := u.knock(t.Context(), node, wrongPIN); err == nil && !waiting {
			t.Errorf("%s let a guest in with a wrong PIN", u.Nodes[node].Name)
		}
	}
}

// knock asks the door of a node whether a guest may enter. Where nobody answers in time
// for a guess at the PIN, as at a node that was just started, the lobby is the answer.
func (u *upgrade) knock(ctx context.Context, node int, pin string) (waiting bool, err error) {
	body, err := json.Marshal(client.Knock{Name: "Guest", PIN: pin, Device: fmt.Sprint("device-", u.writes)})
	if err != nil {
		return false, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.Nodes[node].URL+"/api/v1/door/"+u.webinar.Link+"/join", bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	var answer struct {
		Token   string `json:"token"`
		Waiting bool   `json:"waiting"`
		Code    string `json:"code"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return false, err
	}
	if res.StatusCode/100 != 2 || answer.Token == "" {
		return false, fmt.Errorf("%s: %s", res.Status, answer.Code)
	}
	return answer.Waiting, nil
}

func (u *upgrade) version(i int) string {
	if slices.Contains(u.replaced, i) {
		return "new"
	}
	return "old"
}

// watcher is a player, and when it had its pictures.
type watcher struct {
	*rtcclient.Player
	at string

	mu   sync.Mutex // guards the following
	last time.Time
	gap  time.Duration
}

func (w *watcher) frame(rtcclient.Frame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if !w.last.IsZero() {
		w.gap = max(w.gap, now.Sub(w.last))
	}
	w.last = now
}

// longest is the longest time without a picture so far, the present one included.
func (w *watcher) longest() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return max(w.gap, time.Since(w.last))
}

// watch plays at a node and waits for pictures.
func (u *upgrade) watch(t *testing.T, node int) *watcher {
	t.Helper()
	w := &watcher{at: u.Nodes[node].Name + ", " + u.version(node)}
	u.eventually(t, "play at "+w.at, func(ctx context.Context) (err error) {
		w.Player, err = rtcclient.Play(ctx, rtcclient.PlayerConfig{
			URL: u.Nodes[node].URL + "/whep/" + u.webinar.Link, Bearer: u.webinar.PIN, OnFrame: w.frame})
		return err
	})
	t.Cleanup(w.Close)
	w.goesOn(t)
	return w
}

// goesOn waits for another second of whole pictures.
func (w *watcher) goesOn(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), upgradeWithin)
	defer cancel()
	had := w.Stats().WholeFrames
	if s, err := w.Wait(ctx, func(s rtcclient.PlayerStats) bool { return s.WholeFrames >= had+30 }); err != nil {
		t.Fatalf("the picture at %s does not go on: %v (%d whole frames, then %d)", w.at, err, had, s.WholeFrames)
	}
}

// during watches at nodes while something is done that does not touch them, and logs the
// longest gaps.
func (u *upgrade) during(t *testing.T, nodes []int, do func()) {
	t.Helper()
	var watching []*watcher
	for _, n := range nodes {
		watching = append(watching, u.watch(t, n))
	}
	do()
	for _, w := range watching {
		w.goesOn(t)
		s, gap := w.Stats(), w.longest()
		t.Logf("at %s meanwhile: longest gap %d ms, %d of %d frames whole, %d packets lost, %d of audio", w.at, gap.Milliseconds(), s.WholeFrames, s.Frames, s.Lost, s.AudioLost)
		if gap > 30*time.Second {
			t.Errorf("no picture for %v at %s", gap, w.at)
		}
	}
}

// replace upgrades a node while there are viewers elsewhere; then everything works, and
// the stream plays at that node too.
func (u *upgrade) replace(t *testing.T, node int, elsewhere ...int) {
	t.Helper()
	u.during(t, elsewhere, func() {
		began := time.Now()
		if err := u.Replace(t.Context(), node, u.now); err != nil {
			t.Fatal(err)
		}
		u.replaced = append(u.replaced, node)
		t.Logf("%s was away for %d ms", u.Nodes[node].Name, time.Since(began).Milliseconds())
		u.works(t)
	})
	u.watch(t, node)
	u.sees(t)
}

// sees waits until every node sees all of them alive, each with its version.
func (u *upgrade) sees(t *testing.T) {
	for i, p := range u.Nodes {
		c := u.client(t, i)
		u.eventually(t, p.Name+" sees all nodes", func(ctx context.Context) error {
			s, err := c.Status(ctx)
			if err != nil {
				return err
			}
			for j, other := range u.Nodes {
				k := slices.IndexFunc(s.Nodes, func(n client.NodeStatus) bool { return n.Node == other.Name })
				switch {
				case k < 0 || !s.Nodes[k].Alive:
					return fmt.Errorf("%s is not there: %+v", other.Name, s.Nodes)
				case (s.Nodes[k].Version == lastVersion) != (u.version(j) == "old"):
					return fmt.Errorf("%s runs %s", other.Name, s.Nodes[k].Version)
				}
			}
			return nil
		})
	}
}

// move lets the presenter come in at another node. Who watches stays.
func (u *upgrade) move(t *testing.T, node int) {
	u.during(t, []int{0, 1}, func() {
		u.unair()
		u.air(node)
	})
}

func (u *upgrade) leader(t *testing.T) (n int) {
	t.Helper()
	c := u.client(t, edgeA)
	u.eventually(t, "a leader", func(ctx context.Context) error {
		s, err := c.Status(ctx)
		if n = slices.IndexFunc(u.Nodes, func(p *rig.Process) bool { return p.Name == s.Leader }); err == nil && n < 0 {
			err = errors.New("there is none")
		}
		return err
	})
	return n
}

// replaceFollower replaces an old voter that does not lead; the leader and a node are
// watched.
func (u *upgrade) replaceFollower(t *testing.T, watched int) {
	leader := u.leader(t)
	for n := range upgradeVoters {
		if n != leader && !slices.Contains(u.replaced, n) {
			u.replace(t, n, watched, leader)
			return
		}
	}
	t.Fatal("all voters but the leader are replaced")
}

// replaceLast replaces the voter that is left: the leader, unless that has changed.
func (u *upgrade) replaceLast(t *testing.T, watched int) {
	leader := u.leader(t)
	for n := range upgradeVoters {
		if !slices.Contains(u.replaced, n) {
			t.Logf("%s leads, %s is replaced", u.Nodes[leader].Name, u.Nodes[n].Name)
			u.replace(t, n, watched, (n+1)%upgradeVoters)
			return
		}
	}
}

// waits checks that what the old nodes do not understand is not done yet: it would halt
// them.
func (u *upgrade) waits(t *testing.T) {
	node := u.replaced[len(u.replaced)-1]
	_, err := u.client(t, node).RotateGossipKey(t.Context())
	p := (*client.Problem)(nil)
	if !errors.As(err, &p) {
		t.Fatalf("a new command in a mesh with old nodes, asked of %s: %v; want a refusal", u.Nodes[node].Name, err)
	}
	t.Logf("a new command is refused as %s, %d", p.Code, p.Status)
	for i, n := range u.Nodes {
		if !u.Alive(i) {
			t.Errorf("it ended %s", n.Name)
		}
	}
	u.works(t)
}

// rises waits until the commands of this version are there, everywhere, and uses one.
//
// The level waits until every node has a certificate with a proof, for which nodes ask anew
// once all voters give one (node/renew.go): seen after 10 to 17 s.
func (u *upgrade) rises(t *testing.T) {
	began := time.Now()
	const within = 2 * time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for i, p := range u.Nodes {
		c := u.client(t, i)
		err := rig.Poll(ctx, 100*time.Millisecond, func() (bool, error) {
			s, err := c.Status(ctx)
			return err == nil && s.GossipKey != nil, nil
		})
		if err != nil {
			t.Fatalf("the feature level at %s is the old one %v after the last node", p.Name, within)
		}
	}
	t.Logf("the feature level rose everywhere %d ms after the last node", time.Since(began).Milliseconds())
	u.during(t, []int{0, edgeA}, func() {
		u.eventually(t, "a new command", func(ctx context.Context) error {
			_, err := u.client(t, edgeB).RotateGossipKey(ctx)
			if p := (*client.Problem)(nil); errors.As(err, &p) && p.Code == "rotation_running" {
				return nil // the leader was faster
			}
			return err
		})
		u.works(t)
		u.sees(t)
	})
}
