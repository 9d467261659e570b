package service

import "runtime/debug"

// Version is the module version of this program: a tag such as v1.2.0, a pseudo-version with the revision
// if another commit was built, or "(devel)" or "unknown" if the build recorded none.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}
