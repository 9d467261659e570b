package main

import (
	"context"
	"errors"
	"io"
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
