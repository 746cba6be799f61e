package record

import (
	"fmt"
	"syscall"
)

// free returns how many bytes the disk of a folder has left for this user.
func free(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("record: %w", err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}
