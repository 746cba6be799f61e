package relay

import (
	"testing"
	"time"

	"stentor/relay/wire"
)

func TestWindowIsOpenForAWhileAfterItWasAskedFor(t *testing.T) {
	start := time.Now()
	var p primer
	for _, step := range []struct{ at, asks, want int }{ // milliseconds, bytes
		{0, 1000, 1000}, {1000, 1000, 1000}, {2000, 0, 1000}, {3000, 0, 1000}, {3001, 0, 0},
		{4000, 500, 500}, {5000, 2000, 2000}, {6000, 500, 2000}, {7001, 500, 500},
	} {
		if got := p.open(step.asks, start.Add(time.Duration(step.at)*time.Millisecond)); got != step.want {
			t.Errorf("%d ms: %d bytes, want %d", step.at, got, step.want)
		}
	}
}

// TestWindowOfAStandbyIsForTheTrackNotForItsLastSecond: the rate that was measured while the track went off is a part of it. With
// a window for that, the children of a relay that died got what they missed a round trip late.
func TestWindowOfAStandbyIsForTheTrackNotForItsLastSecond(t *testing.T) {
	const measured = 2_000_000
	for _, c := range []struct {
		name    string
		path    []string
		rate    uint64
		readers int64
		wants   []wire.Want
		want    uint64
	}{
		{"nobody here reads it and nothing came", []string{"o", "n"}, 0, 0, nil, coldRate},
		{"nobody here reads it any more", []string{"o", "n"}, measured, 0, nil, coldRate},
		{"it is read here", []string{"o", "n"}, measured, 1, nil, measured},
		{"it is published here", []string{"n"}, measured, 0, nil, measured},
		{"the child is fed already", []string{"o", "n"}, measured, 1, []wire.Want{{}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			track := newVideo()
			track.way.Store(&way{path: c.path})
			track.bitrate.Store(c.rate)
			track.layers[0].readers.Store(c.readers)
			f := &feed{track: track, wants: c.wants}
			if got := f.idleRate(); got != c.want {
				t.Errorf("%d bits a second, want %d", got, c.want)
			}
		})
	}
}
