// The tests of this file that wait run in a synctest bubble (onPaths).

package relay

import (
	"testing"
	"time"

	"stentor/bench/impair"
	"stentor/relay/wire"
)

// TestPicturesAloneAreAsGoodAsHeartbeats plays thirty pictures a second and no sound: the parent has no reason to beat, and the
// child asks by knocks, which nothing answers.
func TestPicturesAloneAreAsGoodAsHeartbeats(t *testing.T) {
	path := func(from, to string) *impair.Link { return impair.New(impair.Profile{Delay: time.Millisecond}, 1) }
	onPaths(t, path, true, func(t *testing.T, m *mesh) {
		n1, n2 := m.nodes["n1"], m.nodes["n2"]
		guard := &protector{}
		n2.Relay.cfg.Parity = guard
		n2.follows("n1")
		origin := publish(t, n1, videoID, videoInfo, 1, nil)
		sub := subscribe(t, n2, videoID)
		defer sub.Close()
		r := sub.Track().Reader(0)
		defer r.Close()
		cam := camera{}
		play := func(frames int) {
			for i := range frames {
				write(t, origin, cam.frame(i == 0, 4)...)
				time.Sleep(time.Second / 30)
			}
		}
		play(30)
		parent, child, suspected := counter(n1.metrics.heartbeats), counter(n2.metrics.heartbeats), false
		guard.mu.Lock()
		knocks := guard.knock
		guard.mu.Unlock()
		for range 10 {
			play(15)
			suspected = suspected || n2.misses("n1")
		}
		guard.mu.Lock()
		knocks = guard.knock - knocks
		guard.mu.Unlock()
		if n := counter(n1.metrics.heartbeats) - parent; n > 10 {
			t.Errorf("the parent beat %v times in five seconds", n)
		}
		if n := counter(n2.metrics.heartbeats) - child; n > 60 {
			t.Errorf("the child beat %v times in five seconds, not ten a second", n)
		}
		if knocks < 50 {
			t.Errorf("the child knocked %d times in five seconds", knocks)
		}
		if suspected {
			t.Error("the parent was suspected")
		}
	}, "n1", "n2")
}

func TestSilenceWithoutHeartbeatStaysBelowSuspicion(t *testing.T) {
	if most := mediaEvery + heartbeatEvery; most >= suspectAfter {
		t.Errorf("a parent may say nothing for %v, and is suspected after %v", most, suspectAfter)
	}
}

func TestQUICTookAPartOfAFrame(t *testing.T) {
	header := wire.Frame{Alias: 1, Frame: 7}.Append(nil)
	for _, c := range []struct {
		name  string
		taken int
		left  string
	}{
		{"nothing: the header is still to be sent", 0, string(header)},
		{"half of the header", 3, string(header[3:])},
		{"the header alone", len(header), ""},
		{"more than the header", len(header) + 5, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &outgoing{buf: append(header[:len(header):len(header)], "packets of the frame"...), head: len(header)}
			o.took(c.taken)
			if string(o.buf) != c.left || o.head != len(c.left) {
				t.Errorf("%x is left, %d of it of the header", o.buf, o.head)
			}
		})
	}
}
