package nodetest

import (
	"context"
	"encoding/binary"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"stentor/control/client"
)

// TestADrainMovesTheChildren has the node between an origin and an edge drained by the
// API, in a mesh where every node feeds one child at most before that: the edge goes on
// below another node, and no packet is lost.
func TestADrainMovesTheChildren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(t)
		m.Children = 2
		defer m.Stop()
		w := m.startWithWebinar()
		m.Start("n5", "edge")
		claim, err := m.Node("n3").Stage().Claim(bg, bid(w.ID, "p_presenter"))
		if err != nil {
			t.Fatal(err)
		}
		track, err := claim.Track("audio", opus, func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		ctx, hush := context.WithCancel(bg)
		done := make(chan struct{})
		go func() { defer close(done); talk(ctx, t, track) }()
		defer func() { hush(); <-done }()

		// n1 and n2 fill the origin up; n4 and n5 have to hang below one of them.
		heard := map[string]func(packets int) []uint16{}
		for _, name := range []string{"n1", "n2", "n4", "n5"} {
			var listen func(int) []uint16
			m.Eventually(name+" has the stream", func() bool {
				sources, err := m.Node(name).Stage().Sources(bg, w.ID)
				if err != nil || len(sources) != 1 {
					return false
				}
				sub, err := sources[0].Subscribe(bg)
				if err != nil {
					return false
				}
				t.Cleanup(sub.Close)
				r := sub.Track().Reader(0)
				t.Cleanup(r.Close)
				listen = func(packets int) (seq []uint16) {
					for range packets {
						p, err := r.Next(bg)
						if err != nil {
							t.Errorf("%s: %v", name, err)
							return seq
						}
						seq = append(seq, binary.BigEndian.Uint16(p.Raw[2:]))
					}
					return seq
				}
				return true
			})
			heard[name] = listen
			time.Sleep(5 * time.Second) // the others hear who is full
		}
		heard["n4"](50)
		between := m.parent(w.ID, "n4")
		if between != "n1" && between != "n2" {
			t.Fatalf("n4 hangs below %q", between)
		}
		m.Call("n2", "PUT", "/api/v1/nodes/"+between+"/drain", nil, nil)
		// What n4 has not read yet is in its ring, so its reader sees every packet of the change.
		seq := heard["n4"](500)
		for i := 1; i < len(seq); i++ {
			if seq[i] != seq[i-1]+1 {
				t.Fatalf("after packet %d came %d", seq[i-1], seq[i])
			}
		}
		if now := m.parent(w.ID, "n4"); now == between || now == "" {
			t.Errorf("it is still below %q", now)
		}
		var s client.Status
		m.Call("n3", "GET", "/api/v1/status", nil, &s)
		if i := slices.IndexFunc(s.Nodes, func(n client.NodeStatus) bool { return n.Node == between }); i < 0 || !s.Nodes[i].Draining {
			t.Error("the status does not say that it drains")
		}
		m.Call("n2", "DELETE", "/api/v1/nodes/"+between+"/drain", nil, nil)
		m.Eventually("it carries again", func() bool {
			m.Call("n3", "GET", "/api/v1/status", nil, &s)
			return !slices.ContainsFunc(s.Nodes, func(n client.NodeStatus) bool { return n.Draining })
		})
	})
}

// parent is from where a node gets the webinar's track.
func (m *Mesh) parent(webinar, node string) string {
	var s client.Status
	m.Call("n2", "GET", "/api/v1/status", nil, &s)
	for _, t := range s.Tracks {
		for _, h := range t.Hops {
			if t.Webinar == webinar && h.Node == node {
				return h.Parent
			}
		}
	}
	return ""
}
