//go:build !unix

package sqlite

import (
	"io/fs"
	"os"
)

// giveToOwner does nothing: a new file has the right owner on this system.
func giveToOwner(*os.File) error { return nil }

// GiveToOwner does nothing: a new file has the right owner on this system.
func GiveToOwner(string) error { return nil }

// linkCount is 1: this system does not tell how many names a file has.
func linkCount(fs.FileInfo) uint64 { return 1 }

func sameDevice(_, _ fs.FileInfo) bool { return false }
