package main

import (
	"context"
	"errors"
	"syscall"
	"testing"
)

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
