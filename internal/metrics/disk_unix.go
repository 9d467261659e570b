//go:build unix

package metrics

import "syscall"

// diskSpace reads how many bytes of the disk that holds a file are free for this process, and how many it has.
func diskSpace(path string) (free, size uint64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, 0, err
	}
	block := uint64(s.Bsize) //nolint:unconvert // it has another type on other systems
	return s.Bavail * block, s.Blocks * block, nil
}
