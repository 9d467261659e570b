//go:build linux || darwin

package sqlite

import "syscall"

func statDisk(dir string) (free, total int64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	block := int64(s.Bsize) //nolint:unconvert // it has another type on other systems
	return int64(s.Bavail) * block, int64(s.Blocks) * block, nil
}
