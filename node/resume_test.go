package node

import (
	"testing"
	"testing/synctest"
	"time"

	"stentor/relay"
	"stentor/relay/wire"
)

// TestWhoHasJustBegunComes: a name is kept for a publisher whose flow is open and has no packet yet, as for one whose
// packets come; who was answered long ago and sends nothing, or has stopped, has gone.
func TestWhoHasJustBegunComes(t *testing.T) {
	for _, tt := range []struct {
		name  string
		open  bool
		sends time.Duration // after the claim, once; negative: nothing
		at    time.Duration
		comes bool
	}{
		{"answered just now", false, -1, time.Second, true},
		{"answered long ago", false, -1, 11 * time.Second, false},
		{"a flow without a packet yet", true, -1, time.Second, true},
		{"a flow in which none ever came", true, -1, 11 * time.Second, false},
		{"a packet a second ago", true, 20 * time.Second, 21 * time.Second, true},
		{"a packet two seconds ago", true, time.Second, 3 * time.Second, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := lonelyRelay(t)
				c := &claim{since: time.Now()}
				time.Sleep(time.Millisecond)
				if tt.open {
					track, err := r.Publish(wire.TrackID{Webinar: "w", Stream: "main", Name: "audio"}, flows["audio"], 1, nil)
					if err != nil {
						t.Fatal(err)
					}
					c.tracks = []*relay.Track{track}
					if tt.sends >= 0 {
						time.Sleep(tt.sends)
						if err := track.Write(0, []byte{0x80, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7}, time.Now()); err != nil {
							t.Fatal(err)
						}
					}
				}
				if got := c.comes(c.since.Add(tt.at)); got != tt.comes {
					t.Errorf("comes: %v", got)
				}
			})
		})
	}
}
