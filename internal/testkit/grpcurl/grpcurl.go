// Package grpcurl gives tests the grpcurl command, in the version that tools/grpcurl pins. grpcurl is a
// client that knows the API from server reflection alone.
package grpcurl

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// command is the Go package of the grpcurl command.
const command = "github.com/fullstorydev/grpcurl/cmd/grpcurl"

// Path returns the path of a grpcurl executable. The first call on a machine compiles grpcurl, which takes
// a minute or two. Later calls, from any package, find it in Go's build cache.
//
// If the sources are not on this machine and cannot be downloaded, Path skips the test; in an environment
// with CI=true it fails the test. If the build fails, Path fails the test everywhere.
func Path(t testing.TB) string {
	t.Helper()
	tool, err := toolModule()
	if err != nil {
		t.Fatal(err)
	}
	// go list downloads the missing sources, and compiles nothing.
	if _, err := goCommand(t, tool, "list", "-deps", "-f", "", command); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("sources of grpcurl: %v", err)
		}
		t.Skipf("grpcurl is not on this machine and could not be downloaded: %v", err)
	}
	path, err := goCommand(t, tool, "tool", "-n", "grpcurl")
	if err != nil {
		t.Fatalf("build grpcurl: %v", err)
	}
	return path
}

// toolModule returns the nearest directory tools/grpcurl above the working directory, which for a test is
// its package.
func toolModule() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		tool := filepath.Join(dir, "tools", "grpcurl")
		_, err := os.Stat(filepath.Join(tool, "go.mod"))
		if err == nil {
			return tool, nil
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			return "", fmt.Errorf("find tools/grpcurl: %w", err)
		}
		dir = parent
	}
}

// goCommand runs the go command in dir and returns its output. The error contains what the command wrote to
// stderr.
func goCommand(t testing.TB, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	// tools/grpcurl is a module of its own. A workspace must not choose its versions, and GOFLAGS for the
	// tests (-mod=vendor, -overlay) must not apply to it. It is built in one way, however they are.
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}
