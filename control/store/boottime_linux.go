package store

import (
	"time"

	"golang.org/x/sys/unix"
)

// Boottime is how long this machine has been up, its time of suspension included
// (CLOCK_BOOTTIME): Go's monotonic clock stands still in it, and a laptop that was closed
// over lunch would take its state for fresh.
func Boottime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0 // no such clock: what is left is the monotonic one
	}
	return time.Duration(t.Nano())
}
