//go:build !linux

package store

import "time"

// Boottime is 0 where there is no CLOCK_BOOTTIME: what is left is the monotonic clock.
func Boottime() time.Duration { return 0 }
