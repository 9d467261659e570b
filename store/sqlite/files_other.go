//go:build !unix

package sqlite

import "io/fs"

// linkCount is 1: this system does not tell how many names a file has.
func linkCount(fs.FileInfo) uint64 { return 1 }

func sameDevice(_, _ fs.FileInfo) bool { return false }
