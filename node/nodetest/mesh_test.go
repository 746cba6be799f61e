package nodetest

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/client"
	"stentor/control/webinar"
	"stentor/node"
	"stentor/node/session"
)

var (
	bg   = context.Background()
	home = netip.MustParseAddr("192.0.2.7")
)

func code(err error) string {
	var d *webinar.Denial
	switch {
	case err == nil:
		return "admitted"
	case errors.As(err, &d):
		return d.Code
	}
	return err.Error()
}

// watchers try every door of a mesh all the time: whoever may not enter, never
// does, and whoever may, always does, whatever happens to the mesh meanwhile.
type watchers struct {
	stop   context.CancelFunc
	done   chan struct{}
	tries  atomic.Int64
	banned atomic.Bool // Mallory is, and every door has been told
}

func (m *Mesh) watch(t *testing.T, every time.Duration, link, pin string, doors ...string) *watchers {
	ctx, stop := context.WithCancel(bg)
	w := &watchers{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for ctx.Err() == nil {
			for _, name := range doors {
				if m.nodes[name].down.Load() {
					continue
				}
				door, banned := m.nodes[name].Door(), w.banned.Load()
				w.tries.Add(1)
				for _, try := range []struct {
					who  session.Knock
					want string
				}{
					{session.Knock{Name: "Ada", PIN: pin}, "admitted"},
					{session.Knock{Name: "Eve"}, "pin_required"},
				} {
					if _, err := door.Join(bg, link, try.who); code(err) != try.want {
						t.Errorf("%s at the door of %s: %s, want %s", try.who.Name, name, code(err), try.want)
					}
				}
				if _, err := door.Join(bg, link, mallory(pin)); banned && code(err) != "banned" {
					t.Errorf("Mallory at the door of %s after the ban: %s", name, code(err))
				}
			}
			time.Sleep(every)
		}
	}()
	return w
}

func (w *watchers) end() { w.stop(); <-w.done }

func mallory(pin string) session.Knock {
	return session.Knock{Name: "Mallory", PIN: pin, Device: "mallory's laptop", Remote: home}
}

// leader returns the name of the leader as the others see it, "" while there is none.
func (m *Mesh) leader() string {
	for _, name := range m.order {
		var s client.Status
		if n := m.nodes[name]; !n.down.Load() && m.Try(name, "GET", "/api/v1/status", nil, &s) == nil && s.Leader != "" && !m.nodes[s.Leader].down.Load() {
			return s.Leader
		}
	}
	return ""
}

// startWithWebinar starts three voters and an edge, and plans a webinar with a PIN
// through the API; every door knows it.
func (m *Mesh) startWithWebinar() client.Webinar {
	m.t.Helper()
	for _, n := range []string{"n1", "n2", "n3"} {
		m.Start(n, "voter")
	}
	m.Start("n4", "edge")
	var w client.Webinar
	m.Call("n2", "POST", "/api/v1/webinars", client.CreateWebinar{Title: "Launch", GeneratePIN: true}, &w)
	m.Eventually("every door knows the webinar", func() bool {
		for _, n := range m.order {
			if _, err := m.Node(n).Door().Webinar(w.Link); err != nil {
				return false
			}
		}
		return true
	})
	return w
}

// TestMeshInVirtualTime is one whole mesh: three voters and an edge that joins by
// token and follows by watch stream. The leader is killed; writes go on, bans are
// enforced, and nobody is admitted who may not be.
func TestMeshInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		w := m.startWithWebinar()
		all := m.order
		watchers := m.watch(t, 100*time.Millisecond, w.Link, w.PIN, all...)
		defer watchers.end()

		g, err := m.Node("n4").Door().Join(bg, w.Link, mallory(w.PIN))
		if err != nil {
			t.Fatal(err)
		}
		inside, err := m.Node("n4").Door().Open(bg, w.Link, g.Token, home, session.Watch)
		if err != nil {
			t.Fatal(err)
		}

		killed := m.leader()
		m.Crash(killed)
		var survivor string
		for _, n := range []string{"n1", "n2", "n3"} {
			if n != killed {
				survivor = n
			}
		}
		took := m.Eventually("a write after the leader was killed", func() bool {
			return m.Try(survivor, "PUT", "/api/v1/webinars/"+w.ID+"/pin", client.SetPIN{Value: w.PIN}, nil) == nil
		})
		t.Logf("leader %s killed: writes were back after %v", killed, took)
		if took > 3*time.Second { // two elections, should the first one be split
			t.Errorf("writes were back after %v, want at most 3 s", took)
		}

		var out client.Disconnected
		m.Call(survivor, "POST", "/api/v1/webinars/"+w.ID+"/participants/"+g.Participant+"/disconnect", client.Disconnect{Ban: true}, &out)
		before := time.Now()
		<-inside.Context().Done()
		if got := code(context.Cause(inside.Context())); got != "banned" {
			t.Errorf("the session at n4 ended with %s, want banned", got)
		}
		t.Logf("from the answer to the ban to the end of the session at n4: %v", time.Since(before))
		m.Eventually("every door has the ban", func() bool {
			for _, n := range all {
				if m.nodes[n].down.Load() {
					continue
				}
				if _, err := m.Node(n).Door().Join(bg, w.Link, mallory(w.PIN)); code(err) != "banned" {
					return false
				}
			}
			return true
		})
		watchers.banned.Store(true)
		time.Sleep(10 * time.Second)
		watchers.end()
		if n := watchers.tries.Load(); n < 100 {
			t.Errorf("only %d tries at the doors", n)
		}
	})
}

// TestM3TheDoorWorksWithoutAQuorum cuts off an edge and then all voters: the door
// goes on by its own copy, and what was decided meanwhile holds after the heal.
func TestM3TheDoorWorksWithoutAQuorum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		w := m.startWithWebinar()
		door := m.Node("n4").Door()
		g, err := door.Join(bg, w.Link, mallory(w.PIN))
		if err != nil {
			t.Fatal(err)
		}
		inside, err := door.Open(bg, w.Link, g.Token, home, session.Watch)
		if err != nil {
			t.Fatal(err)
		}

		m.Cut("n4", true)
		m.Call("n1", "POST", "/api/v1/webinars/"+w.ID+"/participants/"+g.Participant+"/disconnect", client.Disconnect{Ban: true}, nil)
		watchers := m.watch(t, 2*time.Second, w.Link, w.PIN, "n4")
		away := 10 * time.Minute
		if testing.Short() { // longer than a token lives
			away = 6 * time.Minute
		}
		time.Sleep(away)
		if inside.Context().Err() != nil {
			t.Error("n4 knows of the ban while it is cut off: the cut does not cut")
		}
		watchers.end()
		if n := watchers.tries.Load(); n < int64(away/(2*time.Second)) {
			t.Errorf("only %d tries", n)
		}

		m.Cut("n4", false)
		healed := time.Now()
		<-inside.Context().Done()
		took := time.Since(healed)
		t.Logf("the ban reached n4 %v after the heal", took)
		if took > time.Second { // M2
			t.Errorf("the ban reached n4 %v after the heal, want at most 1 s", took)
		}
		if got := code(context.Cause(inside.Context())); got != "banned" {
			t.Errorf("ended with %s", got)
		}
	})
}

// TestAJoinTokenIsGoodOnce: a second node with the token of the first stays outside,
// and so does one with a token of another cluster.
func TestAJoinTokenIsGoodOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		m.Start("n1", "voter")
		m.Start("n2", "edge")
		used := m.config("n3")
		used.TokenFile = filepath.Join(m.dir, "n2.token")
		if err := m.tryJoin(used); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("a token was good twice: %v", err)
		}
		foreign := m.config("n4")
		foreign.TokenFile = filepath.Join(m.dir, "foreign.token")
		if err := os.WriteFile(foreign.TokenFile, []byte("stj1."+strings.Repeat("A", 43)+"."+strings.Repeat("A", 43)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := m.tryJoin(foreign); err == nil || strings.Contains(err.Error(), "refused") {
			t.Errorf("the secret of a foreign token was sent: %v", err)
		}
		if _, err := node.LoadKeyring(used.Data); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the refused node has keys: %v", err)
		}
	})
}
