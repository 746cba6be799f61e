// The tests of this file run in a synctest bubble (inMesh): they sleep in virtual time.

package relay

import (
	"testing"
	"time"

	"stentor/relay/wire"
)

// TestAnotherPublisherIsLookedForAtOnce: a node that found no parent for a while, since the
// publisher's node had died, does not wait for its next look when the state has another one.
func TestAnotherPublisherIsLookedForAtOnce(t *testing.T) {
	inMesh(t, func(t *testing.T, m *mesh) {
		n1, n2 := m.nodes["n1"], m.nodes["n2"]
		n2.follows()
		came := make(chan time.Time, 1)
		done := make(chan struct{})
		go func() {
			defer close(done)
			sub, err := n2.Subscribe(t.Context(), videoID)
			if err != nil {
				t.Error(err)
				return
			}
			came <- time.Now()
			sub.Close()
		}()
		time.Sleep(8 * time.Second) // the looks are two seconds apart by now, at the least
		publish(t, n1, videoID, videoInfo, 5, nil)
		n2.follows("n1")
		told := time.Now()
		n2.Recheck(func(wire.TrackID) (uint64, bool) { return 5, true })
		<-done
		select {
		case at := <-came:
			if took := at.Sub(told); took > 200*time.Millisecond {
				t.Errorf("it took %v", took)
			}
		default:
		}
	}, "n1", "n2")
}
