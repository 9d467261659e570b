package grpcurl_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stokerd/stoker/internal/testkit/grpcurl"
)

func TestPath(t *testing.T) {
	path := grpcurl.Path(t)
	if again := grpcurl.Path(t); again != path {
		t.Errorf("second call: %s, first: %s", again, path)
	}
	out, err := exec.CommandContext(t.Context(), path, "-version").CombinedOutput()
	if err != nil {
		t.Fatalf("%s -version: %v\n%s", path, err, out)
	}
	if !strings.HasPrefix(string(out), "grpcurl ") {
		t.Errorf("%s -version printed %q", path, out)
	}
}
