package sfu

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"stentor/bench/impair"
)

// A page shows one picture large and the others in a strip; of each it tells how many lines it has room for.
func TestAPictureInTheStripIsSentSmallBesideALargeOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEther(t)
		free := impair.New(impair.Profile{Delay: 10 * time.Millisecond}, 1)
		out := func(net.Addr) *impair.Link { return free }
		s, _ := sfuAt(t, e.port(1, out))
		st := newStage(t)
		lenses := threeSizes()
		cam := newStudioOf(t, newClient(t, false, e.on(e.port(2, out))), s, st, lenses)
		cam.opens(st, lenses...)
		info := st.track("video").Info()
		one, other := st.source("video", info), st.source("video", info)
		other.Name = "other/video"
		page := newGallery(t, s, 2, 0, []Source{one, other}, e.on(e.port(3, out)))
		film := func(d time.Duration) {
			for begun := time.Now(); time.Since(begun) < d; time.Sleep(time.Second / 30) {
				for i, l := range lenses {
					key := len(l.plis) > 0
					for len(l.plis) > 0 {
						<-l.plis
					}
					cam.frame(l, key, i+1)
				}
			}
		}
		choose := func(section int, w Wish) {
			t.Helper()
			if err := page.view.Choose(section, w); err != nil {
				t.Fatal(err)
			}
		}
		sent := func() (layers [2]int) {
			for i, tr := range page.view.Stats().Tracks {
				layers[i] = tr.Layer
			}
			return layers
		}
		for _, step := range []struct {
			name        string
			first, next Wish
			want        [2]int
		}{
			{"a strip of 180 lines", Wish{}, Wish{Height: 180}, [2]int{2, 0}},
			{"as large as the middle size", Wish{}, Wish{Height: 1080}, [2]int{2, 1}},
			{"another one is the large one", Wish{Height: 180}, Wish{}, [2]int{0, 2}},
			{"a strip that is measured by its width", Wish{Width: 320}, Wish{Width: 1920}, [2]int{0, 1}},
		} {
			choose(0, step.first)
			choose(1, step.next)
			film(4 * time.Second)
			if got := sent(); got != step.want {
				t.Errorf("%s: layers %v, want %v", step.name, got, step.want)
			}
		}
	})
}
