package store

import "time"

// clock reads both clocks. What it measures is the longer of what they say.
type clock struct {
	now  func() time.Time
	boot func() time.Duration
}

func newClock(now func() time.Time, boot func() time.Duration) clock {
	if now == nil {
		now = time.Now
	}
	if boot == nil {
		boot = Boottime
	}
	return clock{now, boot}
}

// instant is a moment by both clocks.
type instant struct {
	wall time.Time // with a monotonic reading, unless it comes from a disk
	boot time.Duration
}

func (c clock) instant() instant { return instant{c.now(), c.boot()} }

// at returns the instant at which c showed t, which is not in the future.
func (c clock) at(t time.Time) instant {
	now := c.instant()
	return instant{t, now.boot - max(now.wall.Sub(t), 0)}
}

// since is how long ago i was, or [Never] for no instant.
func (c clock) since(i instant) time.Duration { return c.instant().since(i) }

func (i instant) since(old instant) time.Duration {
	if old.wall.IsZero() {
		return Never
	}
	return max(i.wall.Sub(old.wall), i.boot-old.boot, 0)
}

// before returns i moved back by d.
func (i instant) before(d time.Duration) instant { return instant{i.wall.Add(-d), i.boot - d} }
