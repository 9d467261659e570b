package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// Names may come from something that never ends, such as a terminal.
func TestSignalEndsTheReadingOfNames(t *testing.T) {
	address := newTable().start(t)
	in, never := io.Pipe()
	t.Cleanup(func() { _ = never.Close() })
	ctx, interrupt := context.WithCancelCause(t.Context())
	interrupt(&interrupted{syscall.SIGINT})
	var stdout, stderr strings.Builder
	c := &cli{args: []string{"cancel", "-", "--yes", "--server", address}, getenv: noEnv, stdin: in, stdout: &stdout, stderr: &stderr, look: inPipe}
	if code := c.run(ctx); code != exitInterrupted {
		t.Errorf("exit code %d, want %d; standard error: %s", code, exitInterrupted, stderr.String())
	}
}

func TestFirstSignalEndsTheContext(t *testing.T) {
	ctx := interruptible(t.Context())
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	cause, ok := errors.AsType[*interrupted](context.Cause(ctx))
	if !ok || cause.code() != 143 {
		t.Errorf("cause = %v, want SIGTERM", context.Cause(ctx))
	}
}

// A SIGHUP that comes while the service stops, which may take seconds, does not end it before it has stopped.
func TestHangupAfterTheEndOfTheContext(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	_ = hangups(ctx)
	stop(&interrupted{syscall.SIGTERM})
	for range 1000 {
		runtime.Gosched() // whatever the end of the context sets off comes first
	}
	other := make(chan os.Signal, 1)
	signal.Notify(other, syscall.SIGUSR1)
	defer signal.Stop(other)
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1} {
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			t.Fatal(err)
		}
	}
	<-other
}
