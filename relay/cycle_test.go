// The tests of this file run in a synctest bubble (inMesh): they sleep in virtual time.

package relay

import (
	"slices"
	"testing"
	"time"
)

// speak writes a packet of audio every 20 ms until the function that it returns is called, which ends the track.
func speak(t *testing.T, track *Track) (end func()) {
	hush, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for cam := (camera{}); ; {
			select {
			case <-hush:
				return
			case <-time.After(20 * time.Millisecond):
			}
			if err := track.Write(0, cam.frame(false, 1)[0], time.Now()); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	return func() {
		close(hush)
		<-over
		track.Close()
	}
}

func TestNodesThatStandByForEachOtherStopPullingAfterTheLastViewer(t *testing.T) {
	tests := []struct {
		name    string
		parents map[string]string
		spares  map[string]string
		viewers []string // nodes
	}{
		{"two nodes", map[string]string{"n2": "n1", "n3": "n1"}, map[string]string{"n2": "n3", "n3": "n2"}, []string{"n2", "n3"}},
		{"a ring of three", map[string]string{"n2": "n1", "n3": "n1", "n4": "n1"}, map[string]string{"n2": "n3", "n3": "n4", "n4": "n2"}, []string{"n2", "n3", "n4"}},
		{
			"across two levels: each is the parent of who stands by for the other",
			map[string]string{"n2": "n1", "n3": "n1", "n4": "n2", "n5": "n3"}, map[string]string{"n2": "n5", "n3": "n4"}, []string{"n4", "n5"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inMesh(t, func(t *testing.T, m *mesh) {
				for child, parent := range test.parents {
					m.nodes[child].follows(parent)
					m.nodes[child].keeps(test.spares[child])
					if test.spares[child] == "" {
						m.nodes[child].keeps()
					}
				}
				origin := publish(t, m.nodes["n1"], audioID, audioInfo, 1, nil)
				end := speak(t, origin)
				var leave []func()
				for _, name := range test.viewers {
					sub := subscribe(t, m.nodes[name], audioID)
					r := sub.Track().Reader(0)
					leave = append(leave, r.Close, sub.Close)
				}
				time.Sleep(10 * time.Second)
				for child, node := range test.spares {
					if got := spareOf(m.nodes[child]); got != node {
						t.Errorf("while all watch, %q stands by for %s", got, child)
					}
				}
				for _, f := range leave {
					f()
				}
				time.Sleep(30 * time.Second)
				for name, n := range m.nodes {
					if s, ok := status(n, audioID); ok && name != "n1" {
						t.Errorf("%s half a minute after the last viewer: %+v", name, s)
					}
				}
				end()
				time.Sleep(time.Second)
			}, "n1", "n2", "n3", "n4", "n5")
		})
	}
}

// spareOf returns the node that stands by for the audio.
func spareOf(n *node) string {
	n.Relay.mu.Lock()
	defer n.Relay.mu.Unlock()
	if e := n.entries[audioID]; e != nil && e.pull != nil {
		return e.pull.spare
	}
	return ""
}

func TestNodeThatOnlyStandsByKeepsAStandbyOnceItHasAViewer(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2, n3, n4 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"], m.nodes["n4"]
		for _, n := range []*node{n2, n3, n4} {
			n.follows("n1")
		}
		n2.keeps("n3")
		n3.keeps("n4")
		origin := publish(t, n1, audioID, audioInfo, 1, nil)
		end := speak(t, origin)
		sub := subscribe(t, n2, audioID)
		r := sub.Track().Reader(0)
		time.Sleep(5 * time.Second)
		if got := spareOf(n2); got != "n3" {
			t.Errorf("%q stands by for the node with a viewer", got)
		}
		if got := spareOf(n3); got != "" {
			t.Errorf("%q stands by for one that only stands by", got)
		}
		if s, _ := status(n1, audioID); !slices.Equal(s.Children, []string{"n2"}) {
			t.Errorf("the origin's children: %v", s.Children)
		}
		late := subscribe(t, n3, audioID)
		lr := late.Track().Reader(0)
		heard := make(chan int)
		go func() { heard <- len(drain(t, lr)) }()
		time.Sleep(2 * time.Second)
		if got := spareOf(n3); got != "n4" {
			t.Errorf("with a viewer of its own %q stands by for it", got)
		}
		if s, _ := status(n1, audioID); !slices.Contains(s.Children, "n3") {
			t.Errorf("the origin's children then: %v", s.Children)
		}
		end()
		if got := <-heard; got < 95 { // of two seconds
			t.Errorf("the viewer heard %d packets", got)
		}
		r.Close()
		lr.Close()
		sub.Close()
		late.Close()
	}, "n1", "n2", "n3", "n4")
}
