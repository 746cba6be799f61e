package node

import (
	"time"

	controlstore "stentor/control/store"
)

// unsuspended is a clock that goes on while the machine is suspended, and is never set
// back: what leases are counted by. Where there is no such clock it is the monotonic one.
func unsuspended() func() time.Time {
	start, boot := time.Now(), controlstore.Boottime()
	return func() time.Time {
		return start.Add(max(time.Since(start), controlstore.Boottime()-boot))
	}
}
