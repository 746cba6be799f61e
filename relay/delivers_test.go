package relay

import (
	"testing"
	"time"

	"stentor/relay/rtp"
)

// TestParentIsLeftOnlyWhenNothingOfItsIsMissing: what is still on its way from a parent that is left is lost, so a change is not
// made in the middle of a frame, nor before the next one has kept up for a moment, however early its newest packet came.
func TestParentIsLeftOnlyWhenNothingOfItsIsMissing(t *testing.T) {
	start := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		name string
		half bool          // the newest frame is not here to its end
		hole bool          // a packet before it is missing
		lag  time.Duration // of the newest packet
		late time.Duration // how long before the look the lag was too much, 0 never
		at   time.Duration // of the look, since the next parent was asked to send
		want bool
	}{
		{"it has kept up and all is whole", false, false, 5 * ms, 0, 200 * ms, true},
		{"the newest frame is half here", true, false, 5 * ms, 0, 200 * ms, false},
		{"a packet before the newest frame is missing", false, true, 5 * ms, 0, 200 * ms, false},
		{"its newest packet is too late", false, false, 60 * ms, 0, 200 * ms, false},
		{"it was too late a moment ago", false, false, 5 * ms, 50 * ms, 200 * ms, false},
		{"it was too late and has kept up since", false, false, 5 * ms, 100 * ms, 200 * ms, true},
		{"it has only just begun", false, false, 5 * ms, 0, 50 * ms, false},
		{"it does not get there", true, true, 60 * ms, 0, changeCatch, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			track := newVideo()
			p := &pull{track: track}
			p.on[0] = true
			now := start.Add(c.at)
			cam := camera{}
			for i := range 4 { // the first is from long ago
				f := cam.frame(i == 0, 8)
				for j, raw := range f {
					if i == 3 && j == 7 && c.half || i == 2 && j == 3 && c.hole {
						continue
					}
					pkt, err := rtp.Parse(raw)
					if err != nil {
						t.Fatal(err)
					}
					pkt.Seq += 1 << 16
					pkt.Frame, pkt.Arrived = 1<<16+uint64(8*i), now.UnixNano()
					if i == 0 {
						pkt.Arrived -= int64(2 * time.Second)
					}
					track.layers[0].insert(&pkt)
				}
			}
			next, current := &source{up: &upstream{}, since: start}, &source{up: &upstream{}}
			for _, s := range []*source{next, current} {
				s.up.fed[0].Store(now.UnixNano())
			}
			if c.late > 0 {
				next.up.lag[0].Store(int64(changeLag + 1))
				p.delivers(next, current, now.Add(-c.late))
			}
			next.up.lag[0].Store(int64(c.lag))
			if got := p.delivers(next, current, now); got != c.want {
				t.Errorf("delivers: %v", got)
			}
		})
	}
}
