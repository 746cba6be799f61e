// The tests of this file run in a synctest bubble (inMesh): they sleep in virtual time.

package relay

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"stentor/relay/wire"
)

func TestEndThatTwoParentsTellOfAtOnceIsHeardOnce(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2, n3, n4 := m.nodes["n1"], m.nodes["n2"], m.nodes["n3"], m.nodes["n4"]
		n2.follows("n1")
		n3.follows("n1")
		n4.follows("n2")
		n4.keeps("n3")
		var published []*Track
		var wg sync.WaitGroup
		for i := range 200 { // of which in some both ends are there at one look
			id := audioID
			id.Stream = fmt.Sprintf("s%d", i)
			published = append(published, publish(t, n1, id, audioInfo, 1, nil))
			if i%100 == 0 {
				time.Sleep(time.Second)
			}
			wg.Go(func() {
				sub := subscribe(t, n4, id)
				r := sub.Track().Reader(0)
				<-sub.Track().Done()
				r.Close()
				sub.Close()
			})
		}
		time.Sleep(8 * time.Second)
		for _, track := range published {
			track.Close()
		}
		wg.Wait()
		time.Sleep(5 * time.Second)
		for _, n := range m.nodes {
			if entries, _ := n.holds(); entries != 0 {
				t.Errorf("%d entries stay behind at %s", entries, n.name)
			}
		}
	}, "n1", "n2", "n3", "n4")
}

func TestSourceThatWasLeftIsNotAttendedOrLeftAgain(t *testing.T) {
	for _, why := range []wire.Code{wire.CodeEnded, wire.CodeSuperseded} {
		t.Run(why.String(), func(t *testing.T) {
			r, err := New(Config{Node: "n1", Dial: (&node{}).dial, Parent: (&node{}).parent})
			if err != nil {
				t.Fatal(err)
			}
			p := newPull(r, r.entry(videoID))
			p.track = newVideo()
			p.began = time.Now()
			parent := func(alias uint64) *source {
				l := &link{upstreams: map[uint64]*upstream{}, done: make(chan struct{}), out: make(chan wire.Message, 16), alias: alias - 1}
				l.ctx, l.cancel = t.Context(), func(error) {}
				s := &source{node: fmt.Sprintf("p%d", alias), link: l, asked: time.Now(), way: &way{path: []string{"o"}}}
				if s.up, err = l.subscribe(p, wire.Subscribe{ID: videoID}); err != nil {
					t.Fatal(err)
				}
				s.up.messages <- wire.Gone{Alias: alias, Code: why}
				p.sources = append(p.sources, s)
				return s
			}
			p.current, p.standby = parent(1), parent(2)
			standby := p.standby
			idle := &link{upstreams: map[uint64]*upstream{}, done: make(chan struct{}), out: make(chan wire.Message, 16)}
			idle.ctx, idle.cancel = t.Context(), func(error) {}
			p.next = &source{node: "p3", link: idle} // was about to be asked
			p.sources = append(p.sources, p.next)
			p.step(time.Now())
			if len(idle.upstreams) != 0 {
				t.Error("a source that was left is asked for the track")
			}
			select {
			case <-standby.up.over:
			default:
				t.Error("the standby was not left")
			}
			p.leave(standby) // whoever held it meanwhile
		})
	}
}
