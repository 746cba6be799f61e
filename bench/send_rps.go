package main

import (
	"fmt"
	"os"
)

// loopbackRPS says which cores take in what was sent over loopback, as a mask of hexadecimal digits: 0 is the core that
// sent it (Receive Packet Steering, Documentation/networking/scaling.rst of the kernel).
const loopbackRPS = "/sys/class/net/lo/queues/rx-0/rps_cpus"

// steer puts the receiving half of loopback on one core, as a network between two machines would, and returns what puts
// things back.
func steer(core int) (back func() error, err error) {
	before, err := os.ReadFile(loopbackRPS)
	if err != nil {
		return nil, fmt.Errorf("bench: RPS: %w", err)
	}
	if err := os.WriteFile(loopbackRPS, fmt.Appendf(nil, "%x", 1<<core), 0); err != nil {
		return nil, fmt.Errorf("bench: RPS (run as root, or without --rps): %w", err)
	}
	return func() error { return os.WriteFile(loopbackRPS, before, 0) }, nil
}
