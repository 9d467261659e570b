package service

import "runtime/debug"

// Version is the version of the module that this program was built from, or the revision if it was
// built from a working copy.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}
