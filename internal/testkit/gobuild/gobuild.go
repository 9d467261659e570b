// Package gobuild builds programs of this module, for tests that run them as processes.
package gobuild

import (
	"context"
	"fmt"
	"os/exec"
)

// Race is the flags that build a program with the race detector, but for SQLite: RACE in the Makefile says why.
var Race = []string{
	"-race", "-gcflags=modernc.org/sqlite/lib=-race=false",
	"-gcflags=modernc.org/libc/...=-race=false", "-gcflags=modernc.org/memory=-race=false",
}

// Program builds the package pkg, a path in this module such as cmd/stoker, to a file. flags are passed to
// go build.
func Program(ctx context.Context, file, pkg string, flags ...string) error {
	args := append([]string{"build", "-tags=grpcnotrace", "-o", file}, flags...)
	out, err := exec.CommandContext(ctx, "go", append(args, "github.com/stokerd/stoker/"+pkg)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build %s: %w: %s", pkg, err, out)
	}
	return nil
}
