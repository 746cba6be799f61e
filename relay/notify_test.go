package relay

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestWhoReadsForManyIsToldOnceAFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		track := newVideo()
		told := 0
		stop := track.Notify(0, func() { told++ })
		var cam camera
		for _, c := range []struct {
			name    string
			packets int
			marker  bool
			pause   time.Duration
			want    int
		}{
			{"a short frame", 3, true, 0, 1},
			{"a long one, on the way too", WakePackets + 2, true, 0, 2},
			{"one that pauses", 3, false, 2 * wakeAfter, 1},
			{"and goes on", 1, true, 0, 1},
		} {
			told = 0
			packets := cam.frame(false, c.packets)
			if !c.marker {
				packets[c.packets-1][1] &^= 0x80
			}
			write(t, track, packets...)
			time.Sleep(c.pause)
			synctest.Wait()
			if told != c.want {
				t.Errorf("%s: told %d times, want %d", c.name, told, c.want)
			}
		}
		told = 0
		track.Close()
		if told != 1 {
			t.Errorf("told %d times that the track ended", told)
		}
		stop()
		if list := track.layers[0].posts.list.Load(); len(*list) != 0 {
			t.Errorf("%d are told after they stopped", len(*list))
		}
		if track.Notify(9, func() {}); len(*track.none.posts.list.Load()) != 1 {
			t.Error("a layer that is not there has nobody to tell")
		}
	})
}
