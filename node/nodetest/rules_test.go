package nodetest

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/client"
	"stentor/node/session"
)

// plan makes a webinar that every door knows.
func (m *Mesh) plan(c client.CreateWebinar, edit client.EditWebinar) client.Webinar {
	m.t.Helper()
	var w client.Webinar
	m.Call("n1", "POST", "/api/v1/webinars", c, &w)
	pin, text := w.PIN, "planned"
	edit.Description = &text
	m.Call("n1", "PATCH", "/api/v1/webinars/"+w.ID, edit, &w)
	w.PIN = pin
	m.Eventually("every door knows the webinar", func() bool {
		for _, n := range m.order {
			if s := m.Node(n).State().Webinar(w.ID); s == nil || s.Version < w.Version {
				return false
			}
		}
		return true
	})
	return w
}

// start starts three voters and two edges.
func (m *Mesh) start() {
	m.t.Helper()
	for _, n := range []string{"n1", "n2", "n3"} {
		m.Start(n, "voter")
	}
	m.Start("n4", "edge")
	m.Start("n5", "edge")
}

// enter lets a guest in and opens a session; nil if the door says no.
func (m *Mesh) enter(node, link string, k session.Knock) (*session.Session, error) {
	k.Remote = home
	g, err := m.Node(node).Door().Join(bg, link, k)
	if err != nil {
		return nil, err
	}
	return m.Node(node).Door().Open(bg, link, g.Token, home, session.Watch)
}

// Forty guests come to five doors at once, twice as many as there are seats, while an
// invited person comes too: exactly as many are inside as there are seats, and when some
// leave, exactly as many others get in.
func TestS60TheGuestLimitHoldsOverTheMesh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		m.start()
		const limit, guests = 20, 40
		n := limit
		w := m.plan(client.CreateWebinar{Title: "Full house"}, client.EditWebinar{GuestLimit: &n})
		var invite client.Invite
		m.Call("n1", "POST", "/api/v1/webinars/"+w.ID+"/invites", client.CreateInvite{Name: "Grace"}, &invite)
		var mu sync.Mutex
		inside, refused := []*session.Session{}, map[string]int{}
		rush := func(count int) {
			var wg sync.WaitGroup
			for i := range count {
				wg.Go(func() {
					s, err := m.enter(m.order[i%len(m.order)], w.Link, session.Knock{Name: fmt.Sprint("Guest ", i)})
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						refused[code(err)]++
						return
					}
					inside = append(inside, s)
				})
			}
			wg.Wait()
		}
		rush(guests)
		if len(inside) > limit {
			t.Fatalf("S60 %d guests are inside, the limit is %d", len(inside), limit)
		}
		for tries := 0; len(inside) < limit && tries < 20; tries++ { // seats that were at another door come back
			rush(guests - limit)
			time.Sleep(time.Second)
		}
		if len(inside) != limit || refused["full"] == 0 || len(refused) != 1 {
			t.Fatalf("M1 %d of %d seats are taken; refused: %v", len(inside), limit, refused)
		}
		if _, err := m.enter("n5", w.Link, session.Knock{Name: "Grace", Invite: invite.Secret}); err != nil {
			t.Errorf("S61 the invited do not count, and yet: %s", code(err))
		}
		for _, s := range inside[:5] {
			s.End()
		}
		inside = inside[5:]
		time.Sleep(time.Minute) // a seat is kept for a while for who only reconnects
		for tries := 0; len(inside) < limit && tries < 20; tries++ {
			rush(5)
			time.Sleep(time.Second)
		}
		if len(inside) != limit {
			t.Errorf("five left, and %d of %d are inside", len(inside), limit)
		}
		for _, edge := range []string{"n4", "n5"} {
			m.Eventually(edge+" holds what an edge may hold of the voters' state", func() bool {
				of := m.Node("n1").State().Edge(make([]byte, 32), nil) // no PIN here, so that no key matters
				return of.Index() == m.Node(edge).State().Index() && of.Hash() == m.Node(edge).State().Hash()
			})
		}
	})
}

// Somebody signs up at one voter and enters by the personal link at every door; what they
// gave is on no edge's disk.
func TestS46WhoSignedUpEntersAtEveryDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		m.start()
		w := m.plan(client.CreateWebinar{Title: "Signed up"}, client.EditWebinar{})
		m.Call("n2", "PUT", "/api/v1/webinars/"+w.ID+"/registration", client.SetRegistration{Window: "always", Maximum: 1}, nil)
		const family = "Lovelace-Unmistakable"
		sign := client.Register{FirstName: "Ada", LastName: family, Email: "ada.unmistakable@example.org"}
		var ada client.Registered
		m.Eventually("Ada signs up", func() bool {
			return m.Try("n3", "POST", "/api/v1/public/"+w.Link+"/registrants", sign, &ada) == nil
		})
		sign.Email = "second@example.org"
		if err := m.Try("n1", "POST", "/api/v1/public/"+w.Link+"/registrants", sign, nil); err == nil || !strings.Contains(err.Error(), "registration_full") {
			t.Errorf("S51 the second of a maximum of one: %v", err)
		}
		m.Eventually("the doors know Ada", func() bool {
			for _, n := range m.order {
				if _, err := m.Node(n).Door().Join(bg, w.Link, session.Knock{Name: "Ada", Registrant: ada.Secret, Takeover: true}); err != nil {
					return false
				}
			}
			return true
		})
		for _, n := range m.order {
			if _, err := m.Node(n).Door().Join(bg, w.Link, session.Knock{Name: "Eve"}); code(err) != "registration_required" {
				t.Errorf("S46 Eve at %s: %s", n, code(err))
			}
		}
		time.Sleep(10 * time.Second) // what edges keep is on their disk
		for _, edge := range []string{"n4", "n5"} {
			m.mustNotHold(edge, family, "ada.unmistakable", ada.Secret)
		}
	})
}

// mustNotHold fails if something is in a node's folder or metrics.
func (m *Mesh) mustNotHold(node string, secrets ...string) {
	m.t.Helper()
	look := func(where string, b []byte) {
		for _, s := range secrets {
			if bytes.Contains(b, []byte(s)) {
				m.t.Errorf("S57 %s of %s holds %q", where, node, s)
			}
		}
	}
	files := 0
	err := filepath.WalkDir(filepath.Join(m.dir, node), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		files++
		look(path, b)
		return err
	})
	if err != nil || files == 0 {
		m.t.Errorf("%d files of %s were read: %v", files, node, err)
	}
	r := httptest.NewRecorder()
	m.Node(node).Metrics().ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if !strings.Contains(r.Body.String(), "stentor_") {
		m.t.Error("there are no metrics")
	}
	look("metrics", r.Body.Bytes())
}

// A person with a personal link comes again on another device at another edge: they are
// asked, and with their yes the first device is put out.
func TestM7OnePersonAtTwoEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		m.start()
		w := m.plan(client.CreateWebinar{Title: "One person"}, client.EditWebinar{})
		var invite client.Invite
		m.Call("n1", "POST", "/api/v1/webinars/"+w.ID+"/invites", client.CreateInvite{Name: "Grace"}, &invite)
		first := session.Knock{Invite: invite.Secret, Device: "laptop", Remote: home}
		var laptop *session.Session
		var old session.Grant
		m.Eventually("Grace is inside at n4", func() (in bool) {
			var err error
			if old, err = m.Node("n4").Door().Join(bg, w.Link, first); err == nil {
				laptop, err = m.Node("n4").Door().Open(bg, w.Link, old.Token, home, session.Watch)
			}
			return err == nil
		})
		phone := session.Knock{Invite: invite.Secret, Device: "phone"}
		m.Eventually("n5 knows the invite and asks", func() bool {
			_, err := m.enter("n5", w.Link, phone)
			return code(err) == "already_inside"
		})
		if _, err := m.Node("n5").Door().Open(bg, w.Link, invite.Secret, home, session.Watch); code(err) != "already_inside" {
			t.Errorf("M7 a player at another edge: %s", code(err))
		}
		phone.Takeover = true
		if _, err := m.enter("n5", w.Link, phone); err != nil {
			t.Fatalf("M7 with a yes: %s", code(err))
		}
		m.Eventually("the laptop is put out", func() bool { return laptop.Context().Err() != nil })
		for _, third := range []string{"n1", "n4"} {
			if _, err := m.Node(third).Door().Open(bg, w.Link, old.Token, home, session.Watch); code(err) != "superseded" {
				t.Errorf("M7 the laptop's old token at %s: %s", third, code(err))
			}
		}
	})
}

// A removed node loses its connections and its tokens, and cannot come back.
func TestARemovedNodeIsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		m.start()
		w := m.plan(client.CreateWebinar{Title: "Removed"}, client.EditWebinar{})
		g, err := m.Node("n5").Door().Join(bg, w.Link, session.Knock{Name: "Ada", Remote: home})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Node("n4").Door().Open(bg, w.Link, g.Token, home, session.Watch); err != nil {
			t.Fatalf("a token of n5 at n4: %s", code(err))
		}
		m.nodes["n5"].down.Store(true) // it ends by itself
		m.Call("n1", "DELETE", "/api/v1/nodes/n5", nil, nil)
		m.Eventually("n5 ends", func() bool {
			select {
			case err := <-m.nodes["n5"].done:
				m.nodes["n5"].done <- err
				return err != nil
			default:
				return false
			}
		})
		before := m.Node("n5").State().Index()
		m.Call("n1", "POST", "/api/v1/webinars", client.CreateWebinar{Title: "Behind its back"}, nil)
		time.Sleep(time.Minute)
		if after := m.Node("n5").State().Index(); after != before {
			t.Errorf("n5 hears of what happens: its state went from %d to %d", before, after)
		}
		m.Eventually("n4 believes nothing that n5 signed", func() bool {
			_, err := m.Node("n4").Door().Open(bg, w.Link, g.Token, home, session.Watch)
			return code(err) == "token_invalid"
		})
	})
}
