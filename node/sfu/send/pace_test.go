package send

import (
	"math"
	"testing"
	"time"
)

func TestAStreamIsNotHeldUpAndABurstIs(t *testing.T) {
	const key = 750_000 // bytes of a key frame of 4K
	for name, c := range map[string]struct {
		rate   float64
		batch  int           // bytes
		every  time.Duration // from one batch to the next, at the source
		count  int
		behind [2]time.Duration // how late the last one goes out: at least, at most
	}{
		"20 Mbps, batch by batch":                {0, 15_000, 6 * time.Millisecond, 1000, [2]time.Duration{0, 0}},
		"a key frame that the publisher paced":   {0, 15_000, 2400 * time.Microsecond, 50, [2]time.Duration{0, 0}},
		"a key frame at once":                    {0, 15_000, 0, key / 15_000, [2]time.Duration{50 * time.Millisecond, 60 * time.Millisecond}},
		"what fits into the burst":               {0, 15_000, 0, 4, [2]time.Duration{0, 0}},
		"a key frame to a path of 8 Mbps":        {2.5 * 1e6, 15_000, 0, key / 15_000, [2]time.Duration{260 * time.Millisecond, 280 * time.Millisecond}},
		"3 Mbps of 720p to a path of 3 Mbps":     {2.5 * 3e6 / 8, 1200, 3200 * time.Microsecond, 1000, [2]time.Duration{0, 0}},
		"twice of what may go, one batch a tick": {1e6, 4000, 2 * time.Millisecond, 500, [2]time.Duration{900 * time.Millisecond, time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			var p Pacer
			p.SetRate(c.rate)
			now := time.Unix(1_700_000_000, 0)
			due := now
			var sent float64
			began := now
			rate := max(c.rate, 0)
			if rate == 0 {
				rate = PaceRate
			}
			for range c.count {
				if now.Before(due) {
					now = due
				}
				sent += float64(c.batch)
				// What matters to a router: never more than the burst above the rate, but for a batch
				// that is under way and what a tick lets through.
				if most := PaceBurst + rate*(now.Sub(began)+paceTick).Seconds() + float64(c.batch); sent > math.Ceil(most) {
					t.Fatalf("%v bytes after %v, more than %v", sent, now.Sub(began), most)
				}
				now = now.Add(p.Spend(now, c.batch))
				due = due.Add(c.every)
			}
			late := max(0, now.Sub(due))
			if late < c.behind[0] || late > c.behind[1] {
				t.Errorf("%v late, want %v", late, c.behind)
			}
		})
	}
}

func TestAClockThatGoesBackHoldsNobodyUp(t *testing.T) {
	var p Pacer
	now := time.Unix(1_700_000_000, 0)
	p.Spend(now, 1000)
	if d := p.Spend(now.Add(-time.Hour), 1000); d != 0 {
		t.Errorf("waits %v", d)
	}
	if d := p.Spend(now.Add(time.Hour), PaceBurst); d != 0 {
		t.Errorf("an hour later it waits %v", d)
	}
}
