package node

import "time"

// unsuspended is a clock that goes on while the machine is suspended, and is never set
// back: what leases are counted by. up is how long the machine is up, its suspensions
// included; where that is not known, it is the monotonic clock.
func unsuspended(up func() time.Duration) func() time.Time {
	start, boot := time.Now(), up()
	return func() time.Time {
		return start.Add(max(time.Since(start), up()-boot))
	}
}
