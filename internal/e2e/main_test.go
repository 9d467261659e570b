// Package e2e tests the program as people run it: the real binary, as processes,
// on real files and sockets, killed, stopped, flooded and misused.
//
// `stoker serve` is always a process. The platform is either `stoker simulate`, as
// another process, or a simulator inside the test, if the test has to decide at which
// call to the platform the service dies. The judge (judge_test.go) knows nothing of the
// service's inner workings: it compares the answers of the API with the simulator's
// ledger.
//
// All random choices follow from a seed that is logged: at which call a service dies, for
// example. The interleaving of the processes does not, and no verdict depends on it.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stokerd/stoker/internal/testkit/gobuild"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// These tests wait for processes, clocks and back-offs more than they work.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	code := m.Run()
	if err := os.RemoveAll(buildDir()); err != nil {
		fmt.Fprintln(os.Stderr, "remove the binary:", err)
		code = 1
	}
	os.Exit(code)
}

// buildDir is the directory for the binary of this run of the tests.
func buildDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("stoker-e2e-%d", os.Getpid()))
}

// built builds the binary once per run.
var built = sync.OnceValues(func() (string, error) {
	path := filepath.Join(buildDir(), "stoker")
	var flags []string
	if raceDetector {
		flags = gobuild.Race
	}
	return path, gobuild.Program(context.Background(), path, "cmd/stoker", flags...)
})

// binary returns the path of the program under test.
func binary(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
