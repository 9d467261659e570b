package service_test

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The service manager is told that the service is ready, that it lives, and that it stops.
func TestTellsTheServiceManager(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", "100000")
	s := mustNew(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(ctx) }()
	var told []string
	for buffer := make([]byte, 100); ; {
		if err := socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		n, err := socket.Read(buffer)
		if err != nil {
			t.Fatalf("after %v: %v", told, err)
		}
		state := string(buffer[:n])
		if len(told) > 0 && told[len(told)-1] == state {
			cancel(errStop) // it lives
			continue
		}
		told = append(told, state)
		if state == "STOPPING=1" {
			break
		}
	}
	if diff := cmp.Diff([]string{"READY=1", "WATCHDOG=1", "STOPPING=1"}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
