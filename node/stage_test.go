package node

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go"

	"stentor/relay"
	"stentor/relay/wire"
)

var flows = map[string]wire.TrackInfo{
	"audio": {Kind: wire.Audio, Mime: "audio/opus", Clock: 48000, Channels: 2, PayloadType: 111},
	"video": {Kind: wire.Video, Mime: "video/H264", Clock: 90000, PayloadType: 102},
}

// TestAViewerGetsEveryFlowThatSomebodyHas: a viewer who is answered with the sound alone,
// since the picture came a moment later, never gets the picture.
func TestAViewerGetsEveryFlowThatSomebodyHas(t *testing.T) {
	const at = 40 * time.Millisecond // when the sound is there
	for _, c := range []struct {
		name    string
		after   time.Duration // when the picture is there; 0: never
		carried bool          // somebody is known to have the picture
		want    []string
		took    time.Duration
	}{
		{"both at once", at, false, []string{"audio", "video"}, at},
		{"the picture comes a little later", at + 200*time.Millisecond, false, []string{"audio", "video"}, at + 200*time.Millisecond},
		{"the picture comes much later, and somebody has it", 1500 * time.Millisecond, true, []string{"audio", "video"}, 1500 * time.Millisecond},
		{"the picture comes much later, and nobody knows of it", 1500 * time.Millisecond, false, []string{"audio"}, at + alsoWithin},
		{"there is no picture", 0, false, []string{"audio"}, at + alsoWithin},
		{"somebody has the picture, and nobody gives it", 0, true, []string{"audio"}, findWithin},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := lonelyRelay(t)
				g := newStage("n1", 1, nil, r, nil, func(id wire.TrackID) bool { return c.carried && id.Name == "video" }, nil)
				time.AfterFunc(at, func() { publish(t, r, "audio") })
				if c.after > 0 {
					time.AfterFunc(c.after, func() { publish(t, r, "video") })
				}
				began := time.Now()
				sources := g.find(t.Context(), "w", "main")
				if took := time.Since(began); took != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
				got := make(map[string]bool)
				for _, s := range sources {
					got[s.Name] = true
				}
				if len(got) != len(c.want) {
					t.Errorf("got %v, want %v", got, c.want)
				}
				for _, name := range c.want {
					if !got["main/"+name] {
						t.Errorf("no %s", name)
					}
				}
				time.Sleep(2 * time.Second) // what comes later finds nobody waiting
			})
		})
	}
}

// lonelyRelay is the relay of a node without neighbours.
func lonelyRelay(t *testing.T) *relay.Relay {
	r, err := relay.New(relay.Config{
		Node:   "n1",
		Dial:   func(context.Context, string) (*quic.Conn, error) { return nil, errors.New("no neighbours") },
		Parent: func(wire.TrackID, func(string) bool) (string, bool) { return "", false },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.Run(ctx)
	}()
	t.Cleanup(func() { stop(); <-done })
	return r
}

func publish(t *testing.T, r *relay.Relay, flow string) {
	if _, err := r.Publish(wire.TrackID{Webinar: "w", Stream: "main", Name: flow}, flows[flow], 1, nil); err != nil {
		t.Error(err)
	}
}
