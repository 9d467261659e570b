// Package grpcurl gives tests the grpcurl command, at the version that tools/grpcurl pins, to hold
// the server against a client that knows the contract from reflection alone.
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

// command is the package that the tool module builds.
const command = "github.com/fullstorydev/grpcurl/cmd/grpcurl"

// Path returns the path of a grpcurl executable. The first call on a machine compiles it, which takes
// a minute or two; afterwards Go's build cache holds it, for all packages and processes alike.
//
// Where the sources are neither on this machine nor to be downloaded, Path skips the test, unless the
// environment says CI=true: there a test that cannot run is a failure, as a failing build is anywhere.
func Path(t testing.TB) string {
	t.Helper()
	tool, err := toolModule()
	if err != nil {
		t.Fatal(err)
	}
	// Resolving every package of the program downloads what is missing, and compiles nothing.
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

// toolModule finds tools/grpcurl above the working directory, which for a test is its package.
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

// goCommand runs the go command in dir and returns what it printed. Its error carries what the
// command complained of.
func goCommand(t testing.TB, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	// The tool is a module of its own: a workspace around this one must not choose its versions,
	// and flags meant for the tests (a vendor mode, an overlay) are not meant for it.
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}
