package record

import (
	"errors"
	"syscall"
)

// Reason is why a recording ended at a node although it was wanted. As an error it is the cause of its takes' end.
type Reason string

// The reasons.
const (
	DiskLow     Reason = "disk_low"     // less is free than must be left
	DiskFull    Reason = "disk_full"    // the system said so
	WriteFailed Reason = "write_failed" // anything else that the disk does
)

// Error returns the reason's code.
func (r Reason) Error() string { return "record: " + string(r) }

// Sentence is what a host is told of it.
func (r Reason) Sentence() string {
	switch r {
	case DiskLow:
		return "The disk of this node has too little room left, so it has stopped recording. What was recorded is kept."
	case DiskFull:
		return "The disk of this node is full, so it has stopped recording. What was recorded is kept."
	case WriteFailed:
		return "The disk of this node cannot be written, so it has stopped recording. What was recorded before is kept, if it can be read."
	}
	return ""
}

// reasonOf is what an error of the disk means.
func reasonOf(err error) Reason {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return DiskFull
	}
	return WriteFailed
}
