package session

import (
	"context"
	"time"
)

// behindFor is how long somebody waits at a door that would refuse them by an older state
// than that by which another door let them in: far longer than a change takes to get to
// every edge (tens of milliseconds, some hundred on a busy machine), and short enough that
// a door that is cut off answers before a player gives up.
const behindFor = 2 * time.Second

// caughtUp waits until this door's state is the one at an index or a newer one, and reports
// whether it is newer than it was: then what was decided by it is to be asked again. Who
// was admitted by a link that was made a moment ago would hear elsewhere that it is none.
func (d *Door) caughtUp(ctx context.Context, index uint64) bool {
	began := d.cfg.State().Index()
	if began >= index {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, behindFor)
	defer cancel()
	for {
		changed := d.cfg.Changed()
		if d.cfg.State().Index() >= index {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return d.cfg.State().Index() > began
		}
	}
}
