package nodetest

import (
	"context"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/client"
	"stentor/node/signal"
)

// TestARecordingFollowsThePublisher records at whatever node the publisher is: at an edge, and at the next one when that
// has died. The host starts, stops and lists at voters, and gets the bytes from where they are; everybody inside knows.
func TestARecordingFollowsThePublisher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		defer m.Stop()
		w := m.startWithWebinar()
		m.Eventually("recordings are known to all", func() bool { return m.Node("n1").State().Cluster().FeatureLevel >= 3 })
		at := "/api/v1/webinars/" + w.ID

		hush := m.speaks(t, "n4", w.ID)
		var now client.Webinar
		m.Call("n2", "POST", at+"/recording/start", nil, &now)
		if now.Recording == nil {
			t.Fatal("nothing is recorded")
		}
		list := func() (r client.Recordings) {
			m.Call("n1", "GET", at+"/recordings", nil, &r)
			return r
		}
		m.Eventually("n4 records", func() bool {
			r := list()
			return len(r.Items) == 1 && r.Items[0].Node == "n4" && r.Items[0].Running && len(r.Items[0].Files) == 1 && r.Items[0].Files[0].Bytes > 2000
		})
		first := list().Items[0]
		if f := first.Files[0]; first.ID != now.Recording.ID || f.Participant != "p_presenter" || f.Track != "audio" || f.State != "growing" {
			t.Errorf("n4 has %+v", first)
		}
		hush()

		m.Crash("n4")
		hush = m.speaks(t, "n3", w.ID)
		m.Eventually("n3 records", func() bool {
			for _, r := range list().Items {
				if r.Node == "n3" && r.Running && len(r.Files) == 1 && r.Files[0].Bytes > 2000 {
					return r.ID == now.Recording.ID
				}
			}
			return false
		})
		now = client.Webinar{}
		m.Call("n1", "POST", at+"/recording/stop", nil, &now)
		if now.Recording != nil {
			t.Errorf("it is still recorded: %+v", now.Recording)
		}
		m.Eventually("the file is whole", func() bool {
			for _, r := range list().Items {
				if r.Node == "n3" {
					return !r.Running && r.Files[0].State == "whole" && r.Files[0].Last > 0
				}
			}
			return false
		})
		for _, r := range list().Items {
			if r.Node == "n3" {
				if status := m.Status("n1", r.Files[0].Path); status != 401 {
					t.Errorf("without a token the file is answered with %d", status)
				}
				head := m.part("n1", r.Files[0].Path, "bytes=0-3")
				if head != "\x1a\x45\xdf\xa3" {
					t.Errorf("the file begins with %x, want the mark of EBML", head)
				}
			}
		}
		hush()
	})
}

// speaks publishes sound at a node until hush is called.
func (m *Mesh) speaks(t *testing.T, node, webinar string) (hush func()) {
	t.Helper()
	var claimed error
	m.Eventually("the stage is free", func() bool {
		claim, err := m.Node(node).Stage().Claim(bg, signal.Bid{Webinar: webinar, Stream: "main", Participant: "p_presenter", Takeover: true})
		if claimed = err; err != nil {
			return false
		}
		track, err := claim.Track("audio", opus, func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(bg)
		done := make(chan struct{})
		go func() { defer close(done); talk(ctx, t, track) }()
		hush = func() { cancel(); <-done }
		return true
	})
	if claimed != nil {
		t.Fatal(claimed)
	}
	time.Sleep(packetEvery)
	return hush
}

// part asks for a part of a file with the admin's token.
func (m *Mesh) part(name, path, span string) string {
	m.t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Authorization", "Bearer "+m.token)
	r.Header.Set("Range", span)
	w := httptest.NewRecorder()
	m.nodes[name].Handler().ServeHTTP(w, r)
	if w.Code != 206 {
		m.t.Errorf("GET %s: %d %s", path, w.Code, w.Body.String())
	}
	return w.Body.String()
}
