// The tests of this file run in a synctest bubble (onPaths): they sleep in virtual time.

package relay

import (
	"testing"
	"time"

	"stentor/bench/impair"
)

// TestSoundThatIsLostInABurstIsSentAgain: what waits in a row behind a key frame is dropped where it waits, and a child
// without a standby had missed the sound that was in it.
func TestSoundThatIsLostInABurstIsSentAgain(t *testing.T) {
	tests := []struct {
		name      string
		packets   int  // of the pictures that the sound is between
		cut       bool // the path drops all for some milliseconds, with each picture
		lost      int  // packets of sound
		least, no int  // packets that come twice, at least and fewer than
	}{
		{"behind a large picture nothing of it is lost", 600, true, 0, 0, 50 * 5},
		{"around a large picture it is sent twice", 600, false, 0, 5, 50 * 5 / 4},
		{"where there are none it is sent once", 40, false, 0, 0, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := func(string, string) *impair.Link {
				return impair.New(impair.Profile{Delay: 10 * time.Millisecond}, 1)
			}
			onPaths(t, path, true, func(t *testing.T, m *mesh) {
				n1, n2 := m.nodes["n1"], m.nodes["n2"]
				n2.follows("n1")
				video, audio := publish(t, n1, videoID, videoInfo, 1, nil), publish(t, n1, audioID, audioInfo, 1, nil)
				vs, as := subscribe(t, n2, videoID), subscribe(t, n2, audioID)
				defer vs.Close()
				defer as.Close()
				vr, ar := vs.Track().Reader(0), as.Track().Reader(0)
				defer vr.Close()
				defer ar.Close()
				cam, mic, sent := camera{}, camera{}, 0
				done := make(chan bool)
				go func() {
					defer close(done)
					for i := range 50 * 5 {
						if i%50 == 20 {
							write(t, video, cam.frame(true, test.packets)...)
						}
						if test.cut && i >= 100 && i%50 == 21 { // in the midst of it, once the window is open
							n1.gate.set(true)
						}
						write(t, audio, mic.frame(false, 1)...)
						sent++
						time.Sleep(10 * time.Millisecond)
						n1.gate.set(false)
						time.Sleep(10 * time.Millisecond)
					}
				}()
				got := drain(t, ar)
				<-done
				twice := int(counter(n2.metrics.dropped.WithLabelValues("duplicate")))
				if lost := sent - len(got); lost != test.lost || twice < test.least || twice >= test.no {
					t.Errorf("%d packets of %d are lost, and %d came twice", lost, sent, twice)
				}
			}, "n1", "n2")
		})
	}
}
